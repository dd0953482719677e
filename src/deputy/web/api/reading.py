"""The routes that only read."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from typing import Any, cast

from deputy.app import access, rights, seeing, surveying, views
from deputy.base.errors import NotFound
from deputy.web.api import shapes
from deputy.web.api.table import Asked, Endpoint, Stream

__all__ = ["READING"]

CHUNK = 64 * 1024


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


async def inbox(asked: Asked) -> Any:
    """What waits for whoever asks."""
    return await seeing.my_inbox(asked.office, asked.caller.person)


async def budget(asked: Asked) -> Any:
    """The ledger."""
    return await surveying.budget(asked.office, asked.caller.person)


async def people(asked: Asked) -> Any:
    """The directory."""
    return surveying.directory(asked.office, asked.caller.person)


async def trigger_list(asked: Asked) -> Any:
    """What starts runs without a person."""
    return await surveying.starts(asked.office, asked.caller.person)


async def examine(asked: Asked) -> Any:
    """What is right and wrong with the workspace."""
    return await surveying.examined(asked.office, asked.caller.person)


async def audit(asked: Asked) -> Any:
    """Whether the record is as it was written."""
    return await surveying.verified(asked.office, asked.caller.person)


async def record(asked: Asked) -> Any:
    """The whole record."""
    file = tempfile.TemporaryFile(dir=asked.office.settings.folder / ".deputy")  # noqa: SIM115 - its reader closes it
    try:
        await surveying.exported(asked.office, asked.caller.person, lambda line: cast("None", file.write(line)))
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
    Endpoint("GET", "/inbox", "inbox.read", "What waits for whoever asks.", inbox, list[shapes.Item]),
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
