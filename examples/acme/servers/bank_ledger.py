"""The bank's own ledger: every request it received, every payment it made, both durable before it answers.

Knows nothing of MCP. Amounts come and go as decimal text and are integers of cents inside.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import Connection, Row

from sqlite_file import Database, statements

__all__ = ["Balance", "BankRefused", "Ledger", "Order", "Payment"]

_HERE = Path(__file__).resolve().parent
_SQL = statements(_HERE / "bank_queries.sql")
_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")


class BankRefused(Exception):
    """The bank did not pay, and says why in one sentence."""


@dataclass(frozen=True, kw_only=True)
class Payment:
    """One payment as the bank made it."""

    payment_id: str
    iban: str
    amount: str
    currency: str
    name: str
    reference: str
    paid_at: str


@dataclass(frozen=True, kw_only=True)
class Balance:
    """One account: what was on it, what was paid from it in how many payments, what is left."""

    currency: str
    opening: str
    paid: str
    payments: int
    balance: str


@dataclass(frozen=True, kw_only=True)
class Order:
    """A payment that was asked for and can be made: checked, normalised."""

    iban: str
    cents: int
    currency: str
    name: str
    reference: str

    @staticmethod
    def checked(*, iban: str, amount: str, currency: str, name: str, reference: str) -> "Order":
        """Refuse what no bank would take."""
        account = "".join(iban.split()).upper()
        if not _IBAN.fullmatch(account) or _remainder(account) != 1:
            raise BankRefused(f"{iban!r} is not a valid IBAN: its check digits are wrong or it is malformed.")
        if not _AMOUNT.fullmatch(amount):
            raise BankRefused(f"{amount!r} is not an amount; write digits with at most two decimals, like '1190.00'.")
        whole, _, fraction = amount.partition(".")
        cents = int(whole) * 100 + int(fraction.ljust(2, "0"))
        if cents == 0:
            raise BankRefused("The amount must be more than zero.")
        for called, text, longest in (("name", name, 70), ("reference", reference, 140)):
            if not text.strip() or len(text) > longest or any(unicodedata.category(c)[0] == "C" for c in text):
                raise BankRefused(f"The {called} must be 1 to {longest} printable characters.")
        return Order(iban=account, cents=cents, currency=currency, name=name.strip(), reference=reference.strip())


def _remainder(iban: str) -> int:
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97


def _text(cents: int) -> str:
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Ledger:
    """The ledger in one file; `idempotent` false makes the bank as naive as some are: it pays at every request."""

    def __init__(self, path: Path, *, idempotent: bool = True) -> None:
        self._database = Database(path, _HERE / "bank_schema.sql")
        self._idempotent = idempotent

    def prepare(self) -> bool:
        """Open the accounts if this is a new bank."""
        return self._database.prepare()

    def receive(self, tool: str, effect_id: str | None, arguments: Mapping[str, object]) -> int:
        """Write down that a request arrived, whatever becomes of it."""
        values = {
            "at": _now(),
            "tool": tool,
            "effect_id": effect_id,
            "arguments": json.dumps(dict(arguments), sort_keys=True),
        }
        with self._database.transaction() as db:
            return int(db.execute(_SQL["receive"], values).fetchone()["id"])

    def refuse(self, request: int, why: str) -> None:
        """Close a request that is not carried out."""
        with self._database.transaction() as db:
            db.execute(_SQL["close_request"], {"request": request, "outcome": f"refused: {why}"})

    def pay(self, request: int, effect_id: str | None, order: Order) -> Payment:
        """Pay, or give the answer of the payment that this effect already led to."""
        with self._database.transaction() as db:
            if self._idempotent and effect_id is not None:
                made = db.execute(_SQL["first_payment_of_effect"], {"effect_id": effect_id}).fetchone()
                if made is not None:
                    db.execute(_SQL["close_request"], {"request": request, "outcome": f"repeated PAY-{made['id']:06d}"})
                    return _same(made, order)
            _check_funds(db, order)
            values = {"request": request, "effect_id": effect_id, "paid_at": _now(), **vars(order)}
            row = db.execute(_SQL["pay"], values).fetchone()
            db.execute(_SQL["close_request"], {"request": request, "outcome": f"paid PAY-{row['id']:06d}"})
            return _payment(row)

    def find(self, effect_id: str) -> tuple[int, Payment | None]:
        """How many payments an effect led to, and the first of them."""
        with self._database.opened() as db:
            count = int(db.execute(_SQL["count_payments_of_effect"], {"effect_id": effect_id}).fetchone()[0])
            row = db.execute(_SQL["first_payment_of_effect"], {"effect_id": effect_id}).fetchone()
            return count, None if row is None else _payment(row)

    def balances(self) -> list[Balance]:
        """All accounts."""
        with self._database.opened() as db:
            return [_balance(row) for row in db.execute(_SQL["balances"])]

    def latest(self, limit: int) -> list[Payment]:
        """The newest payments, oldest first."""
        with self._database.opened() as db:
            return [_payment(row) for row in db.execute(_SQL["latest_payments"], {"limit": limit})]

    def count(self) -> tuple[int, int]:
        """How many requests to pay were received, and how many payments made."""
        with self._database.opened() as db:
            requests = int(db.execute(_SQL["count_requests"], {"tool": "pay"}).fetchone()[0])
            return requests, int(db.execute(_SQL["count_payments"]).fetchone()[0])


def _check_funds(db: Connection, order: Order) -> None:
    accounts = {row["currency"]: row["opening_cents"] - row["paid_cents"] for row in db.execute(_SQL["balances"])}
    if order.currency not in accounts:
        raise BankRefused(f"There is no account in {order.currency!r}; accounts are in {', '.join(accounts)}.")
    if accounts[order.currency] < order.cents:
        raise BankRefused(
            f"The account holds {_text(accounts[order.currency])} {order.currency}, less than the payment."
        )


def _same(made: Row, order: Order) -> Payment:
    if any(made[called] != value for called, value in vars(order).items()):
        raise BankRefused("This effect id already stands for another payment; nothing was paid now.")
    return _payment(made)


def _payment(row: Row) -> Payment:
    return Payment(
        payment_id=f"PAY-{row['id']:06d}",
        iban=row["iban"],
        amount=_text(row["cents"]),
        currency=row["currency"],
        name=row["name"],
        reference=row["reference"],
        paid_at=row["paid_at"],
    )


def _balance(row: Row) -> Balance:
    return Balance(
        currency=row["currency"],
        opening=_text(row["opening_cents"]),
        paid=_text(row["paid_cents"]),
        payments=row["payments"],
        balance=_text(row["opening_cents"] - row["paid_cents"]),
    )
