"""Look through the record: events of all runs and of the workspace, newest first, told in a few words each.

A page looks at a bounded part of the journal and says where to look on, so that no question takes long; an auditor who
wants all of it exports it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, get_args

import msgspec

from deputy.app import rights
from deputy.app.bootstrap import Office
from deputy.app.views import moment, money
from deputy.base.canonical import canonical
from deputy.base.errors import UsageError
from deputy.domain.effect import Call
from deputy.domain.event import (
    Doubted,
    Elicited,
    Ended,
    Event,
    ModelIntent,
    ModelReply,
    Note,
    Outcome,
    Received,
    Said,
    Settled,
    Started,
    ToolIntent,
    VerdictGiven,
    Workspace,
    event_from,
)  # fmt: skip
from deputy.domain.principal import Person
from deputy.domain.stow import blobs_of
from deputy.ports.access import Looked, Told

__all__ = ["KINDS", "Sought", "events"]

KINDS: tuple[str, ...] = tuple(str(one.__struct_config__.tag) for one in get_args(Event))
MOST = 200  #: events in a page
LOOK = 20_000  #: places of the journal that are looked at in a round
ROUNDS = 5  #: of looking for one tool's events, which name it in other events
RUNS = 60  #: runs whose earlier events are read to name what an event is about
EARLIER = 2_000  #: events of one run that are read for this
SLACK = timedelta(seconds=60)  #: by which events may be written out of the order of their times
CUT = 2_000  #: characters of a text in a line


class Sought(NamedTuple):
    """Which events; what is empty does not matter."""

    kinds: Sequence[str] = ()
    agent: str = ""
    run: str = ""
    person: str = ""  #: on whose behalf, or by whom
    tool: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: int = 0  #: the place of an event: those before it
    most: int = 50


async def events(office: Office, person: Person, sought: Sought) -> dict[str, Any]:
    """A page of the record, and where the next begins."""
    rights.require(person, "audit.read")
    if wrong := [kind for kind in sought.kinds if kind not in KINDS]:
        raise UsageError(f"{wrong[0]!r} is no kind of event.", f"Kinds are {', '.join(KINDS)}.")
    if not 1 <= sought.most <= MOST:
        raise UsageError(f"A page cannot have {sought.most} events.", f"Ask for 1 to {MOST}.")
    if sought.run and len(named := await office.store.matching("run", sought.run)) == 1:
        sought = sought._replace(run=named[0])
    before = sought.before or await _place_after(office, sought.until)
    calls, lines = _Calls(office), list[dict[str, Any]]()
    for _ in range(ROUNDS):
        looked = Looked(
            before=before, look=LOOK, most=MOST, run=sought.run, agent=sought.agent, person=sought.person,
            holding=[f'"type":"{kind}"'.encode() for kind in sought.kinds], also=b'"n":' if sought.tool else b"",
        )  # fmt: skip
        found, onward = await office.store.access.looked(looked)
        for told in found:
            event = _legible(told.body)
            if sought.since is not None and event.at < sought.since - SLACK:
                return _page(lines, 0)
            if not _within(sought, event.at):
                continue
            if len(lines) == sought.most or not calls.ready(told.run):
                return _page(lines, told.position + 1)
            call = await calls.of(told, event)
            if _fits(sought, event, call):
                lines.append(_line(office, told, event, call))
        before = onward
        if not onward or not sought.tool or len(lines) == sought.most:
            break
    return _page(lines, before, None if not before else await _time_at(office, before))


def _within(sought: Sought, at: datetime) -> bool:
    return (sought.since is None or at >= sought.since) and (sought.until is None or at < sought.until)


def _page(lines: list[dict[str, Any]], onward: int, looked_to: str | None = None) -> dict[str, Any]:
    last = lines[-1]["at"] if lines and onward else None
    return {"events": lines, "next": str(onward) if onward else None, "looked_to": looked_to or last}


def _fits(sought: Sought, event: Event, call: Call | None) -> bool:
    of_kind = not sought.kinds or _kind(event) in sought.kinds
    return of_kind and (not sought.tool or (call is not None and call.tool == sought.tool))


async def _place_after(office: Office, until: datetime | None) -> int:
    """A place before which everything stands that happened until then: events are written nearly in order of time."""
    last = await office.store.access.position()
    if until is None:
        return last + 1
    until += SLACK
    low, high = 1, last + 1
    while low < high:
        middle = (low + high) // 2
        told = await office.store.access.told(middle - 1, 1)
        if told and _legible(told[0].body).at < until:
            low = middle + 1
        else:
            high = middle
    return low


async def _time_at(office: Office, place: int) -> str | None:
    told = await office.store.access.told(max(place - 1, 0), 1)
    return moment(_legible(told[0].body).at) if told else None


class _Calls:
    """What events are about, where an earlier event of their run says it."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._known: dict[str, dict[int, Call]] = {}

    def ready(self, run: str) -> bool:
        """Whether one more run may be read for this page."""
        return run in self._known or len(self._known) < RUNS

    async def of(self, told: Told, event: Event) -> Call | None:
        """The call of an event's effect, as it was proposed."""
        n = getattr(event, "n", 0)
        if not isinstance(n, int) or not n or isinstance(event, ModelIntent | ModelReply):
            return None
        inline = getattr(event, "call", None)
        if isinstance(inline, Call):
            return inline
        if told.run not in self._known:
            self._known[told.run] = await self._read(told.run)
        return self._known[told.run].get(n)

    async def _read(self, run: str) -> dict[int, Call]:
        rows = (await self._office.store.rows(run))[:EARLIER]
        read = [_legible(row.body) for row in rows]
        bodies = await self._office.store.blobs([name for one in read for name in blobs_of(one)])
        calls: dict[int, Call] = {}
        for one in read:
            match one:
                case ModelReply(n=n):
                    said = one.said or (
                        msgspec.json.decode(bodies[one.blob], type=Said) if one.blob in bodies else Said()
                    )
                    for place, call in enumerate(said.calls, start=n + 1):
                        calls.setdefault(place, Call(call.tool, _arguments(call.arguments)))
                case VerdictGiven(n=n) | ToolIntent(n=n):
                    if one.call is not None:
                        calls[n] = one.call
                    elif one.blob in bodies:
                        calls[n] = msgspec.json.decode(bodies[one.blob], type=Call)
                case Outcome(n=n) | Elicited(n=n):
                    if one.call is not None:
                        calls[n] = one.call
                    elif one.call_blob in bodies:
                        calls[n] = msgspec.json.decode(bodies[one.call_blob], type=Call)
                case _:
                    pass
        return calls


def _legible(body: bytes) -> Event:
    """A stored event; bytes that are none (an audit says where) are shown as a note at the beginning of time."""
    try:
        return event_from(body)
    except msgspec.MsgspecError:
        return Note(
            at=datetime.fromtimestamp(0, UTC), kind="note", value="These bytes are no event: verify the record."
        )


def _arguments(text: str) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(text or "{}")
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def _kind(event: Event) -> str:
    return str(type(event).__struct_config__.tag)


def _line(office: Office, told: Told, event: Event, call: Call | None) -> dict[str, Any]:
    n = getattr(event, "n", 0)
    cost = getattr(event, "cost", None)
    args = None if call is None else canonical(call.args).decode()
    return {
        "position": told.position, "at": moment(event.at), "kind": _kind(event), "run": told.run, "seq": told.seq,
        "agent": told.agent or None, "on_behalf_of": told.on_behalf_of or None,
        "by": getattr(event, "by", "") or None,
        "effect": f"{told.run}.{n}" if n else None, "tool": _tool(event, call),
        "args": None if args is None else _cut(args), "rule": getattr(event, "rule", "") or None,
        "what": _cut(_what(event)), "digest": told.link.hex(),
        "cost": money(cost.money, office.settings.currency) if cost is not None and cost.money else None,
    }  # fmt: skip


def _tool(event: Event, call: Call | None) -> str | None:
    match event:
        case ModelIntent(route=route):
            return f"model:{route}"
        case ModelReply(model=model):
            return f"model:{model}"
        case _:
            return call.tool if call is not None else None


def _cut(text: str) -> str:
    return text if len(text) <= CUT else text[: CUT - 1] + "…"


def _what(event: Event) -> str:
    """The event's own words: what somebody wrote, or the word that says what it did."""
    match event:
        case Started(task=task):
            return task
        case ModelReply(said=said, finish=finish):
            return said.text if said is not None and said.text else finish
        case VerdictGiven(verdict=verdict, reason=reason):
            return f"{verdict}: {reason}" if reason else verdict
        case Outcome(status=status, error=error):
            return status if error is None else f"{status}: {error.message}"
        case Settled(happened=happened):
            return "happened" if happened else "did not happen"
        case Received(delivery=delivery):
            return _delivered(delivery)
        case Doubted(reason=reason):
            return reason
        case Ended(state=state, error=error, answer=answer):
            return f"{state}: {error.message}" if error is not None else f"{state}: {answer}" if answer else state
        case Note(kind=kind, value=value):
            return value if isinstance(value, str) else kind
        case Workspace(what=what, subject=subject, detail=detail):
            return " ".join(part for part in (what, subject, detail) if part)
        case _:
            return ""


def _delivered(delivery: Any) -> str:
    if delivery is None:
        return ""
    found = msgspec.to_builtins(delivery)
    word = str(found.get("type", ""))
    text = next((str(found[name]) for name in ("reason", "text", "answer") if found.get(name)), "")
    return f"{word}: {text}" if text else word
