"""Checks an invoice's figures against themselves, by the rules of EN 16931 and Peppol BIS Billing 3.0.

Exact in cents, halves away from zero. What an order says is for `matching`. Each finding is a sentence for a clerk.
"""

from collections.abc import Iterable, Iterator
from decimal import ROUND_HALF_UP, Decimal, localcontext

from tools.document import AllowanceCharge, Finding, Invoice, Line, TaxSubtotal, TaxTotal
from tools.wording import money, plain, shown

__all__ = ["check", "rounded"]

_CENT = Decimal("0.01")
_ZERO = Decimal(0)
_ENOUGH_DIGITS = 100
_WITHOUT_TAX = frozenset(("Z", "E", "AE", "K", "G", "O"))
_WITH_TAX = frozenset(("S", "B"))
_CATEGORIES = _WITHOUT_TAX | _WITH_TAX | frozenset(("L", "M"))
_NEED_A_REASON = frozenset(("E", "AE", "K", "G", "O"))
_RULES_OF = {"K": "IC", "L": "AF", "M": "AG", "": "CO"}


def rounded(amount: Decimal) -> Decimal:
    """To cents, halves away from zero."""
    with localcontext(prec=_ENOUGH_DIGITS):
        return amount.quantize(_CENT, ROUND_HALF_UP)


def check(invoice: Invoice) -> list[Finding]:
    """Everything that does not add up or is not as the rules want it."""
    with localcontext(prec=_ENOUGH_DIGITS):
        found = [*_currencies(invoice), *_decimals(invoice)]
        for line in invoice.lines:
            found += _line(line)
        for allowance in invoice.allowances:
            found += _allowance(allowance, f"the document's {_kind(allowance)}")
        return [*found, *_totals(invoice), *_taxes(invoice)]


def _kind(allowance: AllowanceCharge) -> str:
    return "charge" if allowance.charge else "allowance"


def _differs(rule: str, what: str, computed: Decimal, stated: Decimal) -> Iterator[Finding]:
    if computed != stated:
        sentence = f"{what} must be {money(computed)}, but the invoice says {money(stated)}"
        yield Finding(rule=rule, sentence=f"{sentence} ({money(abs(stated - computed))} difference).")


# --- lines ------------------------------------------------------------------------------------------------------------


def _line(line: Line) -> Iterator[Finding]:
    called = f"line {shown(line.id, 20)}"
    if line.base_quantity <= 0:
        sentence = f"The price of {called} is for {plain(line.base_quantity)} units; it must be for more than none."
        yield Finding(rule="PEPPOL-EN16931-R121", sentence=sentence)
        return
    if line.price < 0:
        yield Finding(rule="BR-27", sentence=f"The price of {called} is negative ({money(line.price)}).")
    if line.base_unit is not None and line.base_unit != line.unit:
        sentence = f"The price of {called} is per {shown(line.base_unit, 10)}, its quantity in {shown(line.unit, 10)}."
        yield Finding(rule="PEPPOL-EN16931-R130", sentence=sentence)
    for allowance in line.allowances:
        yield from _allowance(allowance, f"a {_kind(allowance)} of {called}")
    yield from _price(line, called)
    net = rounded(line.quantity * line.price / line.base_quantity) + _balance(line.allowances)
    yield from _differs("PEPPOL-EN16931-R120", f"The net amount of {called} (quantity times price)", net, line.net)


def _price(line: Line, called: str) -> Iterator[Finding]:
    if any(discount.charge for discount in line.discounts):
        sentence = f"The price of {called} contains a surcharge; a price may only contain a discount."
        yield Finding(rule="PEPPOL-EN16931-R044", sentence=sentence)
    elif line.gross_price is not None:
        net = line.gross_price - sum((discount.amount for discount in line.discounts), _ZERO)
        what = f"The price of {called} (gross price less discount)"
        yield from _differs("PEPPOL-EN16931-R046", what, net, line.price)


def _balance(allowances: Iterable[AllowanceCharge]) -> Decimal:
    return sum((a.amount if a.charge else -a.amount for a in allowances), _ZERO)


def _allowance(allowance: AllowanceCharge, called: str) -> Iterator[Finding]:
    if allowance.percent is None and allowance.base is None:
        return
    if allowance.percent is None or allowance.base is None:
        lacks, gives = ("percentage", "base amount") if allowance.percent is None else ("base amount", "percentage")
        sentence = f"The invoice gives the {gives} of {called}, but not its {lacks}."
        yield Finding(rule="PEPPOL-EN16931-R041", sentence=sentence)
        return
    amount = rounded(allowance.base * allowance.percent / 100)
    what = f"{plain(allowance.percent)}% of {money(allowance.base)}, {called},"
    yield from _differs("PEPPOL-EN16931-R040", what, amount, allowance.amount)


# --- totals -----------------------------------------------------------------------------------------------------------


def _totals(invoice: Invoice) -> Iterator[Finding]:
    totals = invoice.totals
    lines = sum((line.net for line in invoice.lines), _ZERO)
    allowances = sum((a.amount for a in invoice.allowances if not a.charge), _ZERO)
    charges = sum((a.amount for a in invoice.allowances if a.charge), _ZERO)
    exclusive = totals.lines - totals.allowances + totals.charges
    tax = sum((total.amount for total in _documents_taxes(invoice)), _ZERO)
    payable = totals.tax_inclusive - totals.prepaid + totals.rounding
    yield from _differs("BR-CO-10", "The sum of the line amounts", lines, totals.lines)
    yield from _differs("BR-CO-11", "The sum of the document's allowances", allowances, totals.allowances)
    yield from _differs("BR-CO-12", "The sum of the document's charges", charges, totals.charges)
    yield from _differs("BR-CO-13", "The total without VAT", exclusive, totals.tax_exclusive)
    yield from _differs("BR-CO-15", "The total with VAT", totals.tax_exclusive + tax, totals.tax_inclusive)
    what = "The amount due (total with VAT, less what was prepaid, plus rounding)"
    yield from _differs("BR-CO-16", what, payable, totals.payable)


def _currencies(invoice: Invoice) -> Iterator[Finding]:
    stray = ", ".join(shown(currency, 10) or "none" for currency in invoice.stray_currencies)
    if stray:
        sentence = f"The invoice is in {invoice.currency}, but some of its amounts are in {stray}."
        yield Finding(rule="PEPPOL-EN16931-R051", sentence=sentence)
    stated = [total.currency for total in invoice.taxes]
    if invoice.tax_currency not in (None, invoice.currency) and invoice.tax_currency not in stated:
        sentence = f"The VAT is to be stated in {invoice.tax_currency} as well, but is not."
        yield Finding(rule="BR-53", sentence=sentence)


def _decimals(invoice: Invoice) -> Iterator[Finding]:
    totals = invoice.totals
    amounts = [line.net for line in invoice.lines]
    amounts += [a.amount for a in invoice.allowances]
    amounts += [a.amount for line in invoice.lines for a in line.allowances]
    amounts += [a.base for a in invoice.allowances if a.base is not None]
    amounts += [totals.lines, totals.tax_exclusive, totals.tax_inclusive, totals.payable]
    amounts += [totals.allowances, totals.charges, totals.prepaid, totals.rounding]
    for total in invoice.taxes:
        amounts += [total.amount, *(s.taxable for s in total.subtotals), *(s.tax for s in total.subtotals)]
    if odd := next((amount for amount in amounts if amount != rounded(amount)), None):
        sentence = f"The amount {plain(odd)} has more than two decimals."
        yield Finding(rule="BR-DEC", sentence=sentence)


# --- VAT --------------------------------------------------------------------------------------------------------------


def _documents_taxes(invoice: Invoice) -> list[TaxTotal]:
    return [total for total in invoice.taxes if total.currency == invoice.currency]


def _taxes(invoice: Invoice) -> Iterator[Finding]:
    totals = _documents_taxes(invoice)
    if len(totals) != 1 or not totals[0].subtotals:
        sentence = f"The invoice must state its VAT in {invoice.currency} once, with a breakdown by rate; it does not."
        yield Finding(rule="BR-CO-18", sentence=sentence)
        return
    total = totals[0]
    stated = sum((subtotal.tax for subtotal in total.subtotals), _ZERO)
    yield from _differs("BR-CO-14", "The total of the VAT amounts", stated, total.amount)
    for subtotal in total.subtotals:
        yield from _subtotal(subtotal)
    yield from _breakdown(invoice, total)


def _rule(category: str, number: str) -> str:
    return f"BR-{_RULES_OF.get(category, category)}-{number}"


def _called(category: str, rate: Decimal | None) -> str:
    return f"VAT category {shown(category, 5) or '(none)'} at {plain(rate or _ZERO)}%"


def _subtotal(subtotal: TaxSubtotal) -> Iterator[Finding]:
    called = _called(subtotal.category, subtotal.rate)
    rate = subtotal.rate or _ZERO
    tax = rounded(subtotal.taxable * rate / 100)
    yield from _differs("BR-CO-17", f"The VAT of {called} on {money(subtotal.taxable)}", tax, subtotal.tax)
    if subtotal.category in _NEED_A_REASON and not subtotal.exemption:
        sentence = f"The invoice does not say why {called} is without VAT."
        yield Finding(rule=_rule(subtotal.category, "10"), sentence=sentence)


def _rates(category: str, rate: Decimal | None) -> Iterator[Finding]:
    called = _called(category, rate)
    if category not in _CATEGORIES:
        yield Finding(rule="BR-CL-18", sentence=f"There is no {called}.")
    elif category in _WITHOUT_TAX and rate:
        yield Finding(rule=_rule(category, "05"), sentence=f"{called}: goods of this category are without VAT.")
    elif category in _WITH_TAX and (rate is None or rate <= 0):
        yield Finding(rule=_rule(category, "05"), sentence=f"{called}: goods of this category have a rate above 0%.")
    elif rate is not None and not 0 <= rate <= 100:
        yield Finding(rule=_rule(category, "05"), sentence=f"{called} is not a possible rate.")


def _breakdown(invoice: Invoice, total: TaxTotal) -> Iterator[Finding]:
    """The taxable amount of each category and rate is what lines, charges and allowances of that kind come to."""
    computed: dict[tuple[str, Decimal], Decimal] = {}
    for line in invoice.lines:
        kind = (line.category or "", (line.rate or _ZERO).normalize())
        computed[kind] = computed.get(kind, _ZERO) + line.net
    for allowance in invoice.allowances:
        kind = (allowance.category or "", (allowance.rate or _ZERO).normalize())
        computed[kind] = computed.get(kind, _ZERO) + (allowance.amount if allowance.charge else -allowance.amount)
    stated: dict[tuple[str, Decimal], Decimal] = {}
    for subtotal in total.subtotals:
        kind = (subtotal.category, (subtotal.rate or _ZERO).normalize())
        if kind in stated:
            sentence = f"The VAT breakdown lists {_called(*kind)} twice."
            yield Finding(rule="BR-CO-18", sentence=sentence)
        stated[kind] = stated.get(kind, _ZERO) + subtotal.taxable
    for kind in sorted(computed.keys() | stated.keys()):
        yield from _rates(*kind)
        what = f"What is taxed as {_called(*kind)}"
        yield from _differs(_rule(kind[0], "08"), what, computed.get(kind, _ZERO), stated.get(kind, _ZERO))
    kinds = {category for category, _ in computed}
    if "O" in kinds and len(kinds) > 1:
        sentence = "The invoice mixes goods outside the scope of VAT with others; that is not allowed."
        yield Finding(rule="BR-O-11", sentence=sentence)
