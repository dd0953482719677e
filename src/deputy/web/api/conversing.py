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


class Named(shapes.Shape):
    """What the file is called; no folder."""

    name: str


class Put(shapes.Out):
    """A file in a run's folder."""

    name: str
    digest: str
    size: int


async def put_file(asked: Asked) -> Any:
    """Put a file into a run's folder."""
    assert asked.asking is not None
    file = conversing.Handed(asked.query.name, asked.body)
    put = await conversing.put_file(asked.office, asked.path["run"], asked.caller.person, file, asked.asking)
    return {"name": put.name, "digest": put.digest, "size": put.size}


CONVERSING: tuple[Endpoint, ...] = (
    Endpoint(
        "POST", "/runs/{run}/halt", "runs.cancel",
        "Let a conversation begin nothing more until its person speaks again; or end it.", halt, Touched, body=Halt,
        errors=(NotFound, Conflict, Forbidden, UsageError), example=msgspec.to_builtins(Halt(end=True)),
    ),
    Endpoint(
        "POST", "/runs/{run}/files", "runs.message",
        "Put a file into the folder of a run that acts for whoever asks; its agent hears of it with the next message.",
        put_file, Put, query=Named, takes=conversing.LARGEST, errors=(NotFound, Conflict, Forbidden, UsageError),
        status=201,
    ),
)  # fmt: skip
