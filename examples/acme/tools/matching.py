"""Decides what becomes of an invoice: pure rules over the document and the company's books, no I/O and no clock.

Pays only where document, supplier, order, receipts and register all agree. Everything else goes to people with reasons,
and the very same invoice a second time is rejected.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from tools.decision import Ask, Decision, Pay, Reason, Reject
from tools.document import Finding, Invoice, Party
from tools.duplicates import Twins, certain, possible
from tools.order_match import OrderMatch, match_order
from tools.records import Company, Match, Order, Receipts, Supplier
from tools.wording import money, plain, shown

__all__ = ["Case", "Rules", "decide", "identify", "valid_iban"]

_ZERO = Decimal(0)
_PAYABLE_TYPES = frozenset(("380", "326"))
_CREDIT_NOTES = frozenset(("381", "396", "261", "262", "296", "308", "420", "458", "532", "81", "83"))
_TYPE_NAMES = {
    "383": "a debit note",
    "384": "a corrected invoice",
    "386": "a prepayment invoice",
    "389": "a self-billed invoice",
    "751": "for information only, not a request for payment",
}
_REASONS_SHOWN = 12
_CREDIT_TRANSFERS = frozenset(("30", "31", "42", "57", "58"))
_DIRECT_DEBITS = frozenset(("49", "59"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What the company tolerates. `price_tolerance` is in percent of the ordered price."""

    price_tolerance: Decimal = _ZERO
    largest_rounding: Decimal = Decimal("0.50")
    pay_overdue: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One invoice and all that the books say about it. `suppliers` are those that any of its identifiers points to."""

    file: str
    sha256: str
    invoice: Invoice
    company: Company
    today: date
    findings: tuple[Finding, ...] = ()
    suppliers: tuple[Supplier, ...] = ()
    order: Order | None = None
    receipts: Receipts | None = None
    matches: tuple[Match, ...] = ()
    twins: Twins = field(default_factory=Twins)


def decide(case: Case, rules: Rules | None = None) -> Decision:
    """The one decision about this invoice."""
    rules = rules or Rules()
    if refused := tuple(certain(case.invoice, case.file, case.matches, case.twins)):
        return Reject(reasons=refused)
    supplier = identify(case.invoice, case.suppliers)
    match = OrderMatch()
    reasons = [Reason(code=finding.rule, sentence=finding.sentence) for finding in case.findings]
    reasons += [*_kind(case.invoice), *_negatives(case.invoice), *_amounts(case, rules), *_addressee(case)]
    reasons += [*_supplier(case, supplier), *_account(case.invoice, supplier)]
    reasons += possible(case.invoice, case.matches, case.twins)
    reasons += _order(case, supplier)
    if case.order is not None and case.receipts is not None:
        match = match_order(case.invoice, case.order, case.receipts, rules.price_tolerance)
        reasons += match.reasons
    notes = tuple(_dates(case))
    if not rules.pay_overdue or case.invoice.due is None:
        reasons += notes
    if reasons or supplier is None or case.order is None:
        return Ask(question=_question(case, reasons), reasons=tuple(reasons))
    return _payment(case.invoice, supplier, case.order, match, notes)


def _payment(invoice: Invoice, supplier: Supplier, order: Order, match: OrderMatch, notes: tuple[Reason, ...]) -> Pay:
    return Pay(
        supplier=supplier.id,
        order=order.number,
        iban=_plain_id(supplier.iban).upper(),
        amount=invoice.totals.payable,
        currency=invoice.currency,
        name=supplier.name,
        reference=invoice.means[0].reference or invoice.number,
        charges=match.charges,
        lines=match.lines,
        notes=notes,
    )


def _question(case: Case, reasons: Sequence[Reason]) -> str:
    invoice = case.invoice
    amount = money(invoice.totals.payable, invoice.currency)
    head = f"{invoice.kind.capitalize()} {shown(invoice.number)} of {shown(invoice.supplier.name)} over {amount}"
    more = len(reasons) - _REASONS_SHOWN
    why = "\n".join(f"- {reason.sentence}" for reason in reasons[:_REASONS_SHOWN])
    why += f"\n- and {more} more of the kind" if more > 0 else ""
    return f"{head} (file {shown(case.file)!r}) is not paid:\n{why}\nWhat shall become of it?"


# --- the document -----------------------------------------------------------------------------------------------------


def _kind(invoice: Invoice) -> Iterator[Reason]:
    code = invoice.type_code
    if invoice.kind == "credit note" or code in _CREDIT_NOTES:
        amount = money(invoice.totals.payable, invoice.currency)
        yield Reason(code="credit-note", sentence=f"It is a credit note over {amount}: it is to be set off, not paid.")
    elif code not in _PAYABLE_TYPES:
        what = _TYPE_NAMES.get(code, "of a kind that is not paid automatically")
        yield Reason(code="document-type", sentence=f"It is {what} (document type {shown(code, 10)}).")
    if invoice.corrects and invoice.kind == "invoice":
        earlier = ", ".join(shown(number, 40) for number in invoice.corrects[:5])
        yield Reason(code="refers-to-earlier", sentence=f"It refers to an earlier invoice: {earlier}.")
    if not (invoice.customization or "").startswith("urn:cen.eu:en16931:2017"):
        yield Reason(code="specification", sentence="It does not say that it follows the European standard EN 16931.")


def _negatives(invoice: Invoice) -> Iterator[Reason]:
    for line in invoice.lines:
        if line.quantity < 0 or line.net < 0 or line.price < 0:
            figures = f"{plain(line.quantity)} at {money(line.price)} make {money(line.net)}"
            sentence = f"Line {shown(line.id, 20)} is negative ({figures}): it takes back something invoiced before."
            yield Reason(code="negative", sentence=sentence)
    totals = invoice.totals
    others = [totals.lines, totals.tax_exclusive, totals.tax_inclusive]
    others += [totals.allowances, totals.charges, totals.prepaid]
    others += [total.amount for total in invoice.taxes]
    others += [amount for total in invoice.taxes for s in total.subtotals for amount in (s.taxable, s.tax)]
    every = [*invoice.allowances, *(a for line in invoice.lines for a in (*line.allowances, *line.discounts))]
    others += [amount for a in every for amount in (a.amount, a.base, a.percent) if amount is not None]
    if negative := next((amount for amount in others if amount < 0), None):
        sentence = f"It contains a negative amount ({money(negative)}) in its totals, taxes, allowances or charges."
        yield Reason(code="negative", sentence=sentence)


def _amounts(case: Case, rules: Rules) -> Iterator[Reason]:
    invoice, totals = case.invoice, case.invoice.totals
    if totals.payable <= 0:
        sentence = f"There is nothing to pay: the amount due is {money(totals.payable, invoice.currency)}."
        yield Reason(code="nothing-to-pay", sentence=sentence)
    if totals.prepaid:
        prepaid = money(totals.prepaid, invoice.currency)
        sentence = f"{prepaid} of it is said to be paid already: compare with our payments."
        yield Reason(code="prepaid", sentence=sentence)
    if abs(totals.rounding) > rules.largest_rounding:
        sentence = f"The amount due is rounded by {money(totals.rounding, invoice.currency)}, more than usual."
        yield Reason(code="rounding", sentence=sentence)
    if invoice.currency != case.company.currency:
        sentence = f"It is in {invoice.currency}; payments are made in {case.company.currency} only."
        yield Reason(code="currency", sentence=sentence)


def _dates(case: Case) -> Iterator[Reason]:
    due = case.invoice.due
    if due is None:
        yield Reason(code="no-due-date", sentence="It has no due date.")
    elif due < case.today:
        days = (case.today - due).days
        yield Reason(code="overdue", sentence=f"It was due on {due}, {days} day{'s' if days > 1 else ''} ago.")


# --- the parties ------------------------------------------------------------------------------------------------------


def _plain_id(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def _identifiers(party: Party | Supplier | Company) -> dict[str, str]:
    given = {"VAT number": party.vat_id, "company number": party.legal_id, "electronic address": party.endpoint}
    return {called: text for called, text in given.items() if text and _plain_id(text)}


def _agreeing(one: dict[str, str], other: dict[str, str]) -> list[str]:
    return [called for called in one.keys() & other.keys() if _plain_id(one[called]) == _plain_id(other[called])]


def identify(invoice: Invoice, suppliers: Sequence[Supplier]) -> Supplier | None:
    """The one supplier whose identifiers the invoice gives; a name identifies nobody."""
    given = _identifiers(invoice.supplier)
    found = [supplier for supplier in suppliers if _agreeing(given, _identifiers(supplier))]
    return found[0] if len(found) == 1 else None


def _addressee(case: Case) -> Iterator[Reason]:
    given, ours = _identifiers(case.invoice.buyer), _identifiers(case.company)
    contradicting = _contradictions(given, ours)
    if contradicting or not _agreeing(given, ours):
        name = shown(case.invoice.buyer.name)
        why = contradicting or ["no number of ours on it"]
        sentence = f"It is addressed to {name}, not clearly to {case.company.name}: {'; '.join(why)}."
        yield Reason(code="not-for-us", sentence=sentence)


def _contradictions(given: dict[str, str], known: dict[str, str]) -> list[str]:
    return [
        f"{called} {shown(given[called], 40)} instead of {shown(known[called], 40)}"
        for called in given
        if called in known and _plain_id(given[called]) != _plain_id(known[called])
    ]


def _supplier(case: Case, supplier: Supplier | None) -> Iterator[Reason]:
    given = _identifiers(case.invoice.supplier)
    if supplier is None:
        numbers = ", ".join(f"{called} {shown(text, 40)}" for called, text in given.items()) or "no number at all"
        known = ", ".join(f"{s.id} ({shown(s.name, 40)})" for s in case.suppliers[:5])
        hint = f" It resembles {known}; check who sent it." if known else ""
        name = shown(case.invoice.supplier.name)
        sentence = f"The supplier {name} ({numbers}) is not in the books, or not clearly one supplier.{hint}"
        yield Reason(code="unknown-supplier", sentence=sentence)
        return
    if supplier.blocked:
        why = shown(supplier.blocked_reason or "no reason given", 200)
        yield Reason(code="blocked-supplier", sentence=f"The supplier {supplier.name} is blocked ({why}).")
    if wrong := _contradictions(given, _identifiers(supplier)):
        sentence = f"The invoice names the supplier differently from our books: {'; '.join(wrong)}."
        yield Reason(code="supplier-differs", sentence=sentence)
    if (payee := case.invoice.payee) is not None:
        sentence = f"It is to be paid to somebody else than the supplier: {shown(payee.name)}."
        yield Reason(code="other-payee", sentence=sentence)


def valid_iban(text: str) -> bool:
    """Whether the check digits of an account number are right."""
    iban = _plain_id(text).upper()
    if not (15 <= len(iban) <= 34 and iban.isascii() and iban[:2].isalpha() and iban[2:4].isdigit()):
        return False
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97 == 1


def _account(invoice: Invoice, supplier: Supplier | None) -> Iterator[Reason]:
    if len(invoice.means) != 1:
        how = "no way" if not invoice.means else f"{len(invoice.means)} ways"
        yield Reason(code="payment-means", sentence=f"It names {how} of paying it; one is expected.")
    for means in invoice.means:
        if means.code in _DIRECT_DEBITS:
            sentence = "The supplier collects it by direct debit: it must not be paid as well."
            yield Reason(code="direct-debit", sentence=sentence)
        elif means.code not in _CREDIT_TRANSFERS:
            sentence = f"It is not to be paid by bank transfer (means of payment {shown(means.code, 10)})."
            yield Reason(code="payment-means", sentence=sentence)
        if means.account is None:
            yield Reason(code="no-account", sentence="It names no account to pay to.")
        elif supplier is not None and _plain_id(means.account) != _plain_id(supplier.iban):
            sentence = (
                f"It asks for payment to account {shown(means.account, 40)}, but our books have {supplier.iban} for "
                f"{supplier.name}. Ask the supplier on a number you already know, not one from the invoice."
            )
            yield Reason(code="account-changed", sentence=sentence)
        if means.account is not None and not valid_iban(means.account):
            sentence = f"The account number {shown(means.account, 40)} is not a valid IBAN."
            yield Reason(code="bad-iban", sentence=sentence)


def _order(case: Case, supplier: Supplier | None) -> Iterator[Reason]:
    number, order = case.invoice.order, case.order
    if number is None:
        yield Reason(code="no-order", sentence="It names no order of ours.")
    elif order is None:
        yield Reason(code="unknown-order", sentence=f"There is no order {shown(number)} in our books.")
    else:
        if supplier is not None and order.supplier != supplier.id:
            ours = f"{supplier.id} ({supplier.name})"
            sentence = f"Order {order.number} went to supplier {order.supplier}, not to {ours}."
            yield Reason(code="other-supplier", sentence=sentence)
        if order.currency != case.invoice.currency:
            sentence = f"It is in {case.invoice.currency}, but order {order.number} is in {order.currency}."
            yield Reason(code="order-currency", sentence=sentence)
        if order.status == "closed":
            yield Reason(code="order-closed", sentence=f"Order {order.number} is closed: all of it was settled.")
