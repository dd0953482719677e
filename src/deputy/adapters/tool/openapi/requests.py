"""From arguments to a request: each to its place, written as the document says. Pure."""

import json
from collections.abc import Iterator, Mapping
from typing import NamedTuple, cast
from urllib.parse import quote

from deputy.adapters.tool.openapi.operations import Operation, Parameter

__all__ = ["Wanted", "wanted"]


class Wanted(NamedTuple):
    """A request, but for what the connection adds to it; `target` is path and query."""

    target: str
    headers: dict[str, str]
    body: bytes | None


def wanted(operation: Operation, args: Mapping[str, object]) -> Wanted:
    """The request that an operation makes of arguments; raises ValueError."""
    path = operation.path
    query: list[str] = []
    headers: dict[str, str] = {}
    cookies: list[str] = []
    body: dict[str, object] = {}
    for parameter in operation.parameters:
        if parameter.argument not in args:
            continue
        value = args[parameter.argument]
        match parameter.place:
            case "path":
                path = path.replace(f"{{{parameter.name}}}", _step(parameter, value))
            case "query":
                query += _query(parameter, value)
            case "header":
                headers[parameter.name] = _line(parameter, _joined(parameter, value))
            case "cookie":
                cookies.append(f"{parameter.name}={quote(_joined(parameter, value), safe='')}")
            case "body":
                body[parameter.name] = value
    if cookies:
        headers["Cookie"] = "; ".join(cookies)
    content = None
    if operation.whole and "" in body:
        content = json.dumps(body[""], ensure_ascii=False).encode()
    elif operation.takes_body and not operation.whole:
        content = json.dumps(body, ensure_ascii=False).encode()
    if content is not None:
        headers["Content-Type"] = "application/json"
    return Wanted(path + (f"?{'&'.join(query)}" if query else ""), headers, content)


def _step(parameter: Parameter, value: object) -> str:
    """A value as one step of a path: nothing that could lead to another place."""
    text = _joined(parameter, value)
    if text in ("", ".", "..") or any(c in text for c in "/\\") or not text.isprintable():
        raise ValueError(f"`{parameter.argument}` must be one step of a path: not empty, without `/`, not `..`")
    return quote(text, safe="")


def _query(parameter: Parameter, value: object) -> Iterator[str]:
    name = quote(parameter.name, safe="[]")
    if parameter.json:
        yield f"{name}={quote(json.dumps(value), safe='')}"
    elif isinstance(value, dict) and parameter.style == "deepObject":
        for key, member in cast("dict[str, object]", value).items():
            yield f"{name}[{quote(key, safe='')}]={quote(_scalar(parameter, member), safe='')}"
    elif isinstance(value, dict) and parameter.explode:
        for key, member in cast("dict[str, object]", value).items():
            yield f"{quote(key, safe='')}={quote(_scalar(parameter, member), safe='')}"
    elif isinstance(value, list) and parameter.explode:
        for member in cast("list[object]", value):
            yield f"{name}={quote(_scalar(parameter, member), safe='')}"
    else:
        yield f"{name}={quote(_joined(parameter, cast('object', value)), safe=',')}"


def _joined(parameter: Parameter, value: object) -> str:
    if parameter.json:
        return json.dumps(value)
    between = {"spaceDelimited": " ", "pipeDelimited": "|"}.get(parameter.style, ",")
    if isinstance(value, list):
        return between.join(_scalar(parameter, member) for member in cast("list[object]", value))
    if isinstance(value, dict):
        pairs = cast("dict[str, object]", value).items()
        sign = "=" if parameter.explode else between
        return between.join(f"{key}{sign}{_scalar(parameter, member)}" for key, member in pairs)
    return _scalar(parameter, value)


def _scalar(parameter: Parameter, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if not isinstance(value, str | int | float):
        raise ValueError(f"`{parameter.argument}` is nested deeper than can be written in a {parameter.place}")
    return str(value)


def _line(parameter: Parameter, text: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise ValueError(f"`{parameter.argument}` holds a character that no header can carry")
    return text
