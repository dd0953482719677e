"""What single values may look like: each reader takes a plain value and returns it typed, or raises Wrong."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar, cast

from deputy.app.config.document import Wrong, did_you_mean
from deputy.app.config.parse import plain
from deputy.domain.cost import micros
from deputy.domain.label import Label, Trust

__all__ = [
    "NAME", "REFERENCE", "amount", "choice", "count", "currency", "duration", "flag", "json_table", "label", "line",
    "list_of", "map_of", "milliseconds", "money", "name", "pattern", "prose", "reference", "text", "tool", "url",
]  # fmt: skip

T = TypeVar("T")

NAME = re.compile(r"[a-z0-9_-]{1,64}")
REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]{0,254}|secret:[A-Za-z0-9_.-]{1,128}")

_MOST_AMOUNT = Decimal(10) ** 12
_MOST_SECONDS = 10 * 366 * 86_400
_MOST_COUNT = 10**12
_DURATION = re.compile(r"(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9}(?:\.[0-9]{1,3})?)s)?")
_TOOL = re.compile(r"[^\s*]{1,128}")
_URL = re.compile(r"https?://[^\s/@?#\\]+(?:[/?][^\s#\\]*)?")
_USER_IN_URL = re.compile(r"[a-z]+://[^/?#]*@")
_PATH = re.compile(r"(?:\[\])*(?:[^.\[\]*\s]+(?:\[\])*(?:\.[^.\[\]*\s]+(?:\[\])*)*)?")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_JOINERS = "\u200c\u200d"  # invisible, but Persian and emoji are spelled with them


def _hidden(value: str) -> bool:
    return not value.isprintable() and any(
        unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") and c not in _JOINERS for c in value
    )


def prose(value: object) -> str:
    """Text of any length and number of lines, perhaps empty."""
    if not isinstance(value, str):
        raise Wrong("text", "Put the value in quotes." if value is not None else "Fill it in, or leave the key out.")
    if _CONTROL.search(value):
        raise Wrong("text without control characters", "Type the text anew.")
    return value


def text(value: object) -> str:
    """Text that says something."""
    if not prose(value).strip():
        raise Wrong("text that says something", "Fill it in, or leave the key out.")
    return cast("str", value)


def line(value: object) -> str:
    """One line of text, such as the name of a person or a command."""
    found = text(value)
    if len(found) > 1000 or _hidden(found):
        raise Wrong("one line of at most 1000 visible characters", "Use one line, and nothing invisible in it.")
    return found


def name(value: object) -> str:
    """An id: `[a-z0-9_-]`, at most 64 of them."""
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise Wrong("a name of a-z, 0-9, _ and -", "Use at most 64 small letters, digits, _ and -.")
    return value


def flag(value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise Wrong("true or false", "Write `true` or `false`, without quotes.")
    return value


def count(value: object) -> int:
    """A whole number of at least one."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST_COUNT:
        raise Wrong("a whole number of at least 1", "Write a number such as 60, without quotes.")
    return value


def amount(value: object) -> Decimal:
    """An exact number of at least nothing."""
    if not isinstance(value, bool) and isinstance(value, int | Decimal):
        exact = Decimal(value)
        if exact.is_finite() and 0 <= exact <= _MOST_AMOUNT:
            return exact
    raise Wrong("a number of at least 0", "Write a number such as 0.50, without quotes or separators.")


def money(value: object) -> int:
    """An amount of money, in micros."""
    return micros(amount(value))


def duration(value: object) -> float:
    """A time span in seconds: `24h`, `2h30m`, `90s`, or a number of seconds."""
    seconds = Decimal(-1)
    if isinstance(value, str) and value and (found := _DURATION.fullmatch(value)):
        parts = zip(found.groups(), (86_400, 3_600, 60, 1), strict=True)
        seconds = sum((Decimal(number) * unit for number, unit in parts if number), Decimal(0))
    elif not isinstance(value, bool) and isinstance(value, int | Decimal) and Decimal(value).is_finite():
        seconds = Decimal(value)
    if not Decimal("0.001") <= seconds <= _MOST_SECONDS:
        raise Wrong("a duration above zero", 'Write it as "24h", "2h30m" or "90s", or as a number of seconds.')
    return float(seconds)


def milliseconds(value: object) -> int:
    """A time span in milliseconds."""
    return round(duration(value) * 1000)


def choice(*options: str) -> Callable[[object], Any]:  # a Literal, which only the caller can name
    """One of these words."""

    def read(value: object) -> str:
        if isinstance(value, str) and value in options:
            return value
        listed = ", ".join(f"`{option}`" for option in options[:-1]) + f" or `{options[-1]}`"
        close = did_you_mean(value, options) if isinstance(value, str) else ""
        raise Wrong(listed, close or "Write one of these words.")

    return read


def list_of(read: Callable[[object], T], *, some: bool = False) -> Callable[[object], tuple[T, ...]]:
    """A list of values that another reader takes; with `some`, of at least one."""

    def each(value: object) -> tuple[T, ...]:
        if not isinstance(value, list) or (some and not value):
            raise Wrong("a list of at least one" if some else "a list", 'Write it in brackets, as ["…", "…"].')
        found: list[T] = []
        for number, member in enumerate(cast("list[object]", value)):
            try:
                found.append(read(member))
            except Wrong as no:
                raise Wrong(no.needs, no.remedy, at=(number, *no.at), secret=no.secret) from None
        return tuple(found)

    return each


def map_of(read: Callable[[object], T], key: Callable[[object], str] = line) -> Callable[[object], dict[str, T]]:
    """A table whose keys and values other readers take."""

    def each(value: object) -> dict[str, T]:
        if not isinstance(value, dict):
            raise Wrong("a table of keys and values", "Write it in braces, with a value for every key.")
        found: dict[str, T] = {}
        for word, member in cast("dict[str, object]", value).items():
            try:
                key(word)
                found[word] = read(member)
            except Wrong as no:
                raise Wrong(no.needs, no.remedy, at=(word, *no.at), secret=no.secret) from None
        return found

    return each


def json_table(value: object) -> dict[str, object]:
    """A table of JSON's types."""

    def check(member: object, at: tuple[str | int, ...]) -> None:
        if isinstance(member, dict):
            for key, inner in cast("dict[str, object]", member).items():
                check(inner, (*at, key))
        elif isinstance(member, list):
            for number, inner in enumerate(cast("list[object]", member)):
                check(inner, (*at, number))
        elif isinstance(member, Decimal):
            if not member.is_finite() or abs(member.adjusted()) > 300:
                raise Wrong("a finite number", "Write a number that JSON can carry.", at=at)
        elif not isinstance(member, str | int | None):
            raise Wrong("a value that JSON can carry", "Put it in quotes.", at=at)

    if not isinstance(value, dict):
        raise Wrong("a table of keys and values", "Write it in braces, with a value for every key.")
    check(cast("object", value), ())
    return cast("dict[str, object]", plain(cast("object", value)))


def currency(value: object) -> str:
    """Three capital letters."""
    if not isinstance(value, str) or not re.fullmatch("[A-Z]{3}", value):
        raise Wrong("three capital letters", "Write the code of ISO 4217, such as EUR or CNY.")
    return value


def reference(value: object) -> str:
    """Where a secret is found, never the secret: `env:NAME` or `secret:NAME`."""
    if not isinstance(value, str) or not REFERENCE.fullmatch(value):
        remedy = "Put the secret into an environment variable, and write `env:` and the variable's name here."
        raise Wrong("a reference to a secret, not the secret itself", remedy, secret=True)
    return value


def url(value: object) -> str:
    """An address of HTTP, without a user or password in it."""
    if isinstance(value, str) and _USER_IN_URL.match(value):
        raise Wrong("an address without user or password", "Give credentials by reference only.", secret=True)
    if not isinstance(value, str) or len(value) > 2000 or _hidden(value) or not _URL.fullmatch(value):
        raise Wrong("an address that starts with http:// or https://", "Write it as https://host/path.")
    return value


def tool(value: object) -> str:
    """The exact name of a tool, in one normal form."""
    found = unicodedata.normalize("NFC", value).strip() if isinstance(value, str) else ""
    if not _TOOL.fullmatch(found) or _hidden(found):
        raise Wrong("the exact name of a tool", "Write one name, without spaces or `*`.")
    return found


def pattern(value: object) -> str:
    """The exact name of a tool, or a literal prefix and `*`, in one normal form."""
    found = unicodedata.normalize("NFC", value).strip() if isinstance(value, str) else ""
    prefix = found.removesuffix("*")
    if (not found or (prefix and not _TOOL.fullmatch(prefix))) or _hidden(found):
        raise Wrong("the name of a tool, or a prefix and `*`", "Let `*` stand at the end only, and use no spaces.")
    return found


def label(value: object) -> Label:
    """What is known of an output: one word for all of it, or one for each JSON path (`*` for the rest)."""
    trust = choice("trusted", "untrusted")
    if not isinstance(value, dict):
        try:
            return Label(trust=cast("Trust", trust(value)))
        except Wrong as no:
            raise Wrong("`trusted`, `untrusted` or a table of JSON paths", no.remedy) from None
    paths = cast("Mapping[str, Trust]", map_of(trust, _json_path)(cast("object", value)))
    rest = paths.get("*", "untrusted")
    return Label(trust=rest, paths={path: word for path, word in paths.items() if path != "*"})


def _json_path(value: object) -> str:
    if isinstance(value, str) and value and (value == "*" or _PATH.fullmatch(value)):
        return value
    needs = "named by a JSON path such as `lines[].text`"
    raise Wrong(needs, "Use dots, `[]` after a list, or `*` for the rest.", secret=True)
