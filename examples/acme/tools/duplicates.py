"""Whether an invoice was here before: in the register, or twice in the same folder under other names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tools.decision import Reason
from tools.document import Invoice
from tools.records import Entry, Match
from tools.wording import money, shown

__all__ = ["Filed", "Twins", "certain", "possible", "within_folder"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Filed:
    """An invoice of this folder: its file, its content, and the supplier and normalised number it goes by."""

    file: str
    sha256: str
    invoice: Invoice
    supplier: str | None
    key: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Twins:
    """Other files of the folder that may be the same invoice."""

    copy_of: str | None = None
    rivals: tuple[str, ...] = ()
    lookalikes: tuple[str, ...] = ()


def within_folder(papers: Sequence[Filed]) -> dict[str, Twins]:
    """For each file its twins. Of identical ones the first by name stands; of rivals none does."""
    return {paper.file: _twins(paper, papers) for paper in papers}


def _twins(paper: Filed, papers: Sequence[Filed]) -> Twins:
    others = [other for other in papers if other.file != paper.file]
    copies = [other.file for other in others if other.sha256 == paper.sha256 or other.invoice == paper.invoice]
    theirs = [other for other in others if paper.supplier is not None and other.supplier == paper.supplier]
    rest = [other for other in theirs if other.file not in copies]
    return Twins(
        copy_of=min((file for file in copies if file < paper.file), default=None),
        rivals=tuple(other.file for other in rest if other.key == paper.key),
        lookalikes=tuple(o.file for o in rest if o.key != paper.key and _same_sum_and_day(o.invoice, paper.invoice)),
    )


def _same_sum_and_day(one: Invoice, other: Invoice) -> bool:
    return (one.totals.payable, one.currency, one.issued) == (other.totals.payable, other.currency, other.issued)


def certain(invoice: Invoice, file: str, matches: Sequence[Match], twins: Twins) -> Iterator[Reason]:
    """What needs no person: the very same invoice again."""
    if twins.copy_of is not None:
        sentence = f"It is the same invoice as {shown(twins.copy_of)!r}, under another file name."
        yield Reason(code="duplicate-file", sentence=sentence)
    for match in matches:
        entry = match.invoice
        if match.why == "same_file":
            if entry.file == file:
                yield Reason(code="seen-before", sentence=f"This file {_history(entry)}")
            else:
                sentence = f"The same file, then called {shown(entry.file)!r}, {_history(entry)}"
                yield Reason(code="duplicate-file", sentence=sentence)
        elif match.why == "same_number" and _is_entry(invoice, entry):
            which = f"Invoice {shown(entry.number)} of this supplier, with the same amount and date,"
            sentence = f"{which} {_history(entry)}"
            yield Reason(code="duplicate", sentence=sentence)


def _is_entry(invoice: Invoice, entry: Entry) -> bool:
    same_sum = (invoice.totals.payable, invoice.currency) == (entry.amount, entry.currency)
    return same_sum and invoice.issued == entry.issued and invoice.number == entry.number


def possible(invoice: Invoice, matches: Sequence[Match], twins: Twins) -> Iterator[Reason]:
    """What a person has to look at: perhaps the same invoice again."""
    for file in twins.rivals:
        sentence = f"The file {shown(file)!r} holds a different invoice with the same number {shown(invoice.number)}."
        yield Reason(code="same-number", sentence=sentence)
    for file in twins.lookalikes:
        sentence = f"The file {shown(file)!r} holds another invoice of this supplier with the same amount and date."
        yield Reason(code="possible-duplicate", sentence=sentence)
    for match in matches:
        entry = match.invoice
        other = f"invoice {shown(entry.number)} over {money(entry.amount, entry.currency)} of {entry.issued},"
        if match.why == "same_number":
            came = f"Another document with the number {shown(invoice.number)} came before"
            sentence = f"{came}: {other} which {_history(entry)}"
            yield Reason(code="same-number", sentence=sentence)
        elif match.why == "looks_like":
            sentence = f"The number {shown(invoice.number)} looks like that of {other} which {_history(entry)}"
            yield Reason(code="looks-like", sentence=sentence)
        elif match.why == "same_amount_and_date":
            sentence = f"This supplier sent the same amount with the same date before: {other} which {_history(entry)}"
            yield Reason(code="possible-duplicate", sentence=sentence)


def _history(entry: Entry) -> str:
    day = entry.registered_at[:10]
    if entry.state == "paid":
        return f"was registered on {day} and paid ({entry.payment})."
    if entry.state == "refused":
        return f"was registered on {day} and not paid: {shown(entry.note or 'no reason given', 200)}"
    return f"was registered on {day} by {entry.registered_by or 'somebody'} and is not marked as paid yet."
