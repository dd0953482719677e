"""Drive one run through any number of kill -9: each life is a forked process that dies at a chosen moment.

A program, so that it forks from a process without threads: prints one JSON line for each world it drove. The far side
is a file that is appended to and synced, so it keeps what it has done whatever dies; it deduplicates only where its
tool is declared `keyed`.
"""

import asyncio
import itertools
import json
import os
import random
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.kernel.bench_of import answer

from deputy.adapters.store.sqlite import SqliteStore
from deputy.base.clock import SystemClock
from deputy.domain.agent import Agent, Grant
from deputy.domain.effect import Done, Intent, Result, ToolRequest, ToolSpec
from deputy.domain.event import event_from
from deputy.domain.label import TRUSTED
from deputy.domain.message import Prompt
from deputy.domain.run import fold
from deputy.kernel.approval import shown
from deputy.kernel.desk import Desk
from deputy.ports.store import Commit
from deputy.testing.bench import Workbench
from deputy.testing.fakes import CountingTools, StubModel, calls, says

KINDS: dict[str, dict[str, Any]] = {
    "look": {"effect": "read", "repeat": "safe"},
    "safe_write": {"effect": "write", "repeat": "safe"},
    "keyed_write": {"effect": "write", "repeat": "keyed"},
    "keyed_send": {"effect": "send", "repeat": "keyed"},
    "keyed_pay": {"effect": "irreversible", "repeat": "keyed"},
    "keyed_code": {"effect": "execute", "repeat": "keyed"},
    "late_keyed_pay": {"effect": "irreversible", "repeat": "keyed", "keyed_for": 0.0, "verify": "find"},
    "read_back_pay": {"effect": "irreversible", "repeat": "never", "verify": "find", "conclusive": True},
    "unsure_pay": {"effect": "irreversible", "repeat": "never", "verify": "find"},
    "blind_pay": {"effect": "irreversible", "repeat": "never"},
    "blind_write": {"effect": "write", "repeat": "never"},
    "blind_send": {"effect": "send", "repeat": "never"},
    "blind_code": {"effect": "execute", "repeat": "never"},
}
OBJECT: dict[str, object] = {"type": "object"}
FIND = ToolSpec(name="find", parameters=OBJECT, effect="read", repeat="safe", output=TRUSTED)


def spec(name: str) -> ToolSpec:
    """The tool of a kind; deadlines are short, since a read-back waits for them."""
    return ToolSpec(name=name, parameters=OBJECT, deadline=0.05, output=TRUSTED, **KINDS[name])


class Death:
    """Counts the moments of a life, and ends it at one of them."""

    def __init__(self, at: int | None) -> None:
        self.at, self.passed = at, 0

    def moment(self, _point: str) -> None:
        self.passed += 1
        if self.at is not None and self.passed >= self.at:
            os.kill(os.getpid(), signal.SIGKILL)


class DyingStore(SqliteStore):
    """The store, with a moment before and after every commit."""

    death = Death(None)

    async def commit(self, commit: Commit) -> None:
        self.death.moment("before commit")
        await super().commit(commit)
        self.death.moment("after commit")


class FarSide(CountingTools):
    """Does what it is asked by appending a line to a file, and can be asked what it did."""

    def __init__(self, ledger: Path, death: Death, specs: Sequence[ToolSpec]) -> None:
        super().__init__(specs)
        self._ledger, self._death = ledger, death
        self.answer = self._do

    def done(self) -> list[str]:
        return self._ledger.read_text().split() if self._ledger.exists() else []

    async def _do(self, intent: Intent) -> Result:
        assert isinstance(intent.request, ToolRequest)
        name = intent.request.spec.name
        if name == "find":
            key = intent.request.args["effect_id"]
            return Done({"found": key in self.done()})
        self._death.moment("dispatched")
        if intent.request.spec.effect != "read" and not (
            intent.request.spec.repeat == "keyed" and name != "late_keyed_pay" and intent.key in self.done()
        ):
            with self._ledger.open("a") as file:
                file.write(intent.key + "\n")
                file.flush()
                os.fsync(file.fileno())
        self._death.moment("far side done")
        await asyncio.sleep(0)
        self._death.moment("answered")
        return Done({"done": intent.key})


def world(folder: Path, death: Death, plan: Sequence[str], driver: str) -> Workbench:
    """A workbench on the database of this folder, whose agent carries out the plan."""
    DyingStore.death = death
    clock = SystemClock()
    store = DyingStore.open(folder / "deputy.db", clock)
    tools = FarSide(folder / "ledger", death, [*(spec(name) for name in dict.fromkeys(plan)), FIND])
    grants = tuple(
        Grant(pattern=name, autonomy="ask" if name.endswith("pay") and i % 2 else "act", approvers=("person:lin",))
        for i, name in enumerate(dict.fromkeys(plan))
    )
    agent = Agent(name="clerk", owner="wei", version="0" * 64, driver=driver, grants=grants)  # pyright: ignore

    def reply(prompt: Prompt) -> Any:
        n = len(prompt.script.before) - 1
        return calls((plan[n], json.dumps({"n": n}))) if n < len(plan) else says("done")

    async def procedure(_: str, desk: Desk) -> str:
        for n, name in enumerate(plan):
            await desk.call(name, n=n)
        return "done"

    procedures = {"clerk": procedure} if driver == "procedure" else {}
    return Workbench(store, clock, agents=[agent], tools=tools, model=StubModel(reply), procedures=procedures)


async def live(folder: Path, death: Death, plan: Sequence[str], driver: str) -> None:
    """One life: start the run if there is none, answer what waits truthfully, and drive it as far as it goes."""
    work = world(folder, death, plan, driver)
    try:
        if not await work.store.runs():
            await work.start("clerk")
        while True:
            await work.work()
            items = await work.store.items()
            (row,) = await work.store.runs()
            if row.state in ("done", "failed", "cancelled"):
                return
            for item in items:
                far = work.tools.done() if isinstance(work.tools, FarSide) else []
                happened = shown(item).effect in far
                await answer(work, item, happened if item.kind == "in_doubt" else True)
            await asyncio.sleep(0.02)
    finally:
        await work.store.close()


def one_life(folder: Path, at: int | None, plan: Sequence[str], driver: str) -> bool:
    """Fork a life that dies at a moment; True if it lived to the end."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            asyncio.run(asyncio.wait_for(live(folder, Death(at), plan, driver), 30))
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return False
    if os.WEXITSTATUS(status):
        raise RuntimeError(f"a life failed in {folder}")
    return True


def one_world(folder: Path, seed: int) -> dict[str, Any]:
    """Drive one run through kills until it is over; count at the far side."""
    chance = random.Random(seed)
    plan = [chance.choice(list(KINDS)) for _ in range(chance.randint(2, 4))]
    plan = list(dict.fromkeys(plan))
    driver = chance.choice(("loop", "procedure"))
    folder.mkdir(parents=True)
    kills = 0
    while not one_life(folder, chance.randint(1, 14) if kills < 12 else None, plan, driver):
        kills += 1
    return {"seed": seed, "plan": plan, "driver": driver, "kills": kills, **asyncio.run(judge(folder, plan))}


async def judge(folder: Path, plan: Sequence[str]) -> dict[str, Any]:
    """What the run says of each consequential effect, against what the far side counted for it."""
    store = SqliteStore.open(folder / "deputy.db", SystemClock())
    try:
        (row,) = await store.runs()
        events = [event_from(stored.body) for stored in await store.rows(row.id)]
        waiting = len(await store.items())
    finally:
        await store.close()
    run = fold(row.id, events, lambda _: b"")
    ledger = folder / "ledger"
    counted = Counter(ledger.read_text().split() if ledger.exists() else [])
    wrong: list[str] = []
    for effect in run.effects.values():
        if effect.kind == "model" or effect.cls == "read":
            continue
        times = counted.pop(f"{run.id}.{effect.n}", 0)
        right = {"done": times == 1, "failed": times == 0}.get(effect.status, False)
        at_least_once = effect.repeat == "safe" and effect.status == "done" and times >= 1
        if not (right or at_least_once):
            wrong.append(f"{effect.call.tool} is {effect.status} and was done {times} times")
    wrong += [f"{key} was done and is not in the journal" for key in counted]
    return {
        "state": row.state,
        "waiting": waiting,
        "wrong": wrong,
        "attempts": sum(e.attempt for e in run.effects.values()),
    }


def every_moment(folder: Path, kinds: Sequence[str]) -> Iterator[dict[str, Any]]:
    """For each kind of effect and both drivers: one world for every moment at which its first life can end."""
    for kind, driver in itertools.product(kinds, ("loop", "procedure")):
        for moment in itertools.count(1):
            here = folder / f"{kind}-{driver}-{moment}"
            here.mkdir(parents=True)
            survived = one_life(here, moment, [kind], driver)
            if not survived:
                one_life(here, None, [kind], driver)
            found = asyncio.run(judge(here, [kind]))
            yield {"plan": [kind], "driver": driver, "moment": moment, "kills": int(not survived), **found}
            shutil.rmtree(here)
            if survived:
                break


def random_moments(folder: Path, seed: int, wanted: int) -> Iterator[dict[str, Any]]:
    """Random plans through random kills, until so many kills were survived."""
    kills = 0
    while kills < wanted:
        found = one_world(folder / str(seed), seed)
        kills += found["kills"]
        yield found
        shutil.rmtree(folder / str(seed))
        seed += 1


def main() -> None:
    """`killing.py FOLDER every KIND…` or `killing.py FOLDER random SEED KILLS`."""
    folder, mode, *rest = Path(sys.argv[1]), *sys.argv[2:]
    worlds = every_moment(folder, rest) if mode == "every" else random_moments(folder, int(rest[0]), int(rest[1]))
    for found in worlds:
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
