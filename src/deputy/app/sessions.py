"""Sessions of people in browsers: begun by a link or by a provider's word, ended by time, by oneself, or for somebody.

A session is looked up each time it is used: what people.toml takes from its person it loses at once, and one that a
provider vouched for ends when deputy.toml no longer names that provider.
"""

import re
from typing import Any, NamedTuple

from deputy.app import rights
from deputy.app.access import (
    IDLE,
    LINK,
    LONGEST,
    Caller,
    Handed,
    caller_for,
    is_shaped,
    new_pass,
    noted,
)  # fmt: skip
from deputy.app.bootstrap import Office
from deputy.app.views import moment
from deputy.base.canonical import digest
from deputy.base.errors import Forbidden, NotFound
from deputy.domain.principal import Person, Role
from deputy.ports.access import Pass

__all__ = [
    "Begun", "begin", "end_all", "end_session", "make_link", "session_view", "sessions", "sign_in", "sign_out"
]  # fmt: skip

_DEVICE = 100  #: characters
_BROWSERS = (("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Macintosh", "Linux")


class Begun(NamedTuple):
    """A session that was begun: what the browser keeps, and who it is."""

    secret: str
    caller: Caller


async def make_link(office: Office, person: Person) -> Handed:
    """A secret that signs this person in, once, within ten minutes."""
    handed = new_pass("link", office.clock.now(), LINK, person.id)
    await office.store.access.issue(handed.granted)
    return handed


async def sign_in(office: Office, secret: str, program: str = "") -> Begun:
    """Turn a link into a session; raises Forbidden where it is not good (any more)."""
    made = new_pass("session", office.clock.now(), LONGEST, note=f"link {device(program)}".strip())
    shaped = is_shaped(secret, "link")
    granted = await office.store.access.redeem(digest(secret.encode()), made.granted) if shaped else None
    found = None if granted is None else caller_for(office, granted)
    if granted is None or found is None:
        raise Forbidden("This link is no longer good.", "Links work once, for ten minutes: `deputy sign-in` makes one.")
    await noted(office, "signed_in", found.person.id, granted)
    return Begun(made.secret, found)


async def begin(office: Office, person: Person, issuer: str, roles: tuple[Role, ...], program: str = "") -> Begun:
    """A session for a person whom a provider vouched for; `roles` are what it said, if it was to say."""
    note = f"oidc:{issuer} {device(program)}"
    made = new_pass("session", office.clock.now(), LONGEST, person.id, ",".join(roles), note)
    found = caller_for(office, made.granted)
    if found is None:
        raise Forbidden("Nobody may come in that way.", "Ask whoever runs Deputy.")
    await office.store.access.issue(made.granted)
    await noted(office, "signed_in", person.id, made.granted)
    return Begun(made.secret, found)


async def sign_out(office: Office, caller: Caller) -> None:
    """End the session that somebody came in with."""
    if await office.store.access.withdraw(caller.granted.id):
        await noted(office, "signed_out", caller.person.id, caller.granted)


async def sessions(office: Office, person: Person) -> list[Pass]:
    """The person's sessions that are good yet, the latest used first; everybody's for those who may."""
    now, everybody = office.clock.now(), rights.may(person, "sessions.all")
    return sorted(
        (
            one for one in await office.store.access.passes("session")
            if (everybody or one.person == person.id) and one.expires > now and now - one.used <= IDLE
        ),
        key=lambda one: one.used, reverse=True,
    )  # fmt: skip


async def end_session(office: Office, id: str, person: Person) -> str:
    """End one session."""
    rights.require(person, "sessions.own")
    found = next((one for one in await sessions(office, person) if one.id == id), None)
    if found is None or not await office.store.access.withdraw(found.id):
        raise NotFound(f"There is no session {id!r}.", "It may have ended already.")
    await noted(office, "signed_out", person.id, found)
    return found.id


async def end_all(office: Office, whose: Person, by: Person, but: str = "") -> int:
    """End every session of a person, but the one of this id; how many there were."""
    rights.require(by, "sessions.own" if whose.id == by.id else "sessions.all")
    ended = await office.store.access.withdraw_all(whose.id, "session", but)
    if ended:
        subject = Pass("*", "", "session", whose.id, "", "", *[office.clock.now()] * 3)
        await noted(office, "signed_out", by.id, subject)
    return ended


def session_view(one: Pass, current: str = "") -> dict[str, Any]:
    """A session as its person may see it."""
    how, _, program = one.note.partition(" ")
    return {
        "id": one.id, "person": one.person, "by": "oidc" if how.startswith("oidc:") else "link", "program": program,
        "created": moment(one.created), "used": moment(one.used), "idle": moment(one.used + IDLE),
        "expires": moment(one.expires), "current": one.id == current,
    }  # fmt: skip


def device(program: str) -> str:
    """A browser and a system, as far as a browser tells; nothing of what else it says."""
    browser = next((name for mark, name in _BROWSERS if mark in program), "")
    system = next((name for name in _SYSTEMS if name in program), "").replace("Macintosh", "macOS")
    told = " on ".join(filter(None, (browser, system)))
    return told or re.sub(r"[^A-Za-z0-9./-]", "", program.partition("/")[0])[:_DEVICE]
