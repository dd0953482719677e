-- How each run began and what it has cost, for lists and for looking through them.
CREATE TABLE told (
    run INTEGER PRIMARY KEY,
    sender TEXT NOT NULL,
    trigger TEXT NOT NULL,
    cause TEXT NOT NULL,
    agent TEXT NOT NULL,
    title TEXT NOT NULL,
    task TEXT NOT NULL
) STRICT;

-- Money is what the run had spent when its state changed last; NULL for runs that began before it was kept.
ALTER TABLE runs ADD COLUMN money INTEGER;

CREATE INDEX runs_agent ON runs (agent);
CREATE INDEX runs_person ON runs (on_behalf_of);
CREATE INDEX runs_created ON runs (created);
CREATE INDEX runs_tail ON runs (substr(id, -4));

INSERT INTO told (run, sender, trigger, cause, agent, title, task)
SELECT r.key, ifnull(e.body ->> '$.by', ''), ifnull(e.body ->> '$.trigger', 'person'),
    ifnull(e.body ->> '$.occasion.trigger', ''), r.agent, ifnull(e.body ->> '$.occasion.title', ''),
    substr(CASE WHEN ifnull(e.body ->> '$.blob', '') = '' THEN ifnull(e.body ->> '$.task', '')
        ELSE ifnull((SELECT CAST(b.body AS TEXT) FROM blobs b WHERE b.digest = unhex(e.body ->> '$.blob')), '') END, 1, 500)
FROM runs r LEFT JOIN (
    SELECT run, CASE WHEN json_valid(CAST(body AS TEXT)) THEN CAST(body AS TEXT) ELSE '{}' END AS body
    FROM journal WHERE seq = 1) e ON e.run = r.key
WHERE r.key > 0;
