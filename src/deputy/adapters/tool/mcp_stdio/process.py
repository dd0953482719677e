"""One server as a process: whole lines in, whole lines out, nothing without bounds, and the certainty that it is gone.

It knows nothing of the protocol. What is read is handed to a `Listener` at once, in the loop's own callbacks: no task,
no queue. A line longer than the limit is thrown away as it comes, but for its two ends.
"""

import asyncio
import errno
import os
import select
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol, cast

__all__ = ["Listener", "Process", "start"]

_KEEPER = str(Path(__file__).with_name("keeper.py"))
_ENDS = 256  # bytes kept of either end of a line that is too long
_MAX_LONG = 1 << 30  # bytes that a line may have, to be thrown away
_LAST_WORDS = 4096  # bytes kept of what it wrote to stderr
_BACKLOG = 64 * 1024  # bytes of replies nobody waits for that may lie before a server which does not read
_GRACE = 1.0  # seconds for each step from asking it to end to making it


class Listener(Protocol):
    """Who a server's output is for."""

    def line(self, line: bytes) -> None:
        """One line, without its end."""
        ...

    def long_line(self, head: bytes, tail: bytes) -> None:
        """Both ends of a line that was longer than the limit."""
        ...

    def end(self) -> None:
        """It will write no more."""
        ...


class Process(asyncio.SubprocessProtocol):
    """A running server. Writing is for one at a time: `await room()`, then `write`."""

    def __init__(self, listener: Listener, limit: int, life: int) -> None:
        self._listener, self._limit, self._life = listener, limit, life
        self._line = bytearray()
        self._long, self._tail = 0, b""  # of a line that is longer than the limit: its length so far, and its end
        self._stderr: deque[bytes] = deque()
        self._stderr_size = 0
        self._room = asyncio.Event()
        self._room.set()
        self._gone, self._closed = asyncio.Event(), asyncio.Event()
        self._ended = False
        self.status: int | None = None  #: its exit status, once it is gone

    # --- what the loop tells us

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It was started."""
        self._transport = cast("asyncio.SubprocessTransport", transport)
        stdin = self._stdin()
        if stdin is not None:
            stdin.set_write_buffer_limits(high=0)  # `room` means that nothing at all is left to write

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """It wrote."""
        if fd == 2:
            self._stderr.append(data[-_LAST_WORDS:])
            self._stderr_size += len(self._stderr[-1])
            while self._stderr_size - len(self._stderr[0]) >= _LAST_WORDS:
                self._stderr_size -= len(self._stderr.popleft())
            return
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            self._add(data[start:end])
            self._finish()
            start = end + 1
        self._add(data[start:])

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """It closed one of its ends, or ended."""
        if fd == 0:
            self._room.set()  # who waits to write is to see that nobody reads
        if fd == 1:
            self._end()

    def process_exited(self) -> None:
        """It, and all that it started, was reaped."""
        self.status = self._transport.get_returncode()
        self._gone.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone and its pipes are closed."""
        self._closed.set()

    def pause_writing(self) -> None:
        """It does not read as fast as we write."""
        self._room.clear()

    def resume_writing(self) -> None:
        """It has read everything."""
        self._room.set()

    # --- what the session asks

    async def room(self) -> None:
        """Return when everything written so far was taken by the system, or nobody reads any more."""
        await self._room.wait()

    def write(self, line: bytes) -> bool:
        """Write a line, to be called right after `room`; False if it is certain that no byte of it reached anybody."""
        stdin = self._stdin()
        if stdin is None or stdin.is_closing() or _nobody_reads(stdin):
            return False
        empty = not stdin.get_write_buffer_size()
        stdin.write(line)
        return not (empty and stdin.is_closing())  # it closes at once where the very first write was refused

    def offer(self, line: bytes) -> None:
        """Write a line nobody waits for, unless the server does not read what it was sent before."""
        stdin = self._stdin()
        if stdin is not None and not stdin.is_closing() and stdin.get_write_buffer_size() < _BACKLOG:
            stdin.write(line)

    def last_words(self) -> str:
        """The end of what it wrote to stderr."""
        return b"".join(self._stderr)[-_LAST_WORDS:].decode("utf-8", "replace")

    async def gone(self, seconds: float) -> bool:
        """Wait this long at most for it, and all that it started, to be gone; whether it is."""
        return await _within(self._gone, seconds)

    async def stop(self) -> None:
        """Make it end: close its input, ask, kill. Returns when it and all it started are gone and nothing is left."""
        stdin = self._stdin()
        if stdin is not None:
            stdin.abort() if stdin.get_write_buffer_size() else stdin.close()
        if not await self.gone(_GRACE):
            with suppress(OSError):
                os.write(self._life, b"t")
            await self.gone(_GRACE)
        os.close(self._life)
        if not await self.gone(3 * _GRACE):
            with suppress(OSError):
                os.killpg(self._transport.get_pid(), signal.SIGKILL)
            await self.gone(_GRACE)
        self._transport.close()
        await _within(self._closed, _GRACE)

    def _stdin(self) -> asyncio.WriteTransport | None:
        return cast("asyncio.WriteTransport | None", self._transport.get_pipe_transport(0))

    def _end(self) -> None:
        if not self._ended:
            self._ended = True
            self._listener.end()

    def _add(self, data: bytes) -> None:
        if self._long:
            self._long += len(data)
            self._tail = (self._tail + data[-_ENDS:])[-_ENDS:]
            if self._long > _MAX_LONG:
                self._end()
        elif len(self._line) + len(data) > self._limit:
            self._long = len(self._line) + len(data)
            self._tail = (bytes(self._line[-_ENDS:]) + data[-_ENDS:])[-_ENDS:]
            self._line += data[:_ENDS]
            del self._line[_ENDS:]
        else:
            self._line += data

    def _finish(self) -> None:
        line, long, tail = bytes(self._line), self._long, self._tail
        self._line, self._long, self._tail = bytearray(), 0, b""
        if long:
            self._listener.long_line(line, tail)
        else:
            self._listener.line(line)


async def start(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str], listener: Listener, limit: int
) -> Process:
    """Start a server under a keeper of its own, in a session of its own; raises OSError if that cannot be.

    A command that cannot be run ends with status 127. To be called in the thread of the worker's loop, which the
    keeper takes for the worker.
    """
    handed = _handed(env)
    theirs, ours = os.pipe()
    try:
        _, process = await asyncio.get_running_loop().subprocess_exec(
            lambda: Process(listener, limit, ours),
            *(sys.executable, "-I", "-S", _KEEPER, str(theirs), str(handed), str(os.getpid()), *command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env={},
            pass_fds=(theirs, handed),
            start_new_session=True,
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
        os.close(handed)
    return process


def _handed(env: Mapping[str, str]) -> int:
    """The server's environment as a file without a name, in memory: its keeper has none of it in its own."""
    data = b"".join(os.fsencode(f"{name}={value}") + b"\0" for name, value in env.items())
    if hasattr(os, "memfd_create"):
        with open(os.memfd_create("environment"), "wb", closefd=False) as file:
            file.write(data)
            file.seek(0)
            return file.fileno()
    theirs, ours = os.pipe()
    os.set_blocking(ours, False)
    try:
        if os.write(ours, data) < len(data):
            raise OSError(errno.E2BIG, "Its environment is too large")
    except OSError:
        os.close(theirs)
        raise
    finally:
        os.close(ours)
    return theirs


async def _within(event: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()


def _nobody_reads(stdin: asyncio.WriteTransport) -> bool:
    """Whether the other end of this pipe is closed."""
    pipe = stdin.get_extra_info("pipe")
    if pipe is None:
        return False
    poll = select.poll()
    poll.register(pipe.fileno(), 0)
    return bool(poll.poll(0))
