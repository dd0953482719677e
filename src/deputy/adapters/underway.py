"""Attempts that are under way, by the effect they are for; they outlive whoever asked, until somebody ends them."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from deputy.domain.effect import Result

__all__ = ["UnderWay"]


class UnderWay:
    """The attempts of one host."""

    def __init__(self) -> None:
        self._open: dict[asyncio.Task[Result], str] = {}

    async def run(self, key: str, work: Coroutine[Any, Any, Result], name: str) -> Result:
        """The result of an attempt at this effect. Who stops waiting for it has told it to end, not that it did."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._open[task] = key
        task.add_done_callback(self._open.pop)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.cancel()
            raise

    async def quiesce(self, key: str) -> None:
        """Return once nothing is under way for this effect, ending it if need be."""
        while still := [task for task, effect in self._open.items() if effect == key]:
            await _end(still)

    async def close(self) -> None:
        """End everything."""
        while still := list(self._open):
            await _end(still)


async def _end(tasks: list[asyncio.Task[Result]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
