"""The side that asks: a few processes for one kind of work, started when first needed and kept while they are used."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process  # noqa: TID251 - this adapter starts processes
from collections.abc import Callable
from contextlib import suppress

from deputy.base.errors import DeputyError

__all__ = ["Cells", "Ended", "TooLate", "TooLong"]

_IDLE = 20.0  # seconds for which a process without work is kept
_GRACE = 2.0  # seconds that one has to stop by itself, once it was told to
_HEAD = 5  # bytes before each message: a kind, and the length of the rest


class Ended(DeputyError):
    """The process ended over this request: out of memory, or broken by it."""

    code = "reader_ended"


class TooLong(DeputyError):
    """The answer is longer than we take."""

    code = "result_too_large"


class TooLate(DeputyError):
    """It was not begun any more."""

    code = "not_sent"


class Cells:
    """Processes that answer requests with one function, `module:function`, each of at most `memory` bytes.

    The function is given the request, and a way to tell something before it answers. `writes` bounds what it may write
    to any file.
    """

    def __init__(
        self, function: str, *, memory: int = 1 << 30, writes: int = 0, most: int = 2, limit: int = 8 << 20
    ) -> None:
        self._command = [
            sys.executable,
            "-s",
            "-m",
            "deputy.adapters.confined.inside",
            function,
            str(memory),
            str(writes),
        ]
        self._limit = limit
        self._room = asyncio.Semaphore(most)
        self._idle: list[tuple[Process, asyncio.TimerHandle]] = []
        self._ending: set[asyncio.Task[None]] = set()

    async def ask(
        self,
        request: bytes,
        *,
        told: Callable[[bytes], None] = lambda _: None,
        permitted: Callable[[], bool] = lambda: True,
    ) -> bytes:
        """The answer to a request. Cancel it to give up: then its process is ended. Raises Ended, TooLong or TooLate.

        `permitted` is asked last, right before the request is handed over.
        """
        async with self._room:
            process = await self._free()
            try:
                if not permitted():
                    raise TooLate("The time in which it might begin was over; nothing was done.")
                answer = await self._exchange(process, request, told)
            except BaseException:
                await asyncio.shield(self._end(process))
                raise
            handle = asyncio.get_running_loop().call_later(_IDLE, self._expire, process)
            self._idle.append((process, handle))
            return answer

    async def close(self) -> None:
        """End every process that has no work; one that has ends with it."""
        while self._idle:
            process, handle = self._idle.pop()
            handle.cancel()
            self._end(process)
        if self._ending:
            await asyncio.wait(self._ending)

    async def _free(self) -> Process:
        while self._idle:
            process, handle = self._idle.pop()
            handle.cancel()
            if process.returncode is None:
                return process
            await self._end(process)
        environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "LC_ALL": "C.UTF-8"}
        return await asyncio.create_subprocess_exec(  # noqa: TID251 - this adapter starts processes
            *self._command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment, cwd="/"
        )

    async def _exchange(self, process: Process, request: bytes, told: Callable[[bytes], None]) -> bytes:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(len(request).to_bytes(4, "big") + request)
            await process.stdin.drain()
            while True:
                head = await process.stdout.readexactly(_HEAD)
                size = int.from_bytes(head[1:], "big")
                if size > self._limit:
                    raise TooLong(f"The result is longer than {self._limit} bytes.", "Ask for less.")
                body = await process.stdout.readexactly(size)
                match head[:1]:
                    case b"A":
                        return body
                    case b"N":
                        told(body)
                    case _:
                        raise Ended(f"It could not be read: {body[:200].decode(errors='replace')}.")
        except (ConnectionError, asyncio.IncompleteReadError):
            raise Ended("Reading it took more memory than there is for it, or broke the reader.") from None

    def _expire(self, process: Process) -> None:
        self._idle = [entry for entry in self._idle if entry[0] is not process]
        self._end(process)

    def _end(self, process: Process) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(_ended(process), name="end a reader")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        return task


async def _ended(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_GRACE):
            await _drained(process)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await _drained(process)


async def _drained(process: Process) -> None:
    assert process.stdout is not None
    while await process.stdout.read(1 << 16):
        pass
    await process.wait()
