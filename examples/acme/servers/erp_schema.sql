-- The company's books. Amounts of invoices and charges are integers of cents; prices and quantities are decimal text.
BEGIN IMMEDIATE;

CREATE TABLE IF NOT EXISTS company (
    name TEXT NOT NULL,
    vat_id TEXT NOT NULL,
    legal_id TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    currency TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS suppliers (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    vat_id TEXT,
    legal_id TEXT,
    endpoint TEXT,
    iban TEXT NOT NULL,
    country TEXT NOT NULL,
    currency TEXT NOT NULL,
    blocked INTEGER NOT NULL DEFAULT 0 CHECK (blocked IN (0, 1)),
    blocked_reason TEXT,
    email TEXT
) STRICT;

CREATE TABLE IF NOT EXISTS orders (
    number TEXT PRIMARY KEY,
    supplier TEXT NOT NULL REFERENCES suppliers (id),
    currency TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'closed')),
    agreed_charges_cents INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE IF NOT EXISTS order_lines (
    order_number TEXT NOT NULL REFERENCES orders (number),
    line TEXT NOT NULL,
    item TEXT NOT NULL,
    description TEXT NOT NULL,
    quantity TEXT NOT NULL,
    unit TEXT NOT NULL,
    unit_price TEXT NOT NULL,
    vat_rate TEXT NOT NULL,
    PRIMARY KEY (order_number, line)
) STRICT;

CREATE TABLE IF NOT EXISTS receipts (
    id TEXT PRIMARY KEY,
    order_number TEXT NOT NULL,
    line TEXT NOT NULL,
    quantity TEXT NOT NULL,
    received_on TEXT NOT NULL,
    FOREIGN KEY (order_number, line) REFERENCES order_lines (order_number, line)
) STRICT;

-- The invoice register. `key` is the number without regard to case, spaces, punctuation and leading zeros: once per
-- supplier.
CREATE TABLE IF NOT EXISTS invoices (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    supplier TEXT NOT NULL REFERENCES suppliers (id),
    number TEXT NOT NULL,
    key TEXT NOT NULL,
    order_number TEXT NOT NULL REFERENCES orders (number),
    cents INTEGER NOT NULL,
    currency TEXT NOT NULL,
    charges_cents INTEGER NOT NULL DEFAULT 0,
    issued TEXT NOT NULL,
    file TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'registered' CHECK (state IN ('registered', 'paid', 'refused')),
    registered_at TEXT NOT NULL,
    registered_by TEXT,
    payment TEXT,
    paid_cents INTEGER,
    note TEXT,
    UNIQUE (supplier, key)
) STRICT;

CREATE INDEX IF NOT EXISTS invoices_by_file ON invoices (sha256);

CREATE TABLE IF NOT EXISTS invoice_lines (
    invoice INTEGER NOT NULL REFERENCES invoices (id),
    order_number TEXT NOT NULL,
    line TEXT NOT NULL,
    quantity TEXT NOT NULL,
    PRIMARY KEY (invoice, line),
    FOREIGN KEY (order_number, line) REFERENCES order_lines (order_number, line)
) STRICT;

-- What was answered to each effect, so that the same effect gets the same answer.
CREATE TABLE IF NOT EXISTS effects (
    effect_id TEXT PRIMARY KEY,
    tool TEXT NOT NULL,
    arguments TEXT NOT NULL,
    answer TEXT NOT NULL,
    answered_at TEXT NOT NULL
) STRICT;

COMMIT;
