"""Which effects of a run ask for the same, found without looking through all of them."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

__all__ = ["Likeness"]


class Likeness:
    """The effects of one run by tool and authority arguments; numbers only, their status is the run's to tell.

    Values are equal as JSON's are in Python: 1 and 1.0 are, 1 and "1" are not.
    """

    __slots__ = ("_found", "_upto")

    def __init__(self) -> None:
        self._found: dict[tuple[str, tuple[str, ...]], dict[object, list[int]]] = {}
        self._upto: dict[tuple[str, tuple[str, ...]], int] = {}

    def of(
        self, effects: Mapping[int, Any], tool: str, authority: tuple[str, ...], args: Mapping[str, object]
    ) -> Iterable[int]:
        """Numbers of the effects of this tool with equal authority arguments (all arguments where none are named).

        `effects` only grows at its end between two calls; after any other change, begin with a new Likeness.
        """
        key = (tool, authority)
        found, wanted = self._found.setdefault(key, {}), _essence(args, authority)
        for effect in _after(effects, self._upto.get(key, 0)):
            if effect.call.tool == tool:
                essence = wanted if effect.call.args is args else _essence(effect.call.args, authority)
                found.setdefault(essence, []).append(effect.n)
        self._upto[key] = len(effects)
        return found.get(wanted, ())


def _after(effects: Mapping[int, Any], count: int) -> Iterable[Any]:
    """The effects that came after the first so many, newest first; seen without passing over the others."""
    left = len(effects) - count
    for effect in reversed(cast("dict[int, Any]", effects).values()) if left else ():
        if not left:
            return
        left -= 1
        yield effect


def _essence(args: Mapping[str, object], authority: tuple[str, ...]) -> object:
    """What decides whom or what a call concerns, as something that can be looked up."""
    return tuple([_fixed(args.get(name)) for name in authority]) if authority else _fixed(args)


def _fixed(value: object) -> object:
    kind = type(value)
    if kind is str or kind is int or kind is float or value is None:
        return value
    if isinstance(value, Mapping):
        members = cast("Mapping[str, object]", value)
        return frozenset([(name, _fixed(member)) for name, member in members.items()])
    if isinstance(value, list | tuple):
        return tuple([_fixed(member) for member in cast("list[object]", value)])
    return value
