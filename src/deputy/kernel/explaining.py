"""Let an agent say something about what it is about to do, because a person who is to decide asks.

It is a model call beside the conversation: the agent reads what it did so far and the question, can call nothing, and
what it says goes to whoever asked, marked as a model's words. The conversation knows nothing of it. A procedure is code
and has nobody to ask.
"""

import msgspec

from deputy.base.canonical import canonical
from deputy.base.errors import Frozen, NotFound, OverBudget
from deputy.domain.effect import Call
from deputy.domain.event import Explained, Fault, Said
from deputy.domain.message import Message, Prompt, Script
from deputy.domain.run import ReplyTurn, Run
from deputy.domain.talk import Aside
from deputy.kernel.conversation import Conversation, offer_for, result_text
from deputy.kernel.gate import Gate
from deputy.kernel.heeding import amended, is_open
from deputy.kernel.loop import worst_case
from deputy.kernel.visit import Visit
from deputy.ports.store import Store

__all__ = ["explain", "to_explain"]

WORDS = 800  #: tokens of an answer
ASKS = (
    "Before that is done, {who}, who is to decide about it, asks you:\n{text}\n\nAnswer in a few sentences, from what "
    "you know of this task. Say so where you do not know. You can call nothing now, and nothing has been decided yet."
)


def to_explain(run: Run) -> Aside | None:
    """The next question that waits for the agent."""
    asked = (one for one in run.talk.for_agent() if is_open(run, _item(one)))
    return next(asked, None)


async def explain(visit: Visit, gate: Gate, store: Store, aside: Aside) -> None:
    """Answer a question that a person asked back, durably; raises Stopping, Overtaken and LeaseLost."""
    journal, path = visit.journal, f"aside/{aside.id}"
    n, error = visit.run.by_path.get(path, visit.run.next_n), None
    try:
        prompt = _prompt(visit, aside)
        hold = worst_case(visit, prompt, sum(len(m.text.encode()) for m in prompt.messages) // 2)
        effect = await gate.ask_model(
            visit, n, prompt, hold, offered="", about=Call("model", {"question": aside.text}, path)
        )
        if effect.error is not None:
            error = Fault(effect.error.code, effect.error.message)
        elif not isinstance(effect.result, Said) or not effect.result.text.strip():
            error = Fault("empty_reply", "The agent's model said nothing.")
    except (OverBudget, Frozen, NotFound) as exc:
        error = Fault(exc.code, f"{exc.message}.")
    event = Explained(
        at=journal.now(), item=_item(aside), aside=aside.id, n=n if n in visit.run.effects else 0, error=error
    )
    item = await store.item(event.item) if is_open(visit.run, event.item) else None
    if item is None:
        journal.record(event)
        return
    talk = visit.run.talk.copy()
    talk.explain(event, visit.run.effects.get(event.n))
    new = amended(item, talk)
    journal.record(msgspec.structs.replace(event, shown={item.id: new.digest}), amended=[new.item])
    await journal.durable()


def _item(aside: Aside) -> str:
    return aside.id.rpartition(".")[0]


def _prompt(visit: Visit, aside: Aside) -> Prompt:
    """The conversation up to what waits, then that, then the question."""
    run = visit.run
    conversation = Conversation(run, offer_for(visit)[2])
    last = next((turn for turn in reversed(run.turns) if isinstance(turn, ReplyTurn)), None)
    messages = list(conversation.before(last))
    if last is not None:
        messages.append(Message("assistant", _about_to(run, last)))
    who = aside.by.removeprefix("person:")
    messages.append(Message("user", ASKS.format(who=who, text=aside.text)))
    results, before = conversation.script
    return Prompt(
        route=visit.pinned.model, agent=visit.row.agent, version=visit.row.version, messages=tuple(messages),
        max_tokens=min(visit.pinned.max_tokens, visit.rules.route(visit.pinned.model).max_tokens, WORDS),
        script=Script(run.task, tuple(results), (*before, len(results)), run.material, aside.text),
    )  # fmt: skip


def _about_to(run: Run, turn: ReplyTurn) -> str:
    """The last reply in words: its calls cannot stand as calls while their results are not there."""
    lines = [turn.said.text] if turn.said.text else []
    for n, call in enumerate(turn.said.calls, start=turn.n + 1):
        effect = run.effects[n]
        arguments = canonical(effect.call.args).decode()
        came = f": {result_text(effect)}" if effect.over else ", which waits for people"
        lines.append(f"I called {call.tool} with {arguments}{came}.")
    return "\n".join(lines)
