"""What is known of a value's origin: who could choose its bytes.

*Untrusted* means that somebody outside the company could have chosen them; *trusted* is what the operator, the
principal or a declared system of record says. Undeclared means untrusted.
"""

from collections.abc import Iterator, Mapping
from typing import Literal, cast

import msgspec

__all__ = ["TRUSTED", "UNTRUSTED", "Label", "Origin", "Trust", "path_matches", "untrusted_leaves"]

Trust = Literal["trusted", "untrusted"]


class Label(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Where a value came from, and which of its parts outsiders can write (JSON paths such as `lines[].text`)."""

    source: str = ""
    trust: Trust = "untrusted"
    paths: dict[str, Trust] = {}

    @property
    def tainted(self) -> bool:
        """Whether any part is untrusted."""
        return self.trust == "untrusted" or "untrusted" in self.paths.values()


TRUSTED = Label(trust="trusted")
UNTRUSTED = Label()


class Origin(msgspec.Struct, frozen=True, gc=False):
    """An argument whose value an untrusted source could have chosen."""

    argument: str
    source: str


def path_matches(pattern: str, path: str) -> bool:
    """Whether a declared path covers this one: equal, or an ancestor of it."""
    return path == pattern or path.startswith((pattern + ".", pattern + "["))


def untrusted_leaves(value: object, label: Label, path: str = "") -> Iterator[object]:
    """The texts and numbers in a value that the label calls untrusted (longest declared path wins)."""
    if isinstance(value, Mapping):
        for key, member in cast("Mapping[str, object]", value).items():
            yield from untrusted_leaves(member, label, f"{path}.{key}" if path else key)
    elif isinstance(value, list | tuple):
        for member in cast("list[object]", value):
            yield from untrusted_leaves(member, label, path + "[]")
    elif value is not None and not isinstance(value, bool):
        matching = [p for p in label.paths if path_matches(p, path)]
        trust = label.paths[max(matching, key=len)] if matching else label.paths.get("*", label.trust)
        if trust == "untrusted":
            yield value
