"""Reads UBL 2.1 invoices and credit notes (Peppol BIS Billing 3.0 and its national variants) into values.

Says what stands in the document, or why it cannot be read; whether the figures are right is for `arithmetic`. A field
that must stand once and stands twice is refused: two readers would see two different invoices.
"""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from tools.document import (
    AllowanceCharge,
    Attachment,
    Invoice,
    Line,
    Party,
    PaymentMeans,
    TaxSubtotal,
    TaxTotal,
    Totals,
)
from tools.refusal import Refused
from tools.strict_xml import Node, parse
from tools.wording import shown

__all__ = ["read"]

_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
_SPACES = {"cac": f"{_UBL}CommonAggregateComponents-2", "cbc": f"{_UBL}CommonBasicComponents-2"}
_INVOICE = f"{{{_UBL}Invoice-2}}Invoice"
_CREDIT_NOTE = f"{{{_UBL}CreditNote-2}}CreditNote"
_CII = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice"

_NUMBER = re.compile(r"[+-]?([0-9]{1,15})(\.([0-9]{0,12}))?|[+-]?\.[0-9]{1,12}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_MAX_IDENTIFIER = 120
_MAX_PROSE = 300
_EMBEDDED = "cac:Attachment/cbc:EmbeddedDocumentBinaryObject"


def read(data: bytes) -> Invoice:
    """The document in these bytes."""
    root = parse(data)
    if root.tag == _INVOICE:
        return _invoice(root, line="cac:InvoiceLine", type_code="cbc:InvoiceTypeCode", due="cbc:DueDate")
    if root.tag == _CREDIT_NOTE:
        due = "cac:PaymentMeans/cbc:PaymentDueDate"
        return _invoice(root, line="cac:CreditNoteLine", type_code="cbc:CreditNoteTypeCode", due=due)
    if _CII in root.tag:
        why = "The file is a UN/CEFACT invoice (as in ZUGFeRD or Factur-X), not UBL; it has to be entered by hand."
        raise Refused("other-format", why)
    name = shown(root.tag.rpartition("}")[2], 40)
    raise Refused("not-an-invoice", f"The file is XML, but neither a UBL invoice nor a credit note: it is {name!r}.")


def _invoice(root: Node, *, line: str, type_code: str, due: str) -> Invoice:
    currency = _currency(_required(root, "cbc:DocumentCurrencyCode"), "document currency")
    tax_currency = _identifier(root, "cbc:TaxCurrencyCode")
    order = _identifier(root, "cac:OrderReference/cbc:ID")
    payee = _one(root, "cac:PayeeParty")
    dues = [node.text for node in _many(root, due)]
    lines = tuple(_line(node) for node in _many(root, line))
    if not lines:
        raise Refused("missing-field", "The invoice has no lines.")
    return Invoice(
        kind="invoice" if root.tag == _INVOICE else "credit note",
        customization=_prose(root, "cbc:CustomizationID"),
        number=_required(root, "cbc:ID"),
        issued=_date(_required(root, "cbc:IssueDate"), "issue date"),
        due=min((_date(text, "due date") for text in dues), default=None),
        type_code=_required(root, type_code),
        currency=currency,
        tax_currency=_currency(tax_currency, "tax currency") if tax_currency else None,
        supplier=_party(_node(root, "cac:AccountingSupplierParty/cac:Party")),
        buyer=_party(_node(root, "cac:AccountingCustomerParty/cac:Party")),
        payee=_party(payee) if payee else None,
        order=None if order is None or order.upper() == "NA" else order,
        sales_order=_identifier(root, "cac:OrderReference/cbc:SalesOrderID"),
        contract=_identifier(root, "cac:ContractDocumentReference/cbc:ID"),
        buyer_reference=_identifier(root, "cbc:BuyerReference"),
        corrects=_corrected(root),
        lines=lines,
        allowances=_allowances(root),
        taxes=tuple(_tax_total(node) for node in _many(root, "cac:TaxTotal")),
        totals=_totals(_node(root, "cac:LegalMonetaryTotal")),
        means=tuple(_means(node) for node in _many(root, "cac:PaymentMeans")),
        terms=" ".join(_cut(node.text) for node in _many(root, "cac:PaymentTerms/cbc:Note")) or None,
        notes=tuple(_cut(node.text) for node in _many(root, "cbc:Note")),
        attachments=tuple(_attachment(node) for node in _many(root, "cac:AdditionalDocumentReference")),
        stray_currencies=_stray_currencies(root, currency, tax_currency),
    )


def _corrected(root: Node) -> tuple[str, ...]:
    references = _many(root, "cac:BillingReference/cac:InvoiceDocumentReference")
    return tuple(_required(node, "cbc:ID") for node in references)


def _party(node: Node) -> Party:
    trading_name = _identifier(node, "cac:PartyName/cbc:Name")
    name = _identifier(node, "cac:PartyLegalEntity/cbc:RegistrationName") or trading_name
    if name is None:
        raise Refused("missing-field", "One of the parties has no name.")
    vat = [
        _required(scheme, "cbc:CompanyID")
        for scheme in _many(node, "cac:PartyTaxScheme")
        if (_identifier(scheme, "cac:TaxScheme/cbc:ID") or "").upper() == "VAT"
    ]
    if len(vat) > 1:
        raise Refused("ambiguous", "One of the parties gives more than one VAT number.")
    endpoint = _one(node, "cbc:EndpointID")
    ids = _many(node, "cac:PartyIdentification/cbc:ID")
    return Party(
        name=name,
        trading_name=trading_name,
        vat_id=vat[0] if vat else None,
        legal_id=_identifier(node, "cac:PartyLegalEntity/cbc:CompanyID"),
        endpoint=_with_scheme(endpoint) if endpoint else None,
        ids=tuple(_with_scheme(id) for id in ids),
        country=_identifier(node, "cac:PostalAddress/cac:Country/cbc:IdentificationCode"),
    )


def _line(node: Node) -> Line:
    name = _required(node, "cbc:ID")
    quantity = _one(node, "cbc:InvoicedQuantity") or _one(node, "cbc:CreditedQuantity")
    if quantity is None:
        raise Refused("missing-field", f"Line {shown(name, 20)} has no quantity.")
    price = _node(node, "cac:Price")
    base = _one(price, "cbc:BaseQuantity")
    category, rate = _category(node, "cac:Item/cac:ClassifiedTaxCategory")
    return Line(
        id=name,
        quantity=_number(quantity.text),
        unit=_cut(quantity.attributes.get("unitCode", "")),
        net=_amount(node, "cbc:LineExtensionAmount"),
        price=_amount(price, "cbc:PriceAmount"),
        base_quantity=Decimal(1) if base is None else _number(base.text),
        base_unit=None if base is None else base.attributes.get("unitCode"),
        gross_price=_optional_amount(price, "cac:AllowanceCharge/cbc:BaseAmount"),
        discounts=_allowances(price),
        item=_prose(node, "cac:Item/cbc:Name") or "",
        allowances=_allowances(node),
        order_line=_identifier(node, "cac:OrderLineReference/cbc:LineID"),
        seller_item=_identifier(node, "cac:Item/cac:SellersItemIdentification/cbc:ID"),
        buyer_item=_identifier(node, "cac:Item/cac:BuyersItemIdentification/cbc:ID"),
        standard_item=_identifier(node, "cac:Item/cac:StandardItemIdentification/cbc:ID"),
        category=category,
        rate=rate,
    )


def _allowances(node: Node) -> tuple[AllowanceCharge, ...]:
    return tuple(_allowance(child) for child in _many(node, "cac:AllowanceCharge"))


def _allowance(node: Node) -> AllowanceCharge:
    indicator = _required(node, "cbc:ChargeIndicator")
    if indicator not in ("true", "false", "1", "0"):
        raise Refused("bad-value", "An allowance or charge does not say which of the two it is.")
    percent = _one(node, "cbc:MultiplierFactorNumeric")
    category, rate = _category(node, "cac:TaxCategory")
    return AllowanceCharge(
        charge=indicator in ("true", "1"),
        amount=_amount(node, "cbc:Amount"),
        base=_optional_amount(node, "cbc:BaseAmount"),
        percent=None if percent is None else _number(percent.text),
        reason=_prose(node, "cbc:AllowanceChargeReason"),
        category=category,
        rate=rate,
    )


def _tax_total(node: Node) -> TaxTotal:
    amount = _node(node, "cbc:TaxAmount")
    return TaxTotal(
        currency=amount.attributes.get("currencyID", ""),
        amount=_number(amount.text),
        subtotals=tuple(_tax_subtotal(child) for child in _many(node, "cac:TaxSubtotal")),
    )


def _tax_subtotal(node: Node) -> TaxSubtotal:
    category, rate = _category(node, "cac:TaxCategory")
    reason = _prose(node, "cac:TaxCategory/cbc:TaxExemptionReason")
    return TaxSubtotal(
        category=category or "",
        rate=rate,
        taxable=_amount(node, "cbc:TaxableAmount"),
        tax=_amount(node, "cbc:TaxAmount"),
        exemption=reason or _identifier(node, "cac:TaxCategory/cbc:TaxExemptionReasonCode"),
    )


def _category(node: Node, path: str) -> tuple[str | None, Decimal | None]:
    found = _one(node, path)
    if found is None:
        return None, None
    percent = _one(found, "cbc:Percent")
    return _identifier(found, "cbc:ID"), None if percent is None else _number(percent.text)


def _totals(node: Node) -> Totals:
    zero = Decimal(0)
    return Totals(
        lines=_amount(node, "cbc:LineExtensionAmount"),
        tax_exclusive=_amount(node, "cbc:TaxExclusiveAmount"),
        tax_inclusive=_amount(node, "cbc:TaxInclusiveAmount"),
        payable=_amount(node, "cbc:PayableAmount"),
        allowances=_optional_amount(node, "cbc:AllowanceTotalAmount") or zero,
        charges=_optional_amount(node, "cbc:ChargeTotalAmount") or zero,
        prepaid=_optional_amount(node, "cbc:PrepaidAmount") or zero,
        rounding=_optional_amount(node, "cbc:PayableRoundingAmount") or zero,
    )


def _means(node: Node) -> PaymentMeans:
    account = _identifier(node, "cac:PayeeFinancialAccount/cbc:ID")
    return PaymentMeans(
        code=_required(node, "cbc:PaymentMeansCode"),
        account="".join(account.split()).upper() if account else None,
        account_name=_prose(node, "cac:PayeeFinancialAccount/cbc:Name"),
        bic=_identifier(node, "cac:PayeeFinancialAccount/cac:FinancialInstitutionBranch/cbc:ID"),
        reference=_identifier(node, "cbc:PaymentID"),
        mandate=_identifier(node, "cac:PaymentMandate/cbc:ID"),
    )


def _attachment(node: Node) -> Attachment:
    embedded = _one(node, _EMBEDDED)
    return Attachment(
        id=_cut(_required(node, "cbc:ID")),
        file=_cut(embedded.attributes.get("filename", "")) if embedded else None,
        mime=_cut(embedded.attributes.get("mimeCode", "")) if embedded else None,
        bytes=len(embedded.text) * 3 // 4 if embedded else 0,
        link=_prose(node, "cac:Attachment/cac:ExternalReference/cbc:URI"),
    )


def _stray_currencies(root: Node, currency: str, tax_currency: str | None) -> tuple[str, ...]:
    """What amounts are in, besides the document's currency; VAT totals may be in the tax currency as well."""
    found: dict[str, None] = {}
    pending = [child for child in root.children if not _is_in(child, tax_currency)]
    while pending:
        node = pending.pop()
        pending += node.children
        if (stated := node.attributes.get("currencyID")) is not None and stated != currency:
            found[_cut(stated)] = None
    return tuple(sorted(found))


def _is_in(node: Node, tax_currency: str | None) -> bool:
    if tax_currency is None or not node.tag.endswith("}TaxTotal"):
        return False
    return _node(node, "cbc:TaxAmount").attributes.get("currencyID") == tax_currency


# --- single fields ----------------------------------------------------------------------------------------------------


def _many(node: Node, path: str) -> Iterator[Node]:
    """All nodes at the end of a path like `cac:Item/cbc:Name`."""
    step, _, rest = path.partition("/")
    prefix, _, local = step.partition(":")
    for child in node.named(f"{{{_SPACES[prefix]}}}{local}"):
        if rest:
            yield from _many(child, rest)
        else:
            yield child


def _one(node: Node, path: str) -> Node | None:
    found = list(_many(node, path))
    if len(found) > 1:
        raise Refused("ambiguous", f"The invoice gives {_called(path)!r} more than once.")
    return found[0] if found else None


def _node(node: Node, path: str) -> Node:
    found = _one(node, path)
    if found is None:
        raise Refused("missing-field", f"The invoice lacks {_called(path)!r}, which every invoice must have.")
    return found


def _called(path: str) -> str:
    return path.rpartition("/")[2].rpartition(":")[2]


def _required(node: Node, path: str) -> str:
    text = _identifier(node, path)
    if text is None:
        raise Refused("missing-field", f"The invoice lacks {_called(path)!r}, which every invoice must have.")
    return text


def _identifier(node: Node, path: str) -> str | None:
    """A text that is compared: never cut, so one that is too long is refused."""
    found = _one(node, path)
    if found is None or not found.text:
        return None
    if len(found.text) > _MAX_IDENTIFIER:
        raise Refused("too-long", f"{_called(path)!r} is longer than {_MAX_IDENTIFIER} characters.")
    return found.text


def _prose(node: Node, path: str) -> str | None:
    """A text that is only read by people."""
    found = _one(node, path)
    return _cut(found.text) if found is not None and found.text else None


def _cut(text: str) -> str:
    return text[:_MAX_PROSE]


def _with_scheme(node: Node) -> str:
    if len(node.text) > _MAX_IDENTIFIER:
        raise Refused("too-long", f"An identifier of a party is longer than {_MAX_IDENTIFIER} characters.")
    scheme = node.attributes.get("schemeID", "")[:20]
    return f"{scheme}:{node.text}" if scheme else node.text


def _amount(node: Node, path: str) -> Decimal:
    return _number(_node(node, path).text)


def _optional_amount(node: Node, path: str) -> Decimal | None:
    found = _one(node, path)
    return None if found is None else _number(found.text)


def _number(text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        why = f"{shown(text, 30)!r} is not a number as invoices write them (digits, one point, no exponent)."
        raise Refused("bad-number", why)
    return Decimal(text)


def _date(text: str, called: str) -> date:
    try:
        return date.fromisoformat(text if _DATE.fullmatch(text) else "")
    except ValueError as error:
        raise Refused("bad-date", f"The {called} {shown(text, 30)!r} is not a date like 2026-12-31.") from error


def _currency(text: str, called: str) -> str:
    if not _CURRENCY.fullmatch(text):
        raise Refused("bad-value", f"The {called} {shown(text, 30)!r} is not a currency code like EUR.")
    return text
