"""The tools that the kernel performs itself: their whole effect is part of the intent's commit.

A question or a message is an inbox item, a child run is a row: all there once the intent is durable, or not at all.
"""

from collections.abc import Mapping

import msgspec

from deputy.base.canonical import digest
from deputy.domain.builtin import AGENT_RUN, PERSON_ASK, PERSON_TELL
from deputy.domain.cost import Cost
from deputy.domain.event import Fault, Outcome, ToolIntent
from deputy.domain.label import Label
from deputy.domain.principal import Directory, agent_principal
from deputy.domain.run import Effect
from deputy.kernel.approval import Asked, item_of
from deputy.kernel.flow import context_label, origins
from deputy.kernel.start import new_run
from deputy.kernel.visit import Visit

__all__ = ["BuiltIn"]

DEEPEST = 8  #: how many runs may stand above one


class BuiltIn:
    """Performs `person.ask`, `person.tell` and `agent.run`."""

    async def perform(self, visit: Visit, intent: ToolIntent, args: Mapping[str, object]) -> bool:
        """Commit the intent with all that it means; True if the effect is over or can go on at once."""
        arguments = dict(args)
        call = visit.run.effects.get(intent.n)
        tool = call.call.tool if call is not None else intent.call.tool if intent.call else ""
        if tool == AGENT_RUN.name:
            return await self._start(visit, intent, str(arguments["agent"]), str(arguments["task"]))
        return await self._say(visit, intent, tool, arguments)

    def conclude(self, visit: Visit, effect: Effect) -> bool:
        """Record the outcome of an open effect, if what it waits for has arrived; False if it still waits."""
        tool = effect.call.tool
        if tool == PERSON_TELL.name:
            self._done(visit, effect, {"delivered": True}, PERSON_TELL.output)
        elif tool == PERSON_ASK.name and (reply := visit.run.replies.get(effect.item)) is not None:
            self._done(visit, effect, reply.text, PERSON_ASK.output)
        elif tool == AGENT_RUN.name and (ended := visit.run.children.get(effect.child)) is not None:
            if ended.state == "done":
                value = {"run": ended.run, "state": ended.state, "answer": ended.answer}
                self._done(visit, effect, value, ended.label)
            else:
                self._failed(visit, effect.n, "child_" + ended.state, ended.error or f"Run {ended.run} {ended.state}.")
        else:
            return False
        return True

    def _done(self, visit: Visit, effect: Effect, value: object, label: Label) -> None:
        source = label if label.source else Label(effect.call.tool, label.trust, label.paths)
        now = visit.journal.now()
        visit.journal.record(
            Outcome(
                at=now,
                n=effect.n,
                attempt=effect.attempt,
                status="done",
                result=value,
                label=source,
                cost=_steps(effect),
            )
        )

    def _failed(self, visit: Visit, n: int, code: str, message: str) -> None:
        effect = visit.run.effects.get(n)
        event = Outcome(
            at=visit.journal.now(), n=n, attempt=effect.attempt if effect else 1, status="failed",
            error=Fault(code, message),
        )  # fmt: skip
        visit.journal.record(event)

    # -- people

    async def _say(self, visit: Visit, intent: ToolIntent, tool: str, args: dict[str, object]) -> bool:
        journal, agent = visit.journal, visit.agent
        entry = _entry(visit.rules.directory(), str(args.get("to") or journal.row.on_behalf_of))
        people = visit.rules.directory().members(entry, journal.row.on_behalf_of)
        if not people:
            return self._refuse(visit, intent, "nobody", f"`{args.get('to')}` names nobody in people.toml.")
        item = f"{visit.run.id}.{intent.n}.1"
        asked = Asked(
            kind="question" if tool == PERSON_ASK.name else "message", agent=agent.name,
            on_behalf_of=journal.row.on_behalf_of, effect=f"{visit.run.id}.{intent.n}", tool=tool, args=args,
            question=str(args.get("question") or args.get("text")),
            options=tuple(msgspec.convert(args.get("options") or [], list[str])), rule=intent.rule,
            untrusted=origins(visit.run, intent.n, args), approvers=(entry,), people=tuple(sorted(people)),
        )  # fmt: skip
        row = item_of(item, visit.run.id, asked, created=intent.at, expires=None)
        waits = item if asked.kind == "question" else ""
        waiting = msgspec.structs.replace(intent, item=waits, shown=digest(row.body))
        await journal.commit(waiting, thawed=agent.name, grant=intent.grant, items=[row])
        return asked.kind == "message"

    def _refuse(self, visit: Visit, intent: ToolIntent, code: str, message: str) -> bool:
        event = Outcome(
            at=intent.at, n=intent.n, status="failed", error=Fault(code, message), call=intent.call, rule=intent.rule
        )
        visit.journal.record(event)
        return True

    # -- child runs

    async def _start(self, visit: Visit, intent: ToolIntent, name: str, task: str) -> bool:
        journal, agent = visit.journal, visit.rules.agent(name)
        assert visit.run.started is not None
        if agent is None:
            return self._refuse(visit, intent, "unknown_agent", f"There is no agent `{name:.80}`.")
        if len(visit.run.started.ancestors) >= DEEPEST:
            return self._refuse(visit, intent, "too_deep", f"More than {DEEPEST} runs stand above this one already.")
        by = agent_principal(visit.agent.name, journal.row.version)
        child = new_run(
            agent, task, at=intent.at, by=by, on_behalf_of=journal.row.on_behalf_of, label=context_label(visit.run),
            cause=(visit.run, intent.n),
        )  # fmt: skip
        begun = msgspec.structs.replace(intent, child=child.id)
        await journal.commit(begun, thawed=visit.agent.name, grant=intent.grant, children=[child])
        return False


def _steps(effect: Effect) -> Cost:
    return Cost(steps=effect.hold.steps)


def _entry(directory: Directory, to: str) -> str:
    """An approver entry for whom a message names: as it is, or the person of this id or address."""
    if to == "manager" or to.partition(":")[0] in ("person", "group", "role"):
        return to
    person = directory.find(to)
    return f"person:{person.id}" if person else f"person:{to}"
