-- Who waits for which item: derived from the items and from the answers that came, for people with thousands of them.
CREATE TABLE waits (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    item TEXT NOT NULL,
    person TEXT NOT NULL,
    kind TEXT NOT NULL,
    agent TEXT NOT NULL,
    tool TEXT NOT NULL,
    stake REAL NOT NULL,
    created TEXT NOT NULL,
    expires TEXT
) STRICT;
CREATE INDEX waits_person ON waits (person, kind, agent);
CREATE INDEX waits_item ON waits (item);

CREATE VIEW waits_due AS
SELECT i.id AS item, p.value AS person, i.kind, ifnull(json_extract(i.text, '$.agent'), '') AS agent,
    ifnull(json_extract(i.text, '$.tool'), '') AS tool, ifnull(CAST(json_extract(i.text, '$.stake') AS REAL), 0.0) AS stake,
    i.created, i.expires
FROM (SELECT id, kind, created, expires, CASE WHEN json_valid(CAST(body AS TEXT)) THEN CAST(body AS TEXT) ELSE '{}' END AS text
    FROM items WHERE kind <> 'message') i, json_each(i.text, '$.people') p
WHERE p.type = 'text' AND NOT EXISTS (SELECT 1 FROM inbox a WHERE a.id = 'answer:' || i.id);

CREATE TRIGGER waits_begin AFTER INSERT ON items BEGIN
    INSERT INTO waits (item, person, kind, agent, tool, stake, created, expires)
    SELECT item, person, kind, agent, tool, stake, created, expires FROM waits_due WHERE item = NEW.id;
END;
CREATE TRIGGER waits_change AFTER UPDATE OF body ON items BEGIN
    DELETE FROM waits WHERE item = NEW.id;
    INSERT INTO waits (item, person, kind, agent, tool, stake, created, expires)
    SELECT item, person, kind, agent, tool, stake, created, expires FROM waits_due WHERE item = NEW.id;
END;
CREATE TRIGGER waits_end AFTER DELETE ON items BEGIN
    DELETE FROM waits WHERE item = OLD.id;
END;
CREATE TRIGGER waits_answered AFTER INSERT ON inbox WHEN substr(NEW.id, 1, 7) = 'answer:' BEGIN
    DELETE FROM waits WHERE item = substr(NEW.id, 8);
END;

INSERT INTO waits (item, person, kind, agent, tool, stake, created, expires)
SELECT item, person, kind, agent, tool, stake, created, expires FROM waits_due;
