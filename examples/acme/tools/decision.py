"""What can become of an invoice: pay it, ask people about it, or reject it; each with reasons a clerk understands."""

from dataclasses import dataclass
from decimal import Decimal

__all__ = ["OPTIONS", "Ask", "ClaimedLine", "Decision", "Pay", "Reason", "Reject"]

OPTIONS = ("return to supplier", "reject", "hold")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """Why an invoice is not simply paid: a stable code and a sentence with figures."""

    code: str
    sentence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimedLine:
    """How much of an order line an invoice uses up."""

    line: str
    quantity: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Pay:
    """Everything agrees: pay this to the account that the books know. `notes` are no obstacles."""

    supplier: str
    order: str
    iban: str
    amount: Decimal
    currency: str
    name: str
    reference: str
    charges: Decimal
    lines: tuple[ClaimedLine, ...]
    notes: tuple[Reason, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """Not to be paid; people say what becomes of it, among options none of which is payment."""

    question: str
    reasons: tuple[Reason, ...]
    options: tuple[str, ...] = OPTIONS


@dataclass(frozen=True, kw_only=True, slots=True)
class Reject:
    """Not to be paid, and nobody needs to be asked."""

    reasons: tuple[Reason, ...]


Decision = Pay | Ask | Reject
