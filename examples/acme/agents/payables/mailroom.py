"""The mailbox of accounts payable: takes each letter once, hands out the invoices in it, answers and files it.

Decides nothing about invoices. Only a sender whom our mail server vouches for, at the address in our books, is
answered, and never with what our books say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.outcome import Outcome
from tools.wording import money, shown

import deputy

__all__ = ["Attached", "Letter", "close_letter", "open_letters"]

MOST = 50  #: letters of one run
MOST_ATTACHED = 10  #: invoices of one letter


@dataclass(frozen=True, kw_only=True, slots=True)
class Attached:
    """One attached XML file; `label` is its name here, which no other file has. `problem` is why it has no content."""

    label: str
    name: str
    content: str = ""
    encoding: str = "utf-8"
    problem: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """One letter. `certain` is whether our mail server vouches for its sender."""

    place: str
    sender: str
    certain: bool
    automatic: bool
    subject: str
    attached: tuple[Attached, ...]


async def open_letters(desk: deputy.Desk) -> tuple[list[Letter], str]:
    """The letters that no other run has taken, and what was wrong with the mailbox, if anything was."""
    try:
        found = await desk.call("mail.search", most=MOST)
    except (deputy.ToolFailed, deputy.Denied) as problem:
        return [], f"The mailbox could not be read: {_words(problem)}"
    places = sorted(str(one["id"]) for one in found["letters"])
    opened: list[Letter | None] = await desk.together(*(_open(desk, place) for place in places))
    return [letter for letter in opened if letter is not None], ""


async def _open(desk: deputy.Desk, place: str) -> Letter | None:
    try:
        if not (await desk.call("take_letter", letter=_name(place)))["taken"]:
            return None
        read: Mapping[str, Any] = await desk.call("mail.read", letter=place)
    except (deputy.ToolFailed, deputy.Denied):
        return None  # it is not there any more, or cannot be read: it stays where it is
    papers = [one for one in read["attachments"] if _is_xml(one)]
    attached = [await _attached(desk, place, one) for one in papers[:MOST_ATTACHED]]
    return Letter(
        place=place, sender=read["sender"]["address"], certain=bool(read["sender"]["authenticated"]),
        automatic=bool(read.get("automatic") or read.get("bounce")), subject=read["subject"], attached=tuple(attached),
    )  # fmt: skip


def _is_xml(attachment: Mapping[str, Any]) -> bool:
    kind, name = str(attachment["type"]).lower(), str(attachment["name"]).lower()
    return name.endswith(".xml") or kind in ("application/xml", "text/xml") or kind.endswith("+xml")


async def _attached(desk: deputy.Desk, place: str, about: Mapping[str, Any]) -> Attached:
    name = shown(str(about["name"]) or "without a name", 100)
    label = f"{name} (mail {_name(place)}, part {about['id']})"
    try:
        found = await desk.call("mail.attachment", letter=place, attachment=about["id"])
    except (deputy.ToolFailed, deputy.Denied) as problem:
        return Attached(label=label, name=name, problem=_words(problem))
    return Attached(label=label, name=name, content=found["content"], encoding=found["encoding"])


async def close_letter(
    desk: deputy.Desk, letter: Letter, outcomes: Sequence[Outcome], addresses: Mapping[str, str]
) -> str:
    """Answer a letter whose invoices are settled, and file it; `addresses` has the books' address by file."""
    known = {addresses.get(outcome.file, "").casefold() for outcome in outcomes}
    text = _answer(outcomes)
    said = ""
    try:
        if text and letter.certain and not letter.automatic and known == {letter.sender.casefold()}:
            await desk.call("mail.reply", letter=letter.place, to=letter.sender, text=text)
            said = "answered, "
        folder = "Processed" if outcomes else "For people"
        await desk.call("mail.move", letter=letter.place, folder=folder)
    except (deputy.ToolFailed, deputy.Denied) as problem:
        return f"- {_line(letter)}: {said}but it could not be filed: {_words(problem)}"
    doubt = "" if letter.certain else " Our mail server does not vouch for its sender."
    return f"- {_line(letter)}: {said}filed under {folder}.{doubt}"


def _answer(outcomes: Sequence[Outcome]) -> str:
    """What a supplier is told; nothing of what our books say, and nothing about what is held."""
    lines = [line for line in map(_told, outcomes) if line]
    return (
        "\n".join(["Thank you for your letter.", "", *lines, "", "Acme Werke GmbH, accounts payable"]) if lines else ""
    )


def _told(outcome: Outcome) -> str:
    if outcome.invoice is None:
        return ""
    number = shown(outcome.invoice.number, 40)
    match outcome.state:
        case "paid":
            amount = outcome.invoice.totals.payable if outcome.paid is None else outcome.paid
            return f"Invoice {number}: paid, {money(amount, outcome.invoice.currency)}."
        case "returned to supplier":
            return f"Invoice {number}: returned. It does not agree with our order. Please send a corrected one."
        case "rejected" | "dealt with before":
            return f"Invoice {number}: we have it already, and see to it once."
        case "held":
            return ""


def _line(letter: Letter) -> str:
    return f"{shown(letter.subject or 'no subject')} ({shown(letter.sender or 'nobody')})"


def _name(place: str) -> str:
    return place.rpartition("/")[2]


def _words(problem: deputy.ToolFailed | deputy.Denied) -> str:
    return shown(problem.error if isinstance(problem, deputy.ToolFailed) else problem.reason, 300)
