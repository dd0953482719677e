"""Schemas of a document as one JSON Schema 2020-12: what is referred to comes along, and 3.0's words are translated."""

from collections.abc import Mapping
from typing import cast

from deputy.adapters.tool.openapi.document import pointed

__all__ = ["Schemas"]

Json = dict[str, object]
_MOST = 400  # schemas that one operation may bring along
_DROPPED = frozenset(("example", "examples", "xml", "externalDocs", "discriminator", "nullable", "deprecated", "$id",
                      "$schema", "$anchor", "$dynamicAnchor", "$comment"))  # fmt: skip
_BY_NAME = frozenset(("properties", "patternProperties", "$defs", "definitions", "dependentSchemas"))
_DATA = frozenset(("enum", "const", "default", "required"))


class Schemas:
    """The schemas of one operation; `definitions` are those that they refer to."""

    def __init__(self, document: Json) -> None:
        self._document, self._old = document, str(document.get("openapi", "")).startswith("3.0")
        self._names: dict[str, str] = {}
        self.definitions: Json = {}

    def translated(self, schema: object) -> object:
        """A schema as JSON Schema 2020-12; raises ValueError where it cannot be."""
        if not isinstance(schema, dict):
            return schema if isinstance(schema, bool) else {}
        members = cast("Json", schema)
        if isinstance(reference := members.get("$ref"), str):
            link: Json = {"$ref": f"#/$defs/{self._name(reference)}"}
            beside = {k: v for k, v in members.items() if k == "description"} if not self._old else {}
            return link | beside
        found: Json = {}
        for key, value in members.items():
            if key in _DROPPED or key.startswith("x-"):
                continue
            if key in _BY_NAME and isinstance(value, dict):
                found[key] = {name: self.translated(member) for name, member in cast("Json", value).items()}
            elif key in _DATA:
                found[key] = value
            elif isinstance(value, list):
                each = cast("list[object]", value)
                found[key] = [self.translated(cast("object", m)) if isinstance(m, dict) else m for m in each]
            elif isinstance(value, dict):
                found[key] = self.translated(cast("Json", value))
            else:
                found[key] = value
        return self._modern(found, members) if self._old else found

    def resolved(self, node: object) -> Json:
        """What stands here, or what is referred to from here; raises ValueError."""
        for _ in range(20):
            if not isinstance(node, dict):
                break
            members = cast("Json", node)
            if not isinstance(reference := members.get("$ref"), str):
                return members
            node = pointed(self._document, reference)
        raise ValueError("something in it is no object, or refers to itself")

    def _name(self, reference: str) -> str:
        if reference not in self._names:
            if len(self._names) >= _MOST:
                raise ValueError("it refers to too many schemas")
            last = (
                "".join(c if c.isalnum() or c in "._-" else "_" for c in reference.rsplit("/", 1)[-1])[:60] or "schema"
            )
            name = last if last not in self._names.values() else f"{last}_{len(self._names)}"
            self._names[reference] = name
            self.definitions[name] = self.translated(pointed(self._document, reference))
        return self._names[reference]

    def _modern(self, found: Json, said: Mapping[str, object]) -> Json:
        for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
            if (flag := found.get(exclusive)) is True and bound in found:
                found[exclusive] = found.pop(bound)
            elif isinstance(flag, bool):
                del found[exclusive]
        if said.get("nullable") is True:
            if isinstance(found.get("type"), str):
                found["type"] = [found["type"], "null"]
                if isinstance(found.get("enum"), list):
                    found["enum"] = [*cast("list[object]", found["enum"]), None]
            elif found:
                return {"anyOf": [found, {"type": "null"}]}
        return found
