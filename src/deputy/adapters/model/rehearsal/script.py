"""The replies of a rehearsal as its author wrote them, and which of them answers a given model call."""

import contextlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

import msgspec

from deputy.base.canonical import canonical, decode, is_json
from deputy.base.errors import ConfigError, DeputyError
from deputy.domain.message import ModelCall, Reply, Script

if TYPE_CHECKING:
    from deputy.adapters.model.rehearsal.template import Template

__all__ = ["RehearsalExhausted", "RehearsalFault", "RehearsalScript", "parse"]

Path = tuple[str | int, ...]
Scene = Mapping[str, object]

MAX_ARGUMENTS = 1_000_000  #: bytes of one call's arguments
_REPLY = ("call", "say", "reasoning", "if")
_ASKED = ("say", "if")
_CALL = ("tool", "args")


class RehearsalFault(DeputyError):
    """A reply could not be filled with what there is."""

    code = "rehearsal_error"


class RehearsalExhausted(DeputyError):
    """The model was called more often than it has replies."""

    code = "rehearsal_exhausted"


class _Call(msgspec.Struct, frozen=True):
    tool: str
    args: object  #: JSON in which every text is a template


class _Line(msgspec.Struct, frozen=True):
    calls: tuple[_Call, ...]
    say: "Template | None"
    reasoning: "Template | None"
    condition: "Template | bool"


class RehearsalScript(msgspec.Struct, frozen=True):
    """The replies of a scripted model, checked and ready to be given; made by `parse`."""

    lines: tuple[_Line, ...]
    asked: tuple[_Line, ...] = ()  #: what is said to people who ask back; the first that fits

    def reply(self, script: Script) -> Reply:
        """The reply to the present model call, found by walking through the calls before it."""
        if script.asked:
            return self._aside(script)
        if not script.before:
            raise ValueError("`before` has an entry for every model call, the present one included")
        at = -1
        for k, count in enumerate(script.before):
            at = self._following(at, k, script, count)
        return self._spoken(at, len(script.before) - 1, _scene(script, script.before[-1]))

    def _aside(self, script: Script) -> Reply:
        """What is said to a person who asks back."""
        scene = {**_scene(script, script.before[-1]), "asked": script.asked}
        for n, line in enumerate(self.asked):
            where = f"Asked {n + 1}"
            if line.condition is True or (line.condition and _filled(line.condition, scene, f"{where}, if")):
                return Reply(text=_said(line.say, scene, where), model="rehearsal", finish="stop", rehearsal=True)
        raise RehearsalExhausted("The rehearsal has nothing to say to what is asked back.", "Add `asked` to it.")

    def _following(self, at: int, k: int, script: Script, count: int) -> int:
        """The index of the reply that answers model call k, when `at` answered the one before."""
        for n in range(at + 1, len(self.lines)):
            condition = self.lines[n].condition
            if not isinstance(condition, bool):
                condition = bool(_filled(condition, _scene(script, count), f"Reply {n + 1}, if"))
            if condition:
                return n
        raise RehearsalExhausted(
            f"The rehearsal has {len(self.lines)} replies, and none is left for model call {k + 1}.",
            "Add a reply to rehearsal.yaml; the last one ends the run with `say`.",
        )

    def _spoken(self, n: int, k: int, scene: Scene) -> Reply:
        line, where = self.lines[n], f"Reply {n + 1}"
        calls: list[ModelCall] = []
        for i, call in enumerate(line.calls):
            place = f"{where}, {call.tool}" if len(line.calls) == 1 else f"{where}, call {i + 1}, {call.tool}"
            arguments = canonical(_filled(call.args, scene, place))
            if len(arguments) > MAX_ARGUMENTS:
                raise RehearsalFault(f"{place}: its arguments are longer than {MAX_ARGUMENTS} bytes.")
            calls.append(ModelCall(id=f"call_{k}_{i}", tool=call.tool, arguments=arguments.decode()))
        return Reply(
            text=_said(line.say, scene, f"{where}, say"),
            reasoning=_said(line.reasoning, scene, f"{where}, reasoning"),
            calls=tuple(calls),
            model="rehearsal",
            finish="tool_calls" if calls else "stop",
            rehearsal=True,
        )


def _scene(script: Script, count: int) -> Scene:
    return {"task": script.task, "results": list(script.results[:count]), "arrival": _material(script.arrival)}


def _material(text: str) -> object:
    """What came with the occasion that started the run: decoded, where it is JSON."""
    if text.lstrip().startswith(("{", "[")):
        with contextlib.suppress(msgspec.DecodeError, RecursionError):
            return decode(text)
    return text


def _said(template: "Template | None", scene: Scene, where: str) -> str:
    if template is None:
        return ""
    try:
        return template.text(scene)
    except DeputyError as error:
        raise RehearsalFault(f"{where}: {error.message}.") from error


def _filled(value: object, scene: Scene, where: str) -> object:
    """A value with every template in it replaced by what it stands for."""
    from deputy.adapters.model.rehearsal.template import Template

    if isinstance(value, Template):
        try:
            return value.value(scene)
        except DeputyError as error:
            raise RehearsalFault(f"{where}: {error.message}.") from error
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        return {key: _filled(member, scene, f"{where}.{key}") for key, member in members.items()}
    if isinstance(value, list):
        return [_filled(member, scene, f"{where}[{i}]") for i, member in enumerate(cast("list[object]", value))]
    return value


def parse(
    data: object, *, file: str = "rehearsal.yaml", line_of: Callable[[Path], int | None] | None = None
) -> RehearsalScript:
    """Check what was read from a rehearsal's file; `line_of` finds the line of a path in it, for errors."""
    return _Reader(file, line_of).script(data)


class _Reader:
    """Reads one file strictly: what is not known is an error that says where."""

    def __init__(self, file: str, line_of: Callable[[Path], int | None] | None) -> None:
        self._file, self._line_of = file, line_of

    def script(self, data: object) -> RehearsalScript:
        members = self._members(data, (), "a rehearsal", ("replies", "asked"))
        replies = self._list(members.get("replies"), ("replies",), "`replies`")
        asked = self._list(members["asked"], ("asked",), "`asked`") if "asked" in members else []
        return RehearsalScript(
            tuple(self._line(reply, ("replies", n)) for n, reply in enumerate(replies)),
            tuple(self._line(reply, ("asked", n), _ASKED) for n, reply in enumerate(asked)),
        )

    def _line(self, data: object, path: Path, known: tuple[str, ...] = ()) -> _Line:
        members = self._members(data, path, "a reply", known or _REPLY)
        if "call" not in members and "say" not in members:
            raise self._error(path, "a reply needs `call` or `say`")
        calls = self._list(members["call"], (*path, "call"), "`call`") if "call" in members else []
        return _Line(
            calls=tuple(self._call(call, (*path, "call", i)) for i, call in enumerate(calls)),
            say=self._text(members, path, "say"),
            reasoning=self._text(members, path, "reasoning"),
            condition=self._condition(members.get("if", True), (*path, "if")),
        )

    def _call(self, data: object, path: Path) -> _Call:
        members = self._members(data, path, "a call", _CALL)
        tool, args = members.get("tool"), members.get("args", {})
        if not isinstance(tool, str) or not tool:
            raise self._error((*path, "tool"), "a call names its `tool`, such as `erp.get_invoice`")
        if not isinstance(args, Mapping):
            raise self._error((*path, "args"), "`args` has a value for each name: `{id: INV-7}`")
        return _Call(tool, self._value(cast(object, args), (*path, "args")))

    def _value(self, value: object, path: Path) -> object:
        if isinstance(value, str):
            return self._template(value, path)
        if isinstance(value, Mapping):
            members = cast("Mapping[object, object]", value)
            for key in members:
                if not isinstance(key, str):
                    raise self._error(path, f"the name `{key}` is not text", "Put it in quotes.")
            return {str(key): self._value(member, (*path, str(key))) for key, member in members.items()}
        if isinstance(value, list):
            return [self._value(member, (*path, i)) for i, member in enumerate(cast("list[object]", value))]
        if not is_json(value):
            kind = type(value).__name__
            raise self._error(path, f"`{value}` was read as `{kind}`, which JSON does not have", "Put it in quotes.")
        return value

    def _condition(self, value: object, path: Path) -> "Template | bool":
        if isinstance(value, bool):
            return value
        if isinstance(value, str):
            template = self._template(value, path)
            if template.single:
                return template
        raise self._error(path, "`if` is one expression, such as `\"{{ 'error' in results[-1] }}\"`, or true or false")

    def _text(self, members: Mapping[str, object], path: Path, name: str) -> "Template | None":
        if name not in members:
            return None
        value = members[name]
        if not isinstance(value, str):
            raise self._error((*path, name), f"`{name}` is not text", "Put it in quotes.")
        return self._template(value, (*path, name))

    def _template(self, source: str, path: Path) -> "Template":
        from deputy.adapters.model.rehearsal.template import Template, TemplateFault

        try:
            if not is_json(source):
                raise TemplateFault("it has characters that UTF-8 cannot carry")
            return Template(source)
        except TemplateFault as error:
            raise self._error(path, error.message) from error

    def _members(self, data: object, path: Path, what: str, known: tuple[str, ...]) -> Mapping[str, object]:
        names = ", ".join(f"`{name}`" for name in known)
        if not isinstance(data, Mapping):
            raise self._error(path, f"{what} is written as names with values: {names}")
        for key in cast("Mapping[object, object]", data):
            if key not in known:
                raise self._error((*path, str(key)), f"{what} has no `{key}`", f"It has {names}.")
        return cast("Mapping[str, object]", data)

    def _list(self, data: object, path: Path, what: str) -> list[object]:
        if not isinstance(data, list) or not data:
            raise self._error(path, f"{what} is a list with at least one entry")
        return cast("list[object]", data)

    def _error(self, path: Path, message: str, remedy: str = "") -> ConfigError:
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
        line = self._line_of(path) if self._line_of else None
        text = f"{place}: {message}." if place else f"{message[0].upper()}{message[1:]}."
        return ConfigError(text, remedy, file=self._file, line=line)
