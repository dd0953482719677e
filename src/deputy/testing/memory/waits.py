"""Looking through what waits for people, in a store in memory."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from deputy.base.canonical import decode
from deputy.ports.items import Answered, Item, Place, Queue, Waiting, Wanted
from deputy.testing.memory.tables import MemoryDatabase

__all__ = ["MemoryWaits"]


class MemoryWaits:
    """What waits for people, of one view of a database."""

    def __init__(self, database: Callable[[], MemoryDatabase]) -> None:
        self._database = database

    async def queue(self, wanted: Wanted) -> Queue:
        mine = self._of(wanted.person)
        rows = [_waiting(item, body, wanted) for item, body in mine if _fits(item, body, wanted)]
        page = sorted((row for row in rows if wanted.after is None or row.place > wanted.after), key=lambda r: r.place)
        counts = Counter((item.kind, str(body.get("agent", ""))) for item, body in mine)
        return Queue(page[: wanted.most], [(*key, count) for key, count in sorted(counts.items())])

    async def stamp(self, person: str) -> tuple[int, int]:
        mine = self._of(person)
        return len(mine), hash(tuple(sorted((item.id, item.body) for item, _ in mine)))

    async def answers(self, agent: str, most: int, look: int = 20_000) -> Sequence[Answered]:
        db = self._database()
        mails = [mail for mail in list(db.inbox.values())[-look:] if mail.row.id.startswith("answer:")]
        return [
            Answered(mail.row.id.removeprefix("answer:"), mail.run, mail.row.by, mail.row.at, mail.row.body)
            for mail in reversed(mails)
            if db.runs[mail.run].row.agent == agent
        ][:most]

    def _of(self, person: str) -> list[tuple[Item, dict[str, Any]]]:
        db = self._database()
        found = [(item, _body(item)) for item in db.items.values()]
        return [
            (item, body)
            for item, body in found
            if item.kind != "message" and f"answer:{item.id}" not in db.inbox and person in body.get("people", ())
        ]


def _body(item: Item) -> dict[str, Any]:
    try:
        body: Any = decode(item.body)
    except msgspec.DecodeError:
        return {}
    return body if isinstance(body, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def _fits(item: Item, body: dict[str, Any], wanted: Wanted) -> bool:
    text = wanted.text.lower()
    return (
        (not wanted.kinds or item.kind in wanted.kinds)
        and wanted.agent in ("", body.get("agent"))
        and wanted.item in ("", item.id)
        and (item.id.endswith(wanted.text) or text in item.body.decode().lower())
    )


def _waiting(item: Item, body: dict[str, Any], wanted: Wanted) -> Waiting:
    left = timedelta(days=9999) if item.expires is None else item.expires - wanted.now
    soon = item.kind == "in_doubt" or left <= timedelta(hours=1)
    urgency = 0 if soon else 1 if left <= timedelta(days=1) else 2
    created = item.created.isoformat(timespec="microseconds")
    place: Place = (urgency, -float(body.get("stake") or 0), created, item.id)
    return Waiting(item, str(body.get("agent", "")), str(body.get("tool", "")), len(item.body), place)
