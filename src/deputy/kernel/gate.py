"""The one door: every effect of every run is performed here and nowhere else.

Resolve, policy, budget, journal, execute, journal; in this order, with no way round. What comes back is the effect as
the journal has it: over (done, failed, denied, shadowed), or waiting for somebody.
"""

from collections.abc import Mapping
from typing import assert_never

from deputy.base.errors import DeputyError, Frozen
from deputy.domain.arguments import MALFORMED, malformed
from deputy.domain.builtin import BUILT_IN
from deputy.domain.cost import NOTHING, Cost
from deputy.domain.effect import (
    AskPeople,
    Call,
    Done,
    Failed,
    InputRequired,
    Result,
    ToolRequest,
    ToolSpec,
    Unknown,
)
from deputy.domain.event import (
    Fault,
    ModelIntent,
    Note,
    Outcome,
    Settled,
    TimerSet,
    ToolIntent,
    VerdictGiven,
)
from deputy.domain.label import Label
from deputy.domain.message import Prompt
from deputy.domain.run import Effect
from deputy.domain.verdict import Allow, Ask, Deny, Shadow
from deputy.kernel.approval import merge_patch
from deputy.kernel.asking import ask, digest_of, doubt, may_answer, new_call, question
from deputy.kernel.budget import check, within
from deputy.kernel.built_in import BuiltIn
from deputy.kernel.doubt import MOST_ATTEMPTS, is_absent, plan
from deputy.kernel.eliciting import Elicitation, again, give_up, is_waiting, put, resumed
from deputy.kernel.execute import Executor
from deputy.kernel.journal import make_intent
from deputy.kernel.line import learn, look_again, share_of
from deputy.kernel.live import Live
from deputy.kernel.outcome import outcome_event, reply_event, source_of
from deputy.kernel.turns import Turns
from deputy.kernel.visit import Visit
from deputy.ports.store import Timer

__all__ = ["Gate"]

PAUSES = (0.0, 0.2, 1.0, 3.0, 8.0)  #: seconds before attempt 1, 2, … of a call that may be repeated
LONGEST_PAUSE = 120.0  #: seconds, whatever a far side asks for


class Gate:
    """Performs effects. Holds no state of its own: what it knows of a run is the run's journal."""

    def __init__(self, executor: Executor, built_in: BuiltIn, turns: Turns, live: Live | None = None) -> None:
        self._execute, self._built_in, self.turns, self._live = executor, built_in, turns, live

    async def perform(self, visit: Visit, n: int, call: Call | None = None, *, step: int = 0) -> Effect:
        """Perform tool call `n` of a run; `call` where the journal does not hold it yet.

        Raises OverBudget or Frozen where it must wait for more than an answer, Stopping, and LeaseLost.
        """
        while True:
            effect = visit.run.effects.get(n)
            if effect is not None and (effect.over or effect.status in ("asked", "in_doubt")):
                return effect
            visit.journal.go_on()
            if effect is not None and effect.status in ("claimed", "unknown"):
                if not await self._go_on(visit, effect, step):
                    return effect
            elif not await self._begin(visit, n, effect.call if effect is not None else call or Call(""), step):
                return visit.run.effects[n]

    # -- resolve, policy

    async def _begin(self, visit: Visit, n: int, call: Call, step: int) -> bool:
        """Take a proposed or approved effect as far as it goes; False if it now waits."""
        effect = visit.run.effects.get(n)
        answer = effect.answer if effect is not None else None
        spec = visit.catalogue.find(call.tool)
        if spec is None:
            return self._fail(visit, n, call, "unknown_tool", f"There is no tool `{call.tool:.80}`.")
        args = call.args
        if answer is not None and answer.edit is not None:
            args = dict(_mapping(merge_patch(args, answer.edit)))
        if answer is not None and effect is not None and not _as_shown(visit, effect, spec):
            return await self._asking_again(
                visit, n, call, spec, "The tool or the agent changed after it was answered."
            )
        problem = malformed(args) or visit.catalogue.problem(spec, args)
        if problem is not None:
            if answer is not None:
                return await self._asking_again(visit, n, call, spec, f"The edit was refused: {problem}")
            return self._fail(visit, n, call, "invalid_arguments", problem)
        verdict = visit.rules.policy().decide(question(visit, n, spec, args))
        match verdict:
            case Deny(rule, reason):
                if answer is not None and answer.edit is not None:
                    return await self._asking_again(visit, n, call, spec, f"The edit was refused: {reason}")
                self._record_verdict(visit, n, call, spec, "deny", rule, reason)
                return True
            case Shadow(rule):
                self._record_verdict(visit, n, call, spec, "shadow", rule, "")
                return True
            case Ask() if answer is None or not may_answer(visit, effect, verdict, answer.by):
                await ask(visit, n, Call(call.tool, args, call.path, call.id), spec, verdict)
                return False
            case Ask(rule) | Allow(rule):
                edited = Call(call.tool, args, call.path, call.id) if args is not call.args else call
                return await self._intend(visit, n, edited, spec, rule, step)
            case _ as unreachable:
                assert_never(unreachable)

    async def _asking_again(self, visit: Visit, n: int, call: Call, spec: ToolSpec, why: str) -> bool:
        """Put the unedited effect to people once more, saying why the edit was not taken."""
        verdict = visit.rules.policy().decide(question(visit, n, spec, call.args))
        if isinstance(verdict, Ask):
            why = f"{why} {verdict.why}".strip()
            await ask(visit, n, call, spec, Ask(verdict.rule, verdict.approvers, verdict.people, why))
            return False
        self._record_verdict(visit, n, call, spec, "deny", verdict.rule, why)
        return True

    def _fail(self, visit: Visit, n: int, call: Call, code: str, message: str) -> bool:
        visit.journal.record(
            Outcome(
                at=visit.journal.now(), n=n, status="failed", error=Fault(code, message), call=new_call(visit, n, call)
            )
        )
        return True

    def _record_verdict(
        self, visit: Visit, n: int, call: Call, spec: ToolSpec, verdict: str, rule: str, reason: str
    ) -> None:
        new = new_call(visit, n, call)
        at = visit.journal.now()
        if verdict == "deny":
            event = VerdictGiven(at=at, n=n, verdict="deny", rule=rule, reason=reason, cls=spec.effect, call=new)
        else:
            event = VerdictGiven(at=at, n=n, verdict="shadow", rule=rule, cls=spec.effect, call=new)
        visit.journal.record(event)

    # -- budget, journal, execute, journal

    async def _intend(self, visit: Visit, n: int, call: Call, spec: ToolSpec, rule: str, step: int) -> bool:
        effect, journal = visit.run.effects.get(n), visit.journal
        grant = effect.asked.item if effect is not None and effect.answer is not None and effect.asked else ""
        if (frozen := visit.rules.frozen()) and not frozen.isdisjoint(("*", visit.row.agent)):
            raise Frozen(f"agent {visit.row.agent} is frozen")
        if spec.effect == "read" and not grant:
            return await self._read(visit, n, call, spec, rule, step)
        deadline = within(visit.run, spec.deadline, visit.limits().run)
        hold = Cost(steps=step, wall=0 if spec.name in BUILT_IN else int(deadline * 1000))  # waiting is no work
        intent = ToolIntent(
            at=journal.now(), n=n, attempt=(effect.attempt if effect is not None else 0) + 1, rule=rule,
            cls=spec.effect, repeat=spec.repeat, schema=visit.catalogue.schema_digest(spec),
            call=new_call(visit, n, call), hold=hold,
            grant=grant, deadline=deadline, keyed_for=spec.keyed_for if spec.repeat == "keyed" else 0.0,
        )  # fmt: skip
        if spec.name in BUILT_IN:
            return await self._built_in.perform(visit, intent, call.args)
        await journal.commit(intent, thawed=visit.row.agent, grant=grant)
        await self._dispatch(visit, n, spec, call.args, step, deadline)
        return True

    async def _read(self, visit: Visit, n: int, call: Call, spec: ToolSpec, rule: str, step: int) -> bool:
        """A pure read leaves one trace: its outcome."""
        check(visit.run, Cost(steps=step), visit.limits().run)
        about = Elicitation(visit, n, 1, spec, spec.deadline, call, rule)
        result, ms = await self._call(visit, n, ToolRequest(spec=spec, args=call.args), 1, spec.deadline, about.ask)
        if isinstance(result, InputRequired):
            result = await self._elicit(about, result)
            if result is None:
                return True
        cost, at, new = Cost(steps=step, wall=ms), visit.journal.now(), new_call(visit, n, call)
        match result:
            case Done(value, extra, label):
                event = Outcome(
                    at=at, n=n, status="done", result=value, cost=cost + extra, label=source_of(label, spec), ms=ms,
                    call=new, rule=rule,
                )  # fmt: skip
            case Failed() | Unknown():
                code = result.code if isinstance(result, Failed) else "no_answer"
                event = Outcome(
                    at=at, n=n, status="failed", error=Fault(code, result.message), cost=cost, ms=ms, call=new,
                    rule=rule, label=Label(spec.name),
                )  # fmt: skip
            case _ as unreachable:
                assert_never(unreachable)
        visit.journal.record(event)
        return True

    async def _dispatch(
        self, visit: Visit, n: int, spec: ToolSpec, args: Mapping[str, object], step: int, deadline: float
    ) -> None:
        effect = visit.run.effects[n]
        attempt = effect.attempt
        about = Elicitation(visit, n, attempt, spec, deadline)
        request = resumed(visit.run, effect, spec, args)
        result, ms = await self._call(visit, n, request, attempt, deadline, about.ask)
        if isinstance(result, InputRequired):
            result = await self._elicit(about, result)
            if result is None:
                return
        visit.journal.record(outcome_event(visit, n, attempt, result, spec, Cost(steps=step, wall=ms)))

    async def _elicit(self, about: Elicitation, wanted: InputRequired) -> Failed | None:
        """Ask people what the far side wants to know before it begins; durable on return."""
        if put(about, wanted, live=False) is None:
            return Failed("input_required", f"The server {wanted.asker!r} asks people first, and there is nobody.")
        await about.visit.journal.durable()
        return None

    async def _call(
        self,
        visit: Visit,
        n: int,
        request: ToolRequest | Prompt,
        attempt: int,
        deadline: float,
        ask: AskPeople | None = None,
    ) -> tuple[Result, int]:
        """Execute one attempt; the milliseconds it took beside its result."""
        clock, run = visit.rules.clock, visit.run
        began = clock.boot()
        intent = make_intent(visit.journal, request, n=n, attempt=attempt, deadline=deadline, ask=ask)
        live = self._live if type(request) is Prompt and not run.effects[n].call.path else None
        try:
            if live is not None:
                intent.aloud = live.begin(run.id, n, attempt)
            result = await self._execute(intent)
        except DeputyError as exc:  # an adapter that cannot even begin: nothing was sent
            result = Failed(exc.code, f"{exc.message}. {exc.remedy}".strip())
        finally:
            if live is not None:
                live.end(run.id)
        return result, int((clock.boot() - began) * 1000)

    # -- models

    async def ask_model(self, visit: Visit, n: int, prompt: Prompt, hold: Cost, *, offered: str, about: Call) -> Effect:
        """Perform model call `n`; a call that was lost is booked at its worst case and made anew, a few times.

        `about` is empty for a turn of the model loop, else the place and question of a procedure. Raises OverBudget,
        Frozen and LeaseLost.
        """
        deadline, refused = hold.wall / 1000, False
        while True:
            effect = visit.run.effects.get(n)
            if effect is not None and (effect.over or effect.attempt >= MOST_ATTEMPTS):
                return effect if effect.over else self._lost(visit, effect)
            visit.journal.go_on()
            attempt = (effect.attempt if effect is not None else 0) + 1
            if attempt > 1 and effect is not None and effect.status == "unknown":
                await visit.rules.clock.sleep(PAUSES[attempt - 1])
            async with self.turns.turn(visit.rules.route(prompt.route), lambda: share_of(visit), hold.tokens) as turn:
                if turn.waited:
                    look_again(visit, begun=effect is not None)
                intent = ModelIntent(
                    at=visit.journal.now(), n=n, attempt=attempt, route=prompt.route, max_tokens=prompt.max_tokens,
                    hold=hold, offered=offered, path=about.path, question=str(about.args.get("question", "")),
                    deadline=deadline, unconfirmed=effect.hold if effect is not None and not refused else NOTHING,
                )  # fmt: skip
                await visit.journal.commit(intent, thawed=visit.agent.name)
                result, ms = await self._call(visit, n, prompt, attempt, deadline)
                learn(turn, result)
            refused = isinstance(result, Failed) and result.retry and attempt < MOST_ATTEMPTS
            if (
                isinstance(result, Failed) and refused
            ):  # it certainly costs nothing: the next intent lets go of the hold
                why = f"model call {n}, attempt {attempt}: {result.code}: {result.message}"
                visit.journal.record(Note(at=visit.journal.now(), kind="note", value=why))
                await visit.rules.clock.sleep(max(PAUSES[attempt], min(result.wait, LONGEST_PAUSE)))
                continue
            visit.journal.record(reply_event(visit, n, attempt, result, Cost(steps=hold.steps, wall=ms)))

    def _lost(self, visit: Visit, effect: Effect) -> Effect:
        error = Fault("model_lost", f"The model did not answer in {effect.attempt} attempts.")
        event = Outcome(
            at=visit.journal.now(), n=effect.n, attempt=effect.attempt, status="failed", error=error, cost=effect.hold
        )
        visit.journal.record(event)
        return effect

    # -- effects that were begun

    async def _go_on(self, visit: Visit, effect: Effect, step: int) -> bool:
        """Learn what came of an open effect, or do again what may be done again; False if it waits."""
        if effect.call.tool in BUILT_IN:
            return self._built_in.conclude(visit, effect)
        spec = visit.catalogue.find(effect.call.tool)
        permitted = spec is not None and self._still_permitted(visit, effect, spec)
        if is_waiting(effect):
            if effect.elicited is not None and not effect.elicited.live:
                return await self._answered(visit, effect, spec, permitted=permitted, step=step)
            give_up(visit, effect)
        step_plan = plan(effect, spec, visit.journal.now(), permitted=permitted)
        if step_plan.do == "verify" and spec is not None:
            found = await self._verify(visit, effect, spec)
            if found is True:
                return True
            step_plan = plan(effect, spec, visit.journal.now(), permitted=permitted, absent=found is False)
            if found is None:
                step_plan = step_plan._replace(do="doubt", why=f"The read-back `{spec.verify}` did not answer.")
        match step_plan.do:
            case "repeat" if spec is not None:
                await self._repeat(visit, effect, spec, step)
                return True
            case "wait" if step_plan.until is not None:
                return self._wait(visit, Timer(f"verify:{effect.n}.{effect.attempt}", step_plan.until))
            case "lost":
                error = Fault("no_answer", step_plan.why)
                event = Outcome(
                    at=visit.journal.now(), n=effect.n, attempt=effect.attempt, status="failed", error=error,
                    cost=effect.hold,
                )  # fmt: skip
                visit.journal.record(event)
                return True
            case _:
                await doubt(visit, effect, step_plan.why)
                return False

    async def _answered(
        self, visit: Visit, effect: Effect, spec: ToolSpec | None, *, permitted: bool, step: int
    ) -> bool:
        """Make a call once more that asked people before it would begin, once they answered; False if it waits."""
        if not visit.run.answered(effect.item) and visit.run.cancel is None:
            return False
        event = again(visit, effect, spec, permitted=permitted, steps=step)
        if isinstance(event, ToolIntent) and spec is not None:
            await visit.journal.commit(event, thawed=visit.agent.name)
            await self._dispatch(visit, effect.n, spec, effect.call.args, step, spec.deadline)
        else:
            visit.journal.record(event)
        return True

    def _still_permitted(self, visit: Visit, effect: Effect, spec: ToolSpec) -> bool:
        verdict = visit.rules.policy().decide(question(visit, effect.n, spec, effect.call.args))
        return isinstance(verdict, Allow) or (isinstance(verdict, Ask) and effect.asked is not None)

    async def _repeat(self, visit: Visit, effect: Effect, spec: ToolSpec, step: int) -> None:
        await visit.rules.clock.sleep(PAUSES[min(effect.attempt, len(PAUSES) - 1)] if effect.status == "unknown" else 0)
        again = ToolIntent(
            at=visit.journal.now(), n=effect.n, attempt=effect.attempt + 1, rule=effect.rule, cls=effect.cls,
            repeat=effect.repeat, schema=visit.catalogue.schema_digest(spec), hold=effect.hold, deadline=spec.deadline,
            keyed_for=effect.keyed_for,
        )  # fmt: skip
        await visit.journal.commit(again, thawed=visit.agent.name)
        await self._dispatch(visit, effect.n, spec, effect.call.args, step, spec.deadline)

    def _wait(self, visit: Visit, timer: Timer) -> bool:
        if timer.id not in visit.run.timers:
            visit.journal.record(TimerSet(at=visit.journal.now(), timer=timer.id, due=timer.due), timers=[timer])
        return False

    async def _verify(self, visit: Visit, effect: Effect, spec: ToolSpec) -> bool | None:
        """Ask the read-back: True if it happened (and is settled), False if it is absent, None if nobody knows."""
        server, dot, _ = spec.name.rpartition(".")
        reader = visit.catalogue.find(f"{server}{dot}{spec.verify}") or visit.catalogue.find(spec.verify)
        if reader is None or reader.effect != "read":
            return None
        key = f"{visit.run.id}.{effect.n}"
        if not await self._execute.quiesce(visit.row.version, spec.name, key, spec.deadline):
            return None
        request = ToolRequest(spec=reader, args={"effect_id": key})
        result, _ms = await self._call(visit, effect.n, request, effect.attempt, reader.deadline)
        if not isinstance(result, Done):
            return None
        by = f"verify:{reader.name}"
        if is_absent(result.value):
            visit.journal.record(Note(at=visit.journal.now(), kind="note", value=f"{by} does not know effect {key}"))
            return False
        visit.journal.record(
            Settled(at=visit.journal.now(), n=effect.n, happened=True, by=by, result=result.value),
            items_off=[effect.item] if effect.item else [],
        )
        return True


def _as_shown(visit: Visit, effect: Effect, spec: ToolSpec) -> bool:
    """Whether what people answered is still what would be done (before their own edit)."""
    return effect.asked is not None and effect.asked.digest == digest_of(visit, effect.call, spec)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {MALFORMED: value}  # pyright: ignore[reportUnknownVariableType]
