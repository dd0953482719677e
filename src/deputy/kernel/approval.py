"""Questions to people about one exact effect: what they are shown, what their answer is bound to, who may give it."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Literal, cast

import msgspec

from deputy.base.canonical import canonical
from deputy.domain.label import Origin
from deputy.domain.talk import Aside, Handed
from deputy.ports.store import Item

__all__ = ["Asked", "ItemKind", "item_of", "merge_patch", "sentence", "shown", "stake_of"]

VALUE = 80  #: characters of an argument in a sentence
SENTENCE = 300
AMOUNTS = ("amount", "total", "sum", "price", "value")  #: arguments taken for amounts where the grant names none

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
    schema: str = ""  #: digest of the tool's name, description and parameters
    cls: str = ""  #: class of the effect
    says: str = ""  #: what will happen, by the tool's summary
    stake: str = ""  #: the largest amount among the arguments, as a decimal number
    authority: tuple[str, ...] = ()  #: the arguments that decide whom or what it concerns
    delegates: tuple[str, ...] = ()  #: entries of those to whom it may be handed
    about: str = ""  #: id of the item that a question was asked back about
    asides: tuple[Aside, ...] = ()  #: what was asked back about it
    handed: tuple[Handed, ...] = ()  #: to whom it was handed, the latest last


def item_of(name: str, run: str, asked: Asked, *, created: datetime, expires: datetime | None) -> Item:
    """The row that puts a question into people's inbox."""
    return Item(name, run, asked.kind, created, expires, canonical(asked))


def shown(item: Item) -> Asked:
    """What a row shows."""
    return msgspec.json.decode(item.body, type=Asked)


def sentence(template: str, args: Mapping[str, object]) -> str:
    """A summary with the arguments it names in their places, on one line, cut where it is too long."""

    def value(name: re.Match[str]) -> str:
        found = args.get(name[1])
        text = found if isinstance(found, str) else "…" if found is None else canonical(found).decode()
        return text if len(text) <= VALUE else f"{text[: VALUE - 1]}…"

    text = " ".join(re.sub(r"\{(\w+)\}", value, template).split())
    return text if len(text) <= SENTENCE else f"{text[: SENTENCE - 1]}…"


def stake_of(args: Mapping[str, object], named: Iterable[str] = ()) -> str:
    """The largest amount among the arguments: of those named, or of what is called as amounts are."""
    found: list[Decimal] = []
    for name in tuple(named) or AMOUNTS:
        value = args.get(name)
        if isinstance(value, int | float | str) and not isinstance(value, bool) and len(str(value)) <= VALUE:
            try:
                amount = Decimal(str(value).strip())
            except InvalidOperation:
                continue
            found += [amount] if amount.is_finite() else []
    return str(max(found)) if found else ""


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
