"""The shape of an answer: how a model is asked for it, and what is wrong with what it gave; it asks nobody itself.

A shape is offered to the model as a tool by the name of `final_answer`, which every server can do, thinking or not. It
is no tool of the gate: calling it reaches nothing outside, it is the answer. JSON as the whole text is taken, too.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

import msgspec

from deputy.base.canonical import canonical, decode, digest
from deputy.base.errors import ProcedureError
from deputy.domain.effect import ToolSpec
from deputy.domain.event import Said
from deputy.domain.message import ToolOffer

__all__ = ["AGAIN", "FINAL", "HOW", "INVALID", "REWRITE", "UNPARSED", "Answers", "Given", "Shape", "Wrong", "shape_of"]

FINAL = "final_answer"
INVALID = "invalid_answer"  #: code of an answer that did not fit its shape, twice
UNPARSED = "unparsed_tool_call"  #: code of a model call whose reply has a tool call that cannot be read
HOW = f"Give the answer by calling `{FINAL}`, alone and once; not as text."
AGAIN = f"Correct it, and call `{FINAL}` once more with the whole answer; it is the last try."
REWRITE = (
    "Nothing of that reply was done. Call tools through the tool calling interface, with arguments as one JSON object; "
    "put a call that you only write about into a code block."
)
_WHOLE = "answer"  #: the argument that holds an answer which is no object

Problem = Callable[[ToolSpec, Mapping[str, object]], str | None]  #: what is wrong with arguments


class Given(NamedTuple):
    """The answer: as JSON has it, and as whoever asked wants it."""

    plain: object
    value: Any


class Wrong(NamedTuple):
    """There is no answer; says why."""

    problem: str
    code: str = "invalid_answer"


class Shape:
    """What an answer must look like, from a JSON Schema."""

    def __init__(self, schema: Mapping[str, object], convert: Callable[[object], Any] = lambda value: value) -> None:
        parameters = _inlined(dict(schema))
        self.wrapped = parameters.get("type") != "object" and "properties" not in parameters
        self.convert = convert
        if self.wrapped:
            kept = {name: parameters.pop(name) for name in ("$defs", "definitions") if name in parameters}
            parameters = {
                "type": "object", "properties": {_WHOLE: parameters}, "required": [_WHOLE],
                "additionalProperties": False, **kept,
            }  # fmt: skip
        self.offer = ToolOffer(FINAL, "Gives the final answer, and ends the work.", parameters)
        self.spec = ToolSpec(name=f"{FINAL}:{digest(canonical(parameters))}", parameters=parameters, effect="read")


class Answers(NamedTuple):
    """A shape, and what checks it."""

    shape: Shape
    problem: Problem

    def of(self, said: Said) -> Given | Wrong:
        """The answer that a whole reply gives."""
        calls = list(said.calls)
        if not calls:
            return self._of_text(said.text)
        if len(calls) > 1 or calls[0].tool != FINAL:
            return Wrong(f"`{FINAL}` is to be called alone and once.")
        try:
            args = decode(calls[0].arguments or "{}")
        except (msgspec.DecodeError, RecursionError) as error:
            return Wrong(f"The arguments are not JSON: {error}.")
        return self.of_args(args)

    def of_args(self, args: object) -> Given | Wrong:
        """The answer that the arguments of `final_answer` are."""
        if not isinstance(args, dict):
            return Wrong("The arguments are not a JSON object.")
        members = cast("dict[str, object]", args)
        if (problem := self.problem(self.shape.spec, members)) is not None:
            return Wrong(problem)
        plain = members[_WHOLE] if self.shape.wrapped else members
        try:
            return Given(plain, self.shape.convert(plain))
        except (msgspec.ValidationError, ValueError) as error:
            return Wrong(f"{error}.")

    def _of_text(self, text: str) -> Given | Wrong:
        """Some models write the JSON down instead of calling anything."""
        bare = text.strip()
        if bare.startswith("```") and bare.endswith("```"):
            bare = bare.partition("\n")[2].removesuffix("```").strip()
        try:
            value = decode(bare)
        except (msgspec.DecodeError, RecursionError):
            return Wrong(f"The answer was given as text. {HOW}")
        if self.shape.wrapped and not (isinstance(value, dict) and _WHOLE in cast("dict[str, object]", value)):
            return self.of_args({_WHOLE: cast("object", value)})
        return self.of_args(cast("object", value))


def shape_of(wanted: object) -> Shape:
    """The shape that a JSON Schema or a type of Python stands for; raises ProcedureError for anything else."""
    if isinstance(wanted, Mapping):
        return Shape(cast("Mapping[str, object]", wanted))
    try:
        return Shape(msgspec.json.schema(wanted), lambda value: msgspec.convert(value, cast("Any", wanted)))
    except (TypeError, RuntimeError) as error:
        raise ProcedureError(
            f"the shape of an answer cannot be made from {wanted!r:.100} ({error!s:.200})",
            "Give a dataclass, a msgspec Struct, a type of JSON's values, or a JSON Schema.",
        ) from None


def _inlined(schema: dict[str, object]) -> dict[str, object]:
    """A schema whose outermost part is not a reference, as types of Python give one."""
    reference, defs = schema.get("$ref"), schema.get("$defs")
    if isinstance(reference, str) and isinstance(defs, Mapping):
        part = cast("Mapping[str, object]", defs).get(reference.removeprefix("#/$defs/"))
        if isinstance(part, Mapping):
            return {**cast("dict[str, object]", part), "$defs": cast("object", defs)}
    return schema
