"""A model's thoughts that the server left in its text: `<think>…</think>` at the beginning, or the closing tag alone.

Templates that begin the thoughts themselves leave the closing tag only; it then ends a line, outside of quotations.
"""

import re

from deputy.adapters.wire.calls.loose import Unreadable
from deputy.adapters.wire.calls.marks import first_mark, quoted

__all__ = ["part"]

_OPEN, _CLOSE = "<think>", "</think>"
_SPACE = re.compile(r"\s*")
_ALONE = re.compile(r"</think>(?=[ \t]*(?:\r?\n|\Z|<tool_call>|<function\s{0,9}=))")


def part(text: str, reasoning: str) -> tuple[str, str]:
    """Text without thoughts, and the reasoning with them."""
    thoughts = [reasoning] if reasoning.strip() else []
    at = start = _past_space(text, 0)
    while text.startswith((_OPEN, _CLOSE), at):
        if text.startswith(_OPEN, at):
            end = text.find(_CLOSE, at)
            end = len(text) if end < 0 else end
            thoughts.append(text[at + len(_OPEN) : end].strip())
            at = end
        at = _past_space(text, min(at + len(_CLOSE), len(text)))
    if at == start and not thoughts and (alone := _ALONE.search(text)) is not None:
        before, after = text[: alone.start()], text[alone.end() :]
        if _OPEN not in before and not quoted(text, alone.start()) and not (after.strip() and _has_call(before)):
            thoughts.append(before.strip())
            at = _past_space(text, alone.end())
    if at == start:
        return text, reasoning
    return text[at:], "\n\n".join(filter(None, thoughts))


def _has_call(text: str) -> bool:
    """Whether a call begins in a text, so that what follows may be a part of it and no end of thoughts."""
    try:
        return first_mark(text) is not None
    except Unreadable:
        return True


def _past_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None  # it may be empty
    return found.end()
