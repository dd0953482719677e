"""Where the arguments of an effect came from, as far as the journal tells: which answers of tools hold the same values.

Whole values are compared, as text. What is not found was composed by the agent; that proves nothing about it.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple, cast

from deputy.domain.label import untrusted_leaves
from deputy.domain.run import Effect, Run
from deputy.kernel.approval import Asked

__all__ = ["Source", "Traced", "trace"]

Trust = Literal["outside", "trusted", "agent"]
SCALARS = 200_000  #: values of an answer that are compared
SOURCES = 5  #: named for one argument


class Source(NamedTuple):
    """An answer, or the task, that holds a value of an argument."""

    effect: str  #: id; "" for what started the run
    name: str  #: of the tool, or what started the run
    trust: Literal["outside", "trusted"]


class Traced(NamedTuple):
    """An argument, and where it came from."""

    name: str
    trust: Trust
    sources: tuple[Source, ...]


def trace(run: Run, n: int, asked: Asked) -> list[Traced]:
    """Every argument of an effect with its origin; what was journaled as untrusted stays so, whatever is found."""
    outside = {origin.argument: origin.source for origin in asked.untrusted}
    wanted = {name: set(_scalars(value)) for name, value in asked.args.items()}
    found: dict[str, list[Source]] = {name: [] for name in wanted}
    for source, values in _held(run, n):
        for name, leaves in wanted.items():
            if leaves & values and len(found[name]) < SOURCES and source not in found[name]:
                found[name].append(source)
    return [_traced(name, outside.get(name), found[name]) for name in asked.args]


def _traced(name: str, outside: str | None, sources: list[Source]) -> Traced:
    if outside is not None:
        written = [source for source in sources if source.trust == "outside"]
        return Traced(name, "outside", tuple(written) or (Source("", outside, "outside"),))
    trusted = tuple(source for source in sources if source.trust == "trusted")
    return Traced(name, "trusted" if trusted else "agent", trusted)


def _held(run: Run, n: int) -> Iterator[tuple[Source, set[str]]]:
    """What holds values: the task, and the answers of tools, the latest first."""
    earlier = [e for e in run.effects.values() if e.n != n and e.kind == "tool" and e.status == "done"]
    for effect in sorted(earlier, key=lambda e: -e.n):
        yield from _answer(run, effect)
    if run.started is not None:
        trust = "outside" if run.started.label.tainted else "trusted"
        yield Source("", "task", trust), set(_scalars(run.task))
        if run.started.occasion is not None and run.material:
            arrived = "outside" if run.started.occasion.label.tainted else "trusted"
            yield Source("", run.started.occasion.kind, arrived), {run.material, run.started.occasion.title}


def _answer(run: Run, effect: Effect) -> Iterator[tuple[Source, set[str]]]:
    key, tool = f"{run.id}.{effect.n}", effect.call.tool
    untrusted = {str(leaf) for leaf in untrusted_leaves(effect.result, effect.label)}
    if trusted := set(_scalars(effect.result)) - untrusted:
        yield Source(key, tool, "trusted"), trusted
    if untrusted:
        yield Source(key, tool, "outside"), untrusted


def _scalars(value: object) -> Iterator[str]:
    stack: list[Any] = [value]
    for _ in range(SCALARS):
        if not stack:
            return
        one = stack.pop()
        if isinstance(one, Mapping):
            stack.extend(cast("Mapping[str, object]", one).values())
        elif isinstance(one, list | tuple):
            stack.extend(cast("list[object]", one))
        elif one is not None and not isinstance(one, bool):
            yield str(one)
