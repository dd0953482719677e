"""Come in over the network, by what was handed out: links, sessions and tokens; and tokens themselves.

Only digests of what is handed out are kept. Sessions are begun and ended in `sessions`.
"""

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
    "IDLE", "LINK", "LONGEST", "Caller", "Handed", "caller_for", "caller_of", "create_token", "is_good", "is_shaped",
    "new_pass", "noted", "pass_view", "revoke_token", "tokens",
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


def new_pass(
    kind: PassKind, now: datetime, lasts: timedelta, person: str = "", role: str = "", note: str = ""
) -> Handed:
    """A pass that nobody can guess, and what is to be kept of it."""
    secret = PREFIX[kind] + new_secret()
    name = kind[0] + new_run_id()[-12:]
    return Handed(secret, Pass(name, digest(secret.encode()), kind, person, role, note, now, now + lasts, now))


async def caller_of(office: Office, secret: str, kind: PassKind) -> Caller | None:
    """Who comes in with this; None where nobody does."""
    if not is_shaped(secret, kind):
        return None
    granted = await office.store.access.pass_of(digest(secret.encode()))
    now = office.clock.now()
    if granted is None or granted.kind != kind or granted.expires <= now:
        return None
    if kind == "session" and now - granted.used > IDLE:
        return None
    found = caller_for(office, granted)
    if found is not None and now - granted.used >= MINUTE:
        await office.store.access.touch(granted.digest, now)
    return found


def caller_for(office: Office, granted: Pass) -> Caller | None:
    """The person of a pass as people.toml has them now; None for a pass that holds no longer."""
    person = office.settings.directory.people.get(granted.person)
    if person is None:
        return None
    roles: tuple[Any, ...] = (granted.role,) if granted.role else person.roles
    if granted.kind == "session" and granted.note.startswith("oidc:"):
        oidc = office.settings.auth.oidc
        if oidc is None or granted.note.partition(" ")[0] != f"oidc:{oidc.issuer}":
            return None
        if bool(oidc.roles_claim) is not bool(granted.role):
            return None
        roles = tuple(granted.role.split(",")) if granted.role else person.roles
    elif granted.role and not rights.holds(person, granted.role):
        return None
    return Caller(msgspec.structs.replace(person, roles=roles), granted)


async def is_good(office: Office, caller: Caller) -> bool:
    """Whether somebody who came in a while ago still might, having the roles they had."""
    granted = await office.store.access.pass_of(caller.granted.digest)
    now = office.clock.now()
    if granted is None or granted.expires <= now or (granted.kind == "session" and now - granted.used > IDLE):
        return False
    found = caller_for(office, granted)
    return found is not None and found.person.roles == caller.person.roles


def is_shaped(secret: str, kind: PassKind) -> bool:
    """Whether a text could be a pass of this kind at all."""
    return secret.startswith(PREFIX[kind]) and SHAPE.fullmatch(secret) is not None


# -- tokens


async def create_token(office: Office, person: Person, role: str, days: int, note: str = "") -> Handed:
    """A token for programs that act as this person, in one role."""
    rights.require(person, "tokens.own")
    if role not in ROLES:
        raise UsageError(f"{role!r} is no role.", f"Roles are {', '.join(ROLES)}.")
    if not rights.holds(person, role):
        raise Forbidden(f"{person.id} does not have the role {role}.", f"They are {', '.join(person.roles)}.")
    whole = office.settings.directory.people.get(person.id)
    if whole is None or not rights.holds(whole, role):
        remedy = "A provider's roles are for sessions; a token outlives them, and has those of people.toml."
        raise Forbidden(f"people.toml does not give {person.id} the role {role}.", remedy)
    if not 1 <= days <= MOST_DAYS:
        raise UsageError(f"A token cannot be good for {days} days.", f"Give a number from 1 to {MOST_DAYS}.")
    if len(note) > NOTE or not note.isprintable():
        raise UsageError("The note is too long, or has characters that cannot be shown.", f"Use {NOTE} at most.")
    handed = new_pass("token", office.clock.now(), timedelta(days=days), person.id, role, note)
    await noted(office, "token_created", person.id, handed.granted)
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
    await noted(office, "token_revoked", person.id, found)
    return found.id


def pass_view(one: Pass) -> dict[str, Any]:
    """A token as `deputy token list --json` prints it."""
    return {
        "id": one.id, "person": one.person, "role": one.role, "note": one.note, "created": moment(one.created),
        "expires": moment(one.expires), "used": moment(one.used) if one.used > one.created else None,
    }  # fmt: skip


async def noted(office: Office, what: Any, by: str, granted: Pass) -> None:
    """Say in the workspace's own journal who came in, or may."""
    role = f", as {granted.role}" if granted.role else ""
    how = f", by {granted.note.partition(' ')[0]}" if granted.kind == "session" and granted.note else ""
    event = Workspace(
        at=office.clock.now(), what=what, by=person_principal(by), subject=granted.id,
        detail=f"{granted.person}{role}{how}, until {moment(granted.expires)}",
    )  # fmt: skip
    body, _ = stow(event)
    await office.store.note(lambda seq, last: Row(seq, link(last, "workspace", seq, body), body))
