"""What became of each invoice, and the summary of a run that people read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, get_args

from tools.document import Invoice
from tools.wording import money, shown

__all__ = ["Outcome", "State", "state_of_answer", "summary"]

State = Literal["paid", "rejected", "returned to supplier", "held", "dealt with before"]
_REASONS_SHOWN = 12
_ANSWERS: dict[str, State] = {"reject": "rejected", "return to supplier": "returned to supplier", "hold": "held"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The end of one file's story. `invoice` is missing where it could not be read; `paid` is what the bank paid."""

    file: str
    state: State
    reasons: tuple[str, ...] = ()
    invoice: Invoice | None = None
    paid: Decimal | None = None
    payment: str | None = None


def state_of_answer(answer: str) -> State | None:
    """What a person's answer to an exception means; None for what is not one of the options, payment included."""
    return _ANSWERS.get(" ".join(answer.casefold().split()))


def summary(outcomes: Sequence[Outcome]) -> str:
    """All invoices of a run, by what became of them."""
    if not outcomes:
        return "No invoices."
    counts = [_count(state, [o for o in outcomes if o.state == state]) for state in get_args(State)]
    head = f"{len(outcomes)} invoice{'s' if len(outcomes) > 1 else ''}: {', '.join(c for c in counts if c)}."
    return "\n".join([head, *_sections(outcomes)])


def _count(state: State, outcomes: Sequence[Outcome]) -> str:
    if not outcomes:
        return ""
    total = _total(outcomes) if state == "paid" else ""
    return f"{len(outcomes)} {state}{f' ({total})' if total else ''}"


def _total(outcomes: Sequence[Outcome]) -> str:
    sums: dict[str, Decimal] = {}
    for outcome in outcomes:
        if outcome.invoice is not None and outcome.paid is not None:
            currency = outcome.invoice.currency
            sums[currency] = sums.get(currency, Decimal(0)) + outcome.paid
    return ", ".join(money(amount, currency) for currency, amount in sorted(sums.items()))


def _sections(outcomes: Sequence[Outcome]) -> Iterator[str]:
    for state in get_args(State):
        of_state = [outcome for outcome in outcomes if outcome.state == state]
        if of_state:
            yield ""
            yield f"{state[0].upper()}{state[1:]}"
        for outcome in of_state:
            yield f"- {_line(outcome)}"
            yield from (f"    {reason}" for reason in outcome.reasons[:_REASONS_SHOWN])
            if (more := len(outcome.reasons) - _REASONS_SHOWN) > 0:
                yield f"    and {more} more reasons"


def _line(outcome: Outcome) -> str:
    file, invoice = shown(outcome.file), outcome.invoice
    if invoice is None:
        return file
    amount = money(invoice.totals.payable if outcome.paid is None else outcome.paid, invoice.currency)
    order = f", order {shown(invoice.order, 40)}" if invoice.order else ""
    payment = f", payment {outcome.payment}" if outcome.payment else ""
    return f"{shown(invoice.supplier.name)} {shown(invoice.number, 40)}: {amount}{order}{payment} ({file})"
