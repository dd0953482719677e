"""The routes that change something; each is sent under a key, and done once."""

from typing import Any

import msgspec

from deputy.app import access, commands
from deputy.app.queries import find_run
from deputy.base.errors import Conflict, Forbidden, NotFound, UsageError
from deputy.domain.event import Conversation
from deputy.web.api import shapes
from deputy.web.api.table import Asked, Endpoint

__all__ = ["WRITING"]


class Start(shapes.Shape):
    """A task for an agent; a conversation stays `open` after an answer, or `listens` for a first message before it."""

    agent: str
    task: str
    conversation: Conversation = "no"


class Cancel(shapes.Shape):
    """Why a run is to stop."""

    reason: str = ""


class Message(shapes.Shape):
    """What to say to a run."""

    text: str


class Switch(shapes.Shape):
    """Which agent; null is the whole workspace."""

    agent: str | None = None


class Begun(shapes.Out):
    """A run, and how it stands."""

    id: str
    state: shapes.State


class Touched(shapes.Out):
    """A run."""

    id: str


class Switched(shapes.Out):
    """What was switched."""

    agent: str | None
    frozen: bool


class Revoked(shapes.Out):
    """A token that is good no longer."""

    id: str
    revoked: bool


async def start(asked: Asked) -> Any:
    """Start a run."""
    body: Start = asked.body
    run = await commands.start(
        asked.office, body.agent, body.task, asked.caller.person, request=asked.asking, conversation=body.conversation
    )
    return {"id": run, "state": (await find_run(asked.office, run)).state}


async def cancel(asked: Asked) -> Any:
    """Stop a run."""
    try:
        return {"id": await commands.cancel(asked.office, asked.path["run"], asked.caller.person, asked.body.reason)}
    except Conflict:
        row = await find_run(asked.office, asked.path["run"])
        if asked.asking is None or not asked.asking.again or row.state != "cancelled":
            raise
        return {"id": row.id}


async def message(asked: Asked) -> Any:
    """Say something to a run."""
    assert asked.asking is not None
    run = await commands.message(
        asked.office, asked.path["run"], asked.caller.person, asked.body.text, asked.asking
    )  # fmt: skip
    return {"id": run}


async def freeze(asked: Asked) -> Any:
    """Let an agent, or all, begin nothing more."""
    return await _switch(asked, frozen=True)


async def thaw(asked: Asked) -> Any:
    """Let it go on."""
    return await _switch(asked, frozen=False)


async def _switch(asked: Asked, *, frozen: bool) -> Any:
    agent: str | None = asked.body.agent
    try:
        await commands.freeze(asked.office, agent, asked.caller.person, frozen=frozen)
    except Conflict:
        stands = (agent or "*") in await asked.office.store.frozen()
        if asked.asking is None or not asked.asking.again or stands is not frozen:
            raise
    return {"agent": agent, "frozen": frozen}


async def revoke(asked: Asked) -> Any:
    """Let a token be good no longer."""
    try:
        await access.revoke_token(asked.office, asked.path["token"], asked.caller.person)
    except NotFound:
        if asked.asking is None or not asked.asking.again:
            raise
    return {"id": asked.path["token"], "revoked": True}


_ITEM = (NotFound, Conflict, Forbidden, UsageError)


def _post(path: str, action: Any, summary: str, call: Any, kinds: tuple[Any, Any], example: Any = None) -> Endpoint:
    shown = example if example is None else msgspec.to_builtins(example)
    return Endpoint("POST", path, action, summary, call, kinds[1], body=kinds[0], errors=_ITEM, example=shown)


WRITING: tuple[Endpoint, ...] = (
    _post(
        "/runs", "runs.start", "Let an agent do a task, on behalf of whoever asks.", start, (Start, Begun),
        Start(agent="payables", task="Process the invoices that arrived."),
    )._replace(status=201),
    _post(
        "/runs/{run}/cancel", "runs.cancel", "Stop a run and those it started; what was begun is waited for.", cancel,
        (Cancel, Touched), Cancel(reason="The order was withdrawn."),
    ),
    _post(
        "/runs/{run}/messages", "runs.message", "Say something to a run that acts for whoever asks.", message,
        (Message, Touched), Message(text="Leave INV-7 for tomorrow."),
    ),
    _post(
        "/freeze", "workspace.freeze", "Let an agent (or all of them) begin nothing more.", freeze, (Switch, Switched),
        Switch(agent="payables"),
    ),
    _post(
        "/thaw", "workspace.freeze", "Let a frozen agent (or all of them) go on.", thaw, (Switch, Switched),
        Switch(agent="payables"),
    ),
    _post(
        "/tokens/{token}/revoke", "tokens.own", "Let a token be good no longer, at once.", revoke,
        (shapes.Shape, Revoked),
    ),
)  # fmt: skip
