"""The one thread that writes: commits of many runs share a transaction, and each is answered for itself.

Whatever was submitted while a transaction was being written goes into the next one (group commit). Within it, each
commit's preconditions are read before any of its rows are written, so a refused commit never touches its neighbours.
"""

import asyncio
import contextlib
import os
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

__all__ = ["Job", "Thread"]

T = TypeVar("T")
LOOK_AFTER = 0.01  #: seconds without an idle moment after which others' changes are looked for all the same
Result = tuple["Job[Any]", object, BaseException | None]


class Job(NamedTuple, Generic[T]):
    """Work for the thread: a function, or an element of a group, and where its answer goes."""

    work: Callable[[], T] | None
    element: object
    future: "asyncio.Future[T]"


class Thread:
    """Runs functions one after another, and groups of elements together, away from the event loop."""

    def __init__(
        self,
        name: str,
        group: Callable[[Sequence[object]], Sequence[BaseException | None]] | None = None,
        idle: Callable[[], None] | None = None,
        idle_every: float = 0.02,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self._group, self._idle, self._idle_every = group, idle, idle_every
        self._queue: queue.SimpleQueue[list[Job[Any]] | None] = queue.SimpleQueue()
        self._adding: list[Job[Any]] = []  #: since the loop's last turn
        self._open, self._process, self._looked = True, os.getpid(), 0.0
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def call(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        """Run a function in the thread."""
        future: asyncio.Future[T] = self.loop.create_future()
        self._put(Job(work, None, future))
        return future

    def add(self, element: object) -> "asyncio.Future[None]":
        """Put an element into the next group."""
        future: asyncio.Future[None] = self.loop.create_future()
        self._check()
        self._adding.append(Job(None, element, future))
        if len(self._adding) == 1:
            self.loop.call_soon(self._flush)  # what this turn of the loop adds goes over in one piece
        return future

    def _flush(self) -> None:
        if self._adding:
            self._queue.put(self._adding)
            self._adding = []

    def _put(self, job: "Job[T]") -> None:
        self._check()
        self._flush()  # what was added before comes before
        self._queue.put([job])

    def _check(self) -> None:
        if not self._open:
            raise RuntimeError("the store is closed")
        if os.getpid() != self._process:
            raise RuntimeError("a store belongs to the process that opened it: open another one after a fork")

    async def close(self) -> None:
        """Finish what was submitted and end the thread."""
        if self._open:
            self._open = False
            self._flush()
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)

    # -- in the thread

    def _serve(self) -> None:
        while (jobs := self._take()) is not None:
            results: list[Result] = []
            group: list[Job[Any]] = []
            for job in jobs:
                if job.work is None:
                    group.append(job)
                    continue
                self._run_group(group, results)
                group = []
                try:
                    results.append((job, job.work(), None))
                except BaseException as exc:  # noqa: BLE001 - whatever it is belongs to whoever asked
                    results.append((job, None, exc))
            self._run_group(group, results)
            self._answer(results)
            if self._idle is not None and self.loop.time() - self._looked >= LOOK_AFTER:
                self._pause(self._idle)

    def _pause(self, idle: Callable[[], None]) -> None:
        self._looked = self.loop.time()
        idle()

    def _take(self) -> "list[Job[Any]] | None":
        jobs: list[Job[Any]] = []
        while not jobs:
            try:
                first = self._queue.get(timeout=self._idle_every if self._idle else None)
            except queue.Empty:
                if self._idle is not None:
                    self._pause(self._idle)
                continue
            if first is None:
                return None
            jobs.extend(first)
        while not self._queue.empty():
            more = self._queue.get()
            if more is None:
                self._queue.put(None)
                break
            jobs.extend(more)
        return jobs

    def _run_group(self, group: "list[Job[Any]]", results: list[Result]) -> None:
        if group and self._group is not None:
            try:
                answers = self._group([job.element for job in group])
            except BaseException as exc:  # noqa: BLE001 - a failed transaction is everybody's failure
                answers = [exc] * len(group)
            results.extend((job, None, answer) for job, answer in zip(group, answers, strict=True))

    def _answer(self, results: list[Result]) -> None:
        with contextlib.suppress(RuntimeError):  # a loop that is gone took everybody with it who could want to know
            self.loop.call_soon_threadsafe(_deliver, results)


def _deliver(results: list[Result]) -> None:
    for job, value, error in results:
        if job.future.done():
            continue
        if error is None:
            job.future.set_result(value)
        else:
            job.future.set_exception(error)
