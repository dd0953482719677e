"""The operations of a document, each with one flat JSON Schema for whatever it takes, wherever that goes. Pure.

What cannot be offered safely (an operation whose name is taken twice, that refers out of the document, or that takes
something other than JSON) is left out, with a sentence for whoever looks after the workspace.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Literal, NamedTuple, cast

from deputy.adapters.tool import sentence
from deputy.adapters.tool.openapi.document import METHODS
from deputy.adapters.tool.openapi.schema import Schemas

__all__ = ["Operation", "Parameter", "operations_of"]

Json = dict[str, object]
Place = Literal["path", "query", "header", "cookie", "body"]
_PLACES: tuple[Place, ...] = ("path", "query", "header", "cookie")
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_FIELD = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}")
_IGNORED = (
    "accept",
    "content-type",
    "authorization",
    "cookie",
    "host",
    "content-length",
    "connection",
    "transfer-encoding",
)
_MOST = 1_000  # operations
_DESCRIBED = 4_000  # characters


class Parameter(NamedTuple):
    """Where an argument goes, under which name, and how it is written there."""

    argument: str
    place: Place
    name: str
    style: str = "simple"
    explode: bool = False
    json: bool = False


class Operation(NamedTuple):
    """One operation: how it is asked for, and the schema of its arguments; `whole` if one argument is all the body."""

    name: str
    method: str
    path: str
    description: str
    schema: Json
    parameters: tuple[Parameter, ...]
    whole: bool
    takes_body: bool


def operations_of(document: Json, known: Collection[str] = ()) -> tuple[list[Operation], list[str]]:
    """The operations that can be offered, and what is wrong with the others.

    Headers and such that are `known` (lower case: the connection's own credentials) are nobody's to choose.
    """
    problems: dict[str, None] = {}
    found: list[Operation] = []
    listed = list(_listed(document))
    if len(listed) > _MOST:
        problems[f"It has {len(listed)} operations; only {_MOST} are read."] = None
    names = Counter(name for name, *_ in listed)
    for name, method, path, item, operation in listed[:_MOST]:
        shown = sentence(name, limit=100)
        if not _NAME.fullmatch(name):
            problems[f"An operation's name is none: {shown!r}."] = None
        elif names[name] > 1:
            problems[f"Its operation {shown!r} is there {names[name]} times, so nobody can say which is meant."] = None
        else:
            try:
                found.append(_operation(document, (name, method, path), item, operation, known))
            except ValueError as error:
                problems[f"Its operation {shown!r} cannot be offered: {sentence(str(error), limit=200)}."] = None
    return found, list(problems)


def _listed(document: Json) -> Iterator[tuple[str, str, str, Json, Json]]:
    paths = document.get("paths")
    for path, item in cast("Json", paths).items() if isinstance(paths, dict) else ():
        try:
            item = Schemas(document).resolved(item)
        except ValueError:
            continue
        for method in METHODS:
            if isinstance(operation := item.get(method), dict):
                members = cast("Json", operation)
                slug = re.sub(r"[^A-Za-z0-9]+", "_", path).strip("_")
                name = members.get("operationId")
                yield name if isinstance(name, str) else f"{method}_{slug}", method, path, item, members


def _operation(
    document: Json, at: tuple[str, str, str], item: Json, operation: Json, known: Collection[str]
) -> Operation:
    name, method, path = at
    schemas = Schemas(document)
    listed: dict[tuple[str, str], Json] = {}
    for source in (item.get("parameters"), operation.get("parameters")):
        for entry in cast("list[object]", source) if isinstance(source, list) else ():
            one = schemas.resolved(entry)
            listed[str(one.get("in")), str(one.get("name"))] = one
    properties: Json = {}
    required: list[str] = []
    parameters: list[Parameter] = []
    for place in _PLACES:
        for (where, field), one in listed.items():
            if where == place and not _ours(place, field, known):
                parameter, kind = _parameter(place, field, one, schemas, properties)
                properties[parameter.argument] = kind
                parameters.append(parameter)
                if one.get("required") is True or place == "path":
                    required.append(parameter.argument)
    missing = set(re.findall(r"\{([^{}]+)\}", path)) - {p.name for p in parameters if p.place == "path"}
    if missing:
        raise ValueError(f"its path needs {sorted(missing)[0]!r}, which is no parameter")
    whole = False
    if "requestBody" in operation and method not in ("get", "head"):
        whole = _body(schemas.resolved(operation["requestBody"]), schemas, (properties, required, parameters))
    schema: Json = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = list(dict.fromkeys(required))
    if schemas.definitions:
        schema["$defs"] = schemas.definitions
    told = "\n".join(
        str(t) for t in (operation.get("summary"), operation.get("description")) if isinstance(t, str) and t
    )
    description = sentence(told, limit=_DESCRIBED) or f"{method.upper()} {path}"
    takes = whole or any(p.place == "body" for p in parameters)
    return Operation(name, method.upper(), path, description, schema, tuple(parameters), whole, takes)


def _ours(place: Place, field: str, known: Collection[str]) -> bool:
    return place in ("header", "cookie") and (
        field.lower() in known or (place == "header" and field.lower() in _IGNORED)
    )


def _parameter(place: Place, field: str, one: Json, schemas: Schemas, taken: Json) -> tuple[Parameter, object]:
    if place in ("header", "cookie") and not _FIELD.fullmatch(field):
        raise ValueError(f"a {place} cannot be named {field[:80]!r}")
    content = one.get("content")
    as_json = isinstance(content, dict)
    schema = schemas.translated(_content(cast("Json", content)) if as_json else one.get("schema", {}))
    if isinstance(schema, dict) and isinstance(told := one.get("description"), str):
        schema = {**cast("Json", schema), "description": sentence(told, limit=1_000)}
    style = str(one.get("style", "form" if place in ("query", "cookie") else "simple"))
    if style not in ("form", "simple", "deepObject", "spaceDelimited", "pipeDelimited"):
        raise ValueError(f"the style {style[:40]!r} of {field[:80]!r} is not supported")
    explode = one.get("explode", style == "form") is True
    argument = field if field not in taken else f"{place}_{field}"
    if argument in taken:
        raise ValueError(f"two of its parameters would be called {argument[:80]!r}")
    return Parameter(argument, place, field, style, explode, as_json), cast("object", schema)


def _content(content: Json) -> object:
    """The schema of JSON among content types; raises ValueError if there is none."""
    for kind, media in content.items():
        plain = kind.partition(";")[0].strip().lower()
        if plain in ("application/json", "*/*") or plain.endswith("+json"):
            return cast("Json", media).get("schema", {}) if isinstance(media, dict) else {}
    raise ValueError(f"it takes {', '.join(content)[:80] or 'nothing known'}, and not JSON")


def _body(body: Json, schemas: Schemas, into: tuple[Json, list[str], list[Parameter]]) -> bool:
    """Add what a body takes: its members one by one where it is a plain object, else all of it as `body`."""
    properties, required, parameters = into
    content = body.get("content")
    inner = _content(cast("Json", content) if isinstance(content, dict) else {})
    must = body.get("required") is True
    try:
        plain = schemas.resolved(inner)
    except ValueError:
        plain = {}
    listed = plain.get("properties")
    members = cast("Json", listed) if isinstance(listed, dict) else {}
    simple = plain.get("type", "object") == "object" and members and not any(
        key in plain for key in ("allOf", "anyOf", "oneOf", "not", "if", "patternProperties", "propertyNames",
                                 "minProperties", "maxProperties", "dependentRequired", "dependentSchemas")
    )  # fmt: skip
    needs = [str(name) for name in cast("list[object]", plain.get("required") or [])]
    if not simple or plain.get("additionalProperties", False) not in (False,) or (needs and not must):
        argument = "body" if "body" not in properties else "request_body"
        if argument in properties:
            raise ValueError("two of its parameters would be called 'request_body'")
        properties[argument] = schemas.translated(inner)
        parameters.append(Parameter(argument, "body", ""))
        if must:
            required.append(argument)
        return True
    taken = set(properties)
    for field, schema in members.items():
        if isinstance(schema, dict) and cast("Json", schema).get("readOnly") is True:
            continue
        argument = field if field not in taken else f"body_{field}"
        if argument in properties:
            raise ValueError(f"two of its parameters would be called {argument[:80]!r}")
        properties[argument] = schemas.translated(cast("object", schema))
        parameters.append(Parameter(argument, "body", field))
        if field in needs:
            required.append(argument)
    return False
