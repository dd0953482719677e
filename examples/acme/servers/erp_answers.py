"""What the ERP answers: plain values, amounts and quantities as decimal text."""

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "ClaimedLine",
    "Company",
    "Entry",
    "FoundEffect",
    "FoundOrder",
    "LineStatus",
    "Match",
    "Matches",
    "Order",
    "OrderLine",
    "Receipt",
    "Receipts",
    "Registration",
    "Supplier",
    "Suppliers",
]


@dataclass(frozen=True, kw_only=True)
class Company:
    """Ourselves."""

    name: str
    vat_id: str
    legal_id: str
    endpoint: str
    currency: str


@dataclass(frozen=True, kw_only=True)
class Supplier:
    """One supplier."""

    id: str
    name: str
    vat_id: str | None
    legal_id: str | None
    endpoint: str | None
    iban: str
    country: str
    currency: str
    blocked: bool
    blocked_reason: str | None
    email: str | None


@dataclass(frozen=True, kw_only=True)
class Suppliers:
    """All suppliers that any of the given identifiers points to."""

    suppliers: list[Supplier]


@dataclass(frozen=True, kw_only=True)
class OrderLine:
    """One line of an order; `unit_price` is net, for one unit."""

    line: str
    item: str
    description: str
    quantity: str
    unit: str
    unit_price: str
    vat_rate: str


@dataclass(frozen=True, kw_only=True)
class Order:
    """One order; `agreed_charges` is the most that may be invoiced for freight and the like."""

    number: str
    supplier: str
    currency: str
    status: Literal["open", "closed"]
    agreed_charges: str
    lines: list[OrderLine]


@dataclass(frozen=True, kw_only=True)
class FoundOrder:
    """An order, if there is one of that number."""

    found: bool
    order: Order | None


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """One goods receipt."""

    id: str
    line: str
    quantity: str
    received_on: str


@dataclass(frozen=True, kw_only=True)
class LineStatus:
    """How much of an order line was ordered, came in, and is invoiced by registered invoices."""

    line: str
    ordered: str
    received: str
    invoiced: str


@dataclass(frozen=True, kw_only=True)
class Receipts:
    """What was received for an order, and what of it is invoiced."""

    order: str
    lines: list[LineStatus]
    receipts: list[Receipt]
    charges_invoiced: str


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One invoice of the register."""

    id: str
    supplier: str
    number: str
    order: str
    amount: str
    currency: str
    issued: str
    file: str
    sha256: str
    state: Literal["registered", "paid", "refused"]
    registered_at: str
    registered_by: str | None
    payment: str | None
    paid: str | None
    note: str | None


@dataclass(frozen=True, kw_only=True)
class Match:
    """An entry that an invoice may repeat, and in what."""

    why: Literal["same_file", "same_number", "looks_like", "same_amount_and_date"]
    invoice: Entry


@dataclass(frozen=True, kw_only=True)
class Matches:
    """What the register has that resembles an invoice; `key` is its number as the register compares it."""

    key: str
    matches: list[Match]


@dataclass(frozen=True, kw_only=True)
class ClaimedLine:
    """How much of an order line an invoice uses up."""

    line: str
    quantity: str


@dataclass(frozen=True, kw_only=True)
class Registration:
    """What became of a change to the register, in one word and one sentence; `invoice` as it stands now."""

    status: Literal["registered", "already_registered", "not_covered", "paid", "refused", "conflict"]
    sentence: str
    invoice: Entry | None


@dataclass(frozen=True, kw_only=True)
class FoundEffect:
    """What an effect led to here, as its tool answered. Conclusive: an effect that is not found changed nothing."""

    found: bool
    tool: str | None = None
    status: str | None = None
    sentence: str | None = None
    invoice: Entry | None = None
