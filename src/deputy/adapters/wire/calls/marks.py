"""Where a text has the marks of a tool call, and where it only talks about them.

Not a mark of a call: what stands in a fenced code block, between backticks, in a quoted line (`>`), between quotation
marks, or as a bare word in a sentence. A text is read once, from left to right.
"""

import re
from bisect import bisect_right
from typing import NamedTuple

from deputy.adapters.wire.calls.loose import Unreadable

__all__ = ["Mark", "first_mark", "has_marks", "quoted", "whole_fence"]

_MARK = r"</?tool_call>|<function\s{0,9}=|<parameter\s{0,9}=|✿(?:FUNCTION|ARGS)✿"
_CUT = r"<(?:tool_(?:c(?:a(?:ll?)?)?)?|function)\Z"
_ANY = re.compile(rf"{_MARK}|{_CUT}")
_TOKEN = re.compile(rf"^ {{0,3}}(?P<fence>`{{3,}}|~{{3,}})(?P<info>[^\n]*)$|(?P<mark>{_MARK}|{_CUT})", re.MULTILINE)
_GOES_ON = re.compile(r"\s*(?:[{\[]|<function\s{0,9}=|\Z)")
_TICKS = re.compile(r"`+")
_WHOLE = re.compile(
    r"\s*(?P<fence>`{3,20}|~{3,20})[ \t]*[\w+-]{0,30}[ \t]*\r?\n(?P<body>.*)\n[ \t]*(?P=fence)\s*", re.DOTALL
)
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)
_OPENING = re.compile(r"^ {0,3}(?P<fence>`{3,}|~{3,})(?P<info>[^\n]*)", re.MULTILINE)
_QUOTES = dict(zip("\"'\u201c\u2018\u201e\u00ab\u2039\u300c\u300e\u300a",
                   "\"'\u201d\u2019\u201c\u00bb\u203a\u300d\u300f\u300b", strict=True))  # fmt: skip
_CLOSING = frozenset(("`", *_QUOTES.values()))


class Mark(NamedTuple):
    """A mark that is not quoted."""

    word: str
    at: int
    first: bool  #: whether it begins its line


def has_marks(text: str) -> bool:
    """Whether there is a mark at all, quoted or not."""
    return _ANY.search(text) is not None


def whole_fence(text: str) -> str | None:
    """What stands in the one code block that is all of a text."""
    found = _WHOLE.fullmatch(text)
    return None if found is None or _FENCE.search(found["body"]) else found["body"]


def first_mark(text: str) -> Mark | None:
    """The first mark that is not quoted; raises `Unreadable` where a quotation that holds one does not end."""
    line, at = _Line(text, 0), 0
    while (token := _TOKEN.search(text, at)) is not None:
        if token["fence"] is not None:
            at = _past_fence(text, token)
            continue
        if token.start() > line.end:
            line = _Line(text, token.start())
        place = token.start("mark")
        ends = token["mark"] == "</tool_call>" and text[token.end() : token.end() + 1] in _CLOSING
        if ends or line.quoted or line.in_code(place):
            at = token.end()
            continue
        if (closing := _QUOTES.get(text[place - 1 : place])) is not None:
            at = text.find(closing, token.end()) + 1
            if not at:
                raise Unreadable("a quotation that holds it does not end")
            continue
        mark = Mark(token["mark"], place, line.begins(place))
        if mark.first or _is_meant(text, mark):
            return mark
        at = token.end()
    return None


def quoted(text: str, place: int) -> bool:
    """Whether a place stands in a code block, between backticks, in a quoted line or after a quotation mark."""
    at = 0
    while (fence := _OPENING.search(text, at, place)) is not None:
        at = _past_fence(text, fence, strict=False)
        if at > place:
            return True
    line = _Line(text, place)
    return line.quoted or line.in_code(place) or text[place - 1 : place] in _QUOTES


def _is_meant(text: str, mark: Mark) -> bool:
    """Whether a mark within a line is more than a word of its sentence."""
    if mark.word.startswith("<parameter"):
        return False
    if mark.word == "</tool_call>":
        before = text[max(0, mark.at - 100) : mark.at].rstrip()
        return before.endswith(("}", "]", "</function>"))
    return mark.word != "<tool_call>" or _GOES_ON.match(text, mark.at + len(mark.word)) is not None


def _past_fence(text: str, opening: re.Match[str], *, strict: bool = True) -> int:
    """The place after a code block; after its first characters, where it is none. `strict`: see `first_mark`."""
    kind = opening["fence"][0]
    if kind == "`" and "`" in opening["info"]:
        return opening.end("fence")
    closing = re.compile(rf"^ {{0,3}}{kind}{{{len(opening['fence'])},}}[ \t]*\r?$", re.MULTILINE)
    found = closing.search(text, opening.end())
    if found is not None:
        return found.end()
    if strict and _ANY.search(text, opening.end()) is not None:
        raise Unreadable("the code block that holds it does not end")
    return len(text)


class _Line:
    """One line of a text, looked at once however many marks it has."""

    def __init__(self, text: str, at: int) -> None:
        self.start = text.rfind("\n", 0, at) + 1
        end = text.find("\n", at)
        self.end = len(text) if end < 0 else end
        self._text = text
        bare = text[self.start : self.end].lstrip()
        self._margin = self.end - len(bare)
        self.quoted = bare.startswith(">")
        self._code: list[tuple[int, int]] | None = None

    def begins(self, place: int) -> bool:
        """Whether nothing but a small margin stands before a place."""
        return place <= self._margin and place - self.start <= 3

    def in_code(self, place: int) -> bool:
        """Whether a place is between backticks."""
        if self._code is None:
            self._code = self._spans()
        n = bisect_right(self._code, (place, len(self._text))) - 1
        return n >= 0 and place < self._code[n][1]

    def _spans(self) -> list[tuple[int, int]]:
        runs = [(run.start(), run.end()) for run in _TICKS.finditer(self._text, self.start, self.end)]
        last: dict[int, list[int]] = {}
        for n, (start, end) in enumerate(runs):
            last.setdefault(end - start, []).append(n)
        spans: list[tuple[int, int]] = []
        n = 0
        while n < len(runs):
            start, end = runs[n]
            same = last[end - start]
            after = bisect_right(same, n)
            if after < len(same):
                n = same[after]
                spans.append((start, runs[n][1]))
            n += 1
        return spans
