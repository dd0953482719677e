"""The forms in which Qwen writes tool calls, read from the first one to the end of the text.

Three forms: JSON within `<tool_call>` (Hermes; Qwen2.5 and Qwen3), `<function=…>` with `<parameter=…>` (Qwen3-Coder,
Qwen3.5 and later), and `✿FUNCTION✿` with `✿ARGS✿` (Qwen-Agent). Calls stand at the end of what a model says, so
anything else that follows one makes the whole unreadable. Every reader goes forward only: time is linear.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple, cast

from deputy.adapters.wire.calls.loose import Unreadable, value_at
from deputy.adapters.wire.calls.typed import typed

__all__ = ["MOST", "Offered", "Wanted", "calls_at", "calls_of"]

MOST = 128  #: calls in one reply

_NAME = r"""\s{0,9}=\s{0,9}["']?([^\s<>"'=]{1,256})["']?\s{0,9}>"""
_SPACE = re.compile(r"(?:\s|<\|im_end\|>|<\|endoftext\|>)*")
_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_FUNCTION = re.compile(rf"<function{_NAME}")
_PARAMETER = re.compile(rf"<parameter{_NAME}")
_VALUE_END = re.compile(
    # a closing tag after which the form goes on; or, where it was forgotten, the next tag on a line of its own
    r"(?:\r?\n)?</parameter>(?=\s*(?:<parameter\s{0,9}=|</function>|</?tool_call>|<function\s{0,9}=|<\|im_end|\Z))"
    r"|\r?\n(?=[ \t]*(?:<parameter\s{0,9}=[^\n<>]{1,256}>|</function>))"
)
_FLOWER = re.compile(r"✿FUNCTION✿[ \t]*[:\uff1a]?[ \t]*([^\s✿]{1,256})\s*✿ARGS✿[ \t]*[:\uff1a]?\s*")
_FLOWER_END = re.compile(r"✿(?:RESULT|RETURN)✿[ \t]*[:\uff1a]?")
_MEMBERS = frozenset(("name", "arguments", "parameters", "id", "type"))


class Offered(NamedTuple):
    """The tools that a model may call."""

    tool: Callable[[str], str]  #: the tool that a name on the wire means
    parameters: Mapping[str, Mapping[str, object]]  #: the schemas, by tool


class Wanted(NamedTuple):
    """A call as the text has it."""

    tool: str
    arguments: dict[str, object]
    source: str  #: what of the text it was read from


def calls_at(text: str, at: int, offered: Offered, *, cut: bool) -> list[Wanted]:
    """The calls from a place to the end, where nothing but calls may stand; `cut` says that the end is missing."""
    reader = _Reader(text, offered, cut=cut)
    at = _space(text, at)
    while at < len(text):
        at = _space(text, reader.block(at))
    return reader.found


def calls_of(value: object, offered: Offered, source: str) -> list[Wanted]:
    """The calls that a value of JSON stands for: an object, or a list of them."""
    if isinstance(value, list):
        found = [call for each in cast("list[object]", value) for call in calls_of(each, offered, source)]
        if not found:
            raise Unreadable("it is empty")
        return found
    if not isinstance(value, dict):
        raise Unreadable("it is no object with `name` and `arguments`")
    members = cast("dict[str, object]", value)
    inner = members.get("function")
    if isinstance(inner, dict) and members.keys() <= {"function", "id", "type"}:
        return calls_of(cast("object", inner), offered, source)
    if not members.keys() <= _MEMBERS or "name" not in members or {"arguments", "parameters"} <= members.keys():
        raise Unreadable("it has other members than `name` and `arguments`")
    if members.keys() & {"id", "type"} and not members.keys() & {"arguments", "parameters"}:
        raise Unreadable("its `arguments` are missing")
    arguments = members.get("arguments", members.get("parameters", {}))
    return [Wanted(_named(members["name"], offered), _object(arguments), source)]


def _named(name: object, offered: Offered) -> str:
    if not isinstance(name, str) or not name.strip():
        raise Unreadable("it names no tool")
    tool = offered.tool(name.strip())
    if tool not in offered.parameters:
        raise Unreadable(f"it names {json.dumps(name.strip()[:64], ensure_ascii=False)}, which is not offered")
    return tool


def _object(arguments: object) -> dict[str, object]:
    """Arguments as an object; some models write it as a text that holds one."""
    if isinstance(arguments, str):
        bare = arguments.strip()
        if not bare:
            return {}
        arguments, end = value_at(bare, 0)
        if end != len(bare):
            raise Unreadable("text follows its arguments")
    if arguments is None:
        return {}
    if not isinstance(arguments, dict):
        raise Unreadable("its arguments are no object")
    return cast("dict[str, object]", arguments)


def _space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None  # it may be empty
    return found.end()


class _Reader:
    def __init__(self, text: str, offered: Offered, *, cut: bool) -> None:
        self._text, self._offered, self._cut = text, offered, cut
        self.found: list[Wanted] = []

    def block(self, at: int) -> int:
        """Read one block, of one call or several; where it ends."""
        if self._is(_OPEN, at):
            return self._wrapped(at + len(_OPEN))
        if _FUNCTION.match(self._text, at):
            end = _space(self._text, self._function(at))
            return end + len(_CLOSE) if self._is(_CLOSE, end) else end
        if self._is("✿", at):
            return self._flower(at)
        raise Unreadable("something else follows it" if self.found else "its beginning is missing")

    def _is(self, word: str, at: int) -> bool:
        return self._text.startswith(word, at)

    def _add(self, *calls: Wanted) -> None:
        self.found += calls
        if len(self.found) > MOST:
            raise Unreadable(f"there are more than {MOST} of them")

    def _ended(self, at: int) -> bool:
        """Whether the text is at its end, which stands for closing tags that were forgotten, not for ones cut off."""
        if at < len(self._text):
            return False
        if self._cut:
            raise Unreadable("it was cut off")
        return True

    def _wrapped(self, at: int) -> int:
        """What stands after `<tool_call>`, up to the closing tag."""
        before = len(self.found)
        while True:
            at = _space(self._text, at)
            if len(self.found) > before:
                if self._is(_CLOSE, at):
                    return at + len(_CLOSE)
                if self._is(_OPEN, at) or self._ended(at):
                    return at
            if _FUNCTION.match(self._text, at):
                at = self._function(at)
            elif self._is("{", at) or self._is("[", at):
                value, end = value_at(self._text, at)
                self._add(*calls_of(value, self._offered, self._text[at:end]))
                at = end
            else:
                raise Unreadable("it was cut off" if at >= len(self._text) else "it is neither JSON nor `function=`")

    def _function(self, at: int) -> int:
        opening = _FUNCTION.match(self._text, at)
        assert opening is not None
        tool = _named(opening[1], self._offered)
        arguments, end, at = self._arguments(tool, _space(self._text, opening.end()))
        self._add(Wanted(tool, arguments, self._text[opening.start() : end]))
        return at

    def _arguments(self, tool: str, at: int) -> tuple[dict[str, object], int, int]:
        """The parameters of a function: their values, where the last one ends, and where to go on."""
        if self._is("{", at):  # some write JSON there
            value, at = value_at(self._text, at)
            arguments = _object(value)
        else:
            arguments, at = self._parameters(tool, at)
        end, at = at, _space(self._text, at)
        if self._is("</function>", at):
            return arguments, at, at + len("</function>")
        if self._ended(at) or self._is(_CLOSE, at) or self._is(_OPEN, at) or self._is("<function", at):
            return arguments, end, at
        raise Unreadable("something else stands within it")

    def _parameters(self, tool: str, at: int) -> tuple[dict[str, object], int]:
        found: dict[str, object] = {}
        end = at
        while (opening := _PARAMETER.match(self._text, at)) is not None:
            closing = _VALUE_END.search(self._text, opening.end())
            if closing is None:
                raise Unreadable(f"its parameter `{opening[1][:64]}` does not end")
            if opening[1] in found:
                raise Unreadable(f"it has the parameter `{opening[1][:64]}` twice")
            value = _without_line_end(self._text[opening.end() : closing.start()])
            if not value.strip() and not closing[0].strip():
                raise Unreadable(f"its parameter `{opening[1][:64]}` has neither a value nor an end")
            found[opening[1]] = typed(value, opening[1], self._offered.parameters[tool])
            end = closing.end()
            at = _space(self._text, end)
        return found, end

    def _flower(self, at: int) -> int:
        opening = _FLOWER.match(self._text, at)
        if opening is None:
            raise Unreadable("it was cut off, or names no tool")
        tool = _named(opening[1], self._offered)
        if opening.end() == len(self._text):
            raise Unreadable("its arguments are missing")
        value, end = value_at(self._text, opening.end())
        self._add(Wanted(tool, _object(value), self._text[at:end]))
        end = _space(self._text, end)
        stop = _FLOWER_END.match(self._text, end)
        return stop.end() if stop is not None else end


def _without_line_end(value: str) -> str:
    """A value stands on lines of its own; the first line end belongs to the form, and the last was taken already."""
    return value.removeprefix("\r\n") if value.startswith("\r\n") else value.removeprefix("\n")
