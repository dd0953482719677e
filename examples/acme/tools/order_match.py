"""The three-way match itself: invoice lines against the order's lines and against what was received and invoiced."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from tools.decision import ClaimedLine, Reason
from tools.document import Invoice, Line
from tools.records import LineStatus, Order, OrderLine, Receipts
from tools.wording import money, plain, shown

__all__ = ["OrderMatch", "match_order"]

_ZERO = Decimal(0)
_PIECES = frozenset(("C62", "EA", "H87"))


@dataclass(kw_only=True)
class OrderMatch:
    """What does not agree with the order, and what the invoice uses up of it."""

    reasons: list[Reason] = field(default_factory=list[Reason])
    claimed: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    charges: Decimal = _ZERO

    @property
    def lines(self) -> tuple[ClaimedLine, ...]:
        """The claim on the order, by its lines."""
        return tuple(ClaimedLine(line=line, quantity=quantity) for line, quantity in self.claimed.items())


def match_order(invoice: Invoice, order: Order, receipts: Receipts, price_tolerance: Decimal = _ZERO) -> OrderMatch:
    """Compare; `price_tolerance` is in percent of the ordered price, either way."""
    match = OrderMatch()
    for line in invoice.lines:
        ordered = _ordered(line, order)
        if isinstance(ordered, Reason):
            match.reasons.append(ordered)
            continue
        match.reasons += _line(line, ordered, order, price_tolerance)
        match.claimed[ordered.line] = match.claimed.get(ordered.line, _ZERO) + line.quantity
    for ordered in order.lines:
        if (quantity := match.claimed.get(ordered.line)) is not None:
            status = next((status for status in receipts.lines if status.line == ordered.line), None)
            status = status or LineStatus(line=ordered.line, received=_ZERO, invoiced=_ZERO)
            match.reasons += _quantity(quantity, ordered, status, order)
    match.charges = _all_charges(invoice)
    match.reasons += _charges(match.charges, invoice, order, receipts)
    return match


def _called(line: Line) -> str:
    return f"Line {shown(line.id, 20)} ({shown(line.item, 40)})"


def _ordered(line: Line, order: Order) -> OrderLine | Reason:
    items = {item for item in (line.seller_item, line.buyer_item, line.standard_item) if item}
    if line.order_line is None:
        found = [ordered for ordered in order.lines if ordered.item in items]
        if len(found) == 1:
            return found[0]
        sentence = f"{_called(line)} does not name its line of order {order.number}, and its item numbers do not tell."
        return Reason(code="line-not-ordered", sentence=sentence)
    ordered = next((ordered for ordered in order.lines if ordered.line == line.order_line), None)
    if ordered is None:
        named = f"line {shown(line.order_line, 20)} of order {order.number}"
        sentence = f"{_called(line)} is for {named}, which has no such line."
        return Reason(code="line-not-ordered", sentence=sentence)
    if items and ordered.item not in items:
        given = ", ".join(shown(item, 30) for item in sorted(items))
        theirs = f"line {ordered.line} of order {order.number}"
        sentence = f"{_called(line)} is for item {given}; {theirs} is for {ordered.item}."
        return Reason(code="other-item", sentence=sentence)
    return ordered


def _line(line: Line, ordered: OrderLine, order: Order, tolerance: Decimal) -> Iterator[Reason]:
    if line.unit != ordered.unit and not {line.unit, ordered.unit} <= _PIECES:
        sentence = f"{_called(line)} is invoiced in {shown(line.unit, 10)}, but was ordered in {ordered.unit}."
        yield Reason(code="unit", sentence=sentence)
    due = ordered.unit_price * line.base_quantity
    if abs(line.price - due) > abs(due) * tolerance / 100:
        per = f" per {plain(line.base_quantity)}" if line.base_quantity != 1 else ""
        sentence = f"{_called(line)} costs {money(line.price, order.currency)}{per}; ordered at {money(due)}{per}."
        yield Reason(code="price", sentence=sentence)
    if (line.rate or _ZERO) != ordered.vat_rate:
        expected = f"order {order.number} expects {plain(ordered.vat_rate)}%"
        sentence = f"{_called(line)} is charged with {plain(line.rate or _ZERO)}% VAT; {expected}."
        yield Reason(code="vat-rate", sentence=sentence)


def _quantity(quantity: Decimal, ordered: OrderLine, status: LineStatus, order: Order) -> Iterator[Reason]:
    called = f"Line {ordered.line} of order {order.number} ({shown(ordered.description, 40)})"
    before = f", {plain(status.invoiced)} of them invoiced before" if status.invoiced else ""
    if quantity > ordered.quantity - status.invoiced:
        sentence = f"{called}: {plain(quantity)} invoiced, but {plain(ordered.quantity)} ordered{before}."
        yield Reason(code="over-ordered", sentence=sentence)
    elif quantity > status.received - status.invoiced:
        sentence = f"{called}: {plain(quantity)} invoiced, but {plain(status.received)} received{before}."
        yield Reason(code="over-received", sentence=sentence)


def _all_charges(invoice: Invoice) -> Decimal:
    charges = [a.amount for a in invoice.allowances if a.charge]
    return sum(charges + [a.amount for line in invoice.lines for a in line.allowances if a.charge], _ZERO)


def _charges(charges: Decimal, invoice: Invoice, order: Order, receipts: Receipts) -> Iterator[Reason]:
    open_charges = order.agreed_charges - receipts.charges_invoiced
    if charges > open_charges:
        every = [*invoice.allowances, *(a for line in invoice.lines for a in line.allowances)]
        names = ", ".join(dict.fromkeys(shown(a.reason or "no reason given", 40) for a in every if a.charge))
        sentence = (
            f"The invoice adds charges of {money(charges, order.currency)} ({names}); "
            f"order {order.number} leaves {money(open_charges)} for charges."
        )
        yield Reason(code="charges", sentence=sentence)
