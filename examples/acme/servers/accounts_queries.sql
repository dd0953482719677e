-- name: account_of_person
SELECT * FROM accounts WHERE person = :person

-- name: account_at
SELECT * FROM accounts WHERE lower(address) = lower(:address)

-- name: account
SELECT * FROM accounts WHERE id = :account

-- name: devices
SELECT name FROM devices WHERE account = :account AND enrolled = 1 ORDER BY id

-- name: open_ticket
INSERT INTO tickets (code, effect_id, letter, person, verified_by, subject, opened_at)
VALUES (:code, :effect_id, :letter, :person, :verified_by, :subject, :opened_at)

-- name: ticket_of_letter
SELECT * FROM tickets WHERE letter = :letter

-- name: ticket
SELECT * FROM tickets WHERE code = :code

-- name: ticket_of_effect
SELECT * FROM tickets WHERE effect_id = :effect_id

-- name: hand_over
UPDATE tickets SET state = 'with people', note = :note, noted_by = :effect_id WHERE code = :code

-- name: ticket_noted_by
SELECT * FROM tickets WHERE noted_by = :effect_id

-- name: queue
SELECT * FROM tickets WHERE state = 'with people' ORDER BY opened_at, code

-- name: receive
INSERT INTO requests (at, effect_id, arguments) VALUES (:at, :effect_id, :arguments) RETURNING id

-- name: close_request
UPDATE requests SET outcome = :outcome WHERE id = :request

-- name: reset
INSERT INTO resets (effect_id, ticket, account, kind, at) VALUES (:effect_id, :ticket, :account, :kind, :at) RETURNING *

-- name: reset_of_effect
SELECT * FROM resets WHERE effect_id = :effect_id

-- name: unlock
UPDATE accounts SET locked = 0, failed_logins = 0 WHERE id = :account

-- name: new_password
UPDATE accounts SET password_set = :at, locked = 0, failed_logins = 0 WHERE id = :account

-- name: forget_devices
UPDATE devices SET enrolled = 0 WHERE account = :account

-- name: resets
SELECT * FROM resets ORDER BY id

-- name: count_requests
SELECT count(*) FROM requests
