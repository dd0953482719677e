"""The service desk: sees to each letter of the help desk's mailbox once, and decides in code who wrote it.

A model reads a letter only after its writer is certain, and what it says reaches the writer only as an answer that it
could file. Whose access may be reset is decided by the accounts, by the ticket that is opened here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tools.wording import shown

import deputy

WROTE, DID_NOT = "I wrote it", "I did not write it"
PEOPLE = "group:it"
LONGEST = 8_000  #: characters of a letter that the help desk reads


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What became of one letter."""

    who: str
    subject: str
    what: str


async def run(task: str, desk: deputy.Desk) -> str:
    """See to every letter in the mailbox; the task's words change nothing."""
    found = await desk.call("support.search", most=50)
    seen: list[Seen | None] = await desk.together(*(see_to(desk, letter["id"]) for letter in found["letters"]))
    lines = [f"- {one.subject} ({one.who}): {one.what}" for one in seen if one is not None]
    return "\n".join([f"{len(lines)} letters seen to.", *lines])


async def see_to(desk: deputy.Desk, place: str) -> Seen | None:
    """One letter, from who wrote it to where it is filed; None where another run sees to it."""
    try:
        letter: Mapping[str, Any] = await desk.call("support.read", letter=place)
    except deputy.ToolFailed:
        return None
    who, subject = shown(letter["sender"]["address"] or "nobody"), shown(letter["subject"] or "no subject")
    verified = _vouched(letter)
    ticket = await _ticket(desk, letter, verified)
    if not ticket["fresh"]:
        return None
    place = str((await desk.call("support.move", letter=place, folder="Working"))["id"])
    if letter.get("automatic") or letter.get("bounce"):
        what = "no person wrote it; nothing was done."
    else:
        if not verified and await _challenged(desk, letter):
            verified = f"challenge: {who} said so in their inbox"
            ticket = await _ticket(desk, letter, verified)
        try:
            what = await _answered(desk, letter, place, ticket)
        except (deputy.ToolFailed, deputy.Denied) as problem:
            what = await _handed_over(desk, ticket, who, subject, f"It could not be answered: {_words(problem)}")
    await desk.call("support.move", letter=place, folder="Done")
    return Seen(who=who, subject=subject, what=what)


async def _ticket(desk: deputy.Desk, letter: Mapping[str, Any], verified: str) -> Mapping[str, Any]:
    key = f"{letter['id'].rpartition('/')[2]}{' (challenged)' if verified.startswith('challenge') else ''}"
    address, subject = letter["sender"]["address"], shown(letter["subject"], 200)
    return await desk.call("accounts.open_ticket", letter=key, address=address, verified_by=verified, subject=subject)


def _vouched(letter: Mapping[str, Any]) -> str:
    """How the sender is certain, or nothing."""
    sender = letter["sender"]
    return f"mail: {sender['how']}" if sender["authenticated"] else ""


async def _challenged(desk: deputy.Desk, letter: Mapping[str, Any]) -> bool:
    """Whether the person in whose name the letter came says that they wrote it."""
    question = (
        f"A mail in your name asks the help desk for something, and our mail server cannot tell whether it is from you."
        f" Subject: {shown(letter['subject'], 200)!r}. It begins: {shown(letter['text'], 300)!r}. Did you write it?"
    )
    try:
        answer = await desk.ask_person(question, to=letter["sender"]["address"] or "nobody", options=[WROTE, DID_NOT])
    except (deputy.ToolFailed, deputy.Denied):
        return False  # in nobody's name that we know, or they refused to say
    return " ".join(answer.casefold().split()) == WROTE.casefold()


async def _answered(desk: deputy.Desk, letter: Mapping[str, Any], place: str, ticket: Mapping[str, Any]) -> str:
    who, subject = shown(letter["sender"]["address"] or "nobody"), shown(letter["subject"] or "no subject")
    if not ticket["verified"]:
        return await _handed_over(desk, ticket, who, subject, "It is not certain who wrote it.")
    task = f"Ticket: {ticket['ticket']}\nSubject: {subject}\n\n{letter['text'][:LONGEST]}"
    ended = await desk.call("agent.run", agent="helpdesk", task=task)
    filed = await desk.call("filed_answer", run=ended["run"])
    if not filed["filed"]:
        return await _handed_over(desk, ticket, who, subject, "The help desk found no answer in the handbook.")
    if letter["sender"]["authenticated"]:
        await desk.call("support.reply", letter=place, to=letter["sender"]["address"], text=filed["text"])
    else:
        to = [letter["sender"]["address"]]
        await desk.call("support.send", to=to, subject=f"Re: {subject}", text=filed["text"], letter=place)
    return "answered."


async def _handed_over(desk: deputy.Desk, ticket: Mapping[str, Any], who: str, subject: str, why: str) -> str:
    await desk.call("accounts.hand_over", ticket=ticket["ticket"], why=f"{subject} ({who}): {why}")
    await desk.call("person.tell", to=PEOPLE, text=f"For you, as ticket {ticket['ticket']}: {subject} ({who}). {why}")
    return f"handed over to the people of IT. {why}"


def _words(problem: deputy.ToolFailed | deputy.Denied) -> str:
    return shown(problem.error if isinstance(problem, deputy.ToolFailed) else problem.reason, 300)
