"""Changes to the register of invoices, each inside the transaction of whoever calls.

A supplier's invoice number is registered once, and never more is claimed of an order than was received.
"""

from decimal import Decimal
from sqlite3 import Connection, Row

import msgspec
from erp_answers import ClaimedLine, Entry, Registration
from erp_rows import (
    SQL,
    BooksRefused,
    cents_of,
    day,
    decimal,
    entry_of,
    line_status,
    money,
    now,
    same_number,
)

__all__ = ["Claim", "claim_invoice", "note_paid", "note_refused"]


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice to be registered, and what it uses up of its order."""

    supplier: str
    number: str
    order: str
    amount: str
    currency: str
    issued: str
    file: str
    sha256: str
    charges: str
    lines: list[ClaimedLine]


def claim_invoice(db: Connection, claim: Claim, effect_id: str | None) -> Registration:
    """Register an invoice: its number and its share of the order, or neither."""
    order = _open_order(db, claim)
    key = same_number(claim.number)
    existing = db.execute(SQL["invoice_by_key"], {"supplier": claim.supplier, "key": key}).fetchone()
    if existing is not None:
        entry = entry_of(existing)
        by = f"effect {entry.registered_by}" if entry.registered_by else "somebody without an effect id"
        sentence = f"Invoice {entry.number!r} of supplier {entry.supplier} is already registered by {by}, as {entry.id}"
        return Registration(status="already_registered", sentence=f"{sentence} ({entry.state}).", invoice=entry)
    if (lacking := _lacking(db, claim, order)) is not None:
        return Registration(status="not_covered", sentence=lacking, invoice=None)
    values = msgspec.to_builtins(claim)
    values |= {"key": key, "issued": day(claim.issued), "registered_at": now(), "registered_by": effect_id}
    values |= {"cents": cents_of(claim.amount, "The amount"), "charges_cents": cents_of(claim.charges, "The charges")}
    row = db.execute(SQL["register"], {k: v for k, v in values.items() if k != "lines"}).fetchone()
    for line in claim.lines:
        db.execute(SQL["register_line"], {"invoice": row["id"], "order": claim.order, **vars(line)})
    entry = entry_of(row)
    return Registration(status="registered", sentence=f"Registered as {entry.id}.", invoice=entry)


def _open_order(db: Connection, claim: Claim) -> Row:
    supplier = db.execute(SQL["supplier"], {"id": claim.supplier}).fetchone()
    if supplier is None:
        raise BooksRefused(f"There is no supplier {claim.supplier!r}.")
    if supplier["blocked"]:
        raise BooksRefused(f"Supplier {claim.supplier} is blocked: {supplier['blocked_reason']}")
    order = db.execute(SQL["order"], {"number": claim.order}).fetchone()
    if order is None or order["supplier"] != claim.supplier or order["status"] != "open":
        raise BooksRefused(f"There is no open order {claim.order!r} with supplier {claim.supplier}.")
    if not same_number(claim.number) or not claim.lines:
        raise BooksRefused("An invoice needs a number and at least one line of its order.")
    return order


def _lacking(db: Connection, claim: Claim, order: Row) -> str | None:
    """Why the order does not cover the claim, if it does not."""
    status = {line.line: line for line in line_status(db, claim.order)}
    claimed: dict[str, Decimal] = {}
    for line in claim.lines:
        if line.line not in status or line.line in claimed:
            raise BooksRefused(f"Order {claim.order} has no line {line.line!r}, or it is claimed twice.")
        claimed[line.line] = decimal(line.quantity, "The quantity")
    for line, quantity in claimed.items():
        state = status[line]
        if quantity > Decimal(state.received) - Decimal(state.invoiced):
            figures = f"{quantity} invoiced, {state.received} received, {state.invoiced} of them invoiced before"
            return f"Line {line} of order {claim.order}: {figures}."
    charges = cents_of(claim.charges, "The charges")
    before = db.execute(SQL["invoiced_charges"], {"number": claim.order}).fetchone()[0]
    if charges > order["agreed_charges_cents"] - before:
        agreed = f"{money(order['agreed_charges_cents'])} agreed, {money(before)} of them invoiced before"
        return f"Charges of order {claim.order}: {money(charges)} invoiced, {agreed}."
    return None


def note_paid(db: Connection, invoice: str, payment: str, amount: str) -> Registration:
    """Note that an invoice was paid."""
    entry = _existing(db, invoice)
    cents = cents_of(amount, "The amount")
    if entry.state == "paid" and entry.payment == payment:
        return Registration(status="paid", sentence=f"{entry.id} was marked as paid before.", invoice=entry)
    if entry.state != "registered":
        because = entry.payment or entry.note
        sentence = f"{entry.id} is {entry.state} ({because}); payment {payment} does not belong to it."
        return Registration(status="conflict", sentence=sentence, invoice=entry)
    note = None if money(cents) == entry.amount else f"{money(cents)} paid of {entry.amount}"
    values = {"id": _row_id(invoice), "payment": payment, "paid_cents": cents, "note": note}
    entry = entry_of(db.execute(SQL["mark_paid"], values).fetchone())
    return Registration(status="paid", sentence=f"{entry.id} is paid.", invoice=entry)


def note_refused(db: Connection, invoice: str, reason: str) -> Registration:
    """Note that a registered invoice is not paid; its share of the order is free again."""
    entry = _existing(db, invoice)
    if entry.state == "paid":
        return Registration(status="conflict", sentence=f"{entry.id} is paid already ({entry.payment}).", invoice=entry)
    entry = entry_of(db.execute(SQL["mark_refused"], {"id": _row_id(invoice), "note": reason}).fetchone())
    return Registration(status="refused", sentence=f"{entry.id} is not paid: {reason}", invoice=entry)


def _row_id(invoice: str) -> int:
    prefix, _, digits = invoice.partition("-")
    return int(digits) if prefix == "INV" and digits.isdecimal() and len(digits) < 16 else 0


def _existing(db: Connection, invoice: str) -> Entry:
    row = db.execute(SQL["invoice"], {"id": _row_id(invoice)}).fetchone()
    if row is None:
        raise BooksRefused(f"There is no registered invoice {invoice!r}.")
    return entry_of(row)
