"""What is known of where arguments come from: joins of labels, and the untrusted sources behind a call's arguments."""

from collections.abc import Iterable, Iterator, Mapping
from typing import cast

import msgspec

from deputy.base.canonical import decode
from deputy.domain.label import TRUSTED, Label, Origin, untrusted_leaves
from deputy.domain.run import Run, TellTurn

__all__ = ["context_label", "origins"]


def context_label(run: Run) -> Label:
    """The label of anything a driver composes from all the run has seen."""
    sources = run.tainted_by
    return Label(source=", ".join(sources)) if sources else TRUSTED


def origins(run: Run, n: int, args: Mapping[str, object]) -> tuple[Origin, ...]:
    """The arguments of effect `n` whose values an outsider could have chosen, and through what.

    A value found in an untrusted output names that output. Where a model chose the value after untrusted content had
    reached the run, every such source is named: its whole reply belongs to whoever wrote them. A procedure is trusted
    code: only what it passes on is named, and not where a trusted output holds the same value.
    """
    assert run.started is not None
    written_by_model = run.started.driver == "loop"
    found: list[Origin] = []
    known: set[str] = set() if written_by_model else _trusted(run, n)
    outputs = list(_outputs(run, n))
    for name, value in args.items():
        leaves = set(_scalars(value)) - known
        sources = [source for source, seen in outputs if leaves & seen]
        if not sources and written_by_model:
            sources = list(run.tainted_by)
        if sources:
            found.append(Origin(name, ", ".join(dict.fromkeys(sources))))
    return tuple(found)


def _outputs(run: Run, before: int) -> Iterator[tuple[str, set[str]]]:
    if run.started is not None and run.started.label.tainted:
        yield run.started.label.source or "task", {run.task}
    occasion = run.started.occasion if run.started is not None else None
    if occasion is not None and occasion.label.tainted:
        names = {file.name for file in occasion.files}
        yield occasion.label.source or occasion.kind, {run.material, occasion.title} | names | _members(run.material)
    for turn in run.turns:
        if isinstance(turn, TellTurn) and turn.label.tainted:
            yield turn.label.source or "message", {turn.text}
    for effect in run.effects.values():
        if effect.n != before and effect.kind == "tool" and effect.status == "done" and effect.label.tainted:
            leaves = untrusted_leaves(effect.result, effect.label)
            yield effect.label.source or effect.call.tool, {str(leaf) for leaf in leaves}


def _members(text: str) -> set[str]:
    """The values in a text that is JSON."""
    if not text.lstrip().startswith(("{", "[")):
        return set()
    try:
        return set(_scalars(decode(text)))
    except (msgspec.DecodeError, RecursionError):
        return set()


def _trusted(run: Run, before: int) -> set[str]:
    """Every value that a trusted part of an output holds."""
    found: set[str] = set()
    for effect in run.effects.values():
        if effect.n != before and effect.kind == "tool" and effect.status == "done":
            untrusted = {str(leaf) for leaf in untrusted_leaves(effect.result, effect.label)}
            found |= set(_scalars(effect.result)) - untrusted
    return found


def _scalars(value: object) -> Iterable[str]:
    if isinstance(value, Mapping):
        for member in cast("Mapping[str, object]", value).values():
            yield from _scalars(member)
    elif isinstance(value, list | tuple):
        for member in cast("list[object]", value):
            yield from _scalars(member)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
