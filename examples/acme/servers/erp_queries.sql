-- name: company
SELECT * FROM company

-- name: suppliers
SELECT * FROM suppliers ORDER BY id

-- name: supplier
SELECT * FROM suppliers WHERE id = :id

-- name: order
SELECT * FROM orders WHERE number = :number

-- name: order_lines
SELECT * FROM order_lines WHERE order_number = :number ORDER BY rowid

-- name: receipts
SELECT * FROM receipts WHERE order_number = :number ORDER BY received_on, id

-- name: invoiced_lines
SELECT l.line, l.quantity
FROM invoice_lines l JOIN invoices i ON i.id = l.invoice
WHERE l.order_number = :number AND i.state <> 'refused'

-- name: invoiced_charges
SELECT coalesce(sum(charges_cents), 0) FROM invoices WHERE order_number = :number AND state <> 'refused'

-- name: similar_invoices
SELECT * FROM invoices
WHERE (sha256 = :sha256 AND sha256 <> '')
   OR (supplier = :supplier AND (key = :key
       OR (cents = :cents AND currency = :currency AND issued = :issued)))
ORDER BY id

-- name: invoice_by_key
SELECT * FROM invoices WHERE supplier = :supplier AND key = :key

-- name: invoice
SELECT * FROM invoices WHERE id = :id

-- name: invoices
SELECT * FROM invoices ORDER BY id

-- name: register
INSERT INTO invoices (supplier, number, key, order_number, cents, currency, charges_cents, issued, file, sha256,
    registered_at, registered_by)
VALUES (:supplier, :number, :key, :order, :cents, :currency, :charges_cents, :issued, :file, :sha256,
    :registered_at, :registered_by)
RETURNING *

-- name: register_line
INSERT INTO invoice_lines (invoice, order_number, line, quantity) VALUES (:invoice, :order, :line, :quantity)

-- name: mark_paid
UPDATE invoices SET state = 'paid', payment = :payment, paid_cents = :paid_cents, note = :note WHERE id = :id
RETURNING *

-- name: mark_refused
UPDATE invoices SET state = 'refused', note = :note WHERE id = :id
RETURNING *

-- name: effect
SELECT * FROM effects WHERE effect_id = :effect_id

-- name: record_effect
INSERT INTO effects (effect_id, tool, arguments, answer, answered_at)
VALUES (:effect_id, :tool, :arguments, :answer, :at)
