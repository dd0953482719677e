"""The routes about runs: lists, one run a page at a time, where values came from, files."""

from collections.abc import AsyncGenerator
from decimal import Decimal, InvalidOperation
from typing import Any, get_args

from deputy.app import queries, views
from deputy.app.runs import files, listing, looking
from deputy.app.runs.provenance import provenance
from deputy.base.errors import NotFound, StoreDamaged, UsageError
from deputy.domain.cost import micros
from deputy.web.api import run_shapes, shapes
from deputy.web.api.table import Asked, Endpoint, Stream

__all__ = ["RUNS"]

MOST = 200  #: in a page
CHUNK = 256 * 1024


async def runs(asked: Asked) -> Any:
    """A page of runs."""
    page = await listing.find(asked.office, asked.caller.person, _sought(asked.query))
    currency = asked.office.settings.currency
    return {"runs": [listing.line_view(line, currency) for line in page.runs], "next": page.after or None}


async def counts(asked: Asked) -> Any:
    """How many runs there are."""
    found = await listing.count(asked.office, asked.caller.person, _sought(asked.query))
    states = {state: found.states.get(state, 0) for state in get_args(shapes.State)}
    return {"states": states, "total": sum(states.values()), "more": found.more}


def _sought(query: run_shapes.RunsCounted) -> queries.Sought:
    states = [state for state in query.state.split(",") if state]
    if wrong := [state for state in states if state not in get_args(shapes.State)]:
        raise UsageError(f"{wrong[0]!r} is no state.", f"States are {', '.join(get_args(shapes.State))}.")
    cursor, limit = (query.cursor, query.limit) if isinstance(query, run_shapes.RunsAsked) else ("", 1)
    return queries.Sought(
        states=states, agent=query.agent, on_behalf_of=query.on_behalf_of, since=views.read_time(query.since),
        until=views.read_time(query.until), trigger=query.trigger, money=_money(query.cost), text=query.text[:200],
        before=cursor, most=_limit(limit),
    )  # fmt: skip


def _limit(limit: int) -> int:
    if not 1 <= limit <= MOST:
        raise UsageError(f"A page cannot have {limit} entries.", f"Ask for 1 to {MOST}.")
    return limit


def _money(text: str) -> int:
    try:
        amount = Decimal(text or "0")
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 <= amount < 10**9:
        raise UsageError(f"{text!r} is no amount.", "Write a number, as in 0.50.")
    return micros(amount, up=True)


async def run(asked: Asked) -> Any:
    """One run."""
    return await looking.look(asked.office, asked.caller.person, asked.path["run"])


async def effects(asked: Asked) -> Any:
    """A page of its effects."""
    query: run_shapes.Back = asked.query
    who, name = asked.caller.person, asked.path["run"]
    return await looking.effects(asked.office, who, name, query.before, _limit(query.limit))


async def effect(asked: Asked) -> Any:
    """One effect."""
    return await looking.effect(asked.office, asked.caller.person, asked.path["run"], _number(asked))


async def origins(asked: Asked) -> Any:
    """Where its arguments come from."""
    story = await looking.story_of(asked.office, asked.caller.person, asked.path["run"])
    return provenance(story, _number(asked), asked.query.argument)


def _number(asked: Asked) -> int:
    text = asked.path["effect"].rpartition(".")[2]
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise NotFound(f"There is no effect {asked.path['effect']!r}.", "Give its number, or its id.")
    return int(text)


async def conversation(asked: Asked) -> Any:
    """A page of what was said."""
    query: run_shapes.Back = asked.query
    who, name = asked.caller.person, asked.path["run"]
    return await looking.conversation(asked.office, who, name, query.before, _limit(query.limit))


async def journal(asked: Asked) -> Any:
    """A page of its journal."""
    query: run_shapes.Forth = asked.query
    who, name = asked.caller.person, asked.path["run"]
    return await looking.events(asked.office, who, name, max(0, query.after), _limit(query.limit))


async def folder(asked: Asked) -> Any:
    """The files of its folder."""
    return await files.files(asked.office, asked.caller.person, asked.path["run"])


async def file(asked: Asked) -> Any:
    """What one of them holds."""
    query: run_shapes.FileAsked = asked.query
    who, name = asked.caller.person, asked.path["run"]
    found = await files.content(asked.office, who, name, query.path, max(0, query.version))
    return Stream(_parts(found.body), "application/octet-stream", found.name)


async def _parts(body: bytes) -> AsyncGenerator[bytes]:
    for start in range(0, len(body), CHUNK):
        yield body[start : start + CHUNK]


_RUN = (NotFound, StoreDamaged)
_PAGE = (NotFound, StoreDamaged, UsageError)

RUNS: tuple[Endpoint, ...] = (
    Endpoint(
        "GET", "/runs", "runs.read",
        "Runs, newest first: by `state` (several with commas), `agent`, `on_behalf_of`, `trigger` (its kind or key), "
        "`cost` at least, created `since` and before `until`, `text` in the task, a title or the agent's name, or "
        "ending the id; `limit` at a time, on from `cursor`. Who does not see all sees their own.",
        runs, run_shapes.Runs, query=run_shapes.RunsAsked, errors=(UsageError,),
    ),
    Endpoint(
        "GET", "/runs/counts", "runs.read", "How many runs fit the same filters, by state.", counts, run_shapes.Counts,
        query=run_shapes.RunsCounted, errors=(UsageError,),
    ),
    Endpoint(
        "GET", "/runs/{run}", "runs.read",
        "A run as `deputy show --json` tells it, with more of each effect: the latest hundred effects and events, what "
        "is large in them cut.", run, run_shapes.SeenRun, errors=_RUN,
    ),
    Endpoint(
        "GET", "/runs/{run}/effects", "runs.read", "Its effects before one of them, a page at a time, going back.",
        effects, run_shapes.Effects, query=run_shapes.Back, errors=_PAGE,
    ),
    Endpoint(
        "GET", "/runs/{run}/effects/{effect}", "runs.read", "One effect, by number or id; nothing of it is cut.",
        effect, run_shapes.SeenEffect, errors=_RUN,
    ),
    Endpoint(
        "GET", "/runs/{run}/effects/{effect}/provenance", "runs.read",
        "Where an effect's arguments (or one `argument`) come from: a graph back to what tools answered, mails said "
        "and people wrote. An edge is exact where the value stood there, else coarse: all that was known by then.",
        origins, run_shapes.Provenance, query=run_shapes.Which, errors=_PAGE,
    ),
    Endpoint(
        "GET", "/runs/{run}/conversation", "runs.read", "What was said, before an event, a page at a time, going back.",
        conversation, run_shapes.Conversation, query=run_shapes.Back, errors=_PAGE,
    ),
    Endpoint(
        "GET", "/runs/{run}/journal", "runs.read", "Its events after one of them, a page at a time.", journal,
        run_shapes.Journal, query=run_shapes.Forth, errors=_PAGE,
    ),
    Endpoint("GET", "/runs/{run}/files", "runs.read", "The files of its folder.", folder, list[run_shapes.File],
             errors=_RUN),
    Endpoint(
        "GET", "/runs/{run}/files/content", "runs.read", "What a file holds, now or in a version; as an attachment.",
        file, str, query=run_shapes.FileAsked, errors=_PAGE, kind="application/octet-stream",
    ),
)  # fmt: skip
