"""What the far side of a call asks people: put to them as a question, and handed back as they answered.

Two ways. A server that asks *before it begins* has done nothing yet: the run waits as for any question, and the same
call is made again with the answers. A server that asks *in mid-call* is answered while the call is under way, as long
as its deadline leaves time, and told why not otherwise. The words of such a question are the outsider's, and its card
names the server: nobody is to take it for the company's own.
"""

from collections.abc import Mapping
from typing import NamedTuple

from deputy.base.canonical import digest
from deputy.domain.cost import Cost
from deputy.domain.effect import Call, Input, InputRequired, ToolRequest, ToolSpec
from deputy.domain.elicitation import Form, content_of, link_of
from deputy.domain.event import Elicited, Fault, Outcome, ToolIntent
from deputy.domain.label import Label, Origin
from deputy.domain.run import Effect, Run
from deputy.kernel.approval import Asked, item_of
from deputy.kernel.asking import new_call
from deputy.kernel.visit import Visit

__all__ = ["RULE", "WHY", "Elicitation", "again", "give_up", "is_waiting", "put", "resumed", "shown_of"]

MOST_ROUNDS = 10  #: how often one call may ask before it begins
LOOK = 0.05  #: seconds between looks at whether somebody has answered
MARGIN = 0.1  #: share of the deadline that is left to the server after people had theirs
RULE = "elicitation"
WHY = "The words are the server's. Do not answer with a password or a key."


class Shown(NamedTuple):
    """What people see of forms: the question, and the JSON Schema that their answer must fit."""

    question: str
    schema: dict[str, object]


def shown_of(asker: str, tool: str, forms: Mapping[str, Form]) -> Shown:
    """Forms as one question; of several the answer is an object with one member for each."""
    if len(forms) == 1:
        [form] = forms.values()
        return Shown(f"The server {asker} asks, for {tool}: {form.message}", form.schema)
    asked = "\n".join(f"{name}: {form.message}" for name, form in forms.items())
    schemas = {name: form.schema for name, form in forms.items()}
    schema: dict[str, object] = {"type": "object", "properties": schemas, "required": list(forms)}
    return Shown(f"The server {asker} asks, for {tool}:\n{asked}", schema)


class Elicitation(NamedTuple):
    """A call whose far side may ask; `call` and `rule` where the journal does not hold them yet, as for a read."""

    visit: Visit
    n: int
    attempt: int
    spec: ToolSpec
    deadline: float
    call: Call | None = None
    rule: str = ""

    async def ask(self, asker: str, form: Form) -> dict[str, object]:
        """Put a form to people in mid-call; its answer, or why there is none. Ends before the call's deadline does."""
        visit, clock = self.visit, self.visit.rules.clock
        until = clock.boot() + self.deadline * (1 - MARGIN)
        event = put(self, InputRequired(asker, {"": form}), live=True)
        if event is None:
            return _cancelled("There is nobody to ask.")
        why = "The call ended before anybody answered."
        try:
            await visit.journal.durable()
            while clock.boot() < until and visit.run.cancel is None:
                visit.hear()
                if visit.run.answered(event.item):
                    why = ""
                    return given(visit.run, event)[""]
                await clock.sleep(LOOK)
            why = "Nobody answered in time."
            return _cancelled(why)
        finally:
            if why:
                close(visit, event, why)


def put(about: Elicitation, wanted: InputRequired, *, live: bool) -> Elicited | None:
    """Open the question; None where there is nobody to ask."""
    visit, n, journal = about.visit, about.n, about.visit.journal
    effect = visit.run.effects.get(n)
    entry = f"person:{visit.row.on_behalf_of}"
    people = visit.rules.directory().members(entry, visit.row.on_behalf_of)
    if not people:
        return None
    key = f"{visit.run.id}.{n}"
    item = f"{key}.{(effect.asks if effect is not None else 0) + 1}"
    seen = shown_of(wanted.asker, about.spec.name, wanted.forms)
    call = about.call or (effect.call if effect is not None else Call(about.spec.name))
    asked = Asked(
        kind="question", agent=visit.agent.name, on_behalf_of=visit.row.on_behalf_of, effect=key, tool=about.spec.name,
        args=call.args, question=seen.question, why=WHY, rule=RULE, approvers=(entry,), people=tuple(sorted(people)),
        untrusted=(Origin("question", about.spec.name),), parameters=seen.schema,
    )  # fmt: skip
    fresh = new_call(visit, n, about.call) if about.call is not None else None
    at = journal.now()
    row = item_of(item, visit.run.id, asked, created=at, expires=None)
    event = Elicited(
        at=at, n=n, attempt=about.attempt, item=item, asker=wanted.asker, forms=dict(wanted.forms),
        state=wanted.state, live=live, shown=digest(row.body), call=fresh,
        rule=about.rule, cls=about.spec.effect, repeat=about.spec.repeat,
    )  # fmt: skip
    journal.record(event, items=[row])
    return event


def close(visit: Visit, event: Elicited, why: str) -> None:
    """Take a question back that nobody needs to answer any more."""
    over = Elicited(
        at=visit.journal.now(), n=event.n, attempt=event.attempt, item=event.item, asker=event.asker, live=event.live,
        over=why, cls=event.cls, repeat=event.repeat,
    )  # fmt: skip
    visit.journal.record(over, items_off=[event.item])


def give_up(visit: Visit, effect: Effect) -> None:
    """The call in whose middle people were asked is lost, and so is its question."""
    if effect.elicited is not None:
        close(visit, effect.elicited, "The call was lost before anybody answered.")


def is_waiting(effect: Effect) -> bool:
    """Whether people were asked for this effect, and it has not gone on since."""
    return effect.elicited is not None and effect.item == effect.elicited.item


def given(run: Run, event: Elicited) -> dict[str, dict[str, object]]:
    """What people answered, for each form; what does not fit its form counts as declined."""
    reply = run.replies.get(event.item)
    forms = event.forms or {}
    if reply is None:
        why = run.declined.get(event.item, "")
        return {name: {"action": "decline"} | _because(why) for name in forms}
    try:
        whole = content_of(reply.text, shown_of(event.asker, "", forms).schema)
    except ValueError:
        return {name: {"action": "decline"} for name in forms}
    contents = {name: whole for name in forms} if len(forms) == 1 else whole
    return {name: _accepted(form, contents.get(name, {})) for name, form in forms.items()}


def _accepted(form: Form, content: object) -> dict[str, object]:
    """An answer as the server hears it; of a page that was opened, only that it was."""
    return {"action": "accept"} if link_of(form.schema) else {"action": "accept", "content": content}


def resumed(run: Run, effect: Effect, spec: ToolSpec, args: Mapping[str, object]) -> ToolRequest:
    """The request of an effect, with what people answered before it began, if they were asked."""
    event = effect.elicited
    if event is None or event.live or not run.answered(event.item):
        return ToolRequest(spec=spec, args=args)
    return ToolRequest(spec=spec, args=args, input=Input(answers=given(run, event), state=event.state))


def again(visit: Visit, effect: Effect, spec: ToolSpec | None, *, permitted: bool, steps: int) -> ToolIntent | Outcome:
    """What follows people's answer: the call once more, or why it cannot be."""
    now, attempt = visit.journal.now(), effect.attempt + 1
    why = "The tool is no longer there." if spec is None else "" if permitted else "It is no longer permitted."
    if visit.run.cancel is not None:
        why = visit.run.cancel
    if not why and effect.elicited is not None and _unheard(visit.run, effect.elicited):
        why = "People did not open the page that the server wants opened first."
    if spec is None or why or effect.asks >= MOST_ROUNDS:
        why = why or f"The server asked {MOST_ROUNDS} times before it began."
        return Outcome(
            at=now, n=effect.n, attempt=effect.attempt, status="failed", error=Fault("input_refused", why),
            label=Label(effect.call.tool),
        )  # fmt: skip
    hold = effect.hold or Cost(steps=steps, wall=int(spec.deadline * 1000))
    return ToolIntent(
        at=now, n=effect.n, attempt=attempt, rule=effect.rule, cls=effect.cls, repeat=effect.repeat,
        schema=visit.catalogue.schema_digest(spec), hold=hold, deadline=spec.deadline, keyed_for=effect.keyed_for,
    )  # fmt: skip


def _unheard(run: Run, event: Elicited) -> bool:
    """Whether people declined where the server hears no answer, and would only ask again."""
    links = {name: link_of(form.schema) for name, form in (event.forms or {}).items()}
    said = given(run, event)
    return any(link is not None and link.again and said[name]["action"] != "accept" for name, link in links.items())


def _cancelled(why: str) -> dict[str, object]:
    return {"action": "cancel"} | _because(why)


def _because(why: str) -> dict[str, object]:
    return {"_meta": {"deputy/reason": why}} if why else {}
