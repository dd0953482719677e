"""The procedure driver: run the agent's code again from the top, answering each call of `desk` from the journal.

What the journal does not answer passes the gate. A procedure that has to wait is unwound: nothing of it stays in
memory.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import msgspec

from deputy.base.canonical import canonical, digest, is_json
from deputy.base.errors import CommitRefused, ConfigError, DeputyError, ProcedureError
from deputy.domain.agent import Check
from deputy.domain.cost import Cost
from deputy.domain.effect import Call
from deputy.domain.event import Ended, Note, Said, TimerSet
from deputy.domain.message import Message, Prompt, Script
from deputy.domain.run import Effect
from deputy.kernel.answer import AGAIN, HOW, REWRITE, UNPARSED, Answers, Given, Shape, Wrong
from deputy.kernel.budget import within
from deputy.kernel.conversation import Offer
from deputy.kernel.desk import Denied, Desk, Suspend, ToolFailed, enter
from deputy.kernel.gate import Gate
from deputy.kernel.proof import COMPARISONS, comparable, missing, note_proof
from deputy.kernel.rest import Finished, Rest, Waits, failed
from deputy.kernel.visit import Visit
from deputy.ports.store import Blob, Timer

__all__ = ["Procedure", "drive"]

Procedure = Callable[[str, Desk], Awaitable[object]]


class _Worker:
    """Stands behind the desk of one visit."""

    def __init__(self, visit: Visit, gate: Gate) -> None:
        self._visit, self._gate = visit, gate
        self._reserved = 0
        self.refusal: DeputyError | None = None
        self.suspended = False

    async def call(self, place: str, tool: str, args: dict[str, object]) -> Any:
        return _value(await self._made(place, tool, args))

    async def _made(self, place: str, tool: str, args: dict[str, object]) -> Effect:
        """The effect of a tool call at a place, which is over."""
        if not is_json(args):
            raise ProcedureError(
                f"`{tool}` was called with arguments that are not JSON",
                "Pass text, numbers, booleans, lists and dicts.",
            )
        effect = self._known(place, tool, args)
        if effect is None or not effect.over:
            n = effect.n if effect is not None else self._number()
            effect = await self._perform(lambda: self._gate.perform(self._visit, n, Call(tool, args, place), step=1))
        return effect

    async def prove(self, place: str, check: Check) -> Any:
        spec = self._visit.catalogue.find(check.tool)
        if not (check.expect and is_json(check.expect) and all(map(comparable, check.expect.values()))):
            remedy = f'Write it by path, as {{"status": "paid"}}, or compare by one of {", ".join(COMPARISONS)}.'
            raise ProcedureError("what `desk.prove` expects cannot be compared", remedy)
        if spec is not None and spec.effect != "read":
            raise ProcedureError(
                f"`desk.prove` was given `{check.tool}`, which is declared `{spec.effect}`",
                "Name a tool that only reads, and call this one with `desk.call`.",
            )
        effect = await self._made(place, check.tool, check.args)
        why = effect.error.message if effect.error is not None else effect.status
        wrong = " ".join(missing(check, effect.result)) if effect.status == "done" else f"It could not be read ({why})."
        note_proof(self._visit, check, place, effect, wrong)
        value = _value(effect)
        if wrong:
            raise ToolFailed(check.tool, "not_done", wrong)
        return value

    async def ask_model(self, place: str, question: str, shape: Shape | None) -> Any:
        answers = None if shape is None else Answers(shape, self._visit.catalogue.problem)
        if answers is not None:
            self._usable(answers)
        effect = await self._asked(place, question, answers, ())
        found = _judged(effect, answers)
        if isinstance(found, Wrong):
            effect = await self._asked(f"{place}/again", question, answers, _repair(effect, found))
            found = _judged(effect, answers)
        if isinstance(found, Wrong):
            raise ToolFailed("model", found.code, found.problem)
        return found.value

    def _usable(self, answers: Answers) -> None:
        try:
            answers.problem(answers.shape.spec, {})
        except ConfigError as exc:
            raise ProcedureError(f"the shape of an answer cannot be used ({exc.message})", exc.remedy) from None

    async def _asked(self, place: str, question: str, answers: Answers | None, more: Sequence[Message]) -> Effect:
        """The model call at a place, from the journal or made now; `more` follows the question."""
        offer = None if answers is None else Offer("", (answers.shape.offer,))
        body = b"" if offer is None else canonical(offer)
        args: dict[str, object] = {"route": self._visit.pinned.model, "question": question}
        effect = self._known(place, "model", args | ({"shape": digest(body)} if body else {}))
        if effect is None or not effect.over:
            n = effect.n if effect is not None else self._number()
            if body:
                self._visit.journal.keep(Blob(digest(body), body))
            effect = await self._perform(lambda: self._ask(n, Call("model", {"question": question}, place), body, more))
        return effect

    async def _ask(self, n: int, about: Call, offered: bytes, more: Sequence[Message]) -> Effect:
        visit, question = self._visit, str(about.args["question"])
        agent, route = visit.pinned, visit.rules.route(visit.pinned.model)
        earlier = sum(e.kind == "model" and e.n < n for e in visit.run.effects.values())
        asked = f"{question}\n\n{HOW}" if offered else question
        messages = (Message("system", agent.instructions.strip()), Message("user", asked), *more)
        tools = msgspec.json.decode(offered, type=Offer).tools if offered else ()
        prompt = Prompt(
            route=agent.model, agent=agent.name, version=visit.row.version, messages=messages, tools=tools,
            max_tokens=min(agent.max_tokens, route.max_tokens), script=Script(question, (), (0,) * (earlier + 1)),
            must=tools[0].name if tools else "",
        )  # fmt: skip
        tokens = (len(canonical(messages)) + len(offered) + 1) // 2
        wall = within(visit.run, route.deadline, visit.limits().run)
        hold = route.worst(tokens, prompt.max_tokens) + Cost(steps=1, wall=int(wall * 1000))
        return await self._gate.ask_model(
            visit, n, prompt, hold, offered=digest(offered) if offered else "", about=about
        )

    def arrival(self) -> dict[str, Any] | None:
        run = self._visit.run
        occasion = run.started.occasion if run.started is not None else None
        if occasion is None:
            return None
        return {
            "kind": occasion.kind, "trigger": occasion.trigger, "id": occasion.id, "at": occasion.at,
            "title": occasion.title, "text": run.material, "files": [file.name for file in occasion.files],
            "untrusted": occasion.label.tainted, "missed": occasion.missed,
        }  # fmt: skip

    async def sleep(self, place: str, duration: timedelta) -> None:
        run, journal = self._visit.run, self._visit.journal
        timer = f"sleep:{place}"
        if timer in run.fired:
            return
        if timer not in run.timers:
            due = journal.now() + duration
            journal.record(TimerSet(at=journal.now(), timer=timer, due=due, path=place), timers=[Timer(timer, due)])
        raise self._suspend()

    def value(self, place: str, kind: str, given: object = None) -> Any:
        run, journal = self._visit.run, self._visit.journal
        note = run.notes.get(place)
        if note is None:
            self._other_than(place, f"desk.{kind}()")
            now: datetime = journal.now()
            value = {"now": now.isoformat(), "random": self._visit.rules.clock.random(), "note": given}[kind]
            note = Note(at=now, kind=cast("Any", kind), path=place, value=value)
            journal.record(note)
        elif note.kind != kind or (kind == "note" and note.value != given):
            raise self._mismatch(place, f"desk.{kind}()", f"desk.{note.kind}()")
        return note.value

    # -- inside

    def _number(self) -> int:
        self._reserved = max(self._reserved + 1, self._visit.run.next_n)
        return self._reserved

    def _known(self, place: str, tool: str, args: dict[str, object]) -> Effect | None:
        run = self._visit.run
        n = run.by_path.get(place)
        if n is None:
            self._other_than(place, tool)
            return None
        effect = run.effects[n]
        made = effect.original or effect.call
        if (made.tool, made.args) != (tool, args):
            raise self._mismatch(place, tool, made.tool)
        return effect

    def _other_than(self, place: str, what: str) -> None:
        run = self._visit.run
        if place in run.notes and not what.startswith("desk."):
            raise self._mismatch(place, what, f"desk.{run.notes[place].kind}()")
        if place in run.by_path:
            raise self._mismatch(place, what, run.effects[run.by_path[place]].call.tool)

    def _mismatch(self, place: str, now: str, then: str) -> ProcedureError:
        version = self._visit.row.version[:12]
        return ProcedureError(
            f"at place {place} the procedure calls {now}, where the journal of version {version} has {then}"
            " (or the same with other arguments)",
            f"The code of version {version} must call in the same order every time: no clock, no randomness and no"
            " state of its own. Cancel this run and start it anew.",
        )

    async def _perform(self, perform: Callable[[], Awaitable[Effect]]) -> Effect:
        try:
            effect = await perform()
        except (CommitRefused, DeputyError) as exc:  # the driver's business, not the procedure's
            self.refusal = self.refusal or exc
            raise self._suspend() from exc
        if not effect.over:
            raise self._suspend()
        return effect

    def _suspend(self) -> Suspend:
        self.suspended = True
        return Suspend()


async def drive(visit: Visit, gate: Gate, procedure: Procedure) -> Rest:
    """Run the code as far as it goes; raises what the gate refused (OverBudget, Frozen, LeaseLost)."""
    worker = _Worker(visit, gate)
    try:
        answer = await enter(_run(procedure, visit.run.task, Desk(worker)))
    except Suspend:
        if worker.refusal is not None:
            raise worker.refusal from None
        return Waits()
    except ToolFailed as exc:
        return failed(visit, exc.code, str(exc))
    except Denied as exc:
        return failed(visit, "denied", str(exc))
    except ProcedureError as exc:
        return failed(visit, exc.code, f"{exc.message}. {exc.remedy}")
    except asyncio.CancelledError:
        raise
    except Exception as exc:  # noqa: BLE001 - the company's own code: whatever it raises ends its run, and no other
        return failed(visit, "procedure_error", _where(exc))
    if worker.refusal is not None:
        raise worker.refusal
    if worker.suspended:
        message = "The procedure went on after it was suspended: it caught BaseException. Catch `Exception` at most."
        return failed(visit, ProcedureError.code, message)
    text = answer if isinstance(answer, str) else "" if answer is None else str(answer)
    return Finished(Ended(at=visit.journal.now(), state="done", answer=text))


async def _run(procedure: Procedure, task: str, desk: Desk) -> object:
    return await procedure(task, desk)


def _judged(effect: Effect, answers: Answers | None) -> Given | Wrong:
    """What a model call gave; raises ToolFailed where it failed for good."""
    if effect.error is not None and effect.error.code == UNPARSED:
        return Wrong(effect.error.message, UNPARSED)
    said = _value(effect)
    if answers is None:
        return Given(said, said.text if isinstance(said, Said) else str(said))
    return answers.of(said if isinstance(said, Said) else Said(str(said)))


def _repair(effect: Effect, wrong: Wrong) -> Sequence[Message]:
    """What is said to a model whose answer was not taken: its own words, and what is wrong with them."""
    said = effect.result
    if not isinstance(said, Said):
        return (Message("user", f"{wrong.problem}\n{REWRITE}"),)
    own = Message("assistant", said.text, said.reasoning, said.calls)
    if not said.calls:
        return own, Message("user", f"{wrong.problem} {AGAIN}")
    return own, *(Message("tool", f"{wrong.problem} {AGAIN}", call_id=call.id) for call in said.calls)


def _value(effect: Effect) -> Any:
    if effect.status == "denied":
        raise Denied(effect.call.tool, effect.rule, effect.error.message if effect.error else "")
    if effect.status == "failed":
        error = effect.error
        raise ToolFailed(effect.call.tool, error.code if error else "failed", error.message if error else "")
    return effect.result


def _where(exc: Exception) -> str:
    """An exception as one sentence: what it was and the line of the agent's code that it came from."""
    trace, place = exc.__traceback__, ""
    while trace is not None:
        code = trace.tb_frame.f_code
        if "/deputy/kernel/" not in code.co_filename:
            place = f" at {code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(exc).__name__}{place}: {str(exc)[:500]}"
