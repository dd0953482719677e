"""How a run begins: its row and its first event, for whoever starts it (a person, a trigger, another run)."""

from datetime import datetime
from typing import Literal, NamedTuple

import msgspec

from deputy.base.ids import new_run_id, run_id_of
from deputy.domain.agent import Agent, Check
from deputy.domain.chain import GENESIS, link
from deputy.domain.event import Conversation, Started
from deputy.domain.label import TRUSTED, Label
from deputy.domain.occasion import Occasion
from deputy.domain.run import Run
from deputy.domain.stow import stow
from deputy.ports.store import TOLD, Began, Blob, NewRun, Row

__all__ = ["Fired", "Request", "new_run", "told_of"]


class Request(msgspec.Struct, frozen=True):
    """A request of a person that may come again: of one comes one run."""

    key: str  #: the person's own name for it
    asserted: str  #: how it is known who asks
    conversation: Conversation = "no"
    trial: bool = False  #: whether the run only tries


class Fired(NamedTuple):
    """What a run comes of that nobody asked for: an occasion, and what its trigger demands to be true in the end."""

    occasion: Occasion
    done: tuple[Check, ...] = ()


def _tries(request: Request | None, parent: tuple[Run, int] | None) -> bool:
    """Whether a run only tries: because it was asked for so, or because the run that starts it does."""
    if parent is not None:
        return parent[0].started is not None and parent[0].started.trial
    return request is not None and request.trial


def new_run(
    agent: Agent, task: str, *, at: datetime, by: str, on_behalf_of: str, label: Label = TRUSTED,
    cause: tuple[Run, int] | Fired | Request | Literal["detached"] | None = None,
) -> NewRun:  # fmt: skip
    """A run of an agent's current version, ready to be created.

    `cause` is the run and effect that ask for it, or the occasion that it comes of; without one a person asks, and
    waits for it unless it is "detached". Of an occasion or a request comes a run with an id of its own, the same
    whenever and wherever it is made.
    """
    fired = cause if isinstance(cause, Fired) else None
    occasion = fired.occasion if fired is not None else None
    request = cause if isinstance(cause, Request) else None
    parent = None if isinstance(cause, Fired | Request | str) else cause
    if occasion is not None:
        run = run_id_of(occasion.at, occasion.trigger, occasion.id)
    else:
        run = new_run_id() if request is None else run_id_of(at, "request", by, request.key)
    ancestors: tuple[str, ...] = ()
    background = cause is not None and request is None
    if parent is not None:
        assert parent[0].started is not None
        background = parent[0].started.background
        ancestors = (*parent[0].started.ancestors, parent[0].id)
    started = Started(
        at=at, agent=agent.name, version=agent.version, driver=agent.driver, on_behalf_of=on_behalf_of, by=by,
        task=task, label=label, trigger=occasion.kind if occasion else "run" if parent else "person",
        occasion=occasion, done=fired.done if fired is not None else (), parent=parent[0].id if parent else "",
        asserted="files" if request is None else request.asserted,
        conversation="no" if request is None else request.conversation,
        trial=_tries(request, parent),
        parent_n=parent[1] if parent else 0, ancestors=ancestors, background=background,
    )  # fmt: skip
    body, blobs = stow(started)
    return NewRun(
        id=run, agent=agent.name, version=agent.version, driver=agent.driver, on_behalf_of=on_behalf_of,
        parent=started.parent, root=ancestors[0] if ancestors else run, created=at,
        started=Row(1, link(GENESIS, run, 1, body), body), blobs=tuple(Blob(*blob) for blob in blobs),
        told=told_of(started, task),
    )  # fmt: skip


def told_of(started: Started, task: str) -> Began:
    """What lists show of how a run began."""
    cause, title = ("", "") if started.occasion is None else (started.occasion.trigger, started.occasion.title)
    return Began(started.by, started.trigger, cause, title[:TOLD], task[:TOLD])
