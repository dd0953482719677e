-- name: epoch_of$
SELECT epoch FROM workers WHERE id = ?;

-- name: frozen
SELECT agent FROM freezes ORDER BY agent;

-- name: freeze!
INSERT OR IGNORE INTO freezes (agent) VALUES (?);

-- name: thaw!
DELETE FROM freezes WHERE agent = ?;

-- name: insert_events!
INSERT INTO journal (run, seq, link, body) VALUES (?, ?, ?, ?);

-- name: insert_blobs!
INSERT OR IGNORE INTO blobs (digest, body) VALUES (?, ?);

-- name: insert_run!
INSERT INTO runs (id, agent, version, driver, on_behalf_of, parent, root, state, created, changed, money)
VALUES (?, ?, ?, ?, ?, ?, ?, 'ready', ?, ?, 0);

-- name: insert_told!
INSERT INTO told (run, sender, trigger, cause, agent, title, task) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: head_of^
SELECT seq, link FROM journal WHERE run = ? ORDER BY seq DESC LIMIT 1;

-- name: key_of$
SELECT key FROM runs WHERE id = ?;

-- name: change_state!
UPDATE runs SET state = ?, summary = ?, changed = ?, money = ?, owner = NULL, epoch = NULL WHERE key = ?;

-- name: keep_running!
UPDATE runs SET summary = ?, changed = ?, money = ? WHERE key = ?;

-- name: change_state_unless_mail!
UPDATE runs SET state = CASE WHEN EXISTS (SELECT 1 FROM inbox WHERE run = ?1 AND taken = 0) THEN 'ready' ELSE ?2 END,
    summary = ?3, changed = ?4, money = ?5, owner = NULL, epoch = NULL
WHERE key = ?1;

-- name: use_grant!
INSERT OR IGNORE INTO grants_used (item, run) VALUES (?, ?);

-- name: insert_item!
INSERT INTO items (id, run, kind, created, expires, body) VALUES (?, ?, ?, ?, ?, ?);

-- name: delete_item!
DELETE FROM items WHERE id = ?;

-- name: delete_items_of!
DELETE FROM items WHERE run = ? AND kind <> 'message';

-- name: insert_timer!
INSERT OR REPLACE INTO timers (run, id, due) VALUES (?, ?, ?);

-- name: delete_timer!
DELETE FROM timers WHERE run = ? AND id = ?;

-- name: delete_timers_of!
DELETE FROM timers WHERE run = ?;

-- name: take!
UPDATE inbox SET taken = 1 WHERE position = ?;

-- name: insert_delivery!
INSERT OR IGNORE INTO inbox (id, run, sender, at, body, check_sum)
SELECT ?1, key, ?3, ?4, ?5, ?6 FROM runs WHERE id = ?2;

-- name: delivery^
SELECT sender, at, body FROM inbox WHERE id = ?;

-- name: wake!
UPDATE runs SET state = 'ready' WHERE id = ? AND state = 'waiting';

-- name: account^
SELECT held_money, held_tokens, held_steps, held_wall, spent_money, spent_tokens, spent_steps, spent_wall, raised, limits
FROM accounts WHERE name = ?;

-- name: put_account!
INSERT OR REPLACE INTO accounts (name, held_money, held_tokens, held_steps, held_wall,
    spent_money, spent_tokens, spent_steps, spent_wall, raised, limits)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: accounts
SELECT name, held_money, held_tokens, held_steps, held_wall, spent_money, spent_tokens, spent_steps, spent_wall, raised
FROM accounts ORDER BY name;

-- name: insert_worker!
INSERT INTO workers (id, epoch, pid, kind, boot, beat) VALUES (?, 1, ?, ?, ?, ?);

-- name: beat!
UPDATE workers SET beat = ? WHERE id = ? AND epoch = ?;

-- name: workers
SELECT id, epoch, pid, kind, boot, beat FROM workers;

-- name: bump!
UPDATE workers SET epoch = epoch + 1 WHERE id = ? AND epoch = ?;

-- name: delete_worker!
DELETE FROM workers WHERE id = ?;

-- name: release_runs!
UPDATE runs SET state = 'ready', owner = NULL, epoch = NULL WHERE owner = ?;

-- name: claimable
SELECT key FROM runs WHERE state = 'ready' ORDER BY key LIMIT ?;

-- name: claimable_among
WITH RECURSIVE among (id) AS (SELECT value FROM json_each(?1)
UNION SELECT r.id FROM among a CROSS JOIN runs r ON r.parent = a.id AND r.parent <> '')
SELECT r.key FROM among a CROSS JOIN runs r ON r.id = a.id WHERE r.state = 'ready' ORDER BY r.key LIMIT ?2;

-- name: own!
UPDATE runs SET state = 'running', owner = ?, epoch = ? WHERE key = ? AND state = 'ready';

-- name: run_by_key^
SELECT id, agent, version, driver, state, on_behalf_of, parent, root, created, changed, summary FROM runs WHERE key = ?;

-- name: rows_of
SELECT seq, link, body FROM journal WHERE run = ? AND seq > ? ORDER BY seq LIMIT ?;

-- name: inbound_of
SELECT position, id, sender, at, body FROM inbox WHERE run = ? AND taken = 0 ORDER BY position;

-- name: due_timers
SELECT r.id, t.id FROM timers t JOIN runs r ON r.key = t.run WHERE t.due <= ?
ORDER BY t.due, t.run, t.id LIMIT 1000;

-- name: delete_due_timers!
DELETE FROM timers
WHERE (run, id) IN (SELECT run, id FROM timers WHERE due <= ?1 ORDER BY due, run, id LIMIT 1000);

-- name: due_items
SELECT r.id, i.id FROM items i JOIN runs r ON r.key = i.run WHERE i.expires <= ?
ORDER BY i.expires, i.id LIMIT 1000;

-- name: next_due$
SELECT min(due) FROM (SELECT min(due) AS due FROM timers UNION ALL SELECT min(expires) FROM items
WHERE expires IS NOT NULL AND id NOT IN (SELECT substr(id, 8) FROM inbox WHERE id LIKE 'answer:%' AND taken = 0));

-- name: runs_newest
SELECT key FROM runs
WHERE key > 0 AND (?1 = '[]' OR state IN (SELECT value FROM json_each(?1)))
AND (?2 = '' OR parent = ?2) AND (?3 = '' OR root = ?3)
ORDER BY key DESC LIMIT ?4;

-- name: runs_ending_in
SELECT id FROM runs WHERE substr(id, -4) = substr(?1, -4) AND substr(id, -length(?1)) = ?1 AND key > 0
ORDER BY key LIMIT 3;

-- name: runs_ending_in_three
SELECT id FROM runs WHERE key > 0 AND substr(id, -3) = ? ORDER BY key LIMIT 3;

-- name: items_ending_in
SELECT id FROM (SELECT id FROM items UNION SELECT substr(id, 8) FROM inbox WHERE id LIKE 'answer:%')
WHERE id = ?1 OR (length(?1) >= 3 AND substr(id, -length(?1)) = ?1)
ORDER BY id = ?1 DESC, id LIMIT 3;

-- name: blobs_named
SELECT digest, body FROM blobs WHERE digest IN (SELECT unhex(value) FROM json_each(?));

-- name: items
SELECT i.id, r.id, i.kind, i.created, i.expires, i.body FROM items i JOIN runs r ON r.key = i.run
ORDER BY i.created, i.id;

-- name: item^
SELECT i.id, r.id, i.kind, i.created, i.expires, i.body FROM items i JOIN runs r ON r.key = i.run WHERE i.id = ?;

-- name: timers_of
SELECT t.id, t.due FROM timers t JOIN runs r ON r.key = t.run WHERE r.id = ? ORDER BY t.due, t.id;

-- name: last_seal^
SELECT n, upto, link FROM seals ORDER BY n DESC LIMIT 1;

-- name: heads_since
SELECT r.id, j.seq, lower(hex(j.link)), m.position FROM (SELECT run, max(position) AS position FROM journal NOT INDEXED
WHERE position > ? GROUP BY run) m JOIN journal j ON j.position = m.position JOIN runs r ON r.key = j.run
ORDER BY m.position;

-- name: insert_seal!
INSERT INTO seals (n, at, upto, body, link) VALUES (?, ?, ?, ?, ?);

-- name: seals_after
SELECT n, at, body, link FROM seals WHERE n > ? ORDER BY n;

-- name: all_blobs
SELECT digest, body FROM blobs ORDER BY key;

-- name: pending_inbox
SELECT i.id, r.id, i.sender, i.at, i.body, i.check_sum, i.taken FROM inbox i LEFT JOIN runs r ON r.key = i.run ORDER BY i.position;

-- name: orphans
SELECT DISTINCT run FROM journal WHERE run NOT IN (SELECT key FROM runs);

-- name: wake_waiting!
UPDATE runs SET state = 'ready' WHERE state = 'waiting' AND summary = ?;

-- name: mail
SELECT r.id, i.position, i.id, i.sender, i.at, i.body FROM runs r JOIN inbox i ON i.run = r.key AND i.taken = 0
WHERE r.owner = ? ORDER BY i.position;

-- name: seal_link$
SELECT link FROM seals WHERE n = ?;

-- name: definitions
SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%';

-- name: snapshot_accounts
SELECT name, held_money, held_tokens, held_steps, held_wall, spent_money, spent_tokens, spent_steps, spent_wall,
    raised, limits
FROM accounts ORDER BY name;

-- name: snapshot_accounts_named
SELECT name, held_money, held_tokens, held_steps, held_wall, spent_money, spent_tokens, spent_steps, spent_wall,
    raised, limits
FROM accounts WHERE name IN (SELECT value FROM json_each(?));

-- name: snapshot_blob_keys
SELECT key, digest FROM blobs WHERE digest IN (SELECT unhex(value) FROM json_each(?));

-- name: snapshot_blobs
SELECT key, digest, body FROM blobs ORDER BY key;

-- name: snapshot_blobs_named
SELECT key, digest, body FROM blobs WHERE digest IN (SELECT unhex(value) FROM json_each(?));

-- name: snapshot_event
SELECT j.position, j.link FROM runs r JOIN journal j ON j.run = r.key WHERE r.id = ? AND j.seq = ?;

-- name: snapshot_events
SELECT position, seq, link, body FROM journal WHERE run = ? ORDER BY seq;

-- name: snapshot_first
SELECT j.body FROM runs r JOIN journal j ON j.run = r.key WHERE r.id = ? AND j.seq = 1;

-- name: snapshot_freezes
SELECT agent FROM freezes ORDER BY agent;

-- name: snapshot_gaps
SELECT 'journal', before + 1, position - 1
FROM (SELECT position, lag(position, 1, 0) OVER (ORDER BY position) AS before FROM journal) WHERE position <> before + 1
UNION ALL SELECT 'runs', before + 1, key - 1
FROM (SELECT key, lag(key, 1, -1) OVER (ORDER BY key) AS before FROM runs) WHERE key <> before + 1
UNION ALL SELECT 'blobs', before + 1, key - 1
FROM (SELECT key, lag(key, 1, 0) OVER (ORDER BY key) AS before FROM blobs) WHERE key <> before + 1;

-- name: snapshot_grants
SELECT g.item, r.id FROM grants_used g LEFT JOIN runs r ON r.key = g.run
WHERE g.item >= ?1 || '.' AND g.item < ?1 || '/' ORDER BY g.item;

-- name: snapshot_heads
SELECT r.id, j.seq, lower(hex(j.link)), m.position FROM (SELECT run, max(position) AS position FROM journal
WHERE position > ?1 AND position <= ?2 GROUP BY run) m JOIN journal j ON j.position = m.position
LEFT JOIN runs r ON r.key = j.run ORDER BY m.position;

-- name: snapshot_inbox
SELECT i.position, i.id, r.id, i.sender, i.at, i.body, i.check_sum, i.taken
FROM inbox i LEFT JOIN runs r ON r.key = i.run ORDER BY i.position;

-- name: snapshot_inbox_named
SELECT i.position, i.id, r.id, i.sender, i.at, i.body, i.check_sum, i.taken
FROM inbox i LEFT JOIN runs r ON r.key = i.run WHERE i.id IN (SELECT value FROM json_each(?));

-- name: snapshot_items
SELECT id, kind, created, expires, body FROM items WHERE run = ? ORDER BY id;

-- name: snapshot_last
SELECT max(j.seq) FROM runs r LEFT JOIN journal j ON j.run = r.key WHERE r.id = ? GROUP BY r.key;

-- name: snapshot_newer
SELECT count(*) FROM journal WHERE position > ?;

-- name: snapshot_pending
SELECT count(*) FROM inbox WHERE run = ? AND taken = 0;

-- name: snapshot_runs
SELECT key, id, r.agent, version, driver, on_behalf_of, parent, root, state, summary, created, changed, owner, epoch,
    money, CASE WHEN t.run IS NULL THEN '' ELSE json_array(t.sender, t.trigger, t.cause, t.title, t.task, t.agent) END
FROM runs r LEFT JOIN told t ON t.run = r.key ORDER BY root, key;

-- name: snapshot_seals
SELECT n, at, upto, body, link FROM seals ORDER BY n;

-- name: snapshot_strays
SELECT DISTINCT 'journal', 'run number ' || run FROM journal WHERE run NOT IN (SELECT key FROM runs)
UNION ALL SELECT 'items', id FROM items WHERE run NOT IN (SELECT key FROM runs)
UNION ALL SELECT 'inbox', id FROM inbox WHERE run NOT IN (SELECT key FROM runs)
UNION ALL SELECT 'timers', id FROM timers WHERE run NOT IN (SELECT key FROM runs)
UNION ALL SELECT 'told', CAST(run AS TEXT) FROM told WHERE run NOT IN (SELECT key FROM runs)
UNION ALL SELECT 'arrivals', trigger || ' ' || id FROM arrivals WHERE run NOT IN (SELECT key FROM runs)
UNION ALL SELECT 'grants_used', item FROM grants_used
WHERE run NOT IN (SELECT key FROM runs) OR substr(item, 1, instr(item, '.') - 1) NOT IN (SELECT id FROM runs)
UNION ALL SELECT 'accounts', name FROM accounts
WHERE NOT (name LIKE 'day:%' OR (name LIKE 'run:%' AND substr(name, 5) IN (SELECT id FROM runs)));

-- name: snapshot_timers
SELECT id, due FROM timers WHERE run = ? ORDER BY id;

-- name: snapshot_workers
SELECT id, epoch FROM workers;

-- name: insert_arrival!
INSERT OR IGNORE INTO arrivals (trigger, id, at, body, check_sum, state, reason) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: arrival^
SELECT a.position, a.trigger, a.id, a.at, a.body, a.state, ifnull(r.id, ''), a.reason
FROM arrivals a LEFT JOIN runs r ON r.key = a.run WHERE a.trigger = ? AND a.id = ?;

-- name: arrival_state$
SELECT state FROM arrivals WHERE trigger = ? AND id = ?;

-- name: begin_arrival!
UPDATE arrivals SET state = 'started', run = ?3 WHERE trigger = ?1 AND id = ?2;

-- name: end_arrival!
UPDATE arrivals SET state = 'over', failed = ?2 WHERE run = ?1 AND state = 'started';

-- name: skip_arrival!
UPDATE arrivals SET state = 'skipped', reason = ?2 WHERE position = ?1 AND state = 'pending';

-- name: trigger_busy$
SELECT EXISTS (SELECT 1 FROM arrivals WHERE trigger = ? AND state = 'started');

-- name: triggers
SELECT key, spec, cursor, due, looked, wrong, since, alarm, alarmed FROM triggers ORDER BY key;

-- name: trigger^
SELECT key, spec, cursor, due, looked, wrong, since, alarm, alarmed FROM triggers WHERE key = ?;

-- name: put_trigger!
INSERT OR REPLACE INTO triggers (key, spec, cursor, due, looked, wrong, since, alarm, alarmed)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: delete_trigger!
DELETE FROM triggers WHERE key = ?;

-- name: triggers_pending
WITH RECURSIVE waiting (trigger) AS (
SELECT min(trigger) FROM arrivals WHERE state = 'pending'
UNION ALL SELECT (SELECT min(a.trigger) FROM arrivals a WHERE a.state = 'pending' AND a.trigger > waiting.trigger)
FROM waiting WHERE waiting.trigger IS NOT NULL)
SELECT trigger FROM waiting WHERE trigger IS NOT NULL;

-- name: arrivals_pending
SELECT a.position, a.trigger, a.id, a.at, a.body, a.state, '', a.reason
FROM arrivals a WHERE a.trigger = ? AND a.state = 'pending' ORDER BY a.position LIMIT ?;

-- name: arrivals_waiting$
SELECT count(*) FROM arrivals WHERE trigger = ? AND state = 'pending';

-- name: arrivals_newest
SELECT a.position, a.trigger, a.id, a.at, a.body, a.state, ifnull(r.id, ''), a.reason
FROM arrivals a LEFT JOIN runs r ON r.key = a.run WHERE a.trigger = ? ORDER BY a.position DESC LIMIT ?;

-- name: arrivals_known
SELECT id FROM arrivals WHERE trigger = ? AND id IN (SELECT value FROM json_each(?));

-- name: arrivals_failed
SELECT a.position, a.trigger, a.id, a.at, a.body, a.state, ifnull(r.id, ''), a.reason
FROM arrivals a LEFT JOIN runs r ON r.key = a.run WHERE a.failed >= ? ORDER BY a.failed DESC LIMIT ?;

-- name: arrivals_back!
UPDATE arrivals SET gone = NULL WHERE trigger = ?1 AND gone IS NOT NULL AND (id IN (SELECT value FROM json_each(?2))
OR EXISTS (SELECT 1 FROM json_each(?3) AS n WHERE substr(arrivals.id, 1, length(n.value)) = n.value));

-- name: arrivals_gone!
UPDATE arrivals SET gone = ?4 WHERE trigger = ?1 AND gone IS NULL AND state IN ('over', 'skipped')
AND id NOT IN (SELECT value FROM json_each(?2))
AND NOT EXISTS (SELECT 1 FROM json_each(?3) AS n WHERE substr(arrivals.id, 1, length(n.value)) = n.value);

-- name: prune_arrivals!
DELETE FROM arrivals WHERE position IN (SELECT position FROM arrivals WHERE at < ?1
AND state IN ('over', 'skipped') AND trigger NOT IN (SELECT value FROM json_each(?2)) LIMIT 1000);

-- name: prune_gone!
DELETE FROM arrivals WHERE position IN (SELECT position FROM arrivals WHERE gone < ? LIMIT 1000);

-- name: snapshot_arrivals
SELECT a.position, a.trigger, a.id, a.at, a.body, a.check_sum, a.state, r.id, r.state
FROM arrivals a LEFT JOIN runs r ON r.key = a.run ORDER BY a.position;

-- name: insert_pass!
INSERT INTO passes (id, digest, kind, person, role, note, created, expires, used) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: forget_passes!
DELETE FROM passes WHERE expires < ?;

-- name: pass_of^
SELECT id, digest, kind, person, role, note, created, expires, used FROM passes WHERE digest = ?;

-- name: passes
SELECT id, digest, kind, person, role, note, created, expires, used FROM passes WHERE kind = ? ORDER BY created, id;

-- name: touch_pass!
UPDATE passes SET used = ? WHERE digest = ?;

-- name: delete_pass!
DELETE FROM passes WHERE id = ?;

-- name: delete_passes!
DELETE FROM passes WHERE person = ? AND kind = ? AND id <> ?;

-- name: insert_claim!
INSERT OR IGNORE INTO claims (person, key, request, at, status, body) VALUES (?, ?, ?, ?, ?, ?);

-- name: claim^
SELECT person, key, request, at, status, body FROM claims WHERE person = ? AND key = ?;

-- name: forget_claims!
DELETE FROM claims WHERE (person, key) IN (SELECT person, key FROM claims WHERE at < ? LIMIT 100);

-- name: answer_claim!
UPDATE claims SET status = ?, body = ? WHERE person = ? AND key = ?;

-- name: keys_in_state
SELECT key FROM runs WHERE key > 0 AND state IN (SELECT value FROM json_each(?)) LIMIT ?;

-- name: keys_of_agent
SELECT key FROM runs WHERE key > 0 AND agent = ? LIMIT ?;

-- name: keys_of_person
SELECT key FROM runs WHERE key > 0 AND on_behalf_of = ? LIMIT ?;

-- name: keys_created
SELECT key FROM runs WHERE key > 0 AND created >= ?1 AND (?2 = '' OR created < ?2) LIMIT ?3;

-- name: sought_among
SELECT r.key, r.state FROM json_each(?10) k CROSS JOIN runs r ON r.key = k.value CROSS JOIN told t ON t.run = r.key
WHERE (?1 = '[]' OR r.state IN (SELECT value FROM json_each(?1))) AND (?2 = '' OR r.agent = ?2)
AND (?3 = '' OR r.on_behalf_of = ?3) AND (?4 = '' OR r.created >= ?4) AND (?5 = '' OR r.created < ?5)
AND (?6 = '' OR t.trigger = ?6 OR t.cause = ?6) AND ifnull(r.money, 0) >= ?7
AND (?8 = '' OR t.agent LIKE ?8 ESCAPE '\' OR t.title LIKE ?8 ESCAPE '\' OR t.task LIKE ?8 ESCAPE '\'
    OR t.run IN (SELECT value FROM json_each(?9)))
LIMIT ?11;

-- name: sought_by_row
SELECT r.key, r.state FROM runs r CROSS JOIN told t ON t.run = r.key
WHERE (?1 = '[]' OR r.state IN (SELECT value FROM json_each(?1))) AND (?2 = '' OR r.agent = ?2)
AND (?3 = '' OR r.on_behalf_of = ?3) AND (?4 = '' OR r.created >= ?4) AND (?5 = '' OR r.created < ?5)
AND (?6 = '' OR t.trigger = ?6 OR t.cause = ?6) AND ifnull(r.money, 0) >= ?7
AND (?8 = '' OR t.agent LIKE ?8 ESCAPE '\' OR t.title LIKE ?8 ESCAPE '\' OR t.task LIKE ?8 ESCAPE '\'
    OR t.run IN (SELECT value FROM json_each(?9)))
AND r.key > 0 AND r.key < ?10 ORDER BY r.key DESC LIMIT ?11;

-- name: sought_by_text
SELECT r.key, r.state FROM told t CROSS JOIN runs r ON r.key = t.run
WHERE (?1 = '[]' OR r.state IN (SELECT value FROM json_each(?1))) AND (?2 = '' OR r.agent = ?2)
AND (?3 = '' OR r.on_behalf_of = ?3) AND (?4 = '' OR r.created >= ?4) AND (?5 = '' OR r.created < ?5)
AND (?6 = '' OR t.trigger = ?6 OR t.cause = ?6) AND ifnull(r.money, 0) >= ?7
AND (?8 = '' OR t.agent LIKE ?8 ESCAPE '\' OR t.title LIKE ?8 ESCAPE '\' OR t.task LIKE ?8 ESCAPE '\'
    OR t.run IN (SELECT value FROM json_each(?9)))
AND t.run < ?10 ORDER BY t.run DESC LIMIT ?11;

-- name: told_of^
SELECT sender, trigger, cause, title, task FROM told WHERE run = ?;

-- name: money_of$
SELECT money FROM runs WHERE key = ?;

-- name: items_of
SELECT i.id, r.id, i.kind, i.created, i.expires, i.body FROM items i JOIN runs r ON r.key = i.run
WHERE i.run = ? ORDER BY i.created, i.id;

-- name: runs_by_state
SELECT state, count(*) FROM runs WHERE key > 0 GROUP BY state;

-- name: feed
SELECT j.position, r.id, j.seq, j.body FROM journal j JOIN runs r ON r.key = j.run
WHERE j.position > ? AND j.run > 0 ORDER BY j.position LIMIT ?;

-- name: last_position$
SELECT ifnull(max(position), 0) FROM journal;

-- name: told
SELECT j.position, r.id, j.seq, r.agent, r.on_behalf_of, j.link, j.body FROM journal j JOIN runs r ON r.key = j.run
WHERE j.position > ? ORDER BY j.position LIMIT ?;

-- name: told_before
SELECT j.position, r.id, j.seq, r.agent, r.on_behalf_of, j.link, j.body
FROM journal j CROSS JOIN runs r ON r.key = j.run
WHERE j.position < ?1 AND j.position >= ?2 AND (?3 = '' OR r.agent = ?3)
AND (?4 = '' OR r.on_behalf_of = ?4 OR instr(j.body, CAST('"person:' || ?4 || '"' AS BLOB)) > 0)
AND (?5 = '[]' OR EXISTS (SELECT 1 FROM json_each(?5) WHERE instr(j.body, unhex(value)) > 0))
AND (?6 = x'' OR instr(j.body, ?6) > 0)
ORDER BY j.position DESC LIMIT ?7;

-- name: told_of_run_before
SELECT j.position, r.id, j.seq, r.agent, r.on_behalf_of, j.link, j.body
FROM runs r CROSS JOIN journal j ON j.run = r.key AND j.seq < ?2
WHERE r.id = ?1 AND (?3 = '' OR r.agent = ?3)
AND (?4 = '' OR r.on_behalf_of = ?4 OR instr(j.body, CAST('"person:' || ?4 || '"' AS BLOB)) > 0)
AND (?5 = '[]' OR EXISTS (SELECT 1 FROM json_each(?5) WHERE instr(j.body, unhex(value)) > 0))
AND (?6 = x'' OR instr(j.body, ?6) > 0)
ORDER BY j.seq DESC LIMIT ?7;

-- name: seq_before$
SELECT ifnull(max(j.seq), 0) + 1 FROM runs r JOIN journal j ON j.run = r.key WHERE r.id = ? AND j.position < ?;

-- name: tally_mark^
SELECT position, link FROM mark;

-- name: tally_set_mark!
UPDATE mark SET position = ?, link = ?;

-- name: tally_notes
SELECT name, body FROM notes;

-- name: tally_put_note!
INSERT OR REPLACE INTO notes (name, body) VALUES (?, ?);

-- name: tally_forget_note!
DELETE FROM notes WHERE name = ?;

-- name: tally_add!
INSERT INTO sums (span, start, agent, measure, value) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (span, start, agent, measure) DO UPDATE SET value = value + excluded.value;

-- name: tally_forget_sums!
DELETE FROM sums;

-- name: tally_forget_notes!
DELETE FROM notes;

-- name: tally_sums
SELECT start, agent, json_group_object(measure, value) FROM sums WHERE span = ?1 AND start >= ?2 AND start < ?3
AND (?4 = '[]' OR agent IN (SELECT value FROM json_each(?4))) GROUP BY start, agent ORDER BY start, agent;

-- name: amend_item!
UPDATE items SET body = ? WHERE id = ? AND run = ?;

-- name: queue
SELECT i.id, r.id, i.kind, i.created, i.expires, CASE WHEN length(i.body) <= ?13 THEN i.body ELSE x'' END,
    q.agent, q.tool, length(i.body), q.urgency, q.stake
FROM (SELECT w.item, w.agent, w.tool, w.created, -w.stake AS stake,
    CASE WHEN w.kind = 'in_doubt' OR w.expires <= ?2 THEN 0 WHEN w.expires <= ?3 THEN 1 ELSE 2 END AS urgency
    FROM waits w WHERE w.person = ?1 AND (?4 = '[]' OR w.kind IN (SELECT value FROM json_each(?4)))
    AND (?5 = '' OR w.agent = ?5) AND (?7 = '' OR w.item = ?7)
    AND (?8 < 0 OR (CASE WHEN w.kind = 'in_doubt' OR w.expires <= ?2 THEN 0 WHEN w.expires <= ?3 THEN 1 ELSE 2 END,
        -w.stake, w.created, w.item) > (?8, ?9, ?10, ?11))
    AND (?6 = '' OR EXISTS (SELECT 1 FROM items f WHERE f.id = w.item AND (substr(f.id, -length(?6)) = ?6
        OR (length(f.body) <= ?13 AND instr(lower(CAST(f.body AS TEXT)), lower(?6)) > 0))))
    ORDER BY urgency, -w.stake, w.created, w.item LIMIT ?12) q
JOIN items i ON i.id = q.item JOIN runs r ON r.key = i.run ORDER BY q.urgency, q.stake, q.created, q.item;

-- name: queue_counts
SELECT kind, agent, count(*) FROM waits WHERE person = ? GROUP BY kind, agent ORDER BY kind, agent;

-- name: queue_stamp^
SELECT count(*), ifnull(max(number), 0) FROM waits WHERE person = ?;

-- name: answers_latest
SELECT substr(i.id, 8), r.id, i.sender, i.at, i.body FROM inbox i JOIN runs r ON r.key = i.run
WHERE i.position > (SELECT ifnull(max(position), 0) FROM inbox) - ?3 AND substr(i.id, 1, 7) = 'answer:' AND r.agent = ?1
ORDER BY i.position DESC LIMIT ?2;

-- name: snapshot_waits
SELECT item, person FROM (SELECT item, person, kind, agent, tool, stake, created, expires FROM waits_due
    EXCEPT SELECT item, person, kind, agent, tool, stake, created, expires FROM waits)
UNION SELECT item, person FROM (SELECT item, person, kind, agent, tool, stake, created, expires FROM waits
    EXCEPT SELECT item, person, kind, agent, tool, stake, created, expires FROM waits_due)
ORDER BY 1, 2;
