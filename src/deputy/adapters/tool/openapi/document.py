"""Read an OpenAPI document: JSON or YAML, of bounded size, without YAML's aliases, and nothing else beside it."""

import datetime
import json
from pathlib import Path
from typing import cast

from deputy.base.errors import ConfigError

__all__ = ["METHODS", "load", "pointed"]

METHODS = ("get", "head", "post", "put", "patch", "delete")
_MOST_BYTES = 5_000_000
_MOST_DEPTH = 60

Json = dict[str, object]


def load(file: Path) -> Json:
    """The document; raises ConfigError."""
    try:
        with file.open("rb") as stream:
            body = stream.read(_MOST_BYTES + 1)
    except OSError as error:
        raise _wrong(file, f"it cannot be read ({error.strerror})") from None
    if len(body) > _MOST_BYTES:
        raise _wrong(file, f"it is larger than {_MOST_BYTES} bytes")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise _wrong(file, "it is not UTF-8") from None
    found = _plain(_parsed(file, text), 0, file)
    version = str(cast("Json", found).get("openapi", "")) if isinstance(found, dict) else ""
    if not version.startswith(("3.0", "3.1")):
        raise _wrong(file, f"its `openapi` is {version[:20]!r}, and 3.0 and 3.1 can be read")
    return cast("Json", found)


def pointed(document: Json, reference: str) -> object:
    """What a reference within the document leads to; raises ValueError."""
    if not reference.startswith("#/"):
        raise ValueError(f"it refers to {reference[:80]!r}, which is not in the document")
    node = cast("object", document)
    for step in reference[2:].split("/"):
        step = step.replace("%25", "%").replace("~1", "/").replace("~0", "~")
        members = cast("Json", node) if isinstance(node, dict) else {}
        if step not in members:
            raise ValueError(f"it refers to {reference[:80]!r}, which is not there")
        node = members[step]
    return node


def _parsed(file: Path, text: str) -> object:
    import yaml

    try:
        if text.lstrip().startswith("{"):
            return json.loads(text)
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=loader)):
            raise _wrong(file, "it has YAML aliases, which are not read; write `$ref` instead")
        return yaml.load(text, Loader=loader)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise _wrong(file, f"it is neither JSON nor YAML ({' '.join(str(error).split())[:150]})") from None


def _plain(value: object, depth: int, file: Path) -> object:
    """JSON's types alone: what YAML takes for a date was text."""
    if depth > _MOST_DEPTH:
        raise _wrong(file, "it is nested too deep")
    if isinstance(value, dict):
        return {
            str(key): _plain(member, depth + 1, file) for key, member in cast("dict[object, object]", value).items()
        }
    if isinstance(value, list):
        return [_plain(member, depth + 1, file) for member in cast("list[object]", value)]
    return value.isoformat() if isinstance(value, datetime.date) else value


def _wrong(file: Path, why: str) -> ConfigError:
    return ConfigError(f"The OpenAPI document cannot be used: {why}.", "Correct the file.", file=file.name)
