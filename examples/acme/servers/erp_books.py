"""The company's books in one SQLite file: suppliers, orders, receipts, and the register of invoices.

Knows nothing of MCP. What is claimed and paid is decided in one transaction, whoever asks from wherever at the same
time, and the same effect gets the same answer.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from sqlite3 import Connection, Row
from typing import Any

import msgspec
from erp_answers import (
    Company,
    Entry,
    FoundEffect,
    FoundOrder,
    Match,
    Matches,
    Order,
    Receipt,
    Receipts,
    Registration,
    Supplier,
    Suppliers,
)
from erp_register import Claim, claim_invoice, note_paid, note_refused
from erp_rows import (
    SQL,
    BooksRefused,
    cents_of,
    entry_of,
    line_status,
    money,
    now,
    order_line_of,
    same_number,
)
from sqlite_file import Database

__all__ = ["Books", "BooksRefused", "Claim", "Question"]

_HERE = Path(__file__).resolve().parent


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice that may be in the register."""

    supplier: str
    number: str
    sha256: str = ""
    amount: str = "0"
    currency: str = ""
    issued: str = ""


def _plain(text: str | None) -> str:
    return "".join(character for character in (text or "").casefold() if character.isalnum())


class Books:
    """The books in one file."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _HERE / "erp_schema.sql", _HERE / "erp_seed.sql")

    def prepare(self) -> bool:
        """Write the example's suppliers, orders and receipts if these are new books."""
        return self._database.prepare()

    # --- reading ------------------------------------------------------------------------------------------------------

    def company(self) -> Company:
        """Ourselves."""
        with self._database.opened() as db:
            return Company(**db.execute(SQL["company"]).fetchone())

    def suppliers(self, **wanted: str | None) -> Suppliers:
        """Those whose id, VAT number, company number, electronic address or name is one of the given."""
        asked = {field: _plain(text) for field, text in wanted.items() if _plain(text)}
        with self._database.opened() as db:
            rows = db.execute(SQL["suppliers"]).fetchall()
        return Suppliers(
            suppliers=[
                msgspec.convert(dict(row) | {"blocked": bool(row["blocked"])}, Supplier)
                for row in rows
                if any(_plain(row[field]) == text for field, text in asked.items())
            ]
        )

    def order(self, number: str) -> FoundOrder:
        """One order."""
        with self._database.opened() as db:
            row = db.execute(SQL["order"], {"number": number}).fetchone()
            if row is None:
                return FoundOrder(found=False, order=None)
            lines = [order_line_of(line) for line in db.execute(SQL["order_lines"], {"number": number})]
        order = Order(
            number=row["number"],
            supplier=row["supplier"],
            currency=row["currency"],
            status=row["status"],
            agreed_charges=money(row["agreed_charges_cents"]),
            lines=lines,
        )
        return FoundOrder(found=True, order=order)

    def receipts(self, order: str) -> Receipts:
        """What came in for an order, and what of it is invoiced."""
        with self._database.opened() as db:
            if db.execute(SQL["order"], {"number": order}).fetchone() is None:
                raise BooksRefused(f"There is no order {order!r}.")
            rows = db.execute(SQL["receipts"], {"number": order}).fetchall()
            return Receipts(
                order=order,
                lines=list(line_status(db, order)),
                receipts=[Receipt(**{f: r[f] for f in ("id", "line", "quantity", "received_on")}) for r in rows],
                charges_invoiced=money(db.execute(SQL["invoiced_charges"], {"number": order}).fetchone()[0]),
            )

    def similar(self, question: Question) -> Matches:
        """What the register has that resembles an invoice."""
        key = same_number(question.number)
        values = msgspec.to_builtins(question) | {"key": key, "cents": cents_of(question.amount, "The amount")}
        with self._database.opened() as db:
            rows = db.execute(SQL["similar_invoices"], values).fetchall()
        return Matches(key=key, matches=[_match(row, question, key) for row in rows])

    def register(self) -> list[Entry]:
        """All registered invoices, oldest first."""
        with self._database.opened() as db:
            return [entry_of(row) for row in db.execute(SQL["invoices"])]

    def effect(self, effect_id: str) -> FoundEffect:
        """What was answered to an effect."""
        with self._database.opened() as db:
            row = db.execute(SQL["effect"], {"effect_id": effect_id}).fetchone()
        if row is None:
            return FoundEffect(found=False)
        answer = msgspec.json.decode(row["answer"], type=Registration)
        return FoundEffect(
            found=True,
            tool=row["tool"],
            status=answer.status,
            sentence=answer.sentence,
            invoice=answer.invoice,
        )

    # --- writing ------------------------------------------------------------------------------------------------------

    def claim(self, claim: Claim, effect_id: str | None) -> Registration:
        """Register an invoice: its number and its share of the order, or neither."""
        arguments = msgspec.to_builtins(claim)
        return self._once("register_invoice", arguments, effect_id, lambda db: claim_invoice(db, claim, effect_id))

    def paid(self, invoice: str, payment: str, amount: str, effect_id: str | None) -> Registration:
        """Note that an invoice was paid."""
        arguments = {"invoice_id": invoice, "payment_id": payment, "amount": amount}
        return self._once("mark_paid", arguments, effect_id, lambda db: note_paid(db, invoice, payment, amount))

    def refused(self, invoice: str, reason: str, effect_id: str | None) -> Registration:
        """Note that a registered invoice is not paid; its share of the order is free again."""
        arguments = {"invoice_id": invoice, "reason": reason}
        return self._once("mark_refused", arguments, effect_id, lambda db: note_refused(db, invoice, reason))

    def _once(
        self, tool: str, arguments: dict[str, Any], effect_id: str | None, change: Callable[[Connection], Registration]
    ) -> Registration:
        """The same effect gets the same answer, however often it comes and whoever repeats it."""
        asked = json.dumps(arguments, sort_keys=True)
        with self._database.transaction() as db:
            known = db.execute(SQL["effect"], {"effect_id": effect_id}).fetchone() if effect_id else None
            if known is not None:
                if (known["tool"], known["arguments"]) != (tool, asked):
                    raise BooksRefused("This effect id already stands for another request; nothing was changed.")
                return msgspec.json.decode(known["answer"], type=Registration)
            answer = change(db)
            if effect_id:
                values = {"effect_id": effect_id, "tool": tool, "arguments": asked, "at": now()}
                db.execute(SQL["record_effect"], values | {"answer": json.dumps(asdict(answer))})
            return answer


def _match(row: Row, question: Question, key: str) -> Match:
    entry = entry_of(row)
    if question.sha256 and row["sha256"] == question.sha256:
        return Match(why="same_file", invoice=entry)
    if row["key"] != key:
        return Match(why="same_amount_and_date", invoice=entry)
    return Match(why="same_number" if entry.number == question.number else "looks_like", invoice=entry)
