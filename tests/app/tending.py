"""A worker that looks at its mailbox at once, and stands still at a moment: FOLDER MOMENT, to be killed there."""

import asyncio
import sys
from collections.abc import Sequence

from deputy.adapters.store.sqlite.arrivals import SqliteArrivals
from deputy.adapters.store.sqlite.store import SqliteStore
from deputy.app import driving
from deputy.app.bootstrap import office
from deputy.app.starting import Sources
from deputy.domain.trigger import Trigger
from deputy.ports.arrivals import Advance
from deputy.ports.store import Commit


def hurried() -> None:
    """Look at mailboxes without a pause."""

    def at_once(self: Sources, trigger: Trigger) -> float | None:
        return 0.1

    Sources.polled = at_once


def still(moment: str) -> None:
    """Stand still before a letter is kept, before its run begins, or after it has begun."""
    advance, write = SqliteArrivals.advance, SqliteStore.commit

    async def stand() -> None:
        print("still", flush=True)  # noqa: T201
        await asyncio.sleep(600)

    async def advanced(self: SqliteArrivals, advances: Sequence[Advance]) -> Sequence[bool]:
        if moment == "keeping" and any(one.arrivals for one in advances):
            await stand()
        return await advance(self, advances)

    async def committed(self: SqliteStore, commit: Commit) -> None:
        if moment == "beginning" and commit.begins is not None:
            await stand()
        await write(self, commit)
        if moment == "begun" and commit.begins is not None:
            await stand()

    SqliteArrivals.advance, SqliteStore.commit = advanced, committed


async def main(folder: str, moment: str) -> None:
    hurried()
    still(moment)
    async with office(folder) as opened:
        await driving.serve(opened, asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
