"""The routes of conversations: what people do there beside speaking."""

from typing import Any

import msgspec

from deputy.app import conversing
from deputy.base.errors import Conflict, Forbidden, NotFound, UsageError
from deputy.web.api import shapes
from deputy.web.api.table import Asked, Endpoint
from deputy.web.api.writing import Touched

__all__ = ["CONVERSING"]


class Halt(shapes.Shape):
    """Whether the conversation is to end, not only to rest."""

    end: bool = False


async def halt(asked: Asked) -> Any:
    """Let a conversation rest, or end."""
    assert asked.asking is not None
    who, end = asked.caller.person, asked.body.end
    return {"id": await conversing.halt(asked.office, asked.path["run"], who, asked.asking, end=end)}


CONVERSING: tuple[Endpoint, ...] = (
    Endpoint(
        "POST", "/runs/{run}/halt", "runs.cancel",
        "Let a conversation begin nothing more until its person speaks again; or end it.", halt, Touched, body=Halt,
        errors=(NotFound, Conflict, Forbidden, UsageError), example=msgspec.to_builtins(Halt(end=True)),
    ),
)  # fmt: skip
