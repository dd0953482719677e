"""The routes of whoever runs the workspace: statistics, switches, people, settings, and the record."""

from typing import Any, Literal

from deputy.app import board, figures, proving
from deputy.app.audit import events, verifying
from deputy.app.views import read_time
from deputy.base.errors import NotFound, UsageError
from deputy.web.api import shapes
from deputy.web.api.board_shapes import Duties, Events, Proof, Settings, Statistics, Switches, Verification
from deputy.web.api.table import Asked, Endpoint

__all__ = ["BOARD"]


class StatsAsked(shapes.Shape):
    """Which statistics."""

    since: str = ""
    until: str = ""
    by: Literal["hour", "day"] = "day"
    agent: str = ""
    team: str = ""


class EventsAsked(shapes.Shape):
    """Which events."""

    kind: str = ""
    agent: str = ""
    run: str = ""
    person: str = ""
    tool: str = ""
    since: str = ""
    until: str = ""
    cursor: str = ""
    limit: int = 50


async def stats(asked: Asked) -> Any:
    """What happened when."""
    query: StatsAsked = asked.query
    sought = figures.Asked(read_time(query.since), read_time(query.until), query.by, query.agent, query.team)
    return await figures.statistics(asked.office, asked.caller.person, sought)


async def switches(asked: Asked) -> Any:
    """What is frozen."""
    return await board.switches(asked.office, asked.caller.person)


async def duties(asked: Asked) -> Any:
    """Who answers for what."""
    return await board.duties(asked.office, asked.caller.person)


async def settings(asked: Asked) -> Any:
    """What the files say."""
    return board.settings_view(asked.office, asked.caller.person)


async def record(asked: Asked) -> Any:
    """A page of the record."""
    query: EventsAsked = asked.query
    if query.cursor and not (query.cursor.isascii() and query.cursor.isdigit() and len(query.cursor) < 19):
        raise UsageError(f"{query.cursor[:40]!r} is no cursor.", "Send `next` of the page before.")
    since, until = read_time(query.since), read_time(query.until)
    sought = events.Sought(
        [kind for kind in query.kind.split(",") if kind], query.agent, query.run, query.person, query.tool,
        since, until, int(query.cursor or 0), query.limit,
    )  # fmt: skip
    return await events.events(asked.office, asked.caller.person, sought)


async def verify(asked: Asked) -> Any:
    """Begin to verify."""
    return await verifying.begin(asked.office, asked.caller.person)


async def verification(asked: Asked) -> Any:
    """How far it is."""
    return await verifying.stands(asked.office, asked.caller.person)


async def prove(asked: Asked) -> Any:
    """Begin to prove a model."""
    return await proving.begin_proof(asked.office, asked.caller.person, asked.path["model"])


BOARD: tuple[Endpoint, ...] = (
    Endpoint(
        "GET", "/stats", "stats.read",
        "Spend, runs, questions, waiting times, incidents and people's minutes: `by` day or hour, from `since` to "
        "`until`, of one `agent` or of the agents of one `team`.", stats, Statistics, query=StatsAsked,
        errors=(UsageError,),
    ),
    Endpoint("GET", "/freeze", "agents.read", "What is frozen, since when and by whom.", switches, Switches),
    Endpoint(
        "GET", "/people/duties", "people.read", "The directory with what each answers for, and what waits for them.",
        duties, Duties,
    ),
    Endpoint(
        "GET", "/settings", "settings.read", "What deputy.toml says, without anything secret.", settings, Settings
    ),
    Endpoint(
        "GET", "/audit/events", "audit.read",
        "The record, newest first: by `kind` (several with commas), `agent`, `run`, `person`, `tool`, from `since` to "
        "`until`; `limit` at a time, on from `cursor`. A page looks at a bounded part and may be short; `looked_to` "
        "says how far it got.", record, Events, query=EventsAsked, errors=(UsageError,),
    ),
    Endpoint(
        "POST", "/audit/verify", "audit.read", "Begin to check that the record is as it was written.", verify,
        Verification, body=shapes.Shape,
    ),
    Endpoint(
        "GET", "/audit/verify", "audit.read", "How far the check is, or what it found.", verification, Verification
    ),
    Endpoint(
        "POST", "/models/{model}/prove", "models.prove", "Begin to prove a model by real calls, which cost a little.",
        prove, Proof, body=shapes.Shape, errors=(NotFound, UsageError),
    ),
)  # fmt: skip
