"""Keep what is shown small: long texts and large values are cut, and it is said that they were."""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

__all__ = ["Cut", "cut"]

TEXT, ENTRIES, DEEPEST = 1_000, 50, 8
ROOM = 4_000  #: characters of one value


class Cut(NamedTuple):
    """A value as it may be shown, and whether something is missing in it."""

    value: Any
    was_cut: bool


class _Shears:
    def __init__(self, room: int) -> None:
        self.room, self.was_cut = room, False

    def value(self, value: object, depth: int = 0) -> Any:
        if isinstance(value, str):
            most = min(TEXT, max(self.room, 0))
            self.was_cut = self.was_cut or len(value) > most
            self.room -= min(len(value), most)
            return value if len(value) <= most else value[:most] + "…"
        if isinstance(value, Mapping):
            return self._mapping(cast("Mapping[str, object]", value), depth)
        if isinstance(value, list | tuple):
            return self._list(cast("list[object]", value), depth)
        self.room -= 8
        return value

    def _mapping(self, value: Mapping[str, object], depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, member in value.items():
            if self._full(len(found), depth):
                break
            self.room -= len(name)
            found[name[:TEXT]] = self.value(member, depth + 1)
        return found

    def _list(self, value: list[object], depth: int) -> list[Any]:
        found: list[Any] = []
        for member in value:
            if self._full(len(found), depth):
                break
            found.append(self.value(member, depth + 1))
        return found

    def _full(self, entries: int, depth: int) -> bool:
        full = entries >= ENTRIES or depth >= DEEPEST or self.room <= 0
        self.was_cut = self.was_cut or full
        return full


def cut(value: object, room: int = ROOM) -> Cut:
    """A value of JSON's types, as much of it as there is room for."""
    shears = _Shears(room)
    return Cut(shears.value(value), shears.was_cut)
