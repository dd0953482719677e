"""Questions to people about one exact effect: what they are shown, what their answer is bound to, who may give it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, cast

import msgspec

from deputy.base.canonical import canonical
from deputy.domain.label import Origin
from deputy.ports.store import Item

__all__ = ["Asked", "ItemKind", "item_of", "merge_patch", "shown"]

ItemKind = Literal["approval", "question", "in_doubt", "budget", "message"]


class Asked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of an inbox item: all that a person needs in order to answer, and a program to check the answer."""

    kind: ItemKind
    agent: str
    on_behalf_of: str
    effect: str = ""
    digest: str = ""
    tool: str = ""
    args: dict[str, object] = {}
    question: str = ""
    options: tuple[str, ...] = ()
    why: str = ""
    rule: str = ""
    untrusted: tuple[Origin, ...] = ()
    approvers: tuple[str, ...] = ()
    people: tuple[str, ...] = ()  #: ids of those who could answer when it was asked
    parameters: dict[str, object] = {}  #: JSON Schema of the arguments, for an edit


def item_of(name: str, run: str, asked: Asked, *, created: datetime, expires: datetime | None) -> Item:
    """The row that puts a question into people's inbox."""
    return Item(name, run, asked.kind, created, expires, canonical(asked))


def shown(item: Item) -> Asked:
    """What a row shows."""
    return msgspec.json.decode(item.body, type=Asked)


def merge_patch(target: object, patch: object) -> object:
    """Apply a JSON merge patch (RFC 7396, section 2): null removes a member, an object is merged, all else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(cast("Mapping[str, object]", target)) if isinstance(target, Mapping) else {}
    for name, value in cast("Mapping[str, object]", patch).items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result
