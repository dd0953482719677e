"""Check arguments against a JSON Schema: compiled once, in microseconds, and answered in one sentence.

It is no judge of whether a schema is wise. What a stranger's schema could do to us is refused when it is compiled:
references that leave the schema (nothing is ever fetched), patterns that run away (matching is bounded), and references
that multiply into more work than a check may cost. `format` is an annotation, as the standard has it by default.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import cast

from jsonschema_rs import FancyRegexOptions, ValidationError, validator_for

from deputy.adapters.wire.outside import excess
from deputy.base.canonical import canonical, is_json
from deputy.base.errors import ConfigError

__all__ = ["Validator", "compile_schema"]

_MAX_SCHEMA = 512 * 1024  # bytes
_MAX_WORK = 200_000  # subschemas looked at, were every reference written out
_MAX_TEXT = 300
_MOST_PROBLEMS = 5  # told at once, so that a model can correct them at once
_PATTERNS = FancyRegexOptions(backtrack_limit=10_000, size_limit=1 << 20, dfa_size_limit=1 << 20)
_MASK = "it"  # stands for the value in the library's messages: a value may be long, or private
_NOUNS = {
    "array": "a list",
    "integer": "a whole number",
    "null": "null",
    "object": "an object",
    "boolean": "true or false",
}


class Validator:
    """The JSON Schema of a tool's arguments, ready to be asked."""

    def __init__(self, parameters: Mapping[str, object]) -> None:
        schema = dict(parameters)
        try:
            if not is_json(schema) or len(canonical(schema)) > _MAX_SCHEMA:
                raise _bad(f"it is not JSON, or larger than {_MAX_SCHEMA // 1024} KiB")
            self._schema = validator_for(
                schema, offline=True, validate_formats=False, mask=_MASK, pattern_options=_PATTERNS
            )
            if _Work(schema).total() > _MAX_WORK:
                raise _bad("its references multiply beyond what a check may cost")
        except ValidationError as e:
            where = _place(e.instance_path)
            raise _bad(f"{f'at `{where}`, ' if where else ''}{_cut(e.message)}") from None
        except (ValueError, RecursionError) as e:
            raise _bad(_cut(str(e))) from None

    def problem(self, args: Mapping[str, object]) -> str | None:
        """What is wrong with these arguments, in a sentence for each place that it names; None if nothing is."""
        instance = args if isinstance(args, dict) else dict(args)
        if too_much := excess(instance):
            return f"The arguments are {too_much}."
        try:
            if self._schema.is_valid(instance):
                return None
            errors = list(islice(self._schema.iter_errors(instance), _MOST_PROBLEMS))
        except ValueError as e:
            return f"The arguments are not JSON: {_cut(str(e))}."
        problems = list(dict.fromkeys(_cut(_explained(error)) for error in errors))
        while len(problems) > 1 and sum(map(len, problems)) > _MAX_TEXT:
            problems.pop()
        return " ".join(problems) or "The arguments are not what the schema asks for."


def compile_schema(parameters: Mapping[str, object]) -> Callable[[Mapping[str, object]], str | None]:
    """The check that a schema stands for; raises ConfigError if it is none."""
    return Validator(parameters).problem


def _bad(why: str) -> ConfigError:
    return ConfigError(
        f"The JSON Schema of the parameters cannot be used: {why}.",
        "Give the tool a schema of JSON Schema 2020-12 (or draft 4, 6, 7, 2019-09) whose references start with '#/'.",
    )


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 1] + "…"


def _place(path: Iterable[str | int]) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")[:100]


def _explained(error: ValidationError) -> str:
    """An error as a sentence; of alternatives, the one that the value came closest to."""
    name, place = error.kind.name, _place(error.instance_path)
    if name in ("anyOf", "oneOf"):
        alternatives = cast("list[list[ValidationError]]", error.kind.value or [])
        first = [errors[0] for errors in alternatives if errors]
        if first and all(alternatives):  # none fits; that more than one does is for the library to say
            if all(e.kind.name == "type" and e.instance_path == error.instance_path for e in first):
                return _must_be(place, [kind for e in first for kind in cast("list[str]", e.kind.value)])
            return _explained(max(first, key=lambda e: (len(e.instance_path), e.kind.name != "type")))
    if name == "type":
        return _must_be(place, cast("list[str]", error.kind.value))
    if name == "required":
        return f"`{_place([*error.instance_path, str(error.kind.value)])}` is missing."
    if name == "additionalProperties":
        extra = ", ".join(f"`{_place([*error.instance_path, key])}`" for key in cast("list[str]", error.kind.value)[:5])
        return f"{extra} is not known here."
    message = error.message.removeprefix(_MASK + " ")
    return f"{f'`{place}`' if place else 'The whole'}{' ' if message != error.message else ': '}{message}."


def _must_be(place: str, kinds: list[str]) -> str:
    nouns = " or ".join(_NOUNS.get(kind, f"a {kind}") for kind in dict.fromkeys(kinds))
    return f"{f'`{place}`' if place else 'The whole'} must be {nouns}."


class _Work:
    """How many subschemas a check can look at, every reference written out (one that leads into itself counts once)."""

    def __init__(self, schema: Mapping[str, object]) -> None:
        self._root = schema
        self._known: dict[str, int] = {}

    def total(self) -> int:
        return self._of(self._root)

    def _of(self, node: object) -> int:
        if isinstance(node, list):
            return sum(self._of(member) for member in cast("list[object]", node))
        if not isinstance(node, dict):
            return 0
        members = cast("dict[str, object]", node)
        if node is not self._root and isinstance(members.get("$id"), str):
            raise _bad("it has a schema with an `$id` of its own within it")
        total = 1
        for key, member in members.items():
            if key in ("$ref", "$dynamicRef", "$recursiveRef") and isinstance(member, str):
                total += self._behind(member, key)
            else:
                total += self._of(member)
        return total

    def _behind(self, reference: str, key: str) -> int:
        if key != "$ref" or not (reference == "#" or reference.startswith("#/")):
            raise _bad(f"it refers to {_cut(reference)!r}, which is not a place within it")
        if reference not in self._known:
            self._known[reference] = 1
            node: object = self._root
            for step in reference.split("/")[1:]:
                node = _member(node, step.replace("%25", "%").replace("~1", "/").replace("~0", "~"))
            self._known[reference] = self._of(node)
        return self._known[reference]


def _member(node: object, step: str) -> object:
    if isinstance(node, dict):
        return cast("dict[str, object]", node).get(step)
    if isinstance(node, list) and step.isdigit() and int(step) < len(cast("list[object]", node)):
        return cast("list[object]", node)[int(step)]
    return None
