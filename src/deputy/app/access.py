"""Come in over the network: one-time links, sessions and tokens. Only digests of what is handed out are kept."""

import re
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from deputy.app import rights
from deputy.app.bootstrap import Office
from deputy.app.views import moment
from deputy.base.canonical import digest
from deputy.base.errors import Forbidden, NotFound, UsageError
from deputy.base.ids import new_run_id, new_secret
from deputy.domain.chain import link
from deputy.domain.event import Workspace
from deputy.domain.principal import ROLES, Person, person_principal
from deputy.domain.stow import stow
from deputy.ports.access import Pass, PassKind
from deputy.ports.store import Row

__all__ = [
    "Caller", "Handed", "caller_of", "create_token", "is_good",
    "make_link", "pass_view", "revoke_token", "sign_in", "sign_out",
    "tokens",
]  # fmt: skip

LINK = timedelta(minutes=10)
IDLE = timedelta(hours=12)  #: of a session
LONGEST = timedelta(days=7)  #: of a session
MINUTE = timedelta(minutes=1)
MOST_DAYS = 366
PREFIX: dict[PassKind, str] = {"link": "dpl_", "session": "dps_", "token": "dpt_"}  #: so that scanners know them
SHAPE = re.compile(r"dp[lst]_[A-Za-z0-9_-]{43}")
NOTE = 100  #: characters


class Caller(NamedTuple):
    """Who came in: with a token of one role, the person has this role alone."""

    person: Person
    granted: Pass


class Handed(NamedTuple):
    """What is handed out, once, and what is kept of it."""

    secret: str
    granted: Pass


def _new(kind: PassKind, now: datetime, lasts: timedelta, person: str = "", role: str = "", note: str = "") -> Handed:
    secret = PREFIX[kind] + new_secret()
    name = kind[0] + new_run_id()[-12:]
    return Handed(secret, Pass(name, digest(secret.encode()), kind, person, role, note, now, now + lasts, now))


async def make_link(office: Office, person: Person) -> str:
    """A secret that signs this person in, once, within ten minutes."""
    handed = _new("link", office.clock.now(), LINK, person.id)
    await office.store.access.issue(handed.granted)
    return handed.secret


async def sign_in(office: Office, secret: str) -> tuple[str, Caller]:
    """Turn a link into a session; raises Forbidden where it is not good (any more)."""
    made = _new("session", office.clock.now(), LONGEST)
    granted = await office.store.access.redeem(digest(secret.encode()), made.granted) if _is(secret, "link") else None
    found = None if granted is None else _caller(office, granted)
    if granted is None or found is None:
        raise Forbidden("This link is no longer good.", "Links work once, for ten minutes; `deputy up` prints one.")
    await _note(office, "signed_in", found.person.id, granted)
    return made.secret, found


async def sign_out(office: Office, caller: Caller) -> None:
    """End a session."""
    await office.store.access.withdraw(caller.granted.id)


async def caller_of(office: Office, secret: str, kind: PassKind) -> Caller | None:
    """Who comes in with this; None where nobody does."""
    if not _is(secret, kind):
        return None
    granted = await office.store.access.pass_of(digest(secret.encode()))
    now = office.clock.now()
    if granted is None or granted.kind != kind or granted.expires <= now:
        return None
    if kind == "session" and now - granted.used > IDLE:
        return None
    found = _caller(office, granted)
    if found is not None and now - granted.used >= MINUTE:
        await office.store.access.touch(granted.digest, now)
    return found


def _caller(office: Office, granted: Pass) -> Caller | None:
    """The person of a pass as people.toml has them now."""
    person = office.settings.directory.people.get(granted.person)
    if person is None or (granted.role and not rights.holds(person, granted.role)):
        return None
    if granted.role:
        person = msgspec.structs.replace(person, roles=(granted.role,))
    return Caller(person, granted)


async def is_good(office: Office, caller: Caller) -> bool:
    """Whether somebody who came in a while ago still might."""
    granted = await office.store.access.pass_of(caller.granted.digest)
    return granted is not None and granted.expires > office.clock.now() and _caller(office, granted) is not None


def _is(secret: str, kind: PassKind) -> bool:
    return secret.startswith(PREFIX[kind]) and SHAPE.fullmatch(secret) is not None


# -- tokens


async def create_token(office: Office, person: Person, role: str, days: int, note: str = "") -> Handed:
    """A token for programs that act as this person, in one role."""
    rights.require(person, "tokens.own")
    if role not in ROLES:
        raise UsageError(f"{role!r} is no role.", f"Roles are {', '.join(ROLES)}.")
    if not rights.holds(person, role):
        raise Forbidden(f"{person.id} does not have the role {role}.", f"They are {', '.join(person.roles)}.")
    if not 1 <= days <= MOST_DAYS:
        raise UsageError(f"A token cannot be good for {days} days.", f"Give a number from 1 to {MOST_DAYS}.")
    if len(note) > NOTE or not note.isprintable():
        raise UsageError("The note is too long, or has characters that cannot be shown.", f"Use {NOTE} at most.")
    handed = _new("token", office.clock.now(), timedelta(days=days), person.id, role, note)
    await _note(office, "token_created", person.id, handed.granted)
    await office.store.access.issue(handed.granted)
    return handed


async def tokens(office: Office, person: Person) -> list[Pass]:
    """The person's tokens; everybody's for those who may."""
    everybody = rights.may(person, "tokens.all")
    return [one for one in await office.store.access.passes("token") if everybody or one.person == person.id]


async def revoke_token(office: Office, id: str, person: Person) -> str:
    """Let a token be good no longer."""
    found = next((one for one in await tokens(office, person) if one.id == id), None)
    if found is None or not await office.store.access.withdraw(found.id):
        raise NotFound(f"There is no token {id!r}.", "See `deputy token list`.")
    await _note(office, "token_revoked", person.id, found)
    return found.id


def pass_view(one: Pass) -> dict[str, Any]:
    """A token as `deputy token list --json` prints it."""
    return {
        "id": one.id, "person": one.person, "role": one.role, "note": one.note, "created": moment(one.created),
        "expires": moment(one.expires), "used": moment(one.used) if one.used > one.created else None,
    }  # fmt: skip


async def _note(office: Office, what: Any, by: str, granted: Pass) -> None:
    """Say in the workspace's own journal who came in, or may."""
    role = f", as {granted.role}" if granted.role else ""
    event = Workspace(
        at=office.clock.now(), what=what, by=person_principal(by), subject=granted.id,
        detail=f"{granted.person}{role}, until {moment(granted.expires)}",
    )  # fmt: skip
    body, _ = stow(event)
    await office.store.note(lambda seq, last: Row(seq, link(last, "workspace", seq, body), body))
