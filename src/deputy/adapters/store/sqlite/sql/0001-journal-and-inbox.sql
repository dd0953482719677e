-- One journal of events per run, what waits for people and for runs, the ledger, workers, and seals.
CREATE TABLE runs (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    agent TEXT NOT NULL,
    version TEXT NOT NULL,
    driver TEXT NOT NULL,
    on_behalf_of TEXT NOT NULL,
    parent TEXT NOT NULL,
    root TEXT NOT NULL,
    state TEXT NOT NULL,
    summary TEXT NOT NULL DEFAULT '',
    created TEXT NOT NULL,
    changed TEXT NOT NULL,
    owner TEXT,
    epoch INTEGER
) STRICT;
CREATE INDEX runs_ready ON runs (key) WHERE state = 'ready';
CREATE INDEX runs_owned ON runs (owner) WHERE owner IS NOT NULL;
CREATE INDEX runs_root ON runs (root, key);
CREATE INDEX runs_parent ON runs (parent) WHERE parent <> '';
CREATE INDEX runs_state ON runs (state, key);

-- Events lie in the order they were committed; the index finds a run's.
CREATE TABLE journal (
    position INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    link BLOB NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX journal_run ON journal (run, seq);

CREATE TABLE blobs (
    key INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    body BLOB NOT NULL
) STRICT;

CREATE TABLE items (
    id TEXT PRIMARY KEY,
    run INTEGER NOT NULL,
    kind TEXT NOT NULL,
    created TEXT NOT NULL,
    expires TEXT,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX items_run ON items (run);
CREATE INDEX items_expires ON items (expires) WHERE expires IS NOT NULL;

CREATE TABLE inbox (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    run INTEGER NOT NULL,
    sender TEXT NOT NULL,
    at TEXT NOT NULL,
    body BLOB NOT NULL,
    check_sum BLOB NOT NULL,
    taken INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX inbox_pending ON inbox (run, position) WHERE taken = 0;

CREATE TABLE timers (
    run INTEGER NOT NULL,
    id TEXT NOT NULL,
    due TEXT NOT NULL,
    PRIMARY KEY (run, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX timers_due ON timers (due);

CREATE TABLE grants_used (
    item TEXT PRIMARY KEY,
    run INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
    name TEXT PRIMARY KEY,
    held_money INTEGER NOT NULL,
    held_tokens INTEGER NOT NULL,
    held_steps INTEGER NOT NULL,
    held_wall INTEGER NOT NULL,
    spent_money INTEGER NOT NULL,
    spent_tokens INTEGER NOT NULL,
    spent_steps INTEGER NOT NULL,
    spent_wall INTEGER NOT NULL,
    raised TEXT NOT NULL DEFAULT '{}',
    limits TEXT NOT NULL DEFAULT '{}'
) STRICT, WITHOUT ROWID;

CREATE TABLE freezes (
    agent TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE workers (
    id TEXT PRIMARY KEY,
    epoch INTEGER NOT NULL,
    pid INTEGER NOT NULL,
    kind TEXT NOT NULL,
    boot TEXT NOT NULL,
    beat REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE seals (
    n INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    upto INTEGER NOT NULL,
    body BLOB NOT NULL,
    link BLOB NOT NULL
) STRICT;

INSERT INTO runs (key, id, agent, version, driver, on_behalf_of, parent, root, state, created, changed)
VALUES (0, 'workspace', '', '', '', '', '', '', 'workspace', '', '');
