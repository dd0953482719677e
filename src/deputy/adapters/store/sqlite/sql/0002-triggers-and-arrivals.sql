-- What starts runs: how far each trigger's source was seen, and each arrival until a run came of it.
CREATE TABLE triggers (
    key TEXT PRIMARY KEY,
    spec TEXT NOT NULL,
    cursor TEXT NOT NULL,
    due TEXT,
    looked TEXT NOT NULL,
    wrong TEXT NOT NULL,
    since TEXT,
    alarm TEXT NOT NULL,
    alarmed TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE arrivals (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    trigger TEXT NOT NULL,
    id TEXT NOT NULL,
    at TEXT NOT NULL,
    body BLOB NOT NULL,
    check_sum BLOB NOT NULL,
    state TEXT NOT NULL,
    run INTEGER,
    reason TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX arrivals_id ON arrivals (trigger, id);
CREATE INDEX arrivals_pending ON arrivals (trigger, position) WHERE state = 'pending';
CREATE INDEX arrivals_started ON arrivals (trigger) WHERE state = 'started';
CREATE INDEX arrivals_run ON arrivals (run) WHERE state = 'started';
CREATE INDEX arrivals_newest ON arrivals (trigger, position);
