"""What comes from outside, made fit to keep: nothing boundless, and no lent secret given away."""

from collections.abc import Collection, Mapping
from typing import cast
from urllib.parse import quote

__all__ = ["MAX_BYTES", "is_shallow", "scrubbed", "sentence"]

MAX_BYTES = 8 * 1024 * 1024  #: of one message or result, unless a host is told otherwise
_MAX_TEXT = 2_000
_MAX_DEPTH = 100  # of results: who reads them may do so recursively
_SHORTEST_SECRET = 4  # hiding every "1" of a text would garble it and hide nothing
_HIDDEN = "[secret]"


def scrubbed(value: object, secrets: Collection[str]) -> object:
    """A value of JSON's types with every lent secret in its texts replaced, as it is and as an address would write it.

    Secrets of fewer than four characters stay: there is no telling them from the text around them.
    """
    forms = {form for s in secrets if len(s) >= _SHORTEST_SECRET for form in (s, quote(s, safe=""), repr(s)[1:-1])}
    return _without(value, sorted(forms, key=len, reverse=True)) if forms else value


def sentence(text: str, secrets: Collection[str] = (), limit: int = _MAX_TEXT) -> str:
    """A text from outside, fit for a message: no secrets, no control characters, not long."""
    clean = cast("str", scrubbed(text, secrets)).strip()[: limit + 1]
    clean = "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in clean)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def is_shallow(value: object) -> bool:
    """Whether a value of JSON's types is nested no deeper than anybody needs."""
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [member for item in level for member in _members(item) if isinstance(member, dict | list | tuple)]
        if not level:
            return True
    return False


def _members(value: object) -> Collection[object]:
    if isinstance(value, dict):
        return cast("dict[str, object]", value).values()
    return cast("list[object]", value) if isinstance(value, list | tuple) else ()


def _without(value: object, forms: list[str]) -> object:
    if isinstance(value, str):
        for form in forms:
            value = value.replace(form, _HIDDEN)
        return value
    if isinstance(value, Mapping):
        members = cast("Mapping[str, object]", value)
        return {cast("str", _without(key, forms)): _without(member, forms) for key, member in members.items()}
    if isinstance(value, list | tuple):
        return [_without(member, forms) for member in cast("list[object]", value)]
    return value
