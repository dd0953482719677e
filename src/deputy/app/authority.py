"""How one version of an agent differs from another in what it may do, change by change, and whether that is more.

Grants are compared by what governs each tool, not by their wording: a grant that goes while a broader one stays may
well widen.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from difflib import unified_diff
from typing import Any, Literal, NamedTuple

import msgspec

from deputy.app.config import Deployed
from deputy.app.triggers import described
from deputy.domain.agent import Agent, Grant, grant_for
from deputy.domain.cost import UNITS, Limits, Unit, format_money
from deputy.domain.trigger import Trigger

__all__ = ["Change", "Comparison", "Direction", "changes", "compare", "direction_of", "in_words"]

Direction = Literal["widens", "narrows", "changes", "same"]
Kind = Literal[
    "tool_added", "tool_removed", "autonomy", "limit", "ask_above", "approvers", "expires", "budget", "owner", "model",
    "driver", "trigger_added", "trigger_removed", "trigger", "done", "answer", "max_tokens", "description",
    "instructions", "code", "file",
]  # fmt: skip
WORDS: tuple[Kind, ...] = ("description", "instructions", "model", "max_tokens", "answer", "code", "driver", "file")
LONGEST = 400_000  #: characters of a diff
NOBODY = "the owner's manager, or approvers"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One difference; `before` and `after` are as people read them, empty where there is nothing."""

    kind: Kind
    direction: Direction
    subject: str = ""  #: the tool's pattern, the trigger's name, the file
    part: str = ""  #: the argument or unit
    before: str = ""
    after: str = ""
    says: str  #: the same in words


class Comparison(NamedTuple):
    """All changes from one version to another, the texts of what was written, and what it comes to."""

    direction: Direction
    changes: Sequence[Change]
    diffs: Mapping[str, str]  #: unified, by file


def compare(before: Deployed | None, after: Deployed) -> Comparison:
    """What the second may and does that the first (or nobody) did not, and the other way round."""
    found = changes(before, after)
    old = before.bundle.files if before is not None else {}
    new = after.bundle.files
    diffs: dict[str, str] = {}
    for path in sorted({*old, *new}):
        if old.get(path) != new.get(path):
            lines = unified_diff(
                old.get(path, "").splitlines(), new.get(path, "").splitlines(), f"a/{path}", f"b/{path}", lineterm="",
            )  # fmt: skip
            diffs[path] = "\n".join(lines)[:LONGEST]
    return Comparison(direction_of(found), found, diffs)


def direction_of(found: Sequence[Change]) -> Direction:
    """What several changes come to: more if any is more; what it says and runs on gives no leave to anything."""
    directions = {change.direction for change in found if change.kind not in WORDS}
    if "widens" in directions:
        return "widens"
    if "narrows" in directions and "changes" not in directions:
        return "narrows"
    return "changes" if found else "same"


def in_words(found: Sequence[Change], most: int = 1500) -> str:
    """The changes of authority as the journal has them, the widening ones first."""
    parts: list[str] = []
    for direction in ("widens", "narrows", "changes"):
        if said := [change.says for change in found if change.direction == direction]:
            parts.append(f"{direction}: {'; '.join(said)}")
    text = ". ".join(parts) or "changes nothing that it may do"
    return text if len(text) <= most else text[: most - 1] + "…"


def changes(before: Deployed | None, after: Deployed) -> list[Change]:
    """Every difference, those of authority first."""
    old = before.agent if before is not None else Agent(name=after.agent.name, owner=after.agent.owner)
    new = after.agent
    found = [*_grants(old, new), *_budgets(old, new), *_triggers(before.triggers if before else (), after.triggers)]
    plain: list[tuple[Kind, str, object, object]] = [
        ("owner", "The owner, for whom its triggers act,", old.owner, new.owner),
        ("model", "The model", old.model, new.model),
        ("driver", "What drives it", old.driver, new.driver),
        ("max_tokens", "The longest reply", old.max_tokens, new.max_tokens),
        ("description", "The description", old.description, new.description),
    ]
    if before is not None:
        for kind, what, was, is_ in plain:
            if was != is_:
                says = f"{what} was `{_cut(was)}` and becomes `{_cut(is_)}`"
                found.append(Change(kind=kind, direction="changes", before=_cut(was), after=_cut(is_), says=says))
        if old.answer != new.answer:
            found.append(Change(kind="answer", direction="changes", says="The shape of its answers changes"))
        if old.instructions != new.instructions:
            found.append(Change(kind="instructions", direction="changes", says="The instructions change"))
        found += _files(before, after)
    return found + _done(old, new)


def _cut(value: object) -> str:
    text = str(value)
    return text if len(text) <= 200 else text[:199] + "…"


def _files(before: Deployed, after: Deployed) -> list[Change]:
    old, new = before.bundle.files, after.bundle.files
    found: list[Change] = []
    for path in sorted({*old, *new}):
        if old.get(path) != new.get(path) and not path.endswith("/AGENT.md"):
            what = "is added" if path not in old else "is removed" if path not in new else "changes"
            kind: Kind = "code" if path.endswith(".py") else "file"
            found.append(Change(kind=kind, direction="changes", subject=path, says=f"`{path}` {what}"))
    return found


def _done(old: Agent, new: Agent) -> list[Change]:
    if old.done == new.done:
        return []
    lost = [check for check in old.done if check not in new.done]
    gained = [check for check in new.done if check not in old.done]
    direction: Direction = "changes" if lost and gained else "widens" if lost else "narrows"
    what = {"changes": "other things", "widens": "less", "narrows": "more"}[direction]
    says = f"Has to prove {what} when it is done"
    return [Change(kind="done", direction=direction, before=str(len(old.done)), after=str(len(new.done)), says=says)]


# -- grants


def _grants(old: Agent, new: Agent) -> list[Change]:
    found: list[Change] = []
    patterns = dict.fromkeys(grant.pattern for grant in (*new.grants, *old.grants))
    for pattern in sorted(patterns):
        probe = pattern[:-1] + "\0" if pattern.endswith("*") else pattern  # a tool that no narrower pattern governs
        was, is_ = grant_for(old.grants, probe), grant_for(new.grants, probe)
        if was is None and is_ is not None:
            level = _level(is_)
            says = f"May use `{pattern}`: {level.says(is_)}{_bounds(is_)}"
            found.append(Change(kind="tool_added", direction="widens", subject=pattern, after=level.word, says=says))
        elif was is not None and is_ is None:
            says = f"May no longer use `{pattern}`"
            word = _level(was).word
            found.append(Change(kind="tool_removed", direction="narrows", subject=pattern, before=word, says=says))
        elif was is not None and is_ is not None:
            found += _grant(pattern, was, is_)
    return found


class _Level(NamedTuple):
    rank: int
    word: Literal["shadow", "ask", "ask_above", "act"]

    def says(self, grant: Grant) -> str:
        asks = f"asks {_people(grant.approvers)} first"
        return {
            "shadow": "shadow, so nothing happens", "ask": asks, "act": "acts by itself",
            "ask_above": f"acts by itself up to {_amounts(grant.ask_above)}, and {asks} above",
        }[self.word]  # fmt: skip


def _level(grant: Grant) -> _Level:
    if grant.autonomy == "shadow":
        return _Level(0, "shadow")
    if grant.ask_above:
        return _Level(2, "ask_above")
    return _Level(1, "ask") if grant.autonomy == "ask" else _Level(3, "act")


def _grant(pattern: str, was: Grant, is_: Grant) -> list[Change]:
    found: list[Change] = []
    old, new = _level(was), _level(is_)
    if old.word != new.word:
        direction: Direction = "widens" if new.rank > old.rank else "narrows"
        says = f"`{pattern}` {new.says(is_)}; before it {_was(old.says(was))}"
        found.append(
            Change(kind="autonomy", direction=direction, subject=pattern, before=old.word, after=new.word, says=says)
        )
    elif new.word == "ask_above":
        found += _caps("ask_above", pattern, was.ask_above, is_.ask_above, "asks above")
    found += _caps("limit", pattern, was.limit, is_.limit, "may be at most")
    asking = {old.word, new.word} <= {"ask", "ask_above"}
    if asking and set(was.approvers) != set(is_.approvers):
        a, b = set(was.approvers), set(is_.approvers)
        direction = "widens" if a and a < b else "narrows" if b and b < a else "changes"
        says = f"`{pattern}` is approved by {_people(is_.approvers)}, and before by {_people(was.approvers)}"
        found.append(
            Change(kind="approvers", direction=direction, subject=pattern, before=", ".join(was.approvers),
                   after=", ".join(is_.approvers), says=says)
        )  # fmt: skip
    if asking and was.expires != is_.expires:
        week = 7 * 86_400.0
        longer = (is_.expires or week) > (was.expires or week)
        before, after = _span(was.expires or week), _span(is_.expires or week)
        says = f"Approvals of `{pattern}` stay open for {after}, and before for {before}"
        found.append(
            Change(kind="expires", direction="widens" if longer else "narrows", subject=pattern, before=before,
                   after=after, says=says)
        )  # fmt: skip
    return found


def _caps(
    kind: Literal["limit", "ask_above"], pattern: str, was: Mapping[str, Decimal], is_: Mapping[str, Decimal], word: str
) -> list[Change]:
    found: list[Change] = []
    for name in sorted({*was, *is_}):
        old, new = was.get(name), is_.get(name)
        if old == new:
            continue
        widens = new is None or (old is not None and new > old)
        before, after = _plain(old), _plain(new)
        said = f"`{name}` of `{pattern}` {word} {after}" if after else f"`{name}` of `{pattern}` has no limit any more"
        says = said + (f", and before {before}" if before else ", and before had no limit")
        found.append(
            Change(kind=kind, direction="widens" if widens else "narrows", subject=pattern, part=name, before=before,
                   after=after, says=says)
        )  # fmt: skip
    return found


def _plain(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount:f}"


def _was(says: str) -> str:
    return says.replace("acts", "acted").replace("asks", "asked").replace("shadow, so nothing happens", "was in shadow")


def _bounds(grant: Grant) -> str:
    return f", with at most {_amounts(grant.limit)}" if grant.limit else ""


def _amounts(amounts: Mapping[str, Decimal]) -> str:
    return " and ".join(f"{name} {amount:f}" for name, amount in amounts.items())


def _people(approvers: Sequence[str]) -> str:
    return " or ".join(approvers) if approvers else NOBODY


def _span(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


# -- budget and triggers


def _budgets(old: Agent, new: Agent) -> list[Change]:
    found: list[Change] = []
    pairs: tuple[tuple[Literal["run", "day"], Limits, Limits], ...] = (
        ("run", old.run_limits, new.run_limits), ("day", old.day_limits, new.day_limits)
    )  # fmt: skip
    shown: Mapping[Unit, Callable[[int], str]] = {
        "money": format_money, "tokens": str, "steps": str, "wall": lambda ms: _span(ms / 1000)
    }  # fmt: skip
    for account, was, is_ in pairs:
        for unit in UNITS:
            a: int | None = getattr(was, unit)
            b: int | None = getattr(is_, unit)
            if a == b:
                continue
            before, after = ("" if n is None else shown[unit](n) for n in (a, b))
            more = b is None or (a is not None and b > a)
            says = f"A {account} may use {after + ' of ' if after else 'any amount of '}{unit}"
            says += f", and before {before}" if before else ", and before any amount"
            found.append(
                Change(kind="budget", direction="widens" if more else "narrows", subject=account, part=unit,
                       before=before, after=after, says=says)
            )  # fmt: skip
    return found


def _triggers(old: Sequence[Trigger], new: Sequence[Trigger]) -> list[Change]:
    found: list[Change] = []
    was, is_ = {t.name: t for t in old}, {t.name: t for t in new}
    for name in dict.fromkeys((*is_, *was)):
        a, b = was.get(name), is_.get(name)
        if a is None and b is not None:
            says = f"Starts by itself: {described(b.source)}"
            found.append(
                Change(kind="trigger_added", direction="widens", subject=name, after=described(b.source), says=says)
            )
        elif b is None and a is not None:
            says = f"No longer starts by itself: {described(a.source)}"
            found.append(
                Change(kind="trigger_removed", direction="narrows", subject=name, before=described(a.source), says=says)
            )
        elif a is not None and b is not None and _declared(a) != _declared(b):
            says = f"What starts it changes: {described(b.source)}"
            found.append(
                Change(kind="trigger", direction="changes", subject=name, before=described(a.source),
                       after=described(b.source), says=says)
            )  # fmt: skip
    return found


def _declared(trigger: Trigger) -> Any:
    return msgspec.structs.replace(trigger, number=0)
