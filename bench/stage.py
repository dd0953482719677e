"""What Deputy's programs share: an agent with its tools, models that follow a plan, a run in hand, small arithmetic."""

import argparse
import asyncio
import json
import random
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import apsw
import msgspec

import deputy
from bench.job import Settings, sqlite_settings
from deputy.adapters.store.sqlite import SqliteStore
from deputy.adapters.store.sqlite.connection import Database
from deputy.base.canonical import canonical
from deputy.base.clock import SystemClock
from deputy.domain.agent import Agent, Grant
from deputy.domain.builtin import BUILT_IN
from deputy.domain.effect import Done, Intent, Result, ToolRequest, ToolSpec
from deputy.domain.message import ModelCall, Prompt, Reply
from deputy.kernel.journal import Holding, Journal
from deputy.kernel.recovery import Recovery, load
from deputy.kernel.visit import Catalogue, Visit
from deputy.testing.bench import Workbench, compile_schema
from deputy.testing.fakes import CountingTools

KEY: dict[str, object] = {"type": "object", "properties": {"key": {"type": "string"}}, "required": ["key"]}
LOOKUP = ToolSpec(name="lookup", parameters=KEY, effect="write", repeat="keyed", deadline=600.0)
CLERK = Agent(
    name="clerk",
    owner="wei",
    instructions="Look everything up.",
    version="0" * 64,
    grants=(Grant(pattern="lookup", autonomy="act"),),
)
TOGETHER = 1000  #: commits that are handed to the store at once where many runs are made

ToolFunction = Callable[[Intent, Mapping[str, Any]], Awaitable[Result]]


def clerk(**changes: Any) -> Agent:
    """An agent that may look things up."""
    return msgspec.structs.replace(CLERK, **changes)


class PlannedModel:
    """A model whose reply is a function of the run and of how many results it has seen."""

    def __init__(self, reply: Callable[[str, int], Awaitable[Reply]]) -> None:
        self._reply = reply

    async def complete(self, intent: Intent) -> Result:
        assert isinstance(intent.request, Prompt)
        return Done(await self._reply(intent.run, len(intent.request.script.results)))

    async def close(self) -> None:
        """Nothing to let go of."""


def asks_for(text: str, tool: str, args: Mapping[str, object], *, name: str = "c1") -> Reply:
    """A reply that asks for one tool call."""
    return Reply(text=text, calls=(ModelCall(name, tool, canonical(args).decode()),), finish="tool_calls")


def tools_of(specs: Sequence[ToolSpec], function: ToolFunction) -> CountingTools:
    """A host of tools that one function performs; it forgets its calls, which would be counted as ours."""
    tools = CountingTools(specs)

    async def answer(intent: Intent) -> Result:
        tools.calls.clear()
        assert isinstance(intent.request, ToolRequest)
        return await function(intent, intent.request.args)

    tools.answer = answer
    return tools


class Ends(Recovery):
    """Recovery that tells how each run's stay with the worker ended."""

    def __init__(self, inner: Recovery, ended: Callable[[str, str], None]) -> None:
        self._inner, self._ended = inner, ended

    @property
    def queued(self) -> int:
        """How many of its runs wait for their turn at a model."""
        return self._inner.queued

    def stop(self) -> None:
        """Let nobody wait for a turn any more."""
        self._inner.stop()

    async def stay(self, taken: Any, holding: Any, mail: Any) -> str:
        """Drive the run, then tell."""
        state = await self._inner.stay(taken, holding, mail)
        self._ended(taken.run.id, state)
        return state


@asynccontextmanager
async def a_lease(store: SqliteStore) -> AsyncGenerator[Holding]:
    """Hold a lease of this store, for as long as one heartbeat lasts."""
    lease = await store.join("worker")
    try:
        yield Holding(lease, await store.beat(lease))
    finally:
        await store.leave(lease)


async def in_hand(bench: Workbench, holding: Holding, agent: Agent) -> Visit:
    """Start a run and take it as a worker does, to perform effects of it by hand."""
    name = await bench.start(agent.name)
    (taken,) = await bench.store.claim(holding.lease, 1, [name])
    journal = Journal(bench.store, bench.clock, holding, taken.run, await load(bench.store, taken))
    return Visit(bench.rules, journal, agent, Catalogue({**BUILT_IN, **bench.tools.specs}, compile_schema))


async def start_many(bench: Workbench, agent: str, count: int) -> list[str]:
    """Start so many runs, a thousand commits at a time."""
    names: list[str] = []
    for first in range(0, count, TOGETHER):
        names += await all_of([bench.start(agent) for _ in range(first, min(count, first + TOGETHER))])
    return names


async def all_of(work: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Do all of it at the same time; the results in order."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in work]
    return [task.result() for task in tasks]


def open_store(file: Path) -> tuple[SqliteStore, SystemClock]:
    """Open (or make) a database; to be called inside a running loop."""
    clock = SystemClock()
    return SqliteStore.open(file, clock), clock


def database(file: Path) -> Database:
    """Open a database to look at it."""
    return cast("Database", apsw.Connection(str(file)))


def checkpoint(file: Path) -> dict[str, str]:
    """Bring the whole log into the database file; returns the settings that every figure is measured under."""
    connection = database(file)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    mode = str(connection.pragma("journal_mode"))
    connection.close()
    return {**sqlite_settings([("journal_mode", mode), ("synchronous", 2)]), "sqlite": apsw.sqlite_lib_version()}


class Babble:
    """Text of which no two stretches are alike: nothing of it can be stored once, and little compressed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def text(self, size: int) -> str:
        """So many bytes of words, in lines of a dozen."""
        pieces: list[str] = []
        length = count = 0
        while length < size:
            word = "".join(self._random.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=self._random.randint(2, 9)))
            count += 1
            pieces.append(word + ("\n" if count % 12 == 0 else " "))
            length += len(pieces[-1])
        return "".join(pieces)[:size]

    def sizes(self, count: int, total: int) -> list[int]:
        """So many sizes, most of them small and a few large, that add up to a total."""
        weights = [self._random.lognormvariate(0, 1) for _ in range(count)]
        whole = sum(weights)
        sizes = [max(1, int(total * weight / whole)) for weight in weights]
        sizes[-1] += max(0, total - sum(sizes))
        return sizes


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def pss_kib(pid: int | str = "self") -> int:
    """The memory of a process, what it shares divided by those who share it, in KiB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise RuntimeError("this kernel does not tell the proportional set size of a process")


def options(description: str | None, **defaults: int) -> argparse.Namespace:
    """Parse a program's own options, each a number; those of other programs are passed over."""
    parser = argparse.ArgumentParser(description=description, add_help=False, allow_abbrev=False)
    for name, default in defaults.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default)
    return parser.parse_known_args()[0]


def line(measure: str, figures: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """What a program prints."""
    rounded = {name: round(value, 3) if isinstance(value, float) else value for name, value in figures.items()}
    said = {"measure": measure, "peer": "deputy", "version": deputy.__version__}
    return {**said, **rounded, "settings": dict(settings)}


class Child:
    """Another Python process of a program, which speaks in lines of JSON on its standard output."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process, self.stdin, self.stdout = process, process.stdin, process.stdout

    @classmethod
    async def start(cls, module: str, *arguments: object) -> "Child":
        """Start `python -m module arguments` under this interpreter."""
        command = [sys.executable, "-m", module, *(str(argument) for argument in arguments)]
        pipe = asyncio.subprocess.PIPE
        return cls(await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, limit=2**26))

    def tell(self, what: str) -> None:
        """Write a line to its standard input."""
        self.stdin.write(what.encode() + b"\n")

    async def hear(self) -> Any:
        """What its next line says."""
        said = await self.stdout.readline()
        if not said:
            await self.process.wait()
            raise RuntimeError(f"a child process ended with {self.process.returncode} and said nothing")
        return json.loads(said)

    async def ask(self, what: str) -> Any:
        """Tell it something, and hear what it says."""
        self.tell(what)
        return await self.hear()

    async def kill(self) -> None:
        """End it as a power cut would, and wait until it is gone."""
        self.process.kill()
        await self.process.wait()

    async def over(self) -> None:
        """Close its standard input and wait until it has ended by itself."""
        self.stdin.close()
        if await self.process.wait():
            raise RuntimeError(f"a child process ended with {self.process.returncode}")


async def orders() -> AsyncGenerator[tuple[str, Any]]:
    """What the parent process tells us, until it closes our standard input: a word, and what goes with it."""
    reader = asyncio.StreamReader(limit=2**26)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while told := await reader.readline():
        text = told.decode().strip()
        order, given = json.loads(text) if text.startswith("[") else (text, None)
        yield order, given


def say(value: object) -> None:
    """Say something to the parent process."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()
