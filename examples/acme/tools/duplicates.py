"""Whether an invoice was here before: in the register, or twice in the same folder under other names."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tools.decision import Reason
from tools.document import Invoice
from tools.records import Entry, Match
from tools.wording import money, shown

__all__ = ["Filed", "Twins", "certain", "possible", "within_folder"]

_MOST = 5  #: as many files are named to a clerk


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
    """Other files of the folder that may be the same invoice, or take it back."""

    copy_of: str | None = None
    rivals: tuple[str, ...] = ()
    lookalikes: tuple[str, ...] = ()
    credited_by: tuple[str, ...] = ()


def within_folder(papers: Sequence[Filed]) -> dict[str, Twins]:
    """For each file its twins. Of identical ones the first by name stands; of rivals none does."""
    shared: dict[Hashable, list[Filed]] = {}
    for paper in papers:
        for trait in _traits(paper):
            shared.setdefault(trait, []).append(paper)
    return {paper.file: _twins(paper, shared) for paper in papers}


def _traits(paper: Filed) -> Iterator[Hashable]:
    """What two files that belong together have in common."""
    invoice, totals = paper.invoice, paper.invoice.totals
    yield "bytes", paper.sha256
    yield "content", invoice
    if paper.supplier is not None:
        yield "number", paper.supplier, paper.key
        yield "sum and day", paper.supplier, totals.payable, invoice.currency, invoice.issued
        if invoice.kind == "credit note" or invoice.type_code == "381":
            yield from (("credited", paper.supplier, _plain(number)) for number in dict.fromkeys(invoice.corrects))


def _twins(paper: Filed, shared: Mapping[Hashable, Sequence[Filed]]) -> Twins:
    def others(*traits: Hashable) -> tuple[str, ...]:
        found = (other.file for trait in traits for other in shared.get(trait, ()) if other.file != paper.file)
        return tuple(dict.fromkeys(found))

    invoice, totals = paper.invoice, paper.invoice.totals
    copies = others(("bytes", paper.sha256), ("content", invoice))
    earlier = min((file for file in copies if file < paper.file), default=None)
    if paper.supplier is None:
        return Twins(copy_of=earlier)
    rivals = others(("number", paper.supplier, paper.key))
    alike = others(("sum and day", paper.supplier, totals.payable, invoice.currency, invoice.issued))
    return Twins(
        copy_of=earlier,
        rivals=tuple(file for file in rivals if file not in copies)[:_MOST],
        lookalikes=tuple(file for file in alike if file not in copies and file not in rivals)[:_MOST],
        credited_by=others(("credited", paper.supplier, _plain(invoice.number)))[:_MOST],
    )


def _plain(number: str) -> str:
    return "".join(number.casefold().split())


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
    for file in twins.credited_by:
        sentence = f"The file {shown(file)!r} holds a credit note for this invoice: the two belong together."
        yield Reason(code="credited", sentence=sentence)
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
        return f"was registered on {day} and not paid: {shown(entry.note or 'no reason given', 200).rstrip('.')}."
    return f"was registered on {day} by {entry.registered_by or 'somebody'} and is not marked as paid yet."
