"""The job that every program here does, how its steps are counted, and the line that it prints.

Standard library only, because the peers import it under interpreters in which Deputy is not installed.

The job: `runs` runs at once, each of `steps` steps. One *step* is a stub model's reply and the stub tool call that the
reply asks for, with intent and outcome durable before the next step starts. A run that ends is replaced, so that the
load stays the same until the end.
"""

import argparse
import asyncio
import contextlib
import json
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

GRACE = 30.0  # seconds that runs have to end by themselves after the window

Settings = Mapping[str, str | int | float | bool]


class ToolCall(TypedDict):
    """What a reply asks for."""

    id: str
    tool: str
    args: dict[str, str]


class Reply(TypedDict):
    """One stub model reply: some text and one tool call."""

    text: str
    call: ToolCall


class ToolResult(TypedDict):
    """What the stub tool returns."""

    id: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Job:
    """How much of what; the same for every program of one comparison."""

    folder: Path
    runs: int = 256
    steps: int = 10
    seconds: float = 0.0  # length of the window that is measured; 0 measures one wave of runs, start to end
    model_ms: float = 0.0
    tool_ms: float = 0.0
    payload: int = 200  # bytes of text in a reply, and in a tool's result

    def arguments(self) -> list[str]:
        """Return the command line that says this job, for a program's process."""
        return [
            f"--folder={self.folder}",
            f"--runs={self.runs}",
            f"--steps={self.steps}",
            f"--seconds={self.seconds}",
            f"--model-ms={self.model_ms}",
            f"--tool-ms={self.tool_ms}",
            f"--payload={self.payload}",
        ]


def add_job_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say a job."""
    parser.add_argument("--runs", type=int, default=Job.runs, help="runs at once (default %(default)s)")
    parser.add_argument("--steps", type=int, default=Job.steps, help="steps of one run (default %(default)s)")
    parser.add_argument("--model-ms", type=float, default=0.0, help="the stub model's latency (default 0)")
    parser.add_argument("--tool-ms", type=float, default=0.0, help="the stub tool's latency (default 0)")
    parser.add_argument("--payload", type=int, default=Job.payload, help="bytes of text in a reply and in a result")


def job_from_command_line(description: str | None) -> Job:
    """Parse a program's command line; options of other programs are passed over."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--folder", type=Path, required=True, help="an empty folder for the program's data")
    parser.add_argument("--seconds", type=float, default=0.0, help="measured window; 0 = one wave, start to end")
    add_job_arguments(parser)
    known, _ = parser.parse_known_args()
    known.folder.mkdir(parents=True, exist_ok=True)
    return Job(**vars(known))


class World:
    """The stub model and the stub tool; no two replies and no two results are equal, so none can be stored once."""

    def __init__(self, job: Job) -> None:
        """Take latencies and sizes from the job."""
        self._job = job
        self._filler = "lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor " * (
            job.payload // 80 + 1
        )

    def _text(self, run: str, n: int) -> str:
        return f"{run}/{n} {self._filler}"[: self._job.payload]

    async def reply(self, run: str, n: int) -> Reply:
        """Return the model's n-th reply in this run."""
        if self._job.model_ms:
            await asyncio.sleep(self._job.model_ms / 1000)
        return {
            "text": self._text(run, n),
            "call": {"id": f"{run}-{n}", "tool": "lookup", "args": {"key": f"{run}:{n}"}},
        }

    async def lookup(self, call: ToolCall) -> ToolResult:
        """Perform the tool call."""
        if self._job.tool_ms:
            await asyncio.sleep(self._job.tool_ms / 1000)
        return {"id": call["id"], "text": self._text(call["args"]["key"], 0)}


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The clocks and the counter at one edge of the window."""

    at: float
    cpu: float
    steps: int


class Meter:
    """Counts durable steps and reads the clocks at the edges of the window.

    With a window (`seconds` > 0) it opens when as many steps are done as there are runs, so that no program pays for
    its start, and closes after `seconds`, at the next whole generation of runs: runs march in step, so any other edge
    would cut a wave in two. Without a window, it opens before the first run and closes after the last.
    """

    def __init__(self, job: Job) -> None:
        """Start closed."""
        self._job = job
        self._steps = 0
        self._opened: Reading | None = None
        self._closed: Reading | None = None
        self._over = asyncio.Event()

    @property
    def over(self) -> bool:
        """Whether the window has closed."""
        return self._closed is not None

    def step(self) -> None:
        """Count one step whose outcome is durable; called in the loop's thread."""
        self._steps += 1
        if not self._job.seconds or self._closed is not None:
            return
        if self._opened is None:
            if self._steps >= self._job.runs:
                self._opened = self._read()
            return
        whole = (self._steps - self._opened.steps) % (self._job.runs * self._job.steps) == 0
        if whole and time.perf_counter() - self._opened.at >= self._job.seconds:
            self._close()

    def _read(self) -> Reading:
        return Reading(at=time.perf_counter(), cpu=cpu_seconds(), steps=self._steps)

    def _close(self) -> None:
        if self._closed is None:
            self._closed = self._read()
            self._over.set()

    async def drive(self, one_run: Callable[[str], Awaitable[object]]) -> None:
        """Keep `runs` runs going until the window closes; the first run that fails ends it all.

        A run looks at `over` between its steps and ends early; one that has not after `GRACE` seconds is cancelled.
        """
        if not self._job.seconds:
            self._opened = self._read()
        async with asyncio.TaskGroup() as group:
            slots = [group.create_task(self._slot(one_run, n)) for n in range(self._job.runs)]
            if self._job.seconds:
                await self._over.wait()
                _, late = await asyncio.wait(slots, timeout=GRACE)
                for slot in late:
                    slot.cancel()
        self._close()

    async def _slot(self, one_run: Callable[[str], Awaitable[object]], number: int) -> None:
        generation = 0
        while not self.over:
            await one_run(f"run{number:04d}x{generation}")
            if not self._job.seconds:
                return
            generation += 1

    def result(self, *, peer: str, version: str, db_bytes: int, settings: Settings) -> dict[str, Any]:
        """Return what the program prints."""
        opened, closed = self._opened, self._closed
        if opened is None or closed is None or closed.steps == opened.steps:
            raise RuntimeError("no step was completed inside the window; ask for a longer one with --seconds")
        steps, seconds = closed.steps - opened.steps, closed.at - opened.at
        return {
            "measure": "steps",
            "peer": peer,
            "version": version,
            "runs": self._job.runs,
            "steps_per_run": self._job.steps,
            "steps": steps,
            "seconds": round(seconds, 3),
            "steps_per_s": round(steps / seconds, 1),
            "cpu_us_per_step": round((closed.cpu - opened.cpu) / steps * 1e6, 1),
            "db_bytes": db_bytes,
            "db_bytes_per_step": round(db_bytes / self._steps, 1),
            "settings": {
                "model_ms": self._job.model_ms,
                "tool_ms": self._job.tool_ms,
                "payload": self._job.payload,
                **settings,
            },
        }


def print_result(result: Mapping[str, Any]) -> None:
    """Print the one line that `bench` reads: the last line of standard output."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()


def not_available(peer: str, reason: str) -> dict[str, Any]:
    """Return the line of a program that cannot run here; a gap in the table, not a failure."""
    return {"measure": "steps", "peer": peer, "not_available": reason}


def cpu_seconds() -> float:
    """Return user and system time of this process and all its descendants, living and waited for."""
    own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in own) + _descendants_seconds()


def _descendants_seconds() -> float:
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we looked
        pid = int(stat.parent.name)
        parents[pid] = int(fields[1])
        ticks[pid] = sum(int(field) for field in fields[11:15])  # utime, stime and those of its waited-for children
    family = {os.getpid()}
    total = 0
    while found := {pid for pid, parent in parents.items() if parent in family and pid not in family}:
        family |= found
        total += sum(ticks[pid] for pid in found)
    return total / os.sysconf("SC_CLK_TCK")


def folder_bytes(folder: Path) -> int:
    """Return what the files of a folder hold, counting no hole and nothing preallocated."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                status = os.stat(os.path.join(parent, name))
                total += min(status.st_size, status.st_blocks * 512)
    return total


def sqlite_settings(rows: Sequence[tuple[str, object]]) -> dict[str, str]:
    """Check that what SQLite reads back is what the comparison promises, and return it for the record."""
    read = {name: str(value).lower() for name, value in rows}
    if read != {"journal_mode": "wal", "synchronous": "2"}:
        raise RuntimeError(f"the peer's connection does not write WAL with synchronous=FULL: {read!r}")
    return {"journal_mode": "wal", "synchronous": "full"}
