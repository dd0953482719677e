-- The bank's ledger. Amounts are integers of cents.
BEGIN IMMEDIATE;

CREATE TABLE IF NOT EXISTS accounts (
    currency TEXT PRIMARY KEY,
    opening_cents INTEGER NOT NULL
) STRICT;

-- Every request that reached the bank, written before anything else happens.
CREATE TABLE IF NOT EXISTS requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    received_at TEXT NOT NULL,
    tool TEXT NOT NULL,
    effect_id TEXT,
    arguments TEXT NOT NULL,
    outcome TEXT NOT NULL DEFAULT 'received'
) STRICT;

CREATE TABLE IF NOT EXISTS payments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    request INTEGER NOT NULL REFERENCES requests (id),
    effect_id TEXT,
    iban TEXT NOT NULL,
    cents INTEGER NOT NULL CHECK (cents > 0),
    currency TEXT NOT NULL REFERENCES accounts (currency),
    name TEXT NOT NULL,
    reference TEXT NOT NULL,
    paid_at TEXT NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS payments_by_effect ON payments (effect_id);

INSERT INTO accounts (currency, opening_cents)
VALUES ('EUR', 100000000), ('USD', 25000000)
ON CONFLICT DO NOTHING;

COMMIT;
