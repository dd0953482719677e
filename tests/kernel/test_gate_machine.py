"""The gate as a state machine: whatever people, the far side and crashes do, in whatever order, its promises hold."""

import asyncio
import contextlib
import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.kernel.bench_of import answer, state

from deputy.base.clock import SystemClock
from deputy.domain.agent import Agent, Grant
from deputy.domain.cost import NOTHING, Cost
from deputy.domain.delivery import Approve, Refuse
from deputy.domain.effect import Done, Failed, Intent, Result, ToolRequest, ToolSpec, Unknown
from deputy.domain.event import Outcome, ToolIntent, VerdictGiven, event_from
from deputy.domain.label import TRUSTED
from deputy.domain.message import Prompt
from deputy.kernel.approval import shown
from deputy.testing.bench import Workbench
from deputy.testing.fakes import CountingTools, StubModel, calls, says
from deputy.testing.memory import MemoryStore

OBJECT: dict[str, object] = {"type": "object"}
TOOLS = {
    "look": ToolSpec(name="look", parameters=OBJECT, effect="read", repeat="safe"),
    "keyed": ToolSpec(name="keyed", parameters=OBJECT, effect="send", repeat="keyed", output=TRUSTED),
    "blind": ToolSpec(name="blind", parameters=OBJECT, effect="irreversible", repeat="never", deadline=0.01),
    "sure": ToolSpec(
        name="sure",
        parameters=OBJECT,
        effect="irreversible",
        repeat="never",
        verify="find",
        conclusive=True,
        deadline=0.01,
    ),
    "forbidden": ToolSpec(name="forbidden", parameters=OBJECT, effect="irreversible"),
    "find": ToolSpec(name="find", parameters=OBJECT, effect="read", repeat="safe", output=TRUSTED),
}
GRANTS = (
    Grant(pattern="look", autonomy="act"),
    Grant(pattern="keyed", autonomy="act"),
    Grant(pattern="blind", autonomy="ask", approvers=("person:lin",), limit={}),
    Grant(pattern="sure", autonomy="act"),
)
ENDINGS = ("done", "done", "failed", "lost before", "lost after", "crash before", "crash after")


class QuickClock(SystemClock):
    """The real clock, whose pauses take a hundredth of their time."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / 100)


class GateMachine(RuleBasedStateMachine):
    """Runs over an in-memory store, a far side that remembers, and people who answer as they like."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.far: Counter[str] = Counter()
        self.ending = "done"
        self.unjournaled: list[str] = []
        self.plans: dict[str, list[str]] = {}
        self.crash = asyncio.Event()
        self.runner.run(self._open())

    async def _open(self) -> None:
        clock = QuickClock()
        tools = CountingTools(list(TOOLS.values()))
        tools.answer = self._far_side
        agent = Agent(name="clerk", owner="wei", version="0" * 64, grants=GRANTS)
        self.store = MemoryStore(clock)
        self.work = Workbench(self.store, clock, agents=[agent], tools=tools, model=StubModel(self._reply))

    def _reply(self, prompt: Prompt) -> Any:
        plan = json.loads(prompt.script.task)
        n = len(prompt.script.before) - 1
        return calls((plan[n], json.dumps({"n": n}))) if n < len(plan) else says("done")

    async def _far_side(self, intent: Intent) -> Result:
        assert isinstance(intent.request, ToolRequest)
        spec, key = intent.request.spec, intent.key
        if spec.name == "find":
            return Done({"found": self.far[str(intent.request.args["effect_id"])] > 0})
        if spec.effect == "read":
            return Done({"seen": True})
        events = [event_from(row.body) for row in await self.store.rows(intent.run)]
        n = int(key.rpartition(".")[2])
        if not any(isinstance(e, ToolIntent) and e.n == n and e.attempt == intent.attempt for e in events):
            self.unjournaled.append(key)
        ending, self.ending = self.ending, "done"
        if ending == "failed":
            return Failed("refused", "the far side refused it")
        if ending == "crash before":
            await self._die()
        if ending != "lost before" and not (spec.repeat == "keyed" and self.far[key]):
            self.far[key] += 1
        if ending == "crash after":
            await self._die()
        return Unknown("cut") if ending.startswith("lost") else Done({"done": key})

    async def _die(self) -> None:
        self.crash.set()
        await asyncio.sleep(3600)

    @rule(plan=st.lists(st.sampled_from(["look", "keyed", "blind", "sure", "forbidden"]), min_size=1, max_size=4))
    def start(self, plan: list[str]) -> None:
        if len(self.plans) < 3:
            self.plans[self.runner.run(self.work.start("clerk", json.dumps(plan)))] = plan

    @rule(ending=st.sampled_from(ENDINGS))
    def the_next_call_ends(self, ending: str) -> None:
        self.ending = ending

    @rule()
    def drive(self) -> None:
        self.runner.run(self._drive())

    async def _drive(self) -> None:
        self.crash.clear()
        working = asyncio.create_task(self.work.worker().run(until_idle=True))
        dying = asyncio.create_task(self.crash.wait())
        await asyncio.wait((working, dying), return_when=asyncio.FIRST_COMPLETED)
        for task in (working, dying):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await asyncio.sleep(0.012)  # a read-back waits for the deadline of the attempt that was lost
        assert self.work.crashes == []

    @rule(yes=st.booleans(), truthfully=st.just(value=True))
    def a_person_answers(self, yes: bool, truthfully: bool) -> None:
        async def answer_one() -> None:
            for item in await self.store.items():
                asked = shown(item)
                if item.kind == "in_doubt":
                    await answer(self.work, item, (self.far[asked.effect] > 0) is truthfully)
                elif yes:
                    await answer(self.work, item, lambda i: Approve(i.id, shown(i).digest))
                else:
                    await answer(self.work, item, lambda i: Refuse(i.id, "no"))
                return

        self.runner.run(answer_one())

    @invariant()
    def nothing_happened_twice_and_nothing_was_sent_that_was_not_journaled(self) -> None:
        assert [key for key, times in self.far.items() if times > 1] == []
        assert self.unjournaled == []

    @invariant()
    def the_journal_tells_the_truth(self) -> None:
        self.runner.run(self._compare())

    async def _compare(self) -> None:
        held = NOTHING
        for name in self.plans:
            run = await state(self.work, name)
            held = held + run.held
            for effect in run.effects.values():
                times = self.far[f"{name}.{effect.n}"]
                if effect.status in ("proposed", "asked", "approved", "denied", "failed"):
                    assert times == 0, (effect.call.tool, effect.status)
                elif effect.status == "done" and effect.cls != "read" and effect.kind == "tool":
                    assert times == 1, (effect.call.tool, effect.status)
                assert effect.call.tool != "forbidden" or effect.status in ("proposed", "denied")
            events = [event_from(row.body) for row in await self.store.rows(name)]
            grants = [e.grant for e in events if isinstance(e, ToolIntent) and e.grant]
            assert len(grants) == len(set(grants))
            asks = {e.n for e in events if isinstance(e, VerdictGiven) and e.verdict == "ask"}
            blind = {
                e.n for e in events if isinstance(e, ToolIntent) and e.cls == "irreversible" and e.repeat == "never"
            }
            sure = {e.n for e in run.effects.values() if e.call.tool == "sure"}
            assert blind - sure <= asks
            assert all(e.attempt >= 1 for e in events if isinstance(e, Outcome))
        accounts = [account.held for account in await self.store.accounts()]
        assert sum(accounts, NOTHING) == Cost(held.money, held.tokens, held.steps)

    def teardown(self) -> None:
        self.runner.run(self.store.close())
        self.runner.close()


GateMachine.TestCase.settings = settings(
    max_examples=80,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.filter_too_much),
)
TestGate = pytest.mark.timeout(180)(GateMachine.TestCase)
