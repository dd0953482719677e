"""How the books are written down: rows as answers, amounts and numbers as text, and what no book takes."""

import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from sqlite3 import Connection, Row

from erp_answers import Entry, LineStatus, OrderLine
from sqlite_file import statements

__all__ = [
    "SQL",
    "BooksRefused",
    "cents_of",
    "day",
    "decimal",
    "entry_of",
    "line_status",
    "money",
    "now",
    "order_line_of",
    "same_number",
]

SQL = statements(Path(__file__).resolve().parent / "erp_queries.sql")
_PARTS = re.compile(r"\d+|[^\W\d_]+")
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,12})?")


class BooksRefused(Exception):
    """A request that the books cannot take; nothing was changed."""


def same_number(number: str) -> str:
    """A number without regard to case, width, spaces, punctuation and leading zeros: `RE 007` is `re-7` is `RE/07`."""
    parts = _PARTS.findall(unicodedata.normalize("NFKC", number).casefold())
    return "-".join(part.lstrip("0") or "0" if part.isdecimal() else part for part in parts)


def decimal(text: str, called: str) -> Decimal:
    """A number that a request gave as text; `called` is what the refusal names it."""
    if not _NUMBER.fullmatch(text):
        raise BooksRefused(f"{called} {text!r} is not a number; write digits and a point, like '1190.00'.")
    return Decimal(text)


def cents_of(text: str, called: str) -> int:
    """An amount that a request gave as text."""
    cents = decimal(text, called) * 100
    if cents != cents.to_integral_value():
        raise BooksRefused(f"{called} {text!r} has more than two decimals.")
    return int(cents)


def money(cents: int) -> str:
    """An amount as decimal text."""
    return f"{cents // 100}.{cents % 100:02d}"


def day(text: str) -> str:
    """A date that a request gave as text."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise BooksRefused(f"{text!r} is not a date like 2026-12-31.") from error


def now() -> str:
    """The time as the books note it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def order_line_of(row: Row) -> OrderLine:
    """One line of an order."""
    fields = ("line", "item", "description", "quantity", "unit", "unit_price", "vat_rate")
    return OrderLine(**{field: row[field] for field in fields})


def line_status(db: Connection, order: str) -> Iterator[LineStatus]:
    """How much of each line of an order came in and is invoiced."""
    received: dict[str, Decimal] = {}
    invoiced: dict[str, Decimal] = {}
    for sums, statement in ((received, "receipts"), (invoiced, "invoiced_lines")):
        for row in db.execute(SQL[statement], {"number": order}):
            sums[row["line"]] = sums.get(row["line"], Decimal(0)) + Decimal(row["quantity"])
    for row in db.execute(SQL["order_lines"], {"number": order}).fetchall():
        line = row["line"]
        yield LineStatus(
            line=line,
            ordered=row["quantity"],
            received=f"{received.get(line, Decimal(0)):f}",
            invoiced=f"{invoiced.get(line, Decimal(0)):f}",
        )


def entry_of(row: Row) -> Entry:
    """One invoice of the register."""
    return Entry(
        id=f"INV-{row['id']:06d}",
        supplier=row["supplier"],
        number=row["number"],
        order=row["order_number"],
        amount=money(row["cents"]),
        currency=row["currency"],
        issued=row["issued"],
        file=row["file"],
        sha256=row["sha256"],
        state=row["state"],
        registered_at=row["registered_at"],
        registered_by=row["registered_by"],
        payment=row["payment"],
        paid=None if row["paid_cents"] is None else money(row["paid_cents"]),
        note=row["note"],
    )
