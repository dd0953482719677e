"""The model loop: ask the model, perform what it asks, repeat; the next step is a pure function of the run's state.

Nothing is executed again on resume: what the journal has is never asked twice.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple, assert_never

from deputy.base.canonical import canonical
from deputy.base.errors import DeputyError
from deputy.domain.cost import Cost
from deputy.domain.effect import Call
from deputy.domain.event import Compacted, Ended, Fault, Note, Outcome
from deputy.domain.message import Message, Prompt, Script
from deputy.domain.run import Effect, NoticeTurn, ReplyTurn, Run, TellTurn
from deputy.kernel.answer import AGAIN, FINAL, INVALID, REWRITE, UNPARSED, Answers, Given
from deputy.kernel.budget import within
from deputy.kernel.conversation import Conversation, decoded, offer_for
from deputy.kernel.gate import Gate
from deputy.kernel.proof import round_path
from deputy.kernel.rest import Finished, Rest, Waits, failed
from deputy.kernel.visit import Visit
from deputy.ports.store import Blob

__all__ = ["AskModel", "Finish", "Judge", "Perform", "Repair", "Step", "Wait", "drive", "next_step"]

CIRCLES = 3  #: equal replies with equal results after which a run is going in circles
FULL = 0.8  #: share of the context at which a conversation is compacted
SUMMARIZE = (
    "Summarize the conversation so far for your own later use: the task, what was done with which results and ids, "
    "what people said, what is still open. Be complete and brief."
)


class AskModel(NamedTuple):
    """Make (or go on with) model call `n`."""

    n: int


class Perform(NamedTuple):
    """Perform these tool calls, in this order."""

    numbers: tuple[int, ...]


class Wait(NamedTuple):
    """Everything that is left waits for somebody."""


class Judge(NamedTuple):
    """Say whether these calls of `final_answer` give an answer."""

    numbers: tuple[int, ...]


class Repair(NamedTuple):
    """Tell the model, once, why its reply was not taken."""

    path: str
    text: str


class Finish(NamedTuple):
    """The model gave its answer."""

    answer: str


class Fail(NamedTuple):
    """The run cannot go on."""

    code: str
    message: str


Step = AskModel | Perform | Judge | Repair | Wait | Finish | Fail


def next_step(run: Run, answers: Answers | None = None) -> Step:
    """What to do next, from the state alone; `answers` where the agent's answer has a shape."""
    if run.asking and not run.effects[run.asking].over:
        return AskModel(run.asking)
    if run.asking and (error := run.effects[run.asking].error) is not None:
        return _after(run, error)
    last = run.replied
    if last is None:
        return AskModel(run.next_n)
    calls = [run.effects[n] for n in range(last.n + 1, last.n + 1 + len(last.said.calls))]
    final = () if answers is None else tuple([e for e in calls if e.call.tool == FINAL])
    if waiting := tuple([e.n for e in final if not e.over]):
        return Judge(waiting)
    if open_calls := [e for e in calls if not e.over]:
        movable = tuple([e.n for e in open_calls if _can_move(run, e)])
        return Perform(movable) if movable else Wait()
    if round_path(last.n) in run.notes:
        return AskModel(run.next_n)  # it said that it was done, and was not
    if answers is not None and (final or not calls) and not _told_since(run, last):
        return _answer(run, last, final, answers)
    if not calls and not _told_since(run, last):
        if not last.said.text.strip():
            return Fail("empty_reply", "The model gave neither an answer nor a tool call.")
        return Finish(last.said.text)
    if _in_circles(run):
        return Fail("no_progress", f"The model made the same calls with the same results {CIRCLES} times in a row.")
    return AskModel(run.next_n)


def _after(run: Run, error: Fault) -> Step:
    """What follows a model call that failed: one that nobody could read is asked anew, once in a row."""
    if f"fault/{run.asking}" in run.notes:
        return AskModel(run.next_n)  # its person spoke again
    if error.code != UNPARSED:
        return Fail(error.code, error.message)
    path = f"unparsed/{run.asking}"
    if path in run.notes:
        return AskModel(run.next_n)
    if run.turns and isinstance(run.turns[-1], NoticeTurn):
        return Fail(error.code, error.message)
    return Repair(path, f"{error.message}\n{REWRITE}")


def _answer(run: Run, last: ReplyTurn, final: tuple[Effect, ...], answers: Answers) -> Step:
    """What follows a reply that means to give the answer: the end, or one more try."""
    path = f"answer/{last.n}"
    if path in run.notes:
        return AskModel(run.next_n)
    found = answers.of_args(final[0].call.args) if final and final[0].status == "done" else None
    if not final:
        found = answers.of(last.said)
    if isinstance(found, Given):
        return Finish(canonical(found.plain).decode())
    problem = found.problem if found is not None else final[0].error.message if final[0].error is not None else ""
    tries = sum(e.call.tool == FINAL and e.status == "failed" for e in run.effects.values() if e not in final)
    if tries or any(path.startswith("answer/") for path in run.notes):
        return Fail(INVALID, f"The answer does not fit its shape, in two tries. {problem.removesuffix(AGAIN).strip()}")
    return AskModel(run.next_n) if final else Repair(path, f"{problem} {AGAIN}")


def _can_move(run: Run, effect: Effect) -> bool:
    if effect.status in ("asked", "in_doubt") or f"verify:{effect.n}.{effect.attempt}" in run.timers:
        return False
    if effect.status == "claimed" and effect.child:
        return effect.child in run.children
    if effect.status == "claimed" and effect.item:
        return run.answered(effect.item)
    return True


def _told_since(run: Run, reply: ReplyTurn) -> bool:
    return any(isinstance(turn, TellTurn) for turn in run.turns[run.turns.index(reply) :])


def _in_circles(run: Run) -> bool:
    latest = run.turns[-CIRCLES:]
    first = latest[0]
    if len(latest) < CIRCLES or not isinstance(first, ReplyTurn) or not first.said.calls:
        return False
    said = [(call.tool, call.arguments) for call in first.said.calls]
    for turn in latest[1:]:  # what was asked is compared before what came back
        if not isinstance(turn, ReplyTurn) or [(call.tool, call.arguments) for call in turn.said.calls] != said:
            return False
    made = _made(run, first)
    return all(isinstance(turn, ReplyTurn) and _made(run, turn) == made for turn in latest[1:])


def _made(run: Run, reply: ReplyTurn) -> list[tuple[str, str, object]]:
    return [(c.tool, c.arguments, decoded(run.effects[reply.n + i])) for i, c in enumerate(reply.said.calls, start=1)]


async def drive(visit: Visit, gate: Gate) -> Rest | None:
    """Take one step; None if there may be another."""
    match next_step(visit.run, visit.answers):
        case AskModel(n):
            await _ask(visit, gate, n)
        case Perform(numbers):
            await _perform(visit, gate, numbers)
        case Judge(numbers):
            _judge(visit, numbers)
        case Repair(path, text):
            visit.journal.record(Note(at=visit.journal.now(), kind="repair", path=path, value=text))
        case Wait():
            return Waits()
        case Finish(answer):
            return Finished(Ended(at=visit.journal.now(), state="done", answer=answer))
        case Fail(code, message):
            return failed(visit, code, message)
        case _ as unreachable:
            assert_never(unreachable)
    return None


def _judge(visit: Visit, numbers: Sequence[int]) -> None:
    """Record what is wrong with an answer, where the model reads it, or that it was taken."""
    run, at = visit.run, visit.journal.now()
    assert visit.answers is not None
    assert run.replied is not None
    found = visit.answers.of(run.replied.said)
    for n in numbers:
        if isinstance(found, Given):
            event = Outcome(at=at, n=n, status="done", result={"taken": True}, rule="answer")
        else:
            event = Outcome(at=at, n=n, status="failed", error=Fault(INVALID, f"{found.problem} {AGAIN}"))
        visit.journal.record(event)


async def _ask(visit: Visit, gate: Gate, n: int) -> None:
    conversation = conversation_of(visit)
    name, body, _ = offer_for(visit) if not visit.run.offered else ("", b"", None)
    if name:
        visit.journal.keep(Blob(name, body))
    route = visit.rules.route(visit.pinned.model)
    max_tokens = min(visit.pinned.max_tokens, route.max_tokens)
    if conversation.input_tokens + max_tokens > FULL * route.context and conversation.compactable:
        await _compact(visit, gate, conversation)
        n = max(n, visit.run.next_n)
    prompt = conversation.prompt(visit.pinned.model, visit.row.agent, visit.row.version, max_tokens)
    hold = worst_case(visit, prompt, conversation.input_tokens)
    await gate.ask_model(visit, n, prompt, hold, offered=name, about=Call(""))


def conversation_of(visit: Visit) -> Conversation:
    """The run's conversation, built once a visit."""
    if visit.conversation is None:
        visit.conversation = Conversation(visit.run, offer_for(visit)[2])
    return visit.conversation


def worst_case(visit: Visit, prompt: Prompt, input_tokens: int) -> Cost:
    """The most that a model call can cost."""
    route = visit.rules.route(prompt.route)
    wall = within(visit.run, route.deadline, visit.limits().run)
    return route.worst(input_tokens, prompt.max_tokens) + Cost(steps=1, wall=int(wall * 1000))


async def _perform(visit: Visit, gate: Gate, numbers: Sequence[int]) -> None:
    """Perform tool calls in order; neighbours that only read, at the same time."""
    together: list[int] = []
    for n in numbers:
        if n != numbers[0] and visit.hear() and (visit.run.cancel is not None or visit.run.halted):
            return  # what was not begun is not begun
        spec = visit.catalogue.find(visit.run.effects[n].call.tool)
        if spec is not None and spec.effect == "read":
            together.append(n)
            continue
        await _perform_together(visit, gate, together)
        together = []
        await gate.perform(visit, n)
    await _perform_together(visit, gate, together)


async def _perform_together(visit: Visit, gate: Gate, numbers: Sequence[int]) -> None:
    if len(numbers) < 2:
        for n in numbers:
            await gate.perform(visit, n)
        return
    refusals: list[DeputyError] = []

    async def one(n: int) -> None:
        try:
            await gate.perform(visit, n)
        except DeputyError as exc:  # the others' outcomes are wanted all the same
            refusals.append(exc)

    async with asyncio.TaskGroup() as group:
        for n in numbers:
            group.create_task(one(n))
    if refusals:
        raise refusals[0]


async def _compact(visit: Visit, gate: Gate, conversation: Conversation) -> None:
    """Let the model summarize the oldest part of its conversation, and journal that it stands for it from now on."""
    count = conversation.compactable
    path = f"compact/{len(visit.run.turns)}"
    messages = (
        Message("system", SUMMARIZE),
        *(m for m in conversation.oldest(count) if m.role != "tool" or m.text),
        Message("user", SUMMARIZE),
    )
    route = visit.rules.route(visit.pinned.model)
    prompt = Prompt(
        route=visit.pinned.model, agent=visit.row.agent, version=visit.row.version, messages=messages,
        max_tokens=min(visit.pinned.max_tokens, route.max_tokens), script=Script(visit.run.task, (), (0,)),
    )  # fmt: skip
    n = visit.run.by_path.get(path, visit.run.next_n)
    hold = worst_case(visit, prompt, conversation.input_tokens)
    effect = await gate.ask_model(
        visit, n, prompt, hold, offered="", about=Call("model", {"question": SUMMARIZE}, path)
    )
    text = getattr(effect.result, "text", "")
    if effect.status == "done" and text:
        visit.journal.record(Compacted(at=visit.journal.now(), upto=count, summary=text, n=n))
