-- name: receive
INSERT INTO requests (received_at, tool, effect_id, arguments) VALUES (:at, :tool, :effect_id, :arguments)
RETURNING id

-- name: close_request
UPDATE requests SET outcome = :outcome WHERE id = :request

-- name: first_payment_of_effect
SELECT * FROM payments WHERE effect_id = :effect_id ORDER BY id LIMIT 1

-- name: count_payments_of_effect
SELECT count(*) FROM payments WHERE effect_id = :effect_id

-- name: pay
INSERT INTO payments (request, effect_id, iban, cents, currency, name, reference, paid_at)
VALUES (:request, :effect_id, :iban, :cents, :currency, :name, :reference, :paid_at)
RETURNING *

-- name: balances
SELECT a.currency, a.opening_cents, coalesce(sum(p.cents), 0) AS paid_cents, count(p.id) AS payments
FROM accounts a LEFT JOIN payments p ON p.currency = a.currency
GROUP BY a.currency ORDER BY a.currency

-- name: latest_payments
SELECT * FROM (SELECT * FROM payments ORDER BY id DESC LIMIT :limit) ORDER BY id

-- name: count_payments
SELECT count(*) FROM payments

-- name: count_requests
SELECT count(*) FROM requests WHERE tool = :tool
