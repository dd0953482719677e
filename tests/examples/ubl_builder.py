"""Writes UBL invoices whose figures are right, or wrong in one place on purpose."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from xml.sax.saxutils import escape, quoteattr

PEPPOL = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
_WHY_NO_TAX = {
    "E": "Exempt under article 132 of Directive 2006/112/EC",
    "AE": "Reverse charge",
    "K": "Intra-community supply",
    "G": "Export outside the EU",
    "O": "Not subject to VAT",
}


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


@dataclass(frozen=True, kw_only=True)
class Company:
    name: str
    vat: str | None
    legal: str | None
    endpoint: tuple[str, str] | None
    country: str
    street: str = ""
    city: str = ""
    zip: str = ""
    contact: tuple[str, str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Extra:
    """An allowance, or a charge."""

    amount: str
    charge: bool = False
    reason: str = "Discount"
    percent: str | None = None
    base: str | None = None
    category: str = "S"
    rate: str | None = "19"


@dataclass(frozen=True, kw_only=True)
class Row:
    quantity: str
    price: str
    item: str = "Copy paper A4"
    code: str | None = None
    order_line: str | None = None
    unit: str = "C62"
    base: str = "1"
    category: str = "S"
    rate: str | None = "19"
    extras: Sequence[Extra] = ()
    description: str = ""
    gross: tuple[str, str] | None = None  # gross price and the discount on it
    net: str | None = None  # said instead of what it comes to

    @property
    def comes_to(self) -> Decimal:
        net = cents(Decimal(self.quantity) * Decimal(self.price) / Decimal(self.base))
        return net + sum((Decimal(e.amount) if e.charge else -Decimal(e.amount) for e in self.extras), Decimal(0))


@dataclass(frozen=True, kw_only=True)
class Means:
    account: str | None
    code: str = "30"
    reference: str | None = None
    name: str | None = None
    bic: str | None = None


ACME = Company(
    name="Acme Werke GmbH",
    vat="DE999000111",
    legal="HRB 990011",
    endpoint=("9930", "DE999000111"),
    country="DE",
    street="Lindauer Weg 14",
    city="Kempten",
    zip="87435",
)
KANZLEIBEDARF = Company(
    name="Kanzleibedarf Süd GmbH",
    vat="DE999000222",
    legal="HRB 990022",
    endpoint=("9930", "DE999000222"),
    country="DE",
    street="Papiermühle 3",
    city="Ulm",
    zip="89073",
    contact=("Jana Ott", "+49 731 5550 120", "rechnung@kanzleibedarf-sued.example"),
)


@dataclass(frozen=True, kw_only=True)
class Bill:
    """An invoice to be written. `said` replaces computed totals; `taxes` and `raw` go in as they are."""

    number: str = "RE-20261103"
    rows: Sequence[Row] = ()
    extras: Sequence[Extra] = ()
    supplier: Company = KANZLEIBEDARF
    buyer: Company = ACME
    payee: str | None = None
    means: Sequence[Means] = (Means(account="DE89370400440532013000", reference="RE-20261103"),)
    credit_note: bool = False
    type_code: str = "380"
    issued: str = "2026-11-03"
    due: str | None = "2026-12-03"
    currency: str = "EUR"
    tax_currency: str | None = None
    tax_in_other: str = "0.00"
    order: str | None = "PO-2026-0412"
    sales_order: str | None = None
    contract: str | None = None
    buyer_reference: str = "Einkauf"
    corrects: Sequence[str] = ()
    prepaid: str | None = None
    rounding: str | None = None
    customization: str = PEPPOL
    terms: str | None = None
    notes: Sequence[str] = ()
    delivered: str | None = None
    raw: str = ""
    said: dict[str, str] = field(default_factory=dict[str, str])

    def xml(self) -> bytes:
        return _Writer(self).document().encode()


@dataclass(frozen=True)
class _Writer:
    bill: Bill

    # --- figures ------------------------------------------------------------------------------------------------------

    def groups(self) -> dict[tuple[str, str | None], Decimal]:
        sums: dict[tuple[str, str | None], Decimal] = {}
        parts = [(r.category, r.rate, self.net(r)) for r in self.bill.rows]
        parts += [(e.category, e.rate, Decimal(e.amount) if e.charge else -Decimal(e.amount)) for e in self.bill.extras]
        for category, rate, amount in parts:
            sums[category, rate] = sums.get((category, rate), Decimal(0)) + amount
        return sums

    def net(self, row: Row) -> Decimal:
        return row.comes_to if row.net is None else Decimal(row.net)

    def totals(self) -> dict[str, Decimal]:
        bill = self.bill
        lines = sum((self.net(row) for row in bill.rows), Decimal(0))
        allowances = sum((Decimal(e.amount) for e in bill.extras if not e.charge), Decimal(0))
        charges = sum((Decimal(e.amount) for e in bill.extras if e.charge), Decimal(0))
        tax = sum((tax_of(amount, rate) for (_, rate), amount in self.groups().items()), Decimal(0))
        exclusive = lines - allowances + charges
        inclusive = exclusive + tax
        payable = inclusive - Decimal(bill.prepaid or 0) + Decimal(bill.rounding or 0)
        found = {"lines": lines, "allowances": allowances, "charges": charges, "exclusive": exclusive, "tax": tax}
        found |= {"inclusive": inclusive, "payable": payable}
        return found | {called: Decimal(text) for called, text in bill.said.items()}

    # --- elements -----------------------------------------------------------------------------------------------------

    def money(self, tag: str, amount: Decimal | str) -> str:
        text = f"{cents(amount):f}" if isinstance(amount, Decimal) else amount
        return f'<cbc:{tag} currencyID="{self.bill.currency}">{text}</cbc:{tag}>'

    def document(self) -> str:
        bill = self.bill
        root = "CreditNote" if bill.credit_note else "Invoice"
        code = f"cbc:{root}TypeCode"
        head = [
            _e("cbc:CustomizationID", bill.customization),
            _e("cbc:ProfileID", "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"),
            _e("cbc:ID", bill.number),
            _e("cbc:IssueDate", bill.issued),
            "" if bill.credit_note else _e("cbc:DueDate", bill.due),
            _e(code, bill.type_code),
            *(_e("cbc:Note", note) for note in bill.notes),
            _e("cbc:DocumentCurrencyCode", bill.currency),
            _e("cbc:TaxCurrencyCode", bill.tax_currency),
            _e("cbc:BuyerReference", bill.buyer_reference),
            self.references(),
            _group("cac:AccountingSupplierParty", _party(bill.supplier)),
            _group("cac:AccountingCustomerParty", _party(bill.buyer)),
            _group("cac:PayeeParty", _group("cac:PartyName", _e("cbc:Name", bill.payee))) if bill.payee else "",
            self.delivery() if bill.delivered else "",
            *(self.means(means) for means in bill.means),
            _group("cac:PaymentTerms", _e("cbc:Note", bill.terms)) if bill.terms else "",
            *(self.extra(extra, of_document=True) for extra in bill.extras),
            self.taxes(),
            self.monetary_total(),
            *(self.row(n, row) for n, row in enumerate(bill.rows, 1)),
        ]
        spaces = f'xmlns:cac="{_UBL}CommonAggregateComponents-2" xmlns:cbc="{_UBL}CommonBasicComponents-2"'
        body = "\n".join(part for part in [*head, bill.raw] if part)
        return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{_UBL}{root}-2" {spaces}>\n{body}\n</{root}>\n'

    def references(self) -> str:
        bill = self.bill
        parts = [
            _group("cac:OrderReference", _e("cbc:ID", bill.order or "NA"), _e("cbc:SalesOrderID", bill.sales_order))
            if bill.order or bill.sales_order
            else "",
            *(
                _group("cac:BillingReference", _group("cac:InvoiceDocumentReference", _e("cbc:ID", n)))
                for n in bill.corrects
            ),
            _group("cac:ContractDocumentReference", _e("cbc:ID", bill.contract)) if bill.contract else "",
        ]
        return "\n".join(part for part in parts if part)

    def delivery(self) -> str:
        country = _group("cac:Country", _e("cbc:IdentificationCode", self.bill.buyer.country))
        location = _group("cac:DeliveryLocation", _group("cac:Address", country))
        return _group("cac:Delivery", _e("cbc:ActualDeliveryDate", self.bill.delivered), location)

    def means(self, means: Means) -> str:
        bank = _group("cac:FinancialInstitutionBranch", _e("cbc:ID", means.bic)) if means.bic else ""
        account = _group("cac:PayeeFinancialAccount", _e("cbc:ID", means.account), _e("cbc:Name", means.name), bank)
        due = _e("cbc:PaymentDueDate", self.bill.due) if self.bill.credit_note else ""
        code = _e("cbc:PaymentMeansCode", means.code)
        return _group(
            "cac:PaymentMeans", code, due, _e("cbc:PaymentID", means.reference), account if means.account else ""
        )

    def extra(self, extra: Extra, *, of_document: bool = False) -> str:
        return _group(
            "cac:AllowanceCharge",
            _e("cbc:ChargeIndicator", "true" if extra.charge else "false"),
            _e("cbc:AllowanceChargeReason", extra.reason),
            _e("cbc:MultiplierFactorNumeric", extra.percent),
            self.money("Amount", extra.amount),
            self.money("BaseAmount", extra.base) if extra.base else "",
            _category("cac:TaxCategory", extra.category, extra.rate) if of_document else "",
        )

    def taxes(self) -> str:
        bill = self.bill
        parts = [self.money("TaxAmount", self.totals()["tax"])]
        for (category, rate), taxable in self.groups().items():
            parts.append(
                _group(
                    "cac:TaxSubtotal",
                    self.money("TaxableAmount", taxable),
                    self.money("TaxAmount", tax_of(taxable, rate)),
                    _category("cac:TaxCategory", category, rate, _WHY_NO_TAX.get(category)),
                )
            )
        taxes = _group("cac:TaxTotal", *parts)
        if bill.tax_currency:
            amount = f'<cbc:TaxAmount currencyID="{bill.tax_currency}">{bill.tax_in_other}</cbc:TaxAmount>'
            taxes += "\n" + _group("cac:TaxTotal", amount)
        return taxes

    def monetary_total(self) -> str:
        bill, totals = self.bill, self.totals()
        return _group(
            "cac:LegalMonetaryTotal",
            self.money("LineExtensionAmount", totals["lines"]),
            self.money("TaxExclusiveAmount", totals["exclusive"]),
            self.money("TaxInclusiveAmount", totals["inclusive"]),
            self.money("AllowanceTotalAmount", totals["allowances"]) if totals["allowances"] else "",
            self.money("ChargeTotalAmount", totals["charges"]) if totals["charges"] else "",
            self.money("PrepaidAmount", bill.prepaid) if bill.prepaid else "",
            self.money("PayableRoundingAmount", bill.rounding) if bill.rounding else "",
            self.money("PayableAmount", totals["payable"]),
        )

    def row(self, number: int, row: Row) -> str:
        kind, counted = ("CreditNoteLine", "Credited") if self.bill.credit_note else ("InvoiceLine", "Invoiced")
        base = (
            f"<cbc:BaseQuantity unitCode={quoteattr(row.unit)}>{row.base}</cbc:BaseQuantity>" if row.base != "1" else ""
        )
        discount = ""
        if row.gross:
            gross, off = self.money("BaseAmount", row.gross[0]), self.money("Amount", row.gross[1])
            discount = _group("cac:AllowanceCharge", _e("cbc:ChargeIndicator", "false"), off, gross)
        return _group(
            f"cac:{kind}",
            _e("cbc:ID", str(number)),
            f"<cbc:{counted}Quantity unitCode={quoteattr(row.unit)}>{row.quantity}</cbc:{counted}Quantity>",
            self.money("LineExtensionAmount", self.net(row)),
            _group("cac:OrderLineReference", _e("cbc:LineID", row.order_line)) if row.order_line else "",
            *(self.extra(extra) for extra in row.extras),
            _group(
                "cac:Item",
                _e("cbc:Description", row.description or None),
                _e("cbc:Name", row.item),
                _group("cac:SellersItemIdentification", _e("cbc:ID", row.code)) if row.code else "",
                _category("cac:ClassifiedTaxCategory", row.category, row.rate),
            ),
            _group("cac:Price", self.money("PriceAmount", row.price), base, discount),
        )


def tax_of(taxable: Decimal, rate: str | None) -> Decimal:
    return cents(taxable * Decimal(rate or 0) / 100)


def _e(tag: str, text: str | None) -> str:
    return f"<{tag}>{escape(text)}</{tag}>" if text is not None else ""


def _group(tag: str, *parts: str) -> str:
    inner = "\n".join(part for part in parts if part)
    indented = "\n".join(f"  {line}" for line in inner.splitlines())
    return f"<{tag}>\n{indented}\n</{tag}>"


def _category(tag: str, category: str, rate: str | None, why: str | None = None) -> str:
    scheme = _group("cac:TaxScheme", _e("cbc:ID", "VAT"))
    return _group(tag, _e("cbc:ID", category), _e("cbc:Percent", rate), _e("cbc:TaxExemptionReason", why), scheme)


def _party(company: Company) -> str:
    endpoint = ""
    if company.endpoint:
        scheme, value = company.endpoint
        endpoint = f"<cbc:EndpointID schemeID={quoteattr(scheme)}>{escape(value)}</cbc:EndpointID>"
    tax = _group("cac:PartyTaxScheme", _e("cbc:CompanyID", company.vat), _group("cac:TaxScheme", _e("cbc:ID", "VAT")))
    contact = ""
    if company.contact:
        name, phone, mail = company.contact
        contact = _group(
            "cac:Contact", _e("cbc:Name", name), _e("cbc:Telephone", phone), _e("cbc:ElectronicMail", mail)
        )
    return _group(
        "cac:Party",
        endpoint,
        _group("cac:PartyName", _e("cbc:Name", company.name)),
        _group(
            "cac:PostalAddress",
            _e("cbc:StreetName", company.street or None),
            _e("cbc:CityName", company.city or None),
            _e("cbc:PostalZone", company.zip or None),
            _group("cac:Country", _e("cbc:IdentificationCode", company.country)),
        ),
        tax if company.vat else "",
        _group(
            "cac:PartyLegalEntity",
            _e("cbc:RegistrationName", company.name),
            _e("cbc:CompanyID", company.legal),
        ),
        contact,
    )
