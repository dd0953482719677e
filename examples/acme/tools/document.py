"""An invoice or credit note as values: what the document says, nothing of what we think of it.

Amounts are decimals in the document's currency unless a field says otherwise; identifiers are as the supplier wrote
them.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

__all__ = [
    "AllowanceCharge",
    "Attachment",
    "Finding",
    "Invoice",
    "Line",
    "Party",
    "PaymentMeans",
    "TaxSubtotal",
    "TaxTotal",
    "Totals",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Something about a document that a clerk should know; `rule` is the EN 16931 rule where there is one."""

    rule: str
    sentence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Party:
    """Supplier, buyer or payee. `endpoint` and `ids` are `scheme:value`, or the value where no scheme is given."""

    name: str
    trading_name: str | None = None
    vat_id: str | None = None
    legal_id: str | None = None
    endpoint: str | None = None
    ids: tuple[str, ...] = ()
    country: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AllowanceCharge:
    """A discount (`charge` false) or a surcharge (`charge` true), of the document, a line or a price."""

    charge: bool
    amount: Decimal
    base: Decimal | None = None
    percent: Decimal | None = None
    reason: str | None = None
    category: str | None = None
    rate: Decimal | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TaxSubtotal:
    """The VAT of one category and rate (EN 16931: VAT breakdown)."""

    category: str
    rate: Decimal | None
    taxable: Decimal
    tax: Decimal
    exemption: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TaxTotal:
    """A VAT total; the one in the accounting currency has no breakdown."""

    currency: str
    amount: Decimal
    subtotals: tuple[TaxSubtotal, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line. `price` is the net price of `base_quantity` units."""

    id: str
    quantity: Decimal
    unit: str
    net: Decimal
    price: Decimal
    base_quantity: Decimal
    item: str
    base_unit: str | None = None
    gross_price: Decimal | None = None
    discounts: tuple[AllowanceCharge, ...] = ()
    allowances: tuple[AllowanceCharge, ...] = ()
    order_line: str | None = None
    seller_item: str | None = None
    buyer_item: str | None = None
    standard_item: str | None = None
    category: str | None = None
    rate: Decimal | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentMeans:
    """One way in which the supplier wants to be paid; `account` without spaces, in capitals."""

    code: str
    account: str | None = None
    account_name: str | None = None
    bic: str | None = None
    reference: str | None = None
    mandate: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Totals:
    """The totals as the document states them; what it leaves out is zero."""

    lines: Decimal
    tax_exclusive: Decimal
    tax_inclusive: Decimal
    payable: Decimal
    allowances: Decimal = Decimal(0)
    charges: Decimal = Decimal(0)
    prepaid: Decimal = Decimal(0)
    rounding: Decimal = Decimal(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """That something is attached or pointed at; it is never opened."""

    id: str
    file: str | None = None
    mime: str | None = None
    bytes: int = 0
    link: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Invoice:
    """A UBL 2.1 invoice or credit note. `stray_currencies` are those that amounts carry besides the declared ones."""

    kind: Literal["invoice", "credit note"]
    customization: str | None
    number: str
    issued: date
    due: date | None
    type_code: str
    currency: str
    tax_currency: str | None
    supplier: Party
    buyer: Party
    payee: Party | None
    order: str | None
    sales_order: str | None
    contract: str | None
    buyer_reference: str | None
    corrects: tuple[str, ...]
    lines: tuple[Line, ...]
    allowances: tuple[AllowanceCharge, ...]
    taxes: tuple[TaxTotal, ...]
    totals: Totals
    means: tuple[PaymentMeans, ...]
    terms: str | None
    notes: tuple[str, ...]
    attachments: tuple[Attachment, ...]
    stray_currencies: tuple[str, ...] = ()
