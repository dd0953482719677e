"""What policy answers: allow, ask, shadow or deny, each with the name of the rule that said so."""

from datetime import datetime

import msgspec

__all__ = ["Allow", "Ask", "Deny", "Shadow", "Verdict"]


class Allow(msgspec.Struct, frozen=True, gc=False):
    """Go ahead."""

    rule: str


class Ask(msgspec.Struct, frozen=True):
    """Not until one of these people agrees to exactly this effect."""

    rule: str
    approvers: tuple[str, ...]  #: entries as declared: `group:finance-leads`
    people: frozenset[str]  #: ids of those who may answer now
    why: str = ""
    expires: datetime | None = None
    delegates: frozenset[str] = frozenset()  #: ids of those to whom these people may hand it


class Shadow(msgspec.Struct, frozen=True, gc=False):
    """Record what would be done; do nothing."""

    rule: str


class Deny(msgspec.Struct, frozen=True, gc=False):
    """Never."""

    rule: str
    reason: str


Verdict = Allow | Ask | Shadow | Deny
