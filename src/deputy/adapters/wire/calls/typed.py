"""What the text of an XML parameter means, by the JSON Schema of the tool: `7` may be a number or a house.

Text that does not fit stays text, for the gate to refuse with the place and the reason.
"""

import re
from collections.abc import Iterator, Mapping
from typing import cast

from deputy.adapters.wire.calls.loose import Unreadable, value_at

__all__ = ["typed"]

_DEEPEST = 16  #: references and alternatives within each other
_WIDEST = 1000  #: subschemas looked at
_INTEGER = re.compile(r"[+-]?[0-9]{1,4000}(?:\.0+)?")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_NAMES: dict[type, str] = {
    bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object", type(None): "null",
}  # fmt: skip

Schema = Mapping[str, object]


def typed(text: str, name: str, parameters: Schema) -> object:
    """The value of a parameter that was written as text, by the schema of all of a tool's parameters."""
    properties = parameters.get("properties")
    schema = cast("Schema", properties).get(name) if isinstance(properties, Mapping) else None
    kinds: set[str] = set()
    allowed: list[object] = []
    for part in _parts(schema, parameters):
        written = part.get("type")
        kinds.update(str(kind) for kind in (cast("list[object]", written) if isinstance(written, list) else [written]))
        choices = part.get("enum")
        allowed += cast("list[object]", choices) if isinstance(choices, list) else []
        allowed += [part["const"]] if "const" in part else []
    kinds.discard("None")
    if not kinds:
        kinds = {_NAMES.get(type(choice), "string") for choice in allowed}
    if text in allowed:
        return text
    return _as_one_of(kinds, text)


def _as_one_of(kinds: set[str], text: str) -> object:
    if kinds <= {"string"}:
        return text
    bare = text.strip()
    if "null" in kinds and bare in ("null", "None"):
        return None
    if "boolean" in kinds and bare.lower() in ("true", "false"):
        return bare.lower() == "true"
    if "integer" in kinds and _INTEGER.fullmatch(bare):
        return int(bare.partition(".")[0])
    if "number" in kinds and _NUMBER.fullmatch(bare):
        found = _json(bare)
        return found if isinstance(found, int | float) else text
    if bare[:1] in ("{", "[") and kinds & {"object", "array"}:
        found = _json(bare)
        return found if _NAMES.get(type(found)) in kinds else text
    return text


def _json(bare: str) -> object:
    """What the whole text says as JSON; the text itself where it says nothing."""
    try:
        value, end = value_at(bare, 0)
    except Unreadable:
        return bare
    return value if end == len(bare) else bare


def _parts(schema: object, root: Schema) -> Iterator[Schema]:
    """A schema and the alternatives in it, references followed."""
    pending, seen = [(schema, 0)], 0
    while pending and seen < _WIDEST:
        part, level = pending.pop()
        seen += 1
        if not isinstance(part, Mapping) or level > _DEEPEST:
            continue
        members = cast("Schema", part)
        yield members
        for word in ("anyOf", "oneOf", "allOf"):
            inner = members.get(word)
            pending += [(each, level + 1) for each in cast("list[object]", inner)] if isinstance(inner, list) else []
        reference = members.get("$ref")
        if isinstance(reference, str) and reference.startswith("#/"):
            pending.append((_behind(reference, root), level + 1))


def _behind(reference: str, root: Schema) -> object:
    node = cast("object", root)
    for step in reference.split("/")[1:]:
        if not isinstance(node, Mapping):
            return None
        node = cast("Schema", node).get(step.replace("~1", "/").replace("~0", "~"))
    return node
