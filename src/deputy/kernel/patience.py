"""How long to wait for calls under way: one timer looks after all, since a timer for each costs more than a call.

Used for deadlines that an adapter should have kept by itself, so being up to a tick late does no harm.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["Patience"]

T = TypeVar("T")
TICK = 0.1  #: seconds between looks


class _Wait:
    __slots__ = ("expired", "task", "until")

    def __init__(self, task: "asyncio.Task[Any]", until: float) -> None:
        self.task, self.until, self.expired = task, until, False


class Patience:
    """Waits that end by themselves. Belongs to one event loop."""

    def __init__(self) -> None:
        self._waits: set[_Wait] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        """The result of `work`; raises TimeoutError if it takes longer, at most a tick late."""
        task = asyncio.current_task()
        assert task is not None
        loop, before = task.get_loop(), task.cancelling()
        wait = _Wait(task, loop.time() + seconds)
        self._waits.add(wait)
        if self._timer is None:
            self._timer = loop.call_later(TICK, self._look, loop)
        try:
            return await work
        except asyncio.CancelledError:
            if wait.expired and task.uncancel() <= before:  # nobody else asked for it to end
                raise TimeoutError from None
            raise
        finally:
            self._waits.discard(wait)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(TICK, self._look, loop) if self._waits else None
        now = loop.time()
        for wait in [w for w in self._waits if w.until <= now and not w.expired]:
            wait.expired = True
            wait.task.cancel()
