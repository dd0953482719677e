"""JSON as models write it: strict first, then with what has one meaning only; whatever has two is refused.

Taken besides JSON: line ends within strings, a comma before a closing bracket, strings in single quotes, and Python's
`True`, `False` and `None`. Never taken: names without quotes, comments, NaN, one key twice, a missing bracket.
"""

import json
import math
import re
from typing import NoReturn, cast

__all__ = ["DEEPEST", "Unreadable", "value_at"]

DEEPEST = 100  #: levels of brackets, which is also the most that arguments may have

_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?(?![0-9A-Za-z_.])")
_WORD = re.compile(r"(?:True|true|False|false|None|null)(?![0-9A-Za-z_])")
_PLAIN = {'"': re.compile(r'[^"\\]*'), "'": re.compile(r"[^'\\]*")}
_UNICODE = re.compile(r"u([0-9a-fA-F]{4})")
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", '"': '"', "'": "'", "\\": "\\", "/": "/"}
_WORDS = {"True": True, "true": True, "False": False, "false": False, "None": None, "null": None}


class Unreadable(Exception):
    """What looks like a tool call has no meaning, or more than one; says why, as the end of a sentence."""


def value_at(text: str, at: int) -> tuple[object, int]:
    """The value that begins at a place, and where it ends; raises `Unreadable`."""
    try:
        value, end = _STRICT.raw_decode(text, at)
    except RecursionError:
        raise Unreadable(f"its arguments are nested more than {DEEPEST} levels deep") from None
    except ValueError as error:
        try:
            return _Loose(text).value(at, 0)
        except Unreadable as why:
            if str(why):
                raise
            raise Unreadable(f"its JSON is wrong ({_cause(error)})") from None
    if _deeper(value):
        raise Unreadable(f"its arguments are nested more than {DEEPEST} levels deep")
    return value, end


def _cause(error: ValueError) -> str:
    return error.msg[:1].lower() + error.msg[1:] if isinstance(error, json.JSONDecodeError) else "a number too long"


def _deeper(value: object) -> bool:
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [member for each in level for member in _members(each)]
        if not level:
            return False
    return True


def _members(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(cast("dict[str, object]", value).values())
    return cast("list[object]", value) if isinstance(value, list) else []


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unreadable("it has one key twice")
    return found


def _constant(word: str) -> NoReturn:
    raise Unreadable(f"{word} is no value of JSON")


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Unreadable("it has a number too large")
    return number


_STRICT = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_constant, parse_float=_float, strict=False)


class _Loose:
    """A reader that goes forward only; an `Unreadable` without words means that the strict reader's will do."""

    def __init__(self, text: str) -> None:
        self._text = text

    def value(self, at: int, level: int) -> tuple[object, int]:
        if level > DEEPEST:
            raise Unreadable(f"its arguments are nested more than {DEEPEST} levels deep")
        opening = self._text[at : at + 1]
        if opening == "{":
            return self._object(at + 1, level)
        if opening == "[":
            return self._list(at + 1, level)
        if opening in _PLAIN:
            return self._string(at + 1, opening)
        if (word := _WORD.match(self._text, at)) is not None:
            return _WORDS[word[0]], word.end()
        if (number := _NUMBER.match(self._text, at)) is not None:
            return self._number(number), number.end()
        raise Unreadable

    def _number(self, found: re.Match[str]) -> object:
        if found[1] or found[2]:
            return _float(found[0])
        try:
            return int(found[0])
        except ValueError:
            raise Unreadable from None

    def _object(self, at: int, level: int) -> tuple[dict[str, object], int]:
        pairs: list[tuple[str, object]] = []
        while True:
            at = self._space(at)
            if self._text.startswith("}", at):
                return _once(pairs), at + 1
            if self._text[at : at + 1] not in _PLAIN:
                raise Unreadable
            key, at = self._string(at + 1, self._text[at])
            at = self._space(at)
            if not self._text.startswith(":", at):
                raise Unreadable
            value, at = self.value(self._space(at + 1), level + 1)
            pairs.append((key, value))
            at = self._comma(at, "}")

    def _list(self, at: int, level: int) -> tuple[list[object], int]:
        found: list[object] = []
        while True:
            at = self._space(at)
            if self._text.startswith("]", at):
                return found, at + 1
            value, at = self.value(at, level + 1)
            found.append(value)
            at = self._comma(at, "]")

    def _comma(self, at: int, closing: str) -> int:
        """Past a comma, or up to the closing bracket."""
        at = self._space(at)
        if self._text.startswith(",", at):
            return at + 1
        if self._text.startswith(closing, at):
            return at
        raise Unreadable

    def _string(self, at: int, quote: str) -> tuple[str, int]:
        pieces: list[str] = []
        while True:
            plain = _PLAIN[quote].match(self._text, at)
            assert plain is not None  # it may be empty
            pieces.append(plain[0])
            at = plain.end()
            if not self._text.startswith("\\", at):
                break
            escape = self._text[at + 1 : at + 2]
            if (code := _UNICODE.match(self._text, at + 1)) is not None:
                pieces.append(chr(int(code[1], 16)))
                at = code.end()
            elif escape in _ESCAPED:
                pieces.append(_ESCAPED[escape])
                at += 2
            else:
                raise Unreadable
        if at >= len(self._text):
            raise Unreadable
        return "".join(pieces), at + 1

    def _space(self, at: int) -> int:
        found = _SPACE.match(self._text, at)
        assert found is not None  # it may be empty
        return found.end()
