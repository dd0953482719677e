"""The routes about what lets people and programs in: their sessions and tokens."""

from typing import Any, Literal

from deputy.app import access, sessions
from deputy.app.commands import person_named
from deputy.base.errors import Forbidden, NotFound, UsageError
from deputy.web.api import shapes
from deputy.web.api.table import Asked, Endpoint
from deputy.web.api.writing import Revoked

__all__ = ["PASSING"]


class Session(shapes.Out):
    """A browser that somebody is signed in with; `idle` is when it ends unless it is used before."""

    id: str
    person: str
    by: Literal["link", "oidc"]
    program: str
    created: str
    used: str
    idle: str
    expires: str
    current: bool


class Ended(shapes.Out):
    """How many sessions of a person were ended."""

    person: str
    ended: int


class Everywhere(shapes.Shape):
    """Whose sessions (one's own where nobody is named), and whether the one that asks stays."""

    person: str | None = None
    others: bool = False


class NewToken(shapes.Shape):
    """A token for a program: its one role, how many days it is good, what it is for."""

    role: str = "member"
    days: int = 30
    note: str = ""


class Made(shapes.Token):
    """A token; what it is itself is told once, and is null where the request is sent again."""

    token: str | None


async def own(asked: Asked) -> Any:
    """One's sessions."""
    found = await sessions.sessions(asked.office, asked.caller.person)
    return [sessions.session_view(one, asked.caller.granted.id) for one in found]


async def end(asked: Asked) -> Any:
    """End a session."""
    try:
        await sessions.end_session(asked.office, asked.path["session"], asked.caller.person)
    except NotFound:
        if asked.asking is None or not asked.asking.again:
            raise
    return {"id": asked.path["session"], "revoked": True}


async def everywhere(asked: Asked) -> Any:
    """End all."""
    body: Everywhere = asked.body
    by = asked.caller.person
    whose = by if body.person in (None, by.id) else person_named(asked.office, body.person)
    ended = await sessions.end_all(asked.office, whose, by, asked.caller.granted.id if body.others else "")
    return {"person": whose.id, "ended": ended}


async def make(asked: Asked) -> Any:
    """Make a token."""
    body: NewToken = asked.body
    handed = await access.create_token(asked.office, asked.caller.person, body.role, body.days, body.note)
    return {**access.pass_view(handed.granted), "token": handed.secret}


PASSING: tuple[Endpoint, ...] = (
    Endpoint(
        "GET", "/sessions", "sessions.own", "The browsers one is signed in with; everybody's for who may.", own,
        list[Session],
    ),
    Endpoint(
        "POST", "/sessions/{session}/revoke", "sessions.own", "End a session, at once.", end, Revoked,
        body=shapes.Shape, errors=(NotFound, UsageError), example={},
    ),
    Endpoint(
        "POST", "/sign-out-everywhere", "sessions.own",
        "End all sessions of one's own, or of another person for who may.", everywhere, Ended, body=Everywhere,
        errors=(NotFound, Forbidden, UsageError), example={"others": True},
    ),
    Endpoint(
        "POST", "/tokens", "tokens.own", "Make a token for a program; takes a session, and tells the token once.", make,
        Made, body=NewToken, errors=(Forbidden, UsageError), status=201, once="token", in_person=True,
        example={"role": "member", "days": 30, "note": "nightly orders"},
    ),
)  # fmt: skip
