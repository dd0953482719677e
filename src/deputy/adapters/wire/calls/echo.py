"""Whether what looks like a model's tool call may be somebody else's words, which the model merely repeats.

A mail, a page or a file can quote a tool call, and a model can quote the mail. So where anything that was said to the
model or returned to it has the marks of a tool call, in whatever disguise of JSON, HTML or URLs, no text of this
conversation is taken for a call; nor is a call whose letters and digits stand there in the same order.
"""

import html
import re
from collections.abc import Iterable

from deputy.domain.message import Message

__all__ = ["marked", "repeated"]

_LESS = r"(?:[<\uff1c\ufe64]|&(?:lt|#0{0,6}60|#x0{0,6}3c);?|\\{1,8}(?:u003c|x3c)|%(?:25)?3c)"
_MARKED = re.compile(
    rf"{_LESS}[\s/\\\u200b-\u200f\u2060\ufeff]{{0,6}}"
    r"(?:tool_?calls?(?![a-z])|(?:function|parameter)\s{0,9}(?:=|&#|%3d|\\{1,8}u003d|[>\uff1e]|&gt|\\{1,8}u003e))"
    r"|✿\s{0,3}(?:FUNCTION|ARGS)|\\{1,8}u273f(?:FUNCTION|ARGS)",
    re.IGNORECASE,
)
_ESCAPE = re.compile(r"(?<!\\)\\++(?:u([0-9a-fA-F]{4})|[nrtbf])")  # a run of backslashes is passed over once
_OTHER = re.compile(r"[\W_]+")


def marked(messages: Iterable[Message]) -> bool:
    """Whether anything the model was told has the marks of a tool call."""
    return any(_MARKED.search(message.text) is not None for message in _told(messages))


def repeated(messages: Iterable[Message], sources: Iterable[str]) -> bool:
    """Whether anything the model was told has one of these calls, however it is spelled out there."""
    wanted = [letters for source in set(sources) if (letters := _letters(source))]
    return any(any(letters in told for letters in wanted) for told in map(_letters, (m.text for m in _told(messages))))


def _told(messages: Iterable[Message]) -> Iterable[Message]:
    return (message for message in messages if message.role in ("user", "tool"))


def _letters(text: str) -> str:
    """The letters and digits of a text, whatever it was escaped for."""
    plain = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else "", text)
    return _OTHER.sub("", html.unescape(plain) if "&" in plain else plain).casefold()
