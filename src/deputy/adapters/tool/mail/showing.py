"""Letters as the `mail.*` tools return them."""

import hashlib
from collections.abc import Mapping

import msgspec

from deputy.adapters.wire.mail.box import Listing
from deputy.ports.mailbox import Letter, Sender, effect_named_by

__all__ = ["shown_letter", "shown_listing", "thread_of"]


def thread_of(letter: Letter) -> str:
    """The Message-ID with which a letter's thread began, as far as the letter tells."""
    return next(iter(letter.references), "") or letter.in_reply_to or letter.message_id


def shown_listing(listing: Listing, letter: Letter) -> dict[str, object]:
    """A letter in a list."""
    return {
        "id": listing.place,
        "received": listing.at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "sender": _sender(letter.sender),
        "subject": letter.subject,
        "unread": not listing.seen,
        "flagged": listing.flagged,
        "size": listing.size,
        "thread": hashlib.sha256(thread_of(letter).encode()).hexdigest()[:16],
    }


def shown_letter(listing: Listing, letter: Letter, domain: str) -> dict[str, object]:
    """A letter to be read."""
    value = shown_listing(listing, letter)
    value |= {
        "to": list(letter.to),
        "cc": list(letter.cc),
        "date": letter.date.isoformat().replace("+00:00", "Z") if letter.date is not None else None,
        "text": letter.text,
        "attachments": [msgspec.structs.asdict(attachment) for attachment in letter.attachments],
    }
    if letter.reply_to:
        value["reply_to"] = list(letter.reply_to)
    if letter.automatic:
        value["automatic"] = letter.automatic
    if letter.bounce is not None:
        told = {key: found for key, found in msgspec.to_builtins(letter.bounce).items() if found}
        value["bounce"] = told | {"effect": effect_named_by(letter.bounce.message_id, domain) or None}
    if letter.problems:
        value["problems"] = list(letter.problems)
    return value


def _sender(sender: Sender) -> Mapping[str, object]:
    return {
        "address": sender.address, "name": sender.name, "authenticated": sender.authenticated, "how": sender.how
    }  # fmt: skip
