"""The routes that only read."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from typing import Any, cast, get_args

import msgspec

from deputy.app import access, doctor, queries, rights, seeing, triggers, views
from deputy.app.audit import export, verify
from deputy.base.errors import NotFound, StoreDamaged, UsageError
from deputy.web.api import shapes
from deputy.web.api.table import Asked, Endpoint, Stream

__all__ = ["READING"]

MOST = 200  #: runs in a page
CHUNK = 64 * 1024
_once = asyncio.Semaphore(1)  #: what looks at everything, one at a time


async def me(asked: Asked) -> Any:
    """Who asks."""
    person, settings = asked.caller.person, asked.office.settings
    return {
        "person": person.id, "name": person.name, "roles": list(person.roles),
        "rights": [action for action in rights.ACTIONS if rights.may(person, action)],
        "by": asked.caller.granted.kind, "expires": views.moment(asked.caller.granted.expires),
        "workspace": {"name": settings.name, "currency": settings.currency},
    }  # fmt: skip


async def agents(asked: Asked) -> Any:
    """Every agent."""
    return await seeing.agent_views(asked.office, asked.caller.person)


async def agent(asked: Asked) -> Any:
    """One agent."""
    deployed = asked.office.settings.agent(asked.path["agent"])
    return seeing.agent_view(deployed, asked.office, frozenset(await asked.office.store.frozen()))


async def versions(asked: Asked) -> Any:
    """The versions of an agent."""
    return await seeing.versions(asked.office, asked.caller.person, asked.path["agent"])


async def runs(asked: Asked) -> Any:
    """A page of runs."""
    query: shapes.RunsAsked = asked.query
    states = [state for state in query.state.split(",") if state]
    if wrong := [state for state in states if state not in get_args(shapes.State)]:
        raise UsageError(f"{wrong[0]!r} is no state.", f"States are {', '.join(get_args(shapes.State))}.")
    if not 1 <= query.limit <= MOST:
        raise UsageError(f"A page cannot have {query.limit} runs.", f"Ask for 1 to {MOST}.")
    sought = queries.Sought(
        states, query.agent, query.on_behalf_of, views.read_time(query.since), query.text, query.cursor, query.limit
    )
    page = await seeing.my_runs(asked.office, asked.caller.person, sought)
    return {"runs": [views.run_line(row) for row in page.runs], "next": page.after or None}


async def run(asked: Asked) -> Any:
    """One run."""
    found = await seeing.my_run(asked.office, asked.caller.person, asked.path["run"])
    return views.run_view(found, asked.office.settings.currency)


async def inbox(asked: Asked) -> Any:
    """What waits for whoever asks."""
    return await seeing.my_inbox(asked.office, asked.caller.person)


async def item(asked: Asked) -> Any:
    """One item."""
    return await seeing.my_item(asked.office, asked.caller.person, asked.path["item"])


async def budget(asked: Asked) -> Any:
    """The ledger."""
    rows = await queries.accounts(asked.office)
    return [views.account_view(account, asked.office.settings) for account in rows]


async def people(asked: Asked) -> Any:
    """The directory."""
    return seeing.people_view(asked.office.settings.directory)


async def trigger_list(asked: Asked) -> Any:
    """What starts runs without a person."""
    return [triggers.trigger_view(one) for one in await triggers.standings(asked.office)]


async def examine(asked: Asked) -> Any:
    """What is right and wrong with the workspace."""
    async with _once:
        folder = str(asked.office.settings.folder)
        return [doctor.finding_view(finding) async for finding in doctor.examine(folder)]


async def audit(asked: Asked) -> Any:
    """Whether the record is as it was written."""
    async with _once:
        report = await verify(cast("Any", asked.office.store))
    return {"ok": report.ok, **msgspec.to_builtins(report)}


async def record(asked: Asked) -> Any:
    """The whole record."""
    async with _once:
        file = tempfile.TemporaryFile(dir=asked.office.settings.folder / ".deputy")  # noqa: SIM115 - its reader closes it
        try:
            await export(cast("Any", asked.office.store), lambda line: cast("None", file.write(line)))
        except BaseException:
            file.close()
            raise
        file.seek(0)
    return Stream(_parts(file), "application/x-ndjson", "deputy-audit.jsonl")


async def _parts(file: Any) -> AsyncGenerator[bytes]:
    with file:
        while part := await asyncio.to_thread(file.read, CHUNK):
            yield part


async def tokens(asked: Asked) -> Any:
    """The tokens that whoever asks may see."""
    return [access.pass_view(one) for one in await access.tokens(asked.office, asked.caller.person)]


READING: tuple[Endpoint, ...] = (
    Endpoint("GET", "/me", "me", "Who asks, and what they may do.", me, shapes.Me),
    Endpoint("GET", "/agents", "agents.read", "Every agent and its mandate.", agents, list[shapes.Agent]),
    Endpoint(
        "GET", "/agents/{agent}", "agents.read", "An agent and its mandate.", agent, shapes.Agent, errors=(NotFound,)
    ),
    Endpoint(
        "GET", "/agents/{agent}/versions", "agents.read", "Its versions that were deployed, newest first.", versions,
        list[shapes.Version], errors=(NotFound,),
    ),
    Endpoint(
        "GET", "/runs", "runs.read",
        "Runs, newest first: by `state` (several with commas), `agent`, `on_behalf_of`, `text` in the task or the "
        "agent's name, created `since`; `limit` at a time, on from `cursor`. Who does not see all sees their own.",
        runs, shapes.Runs, query=shapes.RunsAsked, errors=(UsageError,),
    ),
    Endpoint(
        "GET", "/runs/{run}", "runs.read", "A run with its effects and events, as `deputy show --json`.", run,
        shapes.Run, errors=(NotFound, StoreDamaged),
    ),
    Endpoint("GET", "/inbox", "inbox.read", "What waits for whoever asks.", inbox, list[shapes.Item]),
    Endpoint("GET", "/inbox/{item}", "inbox.read", "One item.", item, shapes.Item, errors=(NotFound,)),
    Endpoint("GET", "/budget", "budget.read", "What agents have spent, and may spend.", budget, list[shapes.Account]),
    Endpoint("GET", "/people", "people.read", "The directory.", people, list[shapes.Person]),
    Endpoint(
        "GET", "/triggers", "triggers.read", "What starts runs without a person.", trigger_list, list[shapes.Trigger]
    ),
    Endpoint(
        "GET", "/doctor", "doctor.read", "What is right and wrong with the workspace.", examine, list[shapes.Finding]
    ),
    Endpoint("GET", "/audit", "audit.read", "Whether the record is as it was written.", audit, shapes.Audit),
    Endpoint(
        "GET", "/audit/export", "audit.read", "The whole record, as lines of JSON.", record, str,
        kind="application/x-ndjson",
    ),
    Endpoint("GET", "/tokens", "tokens.own", "One's own tokens; everybody's for who may.", tokens, list[shapes.Token]),
)  # fmt: skip
