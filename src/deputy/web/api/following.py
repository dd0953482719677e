"""The routes that go on: events as they happen (server-sent events), by their place in the journal."""

from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from deputy.app.following import Beat, Fed, Spoken, Stretch, Tail, follow, follow_run
from deputy.app.runs.looking import seen
from deputy.base.errors import NotFound, UsageError
from deputy.web.api import shapes
from deputy.web.api.guard import Refusal
from deputy.web.api.problems import problem
from deputy.web.api.table import Asked, Endpoint, Stream

__all__ = ["FOLLOWING", "Followers", "told"]

MOST = 200  #: who follow at a time
KIND = "text/event-stream"


class After(shapes.Shape):
    """After which place; `Last-Event-ID` goes before it."""

    after: int | None = None


class Followers:
    """How many follow, and what they share."""

    def __init__(self, tail: Tail) -> None:
        self.tail, self.count = tail, 0


def told(fed: Fed) -> bytes:
    """An event as a follower is told it."""
    head = b'{"run":"%s","seq":%d,' % (fed.run.encode(), fed.seq)
    return b"id: %d\ndata: %s\n\n" % (fed.position, head + fed.body[1:])


async def events(asked: Asked) -> Any:
    """The events of all runs."""
    shared = _room(asked)
    steps = follow(asked.office, shared.tail, asked.caller, _after(asked), asked.going)
    return Stream(_told(shared, steps), KIND)


async def run_events(asked: Asked) -> Any:
    """The events of one run."""
    shared, after = _room(asked), _after(asked) or 0
    row = await seen(asked.office, asked.caller.person, asked.path["run"])
    if row.state in ("done", "failed", "cancelled") and after >= row.seq:
        return None
    steps = follow_run(asked.office, shared.tail, asked.caller, row.id, after, asked.going)
    return Stream(_told(shared, steps), KIND)


def _room(asked: Asked) -> Followers:
    shared: Followers = asked.shared
    if shared.count >= MOST:
        raise Refusal(problem(429, "too_many", "Too many follow already.", "Try again later.", 15))
    return shared


def _after(asked: Asked) -> int | None:
    if not asked.last:
        after: int | None = asked.query.after
    elif asked.last.isascii() and asked.last.isdigit() and len(asked.last) < 19:
        after = int(asked.last)
    else:
        after = -1
    if after is not None and not 0 <= after < 1 << 62:
        raise UsageError("This is no place in the journal.", "Send the id of the last event that came.")
    return after


async def _told(shared: Followers, steps: AsyncGenerator[Fed | Stretch | Beat | Spoken]) -> AsyncGenerator[bytes]:
    shared.count += 1
    shared.tail.followers = shared.count
    try:
        async for step in steps:
            if isinstance(step, Beat):
                yield b": all is well\nid: %d\n\n" % step.position
            elif isinstance(step, Spoken):
                yield b"event: delta\ndata: %s\n\n" % msgspec.json.encode(step._asdict())
            elif isinstance(step, Stretch):
                yield step.told
            else:
                yield told(step)
    finally:
        shared.count -= 1
        shared.tail.followers = shared.count
        await steps.aclose()


FOLLOWING: tuple[Endpoint, ...] = (
    Endpoint(
        "GET", "/events", "runs.read",
        "The events of all runs that whoever asks sees, as they happen: after `Last-Event-ID`, or from now on.", events,
        str, query=After, errors=(UsageError,), kind=KIND,
    ),
    Endpoint(
        "GET", "/runs/{run}/events", "runs.read",
        "The events of a run from its first, or after `Last-Event-ID`, until it is over; 204 where no more will come. "
        "In between, events of type `delta`, without an id, are what a model says; its `ModelReply` replaces them.",
        run_events, str, query=After, errors=(NotFound, UsageError), kind=KIND,
    ),
)  # fmt: skip
