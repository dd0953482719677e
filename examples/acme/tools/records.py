"""What the company's own books say, as the ERP answers it: suppliers, orders, receipts, invoices registered so far."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

__all__ = ["Company", "Entry", "LineStatus", "Match", "Order", "OrderLine", "Receipts", "Supplier"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Company:
    """Ourselves, as invoices must name us; payments are made in `currency` alone."""

    name: str
    vat_id: str
    legal_id: str
    endpoint: str
    currency: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Supplier:
    """A supplier; `iban` is the only account that is ever paid."""

    id: str
    name: str
    vat_id: str | None
    legal_id: str | None
    endpoint: str | None
    iban: str
    country: str
    currency: str
    blocked: bool
    blocked_reason: str | None = None
    email: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderLine:
    """What was ordered; `unit_price` is net, for one unit."""

    line: str
    item: str
    description: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    vat_rate: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """One order; `agreed_charges` is the most that may come on top for freight and the like."""

    number: str
    supplier: str
    currency: str
    status: Literal["open", "closed"]
    agreed_charges: Decimal
    lines: tuple[OrderLine, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class LineStatus:
    """How much of one order line came in, and how much of that has been invoiced."""

    line: str
    received: Decimal
    invoiced: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipts:
    """The state of an order."""

    order: str
    charges_invoiced: Decimal
    lines: tuple[LineStatus, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One invoice in the register."""

    id: str
    supplier: str
    number: str
    order: str
    amount: Decimal
    currency: str
    issued: date
    file: str
    sha256: str
    state: Literal["registered", "paid", "refused"]
    registered_at: str
    registered_by: str | None = None
    payment: str | None = None
    note: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """An entry of the register that an invoice may repeat, and in what."""

    why: Literal["same_file", "same_number", "looks_like", "same_amount_and_date"]
    invoice: Entry
