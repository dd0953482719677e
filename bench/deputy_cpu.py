"""Where the processor time of a step goes: each part alone, on what the job really wrote, beside the whole.

First the job is done, one wave of runs in one process, and its processor time taken: `whole_us`, and of it the share of
the garbage collector, `gc_us`. Then each part is done again by itself, on the events and commits of that wave, with the
collector off; the best of five, since nothing but noise makes it slower. What no part explains is `rest_us`: the gate,
the loop, tasks and futures. All figures are microseconds of processor a step. `of_10_us`, `of_100_us` and `of_400_us`
are the whole for 32 runs of so many steps each: a step should not cost more because a run is long. `store_us` is what
the same commits cost when nothing is around the store, and `store_steps_per_s` how many steps a second they would be:
what one process of Python and SQLite can write at all.
"""

import asyncio
import gc
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from bench.job import Job, World, job_from_command_line, print_result
from bench.stage import (
    LOOKUP,
    PlannedModel,
    a_lease,
    all_of,
    asks_for,
    checkpoint,
    clerk,
    line,
    open_store,
    options,
    tools_of,
)
from deputy.adapters.store.sqlite import SqliteStore
from deputy.adapters.store.sqlite.commits import Committer, Head
from deputy.adapters.store.sqlite.connection import open_database, statement
from deputy.adapters.store.sqlite.thread import Thread
from deputy.base.clock import SystemClock
from deputy.domain.chain import GENESIS, link
from deputy.domain.effect import Done, Intent, Result
from deputy.domain.event import Event, ModelIntent, event_from
from deputy.domain.message import Reply
from deputy.domain.run import Run, fold
from deputy.domain.stow import blobs_of, stow
from deputy.kernel.budget import Mandated, moves
from deputy.kernel.conversation import Conversation, Offer
from deputy.kernel.policy import Policy, Question
from deputy.kernel.schedule import WorkerSettings
from deputy.ports.store import Commit
from deputy.testing.bench import TESTERS, Workbench, compile_schema

BEST_OF = 5
LENGTHS = (10, 100, 400)  #: steps of runs that are short and long


class Recorder(SqliteStore):
    """The store, remembering what was committed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seen: list[Commit] = []

    async def commit(self, commit: Commit) -> None:
        """Remember, and commit."""
        self.seen.append(commit)
        await super().commit(commit)


class Wave(NamedTuple):
    """What one wave of runs cost."""

    whole: float  #: seconds of processor
    collected: float  #: seconds of them in the garbage collector


class Collector:
    """Counts the seconds that the garbage collector takes."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, phase: str, _info: Mapping[str, int]) -> None:
        self.seconds += time.thread_time() * (-1 if phase == "start" else 1)


async def wave(store: SqliteStore, job: Job, runs: int, steps: int) -> Wave:
    """Do the job once: so many runs at the same time, of so many steps each."""
    world = World(job)

    async def reply(run: str, n: int) -> Reply:
        if n >= steps:
            return Reply(text="done", finish="stop")
        said = await world.reply(run, n)
        return asks_for(said["text"], "lookup", said["call"]["args"], name=said["call"]["id"])

    async def lookup(intent: Intent, args: Mapping[str, Any]) -> Result:
        return Done(await world.lookup({"id": intent.key, "tool": "lookup", "args": dict(args)}))

    clock = SystemClock()
    tools = tools_of([LOOKUP], lookup)
    bench = Workbench(store, clock, agents=[clerk()], tools=tools, model=PlannedModel(reply))
    await all_of([bench.start("clerk") for _ in range(runs)])
    collector = Collector()
    gc.callbacks.append(collector)
    began = time.process_time()
    await bench.worker(WorkerSettings(capacity=runs)).run(until_idle=True)
    whole = time.process_time() - began
    gc.callbacks.remove(collector)
    if bench.crashes:
        raise bench.crashes[0]
    return Wave(whole, collector.seconds)


class Sample(NamedTuple):
    """What the kernel wrote for some runs."""

    commits: Sequence[Commit]
    events: Mapping[str, Sequence[Event]]
    bodies: Mapping[str, bytes]
    states: Mapping[str, Run]


async def sample(folder: Path, job: Job) -> Sample:
    """Do the job once more, and keep what was written."""
    store = Recorder.open(folder / "sample.db", SystemClock())
    assert isinstance(store, Recorder)
    await wave(store, job, job.runs, job.steps)
    events = {row.id: [event_from(r.body) for r in await store.rows(row.id)] for row in await store.runs()}
    names = {name for each in events.values() for event in each for name in blobs_of(event)}
    bodies = await store.blobs(sorted(names))
    commits = store.seen
    await store.close()
    states = {run: fold(run, each, bodies.__getitem__) for run, each in events.items()}
    return Sample(commits, events, bodies, states)


# -- the parts


def best(part: Callable[[], object]) -> float:
    """The least seconds of processor that a part takes in this thread."""
    times: list[float] = []
    for _ in range(BEST_OF):
        began = time.thread_time()
        part()
        times.append(time.thread_time() - began)
    return min(times)


def stored(given: Sample) -> dict[str, float]:
    """Seconds of processor to make rows of events: their bytes, and the links of their chains."""
    bodies = {run: [stow(event)[0] for event in events] for run, events in given.events.items()}

    def encode() -> None:
        for events in given.events.values():
            for event in events:
                stow(event)

    def chain() -> None:
        for run, each in bodies.items():
            last = GENESIS
            for seq, body in enumerate(each, 1):
                last = link(last, run, seq, body)

    return {"encode": best(encode), "chain": best(chain)}


def folded(given: Sample) -> dict[str, float]:
    """Seconds of processor to follow the state of runs, and of what is asked of it before each event."""
    offered = next(given.bodies[state.offered] for state in given.states.values())
    offer = msgspec.json.decode(offered, type=Offer)
    mandated = Mandated(clerk().run_limits, clerk().day_limits)

    def follow(ask: Callable[[Run], Callable[[Event], object]] | None = None) -> None:
        for run, events in given.events.items():
            state = Run(run, given.bodies.__getitem__)
            state.apply(events[0])
            before = ask(state) if ask is not None else None
            for event in events[1:]:
                if before is not None:
                    before(event)
                state.apply(event)

    def ledger(state: Run) -> Callable[[Event], object]:
        return lambda event: moves(state, event, mandated)

    def prompt(state: Run) -> Callable[[Event], object]:
        talk = Conversation(state, offer)
        return lambda event: isinstance(event, ModelIntent) and talk.prompt("default", "clerk", "", 4096)

    fold_seconds = best(follow)
    return {
        "fold": fold_seconds,
        "ledger": best(lambda: follow(ledger)) - fold_seconds,
        "conversation": best(lambda: follow(prompt)) - fold_seconds,
    }


def decided(given: Sample) -> dict[str, float]:
    """Seconds of processor to decide about each tool call, and to check its arguments."""
    questions = [
        Question(agent=clerk(), on_behalf_of="wei", spec=LOOKUP, args=effect.call.args, run=state, n=effect.n)
        for state in given.states.values()
        for effect in state.effects.values()
        if effect.kind == "tool"
    ]
    policy, check = Policy(TESTERS, self_approval=False), compile_schema(LOOKUP.parameters)
    return {
        "policy": best(lambda: [policy.decide(question) for question in questions]),
        "schema": best(lambda: [check(question.args) for question in questions]),
    }


def write(given: Sample, folder: Path) -> float:
    """Seconds of processor that SQLite takes to write the same commits, those of all runs at each point together."""
    times: list[float] = []
    for number in range(BEST_OF):
        file = folder / f"again{number}.db"
        database = open_database(file)
        committer = Committer(database, file)
        begun = [commit for commit in given.commits if commit.children]
        lease = next(commit.lease for commit in given.commits if commit.lease is not None)
        database.execute(statement("insert_worker"), (lease.worker, 1, "worker", "", 0.0))
        database.execute("UPDATE workers SET epoch = ?", (lease.epoch,))
        committer.write(begun)
        for child in (child for commit in begun for child in commit.children):
            key = database.execute(statement("key_of"), (child.id,)).get
            committer.own(child.id, Head(key, 1, child.started.link), lease)
        queues: dict[str, list[Commit]] = {}
        for commit in given.commits:
            if not commit.children:
                queues.setdefault(commit.run, []).append(commit)
        began = time.thread_time()
        for place in range(max(len(queue) for queue in queues.values())):
            refused = committer.write([queue[place] for queue in queues.values() if place < len(queue)])
            if any(refused):
                raise RuntimeError(f"a commit was refused when it was repeated: {refused}")
        times.append(time.thread_time() - began)
        database.close()
    return min(times)


class Stored(NamedTuple):
    """What it took to store a wave's commits with nothing else around."""

    cpu: float  #: seconds of processor
    wall: float  #: seconds


async def store_alone(given: Sample, folder: Path) -> Stored:
    """Commit the same again, each run's commits one after another, all runs at once, and no kernel."""
    found: list[Stored] = []
    for number in range(BEST_OF):
        store, _ = open_store(folder / f"alone{number}.db")
        begun = [commit for commit in given.commits if commit.children]
        await all_of([store.commit(commit) for commit in begun])
        queues: dict[str, list[Commit]] = {}
        async with a_lease(store) as holding:
            await store.claim(holding.lease, len(begun))
            for commit in given.commits:
                if not commit.children:
                    queues.setdefault(commit.run, []).append(replace(commit, lease=holding.lease))

            async def one(commits: Sequence[Commit], store: SqliteStore = store) -> None:
                for commit in commits:
                    await store.commit(commit)

            began, at = time.process_time(), time.perf_counter()
            await all_of([one(commits) for commits in queues.values()])
            found.append(Stored(time.process_time() - began, time.perf_counter() - at))
        await store.close()
    return min(found)


async def hand_over(runs: int, times: int) -> float:
    """Seconds of processor, of all threads, to give so many commits to the writing thread and wait for each."""
    found: list[float] = []
    for _ in range(BEST_OF):
        thread = Thread("bench", lambda group: [None] * len(group))

        async def one(thread: Thread = thread) -> None:
            for _ in range(times):
                await thread.add(None)

        began = time.process_time()
        await all_of([one() for _ in range(runs)])
        found.append(time.process_time() - began)
        await thread.close()
    return min(found)


async def main() -> None:
    """Do the job, then its parts, and print the result."""
    job = job_from_command_line(__doc__)
    runs = options(__doc__, long_runs=32).long_runs
    waves: list[Wave] = []
    for number in range(BEST_OF):
        store, _ = open_store(job.folder / f"whole{number}.db")
        waves.append(await wave(store, job, job.runs, job.steps))
        await store.close()
    steps = job.runs * job.steps
    least = min(waves)
    figures: dict[str, float] = {"whole_us": least.whole / steps, "gc_us": least.collected / steps}
    for length in LENGTHS:
        store, _ = open_store(job.folder / f"long{length}.db")
        figures[f"of_{length}_us"] = (await wave(store, job, runs, length)).whole / (runs * length)
        await store.close()
    given = await sample(job.folder, job)
    gc.collect()
    gc.disable()
    alone = {**stored(given), **folded(given), **decided(given)}
    alone["write"] = write(given, job.folder)
    written = sum(1 for commit in given.commits if not commit.children)
    alone["hand_over"] = await hand_over(job.runs, written // job.runs)
    stored_alone = await store_alone(given, job.folder)
    gc.enable()
    figures |= {"store_us": stored_alone.cpu / steps}
    figures |= {f"{name}_us": seconds / steps for name, seconds in alone.items()}
    figures["rest_us"] = figures["whole_us"] - figures["gc_us"] - sum(alone.values()) / steps
    figures = {name: value * 1e6 for name, value in figures.items()}
    figures["store_steps_per_s"] = steps / stored_alone.wall
    settings = {
        **checkpoint(job.folder / "sample.db"),
        "runs": job.runs,
        "steps": job.steps,
        "payload": job.payload,
        "commits": round(written / steps, 2),
        "events": round(sum(len(events) for events in given.events.values()) / steps, 2),
    }
    print_result(line("cpu", figures, settings))


if __name__ == "__main__":
    asyncio.run(main())
