"""The route that finds things by a few words."""

from typing import Any, Literal

from deputy.app.search import search
from deputy.web.api import shapes
from deputy.web.api.table import Asked, Endpoint

__all__ = ["SEARCHING"]


class Words(shapes.Shape):
    """What to look for."""

    q: str = ""


class Hit(shapes.Out):
    """Something found."""

    kind: Literal["agent", "person", "trigger", "item", "run"]
    id: str
    title: str
    about: str
    state: str | None


async def look_for(asked: Asked) -> Any:
    """Find."""
    return [hit._asdict() for hit in await search(asked.office, asked.caller.person, asked.query.q)]


SEARCHING: tuple[Endpoint, ...] = (
    Endpoint(
        "GET", "/search", "me",
        "Agents, people, triggers, what waits for whoever asks, and runs that have these words in them, a few of each; "
        "nothing that whoever asks may not see.", look_for, list[Hit], query=Words,
    ),
)  # fmt: skip
