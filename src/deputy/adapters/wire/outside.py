"""What comes from outside, made fit to keep: nothing boundless, and no lent secret given away."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import cast
from urllib.parse import quote

__all__ = ["MAX_BYTES", "Forms", "MOST_VALUES", "excess", "forms_of", "hidden", "scrubbed", "sentence"]

MAX_BYTES = 8 * 1024 * 1024  #: of one message or result, unless a host is told otherwise
_MAX_TEXT = 2_000
MOST_VALUES = 100_000  #: of one result or of one call's arguments: each of them is looked at, while all else waits
_MAX_DEPTH = 100  # who reads them may do so recursively, on a stack that ends
_SHORTEST_SECRET = 4  # hiding every "1" of a text would garble it and hide nothing
_HIDDEN = "[secret]"

Forms = Sequence[tuple[str, str]]


def forms_of(lent: Iterable[tuple[str, str]]) -> Forms:
    """How values may look in a text, the longest first, each with what is to stand for it.

    As they are, and as an address, a program or JSON would write them. Values of fewer than four characters have none:
    there is no telling them from the text around them.
    """
    found = {
        form: word
        for value, word in lent
        if len(value) >= _SHORTEST_SECRET
        for form in (
            value, quote(value, safe=""), repr(value)[1:-1], json.dumps(value)[1:-1],
            json.dumps(value, ensure_ascii=False)[1:-1],
        )
    }  # fmt: skip
    return sorted(found.items(), key=lambda pair: len(pair[0]), reverse=True)


def hidden(value: object, forms: Forms) -> object:
    """A value of JSON's types with what stands for a secret in place of it."""
    if isinstance(value, str):
        for form, word in forms:
            if form in value:
                value = value.replace(form, word)
        return value
    if isinstance(value, Mapping):
        members = cast("Mapping[str, object]", value)
        return {cast("str", hidden(key, forms)): hidden(member, forms) for key, member in members.items()}
    if isinstance(value, list | tuple):
        return [hidden(member, forms) for member in cast("list[object]", value)]
    return value


def scrubbed(value: object, secrets: Collection[str]) -> object:
    """A value of JSON's types with every lent secret in its texts replaced.

    A mapping says by which reference each was lent, and that stands in its place.
    """
    names = cast("Mapping[str, str]", secrets) if isinstance(secrets, Mapping) else dict.fromkeys(secrets, "")
    forms = forms_of((s, f"[secret:{r.partition(':')[2]}]" if r else _HIDDEN) for s, r in names.items())
    return hidden(value, forms) if forms else value


def sentence(text: str, secrets: Collection[str] = (), limit: int = _MAX_TEXT) -> str:
    """A text from outside, fit for a message: no secrets, no control characters, not long."""
    clean = cast("str", scrubbed(text, secrets)).strip()[: limit + 1]
    clean = "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in clean)
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def excess(value: object) -> str:
    """In what a value of JSON's types goes beyond what anybody needs, to follow on "is"; empty where it does not.

    It looks at a bounded number of values: to be asked before anything that looks at all of them.
    """
    level: list[object] = [value]
    left = MOST_VALUES
    for _ in range(_MAX_DEPTH):
        left -= sum(map(len, map(_members, level)))
        if left < 0:
            return f"of more than {MOST_VALUES:,} values"
        level = [m for item in level for m in _members(item) if isinstance(m, dict | list | tuple)]
        if not level:
            return ""
    return f"nested more than {_MAX_DEPTH} levels deep"


def _members(value: object) -> Collection[object]:
    if isinstance(value, dict):
        return cast("dict[str, object]", value).values()
    return cast("list[object]", value) if isinstance(value, list | tuple) else ()
