"""Read a function's signature as a tool: the JSON Schema of its arguments, and arguments as the function wants them.

It runs nothing. What cannot be a tool is a ConfigError that names the function, its file and line, and what to change.
"""

import copy
import inspect
import re
import typing
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, cast

import msgspec

from deputy.base.canonical import is_json
from deputy.base.errors import ConfigError
from deputy.domain.declaration import Declaration, EffectContext, declaration_of
from deputy.domain.effect import ToolSpec
from deputy.domain.label import Label

__all__ = ["Function", "read_function", "refuse"]

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_SECTION = re.compile(r"(Args|Arguments|Parameters|Params):")
_GOOGLE = re.compile(r"\*{0,2}(\w+)(?: ?\([^)]*\))?: *(.*)")
_SPHINX = re.compile(r":param (?:[^:]* )?(\w+): *(.*)")


class Function(msgspec.Struct, frozen=True, kw_only=True):
    """A function as a tool: how the gate knows it, and how it is called."""

    spec: ToolSpec
    call: Callable[..., object]
    awaited: bool  #: an `async` function
    context: str  #: the parameter that is handed the EffectContext, or ""
    secrets: dict[str, str]
    arguments: type[msgspec.Struct]

    def bound(self, args: Mapping[str, object]) -> dict[str, object]:
        """Arguments as the function's own types; raises `msgspec.ValidationError` where they do not fit."""
        values = msgspec.convert(dict(args), self.arguments, strict=True)
        return {name: getattr(values, name) for name in self.arguments.__struct_fields__}


def read_function(name: str, function: Callable[..., object]) -> Function:
    """A function, as the tool of this name."""
    declared = declaration_of(function)
    if declared is None:
        refuse(name, function, "is no tool", "Mark it with @deputy.tool(...).")
    if not _NAME.fullmatch(name):
        refuse(name, function, "has no name that a tool can have", "Use letters, digits, '_', '-' and '.'.")
    text, documented = _docstring(function)
    context, arguments, schema = _parameters(name, function, documented)
    _check(name, function, declared, context=context, fields=arguments.__struct_fields__)
    spec = ToolSpec(
        name=name,
        description=text,
        parameters=schema,
        effect=declared.effect,
        repeat="safe" if declared.effect == "read" else declared.repeat,  # reading changes nothing
        authority=declared.authority,
        output=_label(declared),
        verify=declared.verify,
        conclusive=declared.conclusive,
    )
    spec = msgspec.structs.replace(spec, **_given(keyed_for=declared.keyed_for, deadline=declared.deadline))
    return Function(
        spec=spec,
        call=function,
        awaited=inspect.iscoroutinefunction(inspect.unwrap(function)) or inspect.iscoroutinefunction(function),
        context=context,
        secrets=declared.secrets,
        arguments=arguments,
    )


def refuse(name: str, function: object, why: str, remedy: str) -> NoReturn:
    """Say why a function cannot be the tool of this name, and where it stands."""
    code = getattr(inspect.unwrap(cast("Callable[..., object]", function)), "__code__", None)
    file = getattr(code, "co_filename", "")
    raise ConfigError(f"The tool {name!r} {why}.", remedy, file=file, line=getattr(code, "co_firstlineno", None))


def _check(name: str, function: object, declared: Declaration, *, context: str, fields: tuple[str, ...]) -> None:
    if missing := [a for a in declared.authority if a.split(".")[0].split("[")[0] not in fields]:
        refuse(name, function, f"calls {missing[0]!r} an authority, but has no such parameter", "Name a parameter.")
    take = "Take a parameter annotated with deputy.EffectContext."
    if declared.secrets and not context:
        refuse(name, function, "asks for secrets, but has no parameter to be lent them", take)
    if declared.repeat == "keyed" and declared.effect != "read" and not context:
        refuse(name, function, "is repeated on a key, but has no parameter to be handed the key", take)
    for what, seconds in (("deadline", declared.deadline), ("keyed_for", declared.keyed_for)):
        if seconds is not None and not 0 < seconds < float("inf"):
            refuse(name, function, f"has a `{what}` of {seconds!r}", "Give it in seconds, more than 0.")
    unwrapped = inspect.unwrap(cast("Callable[..., object]", function))
    if inspect.isgeneratorfunction(unwrapped) or inspect.isasyncgenfunction(unwrapped):
        refuse(name, function, "yields instead of returning", "Return a list.")


def _given(**seconds: float | None) -> dict[str, float]:
    return {name: float(value) for name, value in seconds.items() if value is not None}


def _label(declared: Declaration) -> Label:
    if isinstance(declared.output, str):
        return Label(trust=declared.output)
    return Label(trust=declared.output.get("*", "untrusted"), paths=declared.output)


def _parameters(
    name: str, function: Callable[..., object], documented: Mapping[str, str]
) -> tuple[str, type[msgspec.Struct], dict[str, object]]:
    """The context's parameter, a struct of the others, and its JSON Schema."""
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except Exception as e:  # noqa: BLE001 - annotations are code, and run here
        refuse(name, function, f"has an annotation that cannot be read ({e})", "Import what it names, at run time.")
    context, fields = "", list[tuple[str, Any, Any]]()
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            refuse(name, function, f"cannot be called with {str(parameter)!r} by name", "Use named parameters alone.")
        if parameter.name not in hints:
            refuse(name, function, f"does not say of what type {parameter.name!r} is", "Annotate every parameter.")
        hint = hints[parameter.name]
        if hint is EffectContext:
            if context:
                refuse(name, function, "has two parameters for the EffectContext", "Keep one.")
            context = parameter.name
        else:
            fields.append((parameter.name, Any if hint is object else hint, _default(parameter)))
    try:
        arguments = msgspec.defstruct(f"{name}_arguments", fields, kw_only=True, forbid_unknown_fields=True)
        schema = _schema(arguments, documented, {n: d for n, _, d in fields})
    except (TypeError, ValueError, RecursionError) as e:
        reason = str(e).strip().splitlines()[-1].rstrip(".")
        refuse(name, function, f"has a parameter that JSON cannot carry ({reason})", "Use types of JSON's kind.")
    if not is_json(schema):
        refuse(name, function, "has a default value that is not JSON", "Use a finite number, a text, a list…")
    return context, arguments, schema


def _default(parameter: inspect.Parameter) -> object:
    value = parameter.default
    if value is inspect.Parameter.empty:
        return msgspec.NODEFAULT
    if value is None or isinstance(value, str | int | float | bool | bytes):
        return value
    return msgspec.field(default_factory=lambda: copy.deepcopy(value))


def _schema(
    arguments: type[msgspec.Struct], documented: Mapping[str, str], defaults: Mapping[str, object]
) -> dict[str, object]:
    (reference,), components = msgspec.json.schema_components([arguments], ref_template="#/$defs/{name}")
    schema = components.pop(reference["$ref"].removeprefix("#/$defs/"))
    del schema["title"]
    for name, member in schema.get("properties", {}).items():
        default = defaults[name]
        if hasattr(default, "default_factory"):
            member["default"] = msgspec.to_builtins(cast("Any", default).default_factory(), str_keys=True)
        if name in documented and "$ref" not in member:
            member.setdefault("description", documented[name])
    return schema | ({"$defs": components} if components else {})


def _docstring(function: object) -> tuple[str, dict[str, str]]:
    """The description a docstring gives, and what it says of each parameter (as Google or Sphinx write it)."""
    told: list[str] = []
    parameters: dict[str, list[str]] = {}
    section = inside = False  # in the list of parameters; in what is said of one
    for line in (inspect.getdoc(function) or "").splitlines():
        stripped = line.strip()
        indented = line.startswith((" ", "\t"))
        if sphinx := _SPHINX.fullmatch(stripped):
            parameters[sphinx[1]], inside = [sphinx[2]], True
        elif _SECTION.fullmatch(stripped) and not indented:
            section, inside = True, False
        elif section and indented and (google := _GOOGLE.fullmatch(stripped)):
            parameters[google[1]], inside = [google[2]], True
        elif inside and indented:
            parameters[next(reversed(parameters))].append(stripped)
        else:
            section = inside = False
            told.append(line)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(told)).strip(), {
        name: " ".join(lines).strip() for name, lines in parameters.items()
    }
