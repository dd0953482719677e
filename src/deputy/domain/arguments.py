"""The arguments of a model's tool call: a JSON object, or what it wrote instead, kept to be refused by the gate."""

from collections.abc import Mapping
from typing import cast

import msgspec

from deputy.domain.message import ModelCall

__all__ = ["MALFORMED", "arguments_of", "malformed"]

MALFORMED = "\0malformed"  #: the only member of arguments that were not a JSON object


def arguments_of(call: ModelCall) -> dict[str, object]:
    """The arguments of a model's tool call; what is no JSON object stays visible as text, to be refused by the gate."""
    try:
        value = msgspec.json.decode(call.arguments or "{}")
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {MALFORMED: call.arguments}
    return cast("dict[str, object]", value) if isinstance(value, dict) else {MALFORMED: call.arguments}


def malformed(args: Mapping[str, object]) -> str | None:
    """What is wrong with arguments that were not a JSON object, in words that help to write them anew."""
    if MALFORMED not in args:
        return None
    value = args[MALFORMED]
    try:
        value = msgspec.json.decode(value) if isinstance(value, str) else value
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        why = str(error).removeprefix("JSON is malformed: ")
        return f"The arguments are not JSON: {why[:1].lower()}{why[1:200]}. Write them as one JSON object."
    kinds: dict[type, str] = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    kind = kinds.get(type(cast("object", value)), "a number")
    return f"The arguments are {kind}, not a JSON object. Write them as one JSON object, a value for each name."
