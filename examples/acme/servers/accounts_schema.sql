-- Accounts, tickets and what was reset. A ticket is opened for a person who was verified, or for nobody.
BEGIN IMMEDIATE;

CREATE TABLE IF NOT EXISTS accounts (
    id TEXT PRIMARY KEY,
    person TEXT NOT NULL,
    address TEXT NOT NULL UNIQUE,
    privileged INTEGER NOT NULL DEFAULT 0,
    locked INTEGER NOT NULL DEFAULT 0,
    failed_logins INTEGER NOT NULL DEFAULT 0,
    password_set TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS devices (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    enrolled INTEGER NOT NULL DEFAULT 1
) STRICT;

CREATE TABLE IF NOT EXISTS tickets (
    code TEXT PRIMARY KEY,
    effect_id TEXT UNIQUE,
    letter TEXT UNIQUE,
    person TEXT,
    verified_by TEXT NOT NULL,
    subject TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'with people')),
    note TEXT NOT NULL DEFAULT '',
    noted_by TEXT
) STRICT;

CREATE TABLE IF NOT EXISTS resets (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    effect_id TEXT NOT NULL UNIQUE,
    ticket TEXT NOT NULL REFERENCES tickets (code),
    account TEXT NOT NULL REFERENCES accounts (id),
    kind TEXT NOT NULL CHECK (kind IN ('unlock', 'password', 'mfa')),
    at TEXT NOT NULL
) STRICT;

-- Every request to reset something, written before anything else happens.
CREATE TABLE IF NOT EXISTS requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    effect_id TEXT,
    arguments TEXT NOT NULL,
    outcome TEXT NOT NULL DEFAULT 'received'
) STRICT;

INSERT INTO accounts (id, person, address, privileged, locked, failed_logins, password_set) VALUES
    ('wei.chen', 'wei', 'wei@acme.example', 0, 0, 0, '2026-06-01'),
    ('lin.hao', 'lin', 'lin@acme.example', 0, 0, 1, '2026-07-12'),
    ('sofia.brandt', 'sofia', 'sofia@acme.example', 1, 0, 0, '2026-08-30'),
    ('noor.haddad', 'noor', 'noor@acme.example', 0, 0, 0, '2026-10-02'),
    ('kim.osei', 'kim', 'kim@acme.example', 0, 1, 5, '2026-03-17'),
    ('ida.virtanen', 'ida', 'ida@acme.example', 1, 0, 0, '2026-09-09'),
    ('jonas.reuter', 'jonas', 'jonas@acme.example', 1, 0, 0, '2026-09-21')
ON CONFLICT DO NOTHING;

INSERT INTO devices (account, name) VALUES
    ('kim.osei', 'phone of Kim Osei'), ('wei.chen', 'phone of Wei Chen'), ('sofia.brandt', 'key of Sofia Brandt');

COMMIT;
