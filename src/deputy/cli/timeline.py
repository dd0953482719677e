"""A run as it happens: one line for each event worth telling, cut to the terminal's width.

What a line says is read off the run's state after the event, so the story and `--json` cannot differ.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, NamedTuple, cast

from rich.text import Text

from deputy.cli.terminal import Terminal
from deputy.cli.text import brief, duration, one_line, shortened, when, within
from deputy.domain.delivery import (
    Approve,
    AskBack,
    Cancel,
    ChildEnded,
    Delegate,
    Expire,
    Halt,
    Place,
    Refuse,
    Reply,
    Tell,
    TimerFired,
)
from deputy.domain.event import (
    BudgetRaised,
    BudgetShort,
    Compacted,
    Doubted,
    Elicited,
    Ended,
    Event,
    Explained,
    Fault,
    ModelIntent,
    ModelReply,
    Note,
    Outcome,
    Received,
    Said,
    Settled,
    Started,
    TimerSet,
    ToolIntent,
    VerdictGiven,
)  # fmt: skip
from deputy.domain.run import Effect, Run

__all__ = ["Timeline"]

SIGNS = {
    "begin": ("▶", "bold"), "end": ("■", "bold"), "good": ("✓", "green"), "bad": ("✗", "red"), "ask": ("?", "yellow"),
    "doubt": ("!", "bold red"), "go": ("→", "cyan"), "model": ("·", "dim"), "says": ("»", "default"),
    "wait": ("…", "yellow"), "note": ("·", "dim"),
}  # fmt: skip


CUT = 40  #: columns of a line that are not for text


class _Line(NamedTuple):
    sign: str
    head: str
    rest: str = ""  #: shortened to what room is left
    after: str = ""  #: kept whole, at the end


class Timeline:
    """Tells the events of one run and of the runs it starts."""

    def __init__(self, terminal: Terminal, run: str) -> None:
        self._terminal, self._run = terminal, run
        self._children: list[str] = []
        self.last: Event | None = None

    def tell(self, run: Run, event: Event) -> None:
        """Write what an event means, if it is worth telling."""
        for line in _lines(run, event):
            self._write(run, event, line)
        if isinstance(event, Ended):
            self._ending(run, event)
        self.last = event

    def _write(self, run: Run, event: Event, line: _Line) -> None:
        sign, style = SIGNS[line.sign]
        found = Text().append(when(event.at) + "  ", style="dim")
        if run.id != self._run:
            if run.id not in self._children:
                self._children.append(run.id)
            found.append(f"│{run.id[-4:]} ", style="magenta")
        found.append(sign + " ", style=style)
        found.append(one_line(line.head), style=style if line.sign in ("bad", "doubt", "ask", "wait", "note") else "")
        after = f"  {one_line(line.after)}" if line.after else ""
        room = self._terminal.width - found.cell_len - len(after) - 1
        if line.rest and room > 4:
            found.append(" " + shortened(line.rest, room - 1), style="dim" if line.sign in ("note", "model") else "")
        found.append(after, style="dim")
        self._terminal.line(found)

    def _ending(self, run: Run, event: Ended) -> None:
        answer = _answer(run, event)
        wrong = event.error.message if event.error is not None else ""
        if run.id == self._run and len(wrong) > self._terminal.width - CUT:  # its line could not hold all of it
            self._terminal.say()
            self._terminal.quote(wrong)
        if event.state == "done" and answer and run.id == self._run:
            self._terminal.say()
            self._terminal.quote(answer)


def _lines(run: Run, event: Event) -> Iterator[_Line]:  # noqa: C901 - one case an event
    match event:
        case Started():
            yield _started(run, event)
        case ModelIntent(attempt=attempt, route=route):
            yield _Line("model", f"asks the model {route}" + (f" (attempt {attempt})" if attempt > 1 else ""))
        case ModelReply():
            yield from _reply(run, event)
        case VerdictGiven():
            yield _verdict(run.effects[event.n], event)
        case ToolIntent():
            yield _intent(run, run.effects[event.n], event)
        case Outcome():
            yield _outcome(run.effects[event.n], event)
        case Doubted(n=n, reason=reason):
            yield _Line("doubt", f"{run.effects[n].call.tool} is in doubt:", reason)
        case Elicited(asker=asker, over=over) if over:
            yield _Line("note", f"the question of {asker} is taken back:", over)
        case Elicited(n=n, asker=asker, live=live):
            when_asked = "in the middle of" if live else "before"
            yield _Line("ask", f"{asker} asks people {when_asked} {run.effects[n].call.tool}")
        case Settled(n=n, happened=happened, by=by):
            what = "happened" if happened else "did not happen"
            yield _Line("good" if happened else "bad", f"{run.effects[n].call.tool} {what}, says {_who(by)}")
        case Received():
            yield from _received(run, event)
        case Explained(n=n, error=error):
            yield _explained(run.effects[n].result if n else None, error)
        case TimerSet(timer=timer, due=due):
            held = "what others hold of the budget" if timer.startswith("held:") else when(due)
            yield _Line("wait", f"waits for {held}")
        case Compacted():
            yield _Line("note", "the conversation was summarized to save room")
        case BudgetShort(unit=unit):
            yield _Line("ask", f"needs more {unit}; a person is asked")
        case BudgetRaised(by=by):
            yield _Line("good", f"{_who(by)} raised the budget")
        case Note(kind="note", value=value):
            yield _Line("note", "note:", within(value, 2000))
        case Note(kind="repair", value=value):
            yield _Line("note", "told the model, for another try:", within(value, 2000))
        case Note(kind="fault", value=value) if isinstance(value, dict):
            fault = cast("Mapping[str, Any]", value)
            yield _Line("bad", "halted:", f"{fault.get('message')} [{fault.get('code')}]")
        case Note(kind="proof", value=value) if isinstance(value, dict):
            yield _proof(cast("Mapping[str, Any]", value))
        case Ended():
            yield _ended(run, event)
        case _:
            pass


def _who(by: str) -> str:
    return by.removeprefix("person:").partition("@")[0]


def _started(run: Run, event: Started) -> _Line:
    by = "" if event.by == f"person:{event.on_behalf_of}" else f", started by {_who(event.by)}"
    return _Line("begin", f"{event.agent} for {event.on_behalf_of}{by}:", run.task or "(no task)")


def _reply(run: Run, event: ModelReply) -> Iterator[_Line]:
    said = run.effects[event.n].result
    mark = "rehearsal" if event.rehearsal else ""
    tokens = event.usage.input + event.usage.output
    after = ", ".join(part for part in (mark, f"{tokens} tokens" if tokens else "") if part)
    if not isinstance(said, Said):
        return
    if said.text.strip() and said.calls:
        yield _Line("says", "says", said.text)
    wanted = ", ".join(call.tool for call in said.calls)
    yield _Line("model", "wants" if wanted else "answers", wanted, after)


def _verdict(effect: Effect, event: VerdictGiven) -> _Line:
    call = f"{effect.call.tool} {brief(effect.call.args, 400)}".rstrip()
    match event.verdict:
        case "ask":
            return _Line("ask", f"asks {', '.join(event.approvers)}:", call, event.rule)
        case "deny":
            return _Line("bad", f"denied {effect.call.tool}:", event.reason, event.rule)
        case "shadow":
            return _Line("note", "would call", call, event.rule)


def _intent(run: Run, effect: Effect, event: ToolIntent) -> _Line:
    to = str(effect.call.args.get("to") or (run.started.on_behalf_of if run.started else ""))
    args, again = effect.call.args, f"attempt {event.attempt}" if event.attempt > 1 else ""
    match effect.call.tool:
        case "person.ask":
            return _Line("ask", f"asks {to}:", str(args.get("question")), again)
        case "person.tell":
            return _Line("says", f"tells {to}:", str(args.get("text")), again)
        case "agent.run":
            head = f"starts {args.get('agent')} as run {event.child[-4:]}:"
            return _Line("go", head, str(args.get("task")), again)
        case tool:
            return _Line("go", tool, brief(args, 400), again)


def _outcome(effect: Effect, event: Outcome) -> _Line:
    tool = effect.call.tool if effect.kind == "tool" else "the model"
    took = duration(timedelta(milliseconds=event.ms)) if event.ms >= 1500 else f"{event.ms} ms" if event.ms else ""
    match event.status:
        case "done":
            asked = event.rule and effect.kind == "tool"  # a pure read leaves one trace, so its arguments belong here
            args = f"{brief(effect.call.args, 120)} " if asked and effect.call.args else ""
            return _Line("good", tool, f"{args}→ {within(effect.result, 2000)}", took)
        case "failed":
            return _Line("bad", f"{tool} failed:", event.error.message if event.error else "", took)
        case "unknown":
            said = event.error.message if event.error else ""
            return _Line("doubt", f"{tool}: nobody knows yet whether it happened:", said, took)


def _proof(value: Mapping[str, Any]) -> _Line:
    if value.get("met") is True:
        found = cast("Mapping[str, object]", value.get("found") or {})
        read = ", ".join(f"{path or 'it'} is {within(member, 400)}" for path, member in found.items())
        return _Line("good", "proved:", f"{value.get('says') or value.get('tool')} ({read})")
    return _Line("bad", "not proved:", str(value.get("wrong")))


def _talk(who: str, said: AskBack | Delegate, *, taken: bool) -> _Line:
    if isinstance(said, AskBack):
        whom = "the agent" if said.to == "agent" else _who(said.to)
        return _Line("ask", f"{who} asks {whom} before deciding:", said.text)
    return _Line("ask", f"{who} {'hands it to' if taken else 'may not hand it to'} {said.to}", said.reason)


def _explained(said: object, error: Fault | None) -> _Line:
    if error is not None or not isinstance(said, Said):
        return _Line("note", "the agent explains nothing:", error.message if error is not None else "")
    return _Line("says", "the agent explains:", within(said.text, 2000))


def _received(run: Run, event: Received) -> Iterator[_Line]:
    who = _who(event.by)
    match event.delivery:
        case Approve(item=item, edit=edit):
            yield _Line("good", f"{who} approved {_tool_of(run, item)}", f"with {within(edit, 400)}" if edit else "")
        case Refuse(item=item, reason=reason):
            yield _Line("bad", f"{who} denied {_tool_of(run, item)}:", reason)
        case Expire(item=item):
            yield _Line("bad", f"nobody answered about {_tool_of(run, item)} in time")
        case AskBack() | Delegate():
            yield _talk(who, event.delivery, taken=bool(event.shown))
        case Reply(text=text):
            yield _Line("good", f"{who} answers:", text)
        case Tell(text=text, label=label):
            yield _Line("says", f"{label.source or who} says:", text)
        case Place(files=files):
            yield _Line("says", f"{who} put in:", ", ".join(f"{file.name} ({file.size} bytes)" for file in files))
        case Halt(end=end):
            yield _Line("note", f"{who} {'ended the conversation' if end else 'stopped it, to go on later'}")
        case Cancel(reason=reason):
            yield _Line("bad", "is to be cancelled:", reason)
        case ChildEnded(run=child, state=state, answer=answer, error=error):
            yield _Line("good" if state == "done" else "bad", f"run {child[-4:]} is {state}", answer or error)
        case TimerFired():
            yield _Line("note", "the time has come")
        case _:
            pass


def _tool_of(run: Run, item: str) -> str:
    """The tool that an item is about, by the effect its id names."""
    number = item.removeprefix(run.id + ".").partition(".")[0]
    effect = run.effects.get(int(number)) if number.isdigit() else None
    return effect.call.tool if effect is not None else "it"


def _ended(run: Run, event: Ended) -> _Line:
    match event.state:
        case "done":
            return _Line("end", "done", _answer(run, event) if run.started and run.started.parent else "")
        case "failed":
            return _Line("bad", "failed:", f"{event.error.message} [{event.error.code}]" if event.error else "")
        case "cancelled":
            return _Line("bad", "cancelled:", event.error.message if event.error else "")


def _answer(run: Run, event: Ended) -> str:
    return run.blob(event.blob).decode() if event.blob else event.answer
