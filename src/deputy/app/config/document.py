"""A parsed file with the line of everything in it, and one typed reader for its tables.

TOML and YAML become the same plain values here: text, int, Decimal, bool, None, list, dict (and dates, which nobody
asks for). Numbers with a fraction stay exact. What a reader does not accept becomes a ConfigError with its place.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import TypeVar, cast

import msgspec

from deputy.base.errors import ConfigError

__all__ = ["Document", "Table", "Where", "Wrong", "cleaned", "did_you_mean", "shown"]

Where = tuple[str | int, ...]  #: the keys and positions that lead to a value
T = TypeVar("T")

_BARE = re.compile(r"[A-Za-z0-9_-]+")


class Wrong(Exception):
    """A value is not what its key takes: `needs` completes "must be …"; `secret` values are not repeated.

    It never leaves this package: Table gives it a place and makes it a ConfigError.
    """

    def __init__(self, needs: str, remedy: str, *, at: Where = (), secret: bool = False) -> None:
        super().__init__(needs)
        self.needs, self.remedy, self.at, self.secret = needs, remedy, at, secret


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says, and where; `root` is how its outermost table is called to people."""

    file: str
    value: object
    lines: Mapping[Where, int]
    root: str
    toml: bool = False
    columns: Mapping[Where, int] = {}  #: where known, of the same places as `lines`; the first is 1

    def locate(self, where: Where) -> int:
        """The line of a value, or of the nearest thing around it."""
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where, 1)

    def wrong(self, where: Where, message: str, remedy: str) -> ConfigError:
        """The error that says what is wrong at this place."""
        message = message[0].upper() + message[1:] if message.startswith("the ") else message
        line, column = self.locate(where), self.columns.get(where)
        return ConfigError(message, remedy, file=self.file, line=line, column=column, where=where)

    def title(self, where: Where) -> str:
        """How a table is called to people: `[models.default]` in TOML, `budget` in YAML."""
        if not where:
            return self.root
        text = ""
        for step in where:
            if isinstance(step, int):
                text += f"[{step}]" if not self.toml else ""
            else:
                text += ("." if text else "") + (step if _BARE.fullmatch(step) else f'"{cleaned(step)}"')
        return f"[{text}]" if self.toml else f"`{text}`"

    def table(self, where: Where = ()) -> "Table":
        """The table at this place; refuses anything else."""
        value = self.value
        for step in where:
            value = cast("dict[str | int, object]", value)[step]
        if not isinstance(value, dict):
            name = self.title(where)
            raise self.wrong(where, f"{name} must be a table of keys and values, not {shown(value)}.",
                             "Give it keys of its own, each with a value.")  # fmt: skip
        return Table(self, where, cast("dict[str, object]", value))


class Table:
    """One table of a document, read key by key."""

    def __init__(self, document: Document, where: Where, value: dict[str, object]) -> None:
        self.document, self.where, self.value = document, where, value
        self.title = document.title(where)

    def __contains__(self, key: str) -> bool:
        return key in self.value

    def only(self, *known: str) -> None:
        """Refuse keys that are not known."""
        for key in self.value:
            if key not in known:
                remedy = did_you_mean(key, known) or f"It may have {_listed(known)}."
                raise self.wrong(key, f"{self.title} has an unknown key `{cleaned(key)}`.", remedy)

    def get(self, key: str, read: Callable[[object], T], default: T) -> T:
        """The value of a key, or the default where it is absent."""
        if key not in self.value:
            return default
        value = self.value[key]
        try:
            return read(value)
        except Wrong as no:
            where = (*self.where, key, *no.at)
            name = f"`{cleaned(key)}`" + "".join(f"[{s}]" if isinstance(s, int) else f".`{cleaned(s)}`" for s in no.at)
            found = "" if no.secret else f", not {shown(_inside(value, no.at))}"
            message = f"{name} in {self.title} must be {no.needs}{found}."
            raise self.document.wrong(where, message, no.remedy) from None

    def need(self, key: str, read: Callable[[object], T], remedy: str) -> T:
        """The value of a key that must be there."""
        if key not in self.value:
            raise self.document.wrong(self.where, f"{self.title} lacks `{key}`.", remedy)
        return self.get(key, read, cast("T", None))

    def table(self, key: str) -> "Table | None":
        """A table inside, or None where it is absent."""
        return self.document.table((*self.where, key)) if key in self.value else None

    def tables(self, key: str) -> Iterator[tuple[str, "Table"]]:
        """The named tables inside a table: `[models.default]`, `[models.fast]`, …"""
        inner = self.table(key)
        for name in inner.value if inner else ():
            yield name, self.document.table((*self.where, key, name))

    def wrong(self, key: str, message: str, remedy: str) -> ConfigError:
        """The error that says what is wrong with a key."""
        return self.document.wrong((*self.where, key), message, remedy)


def _inside(value: object, at: Where) -> object:
    for step in at:
        value = cast("dict[str | int, object]", value)[step]
    return value


def _listed(words: tuple[str, ...]) -> str:
    quoted = [f"`{word}`" for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def did_you_mean(word: str, known: tuple[str, ...], cutoff: float = 0.6) -> str:
    """A remedy that names the most similar known word, or nothing."""
    import difflib

    close = difflib.get_close_matches(word[:100], known, 1, cutoff)
    return f"Did you mean `{close[0]}`?" if close else ""


def cleaned(text: str, longest: int = 60) -> str:
    """Text of a file as it may stand in a message: short, and nothing invisible in it."""
    text = text if len(text) <= longest else text[: longest - 1] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shown(value: object) -> str:
    """A value as a message may repeat it."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f"'{cleaned(value)}'" if value else "an empty text"
        case int():
            return str(value) if abs(value) < 10**30 else "so large a number"
        case Decimal():
            return cleaned(str(value))
        case None:
            return "nothing"
        case list():
            return "a list" if value else "an empty list"
        case dict():
            return "a table"
        case _:
            return "a date or time"
