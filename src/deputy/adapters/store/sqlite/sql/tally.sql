-- Sums over a journal, in a file of their own, which may be thrown away at any time.
CREATE TABLE IF NOT EXISTS mark (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    position INTEGER NOT NULL,
    link BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS sums (
    span TEXT NOT NULL,
    start INTEGER NOT NULL,
    agent TEXT NOT NULL,
    measure TEXT NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (span, start, agent, measure)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO mark (one, position, link) VALUES (1, 0, x'');
