"""Write a letter: plain text and attachments, in ASCII on the wire, the same bytes for the same effect.

Its Message-ID is the effect's id at our domain, so that whoever finds the letter anywhere knows what it came of.
"""

import email.policy
import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import NamedTuple

from deputy.adapters.wire.mail.addresses import AddressRefused, checked, checked_line

__all__ = ["LARGEST_SENT", "MOST_RECIPIENTS", "Draft", "Enclosure", "Envelope", "envelope_of", "message_id"]

LARGEST_SENT = 20 * 1024 * 1024  #: bytes of a letter that we send, as it is on the wire
MOST_RECIPIENTS = 100
_MOST_ENCLOSED = 50
_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,80}")
_POLICY = email.policy.SMTP.clone(max_line_length=900, cte_type="7bit", utf8=False)


class Enclosure(NamedTuple):
    """A file that goes with a letter."""

    name: str
    content: bytes
    type: str = "application/octet-stream"


class Draft(NamedTuple):
    """A letter to be sent; `automatic` is what it says of itself (RFC 3834)."""

    sender: str
    name: str  #: shown beside the sender's address
    to: Sequence[str]
    subject: str
    text: str
    cc: Sequence[str] = ()
    bcc: Sequence[str] = ()
    enclosures: Sequence[Enclosure] = ()
    in_reply_to: str = ""
    references: Sequence[str] = ()
    automatic: str = "auto-generated"
    headers: Sequence[tuple[str, str]] = ()


class Envelope(NamedTuple):
    """What goes over the wire: from whom, to whom, and the letter's bytes with CRLF line ends."""

    message_id: str
    sender: str
    recipients: tuple[str, ...]
    raw: bytes

    @property
    def needs_utf8(self) -> bool:
        """Whether a name in it cannot be written in ASCII (RFC 6531)."""
        return not all(address.isascii() for address in (self.sender, *self.recipients))


def message_id(effect: str, address: str) -> str:
    """The Message-ID of the letter of an effect."""
    return f"<{effect}@{address.rpartition('@')[2].lower()}>"


def envelope_of(draft: Draft, effect: str, at: datetime) -> Envelope:
    """The letter of an effect, ready to send; raises AddressRefused, whose text says what is wrong with it."""
    to, cc, bcc = ([checked(address) for address in part] for part in (draft.to, draft.cc, draft.bcc))
    recipients = tuple(dict.fromkeys((*to, *cc, *bcc)))
    if not to or len(recipients) > MOST_RECIPIENTS:
        raise AddressRefused(f"A letter has at least one address in `to`, and at most {MOST_RECIPIENTS} in all.")
    if len(draft.enclosures) > _MOST_ENCLOSED:
        raise AddressRefused(f"A letter has at most {_MOST_ENCLOSED} attachments.")
    name = message_id(effect, draft.sender)
    letter = EmailMessage(policy=_POLICY)
    try:
        _head(letter, draft, to, cc)
        letter["Date"], letter["Message-ID"] = format_datetime(at), name
        letter.set_content(_text(draft.text), cte="quoted-printable" if not draft.text.isascii() else None)
        for number, enclosure in enumerate(draft.enclosures, 1):
            _enclose(letter, enclosure, number)
        if draft.enclosures:
            letter.set_boundary(f"=_{hashlib.sha256(effect.encode()).hexdigest()[:40]}")
        raw = letter.as_bytes()
    except (ValueError, LookupError, TypeError) as exc:
        raise AddressRefused(f"The letter cannot be written: {exc}.") from None
    if len(raw) > LARGEST_SENT:
        raise AddressRefused(f"The letter has {len(raw)} bytes with its attachments, and may have {LARGEST_SENT}.")
    return Envelope(name, checked(draft.sender), recipients, raw)


def _head(letter: EmailMessage, draft: Draft, to: Sequence[str], cc: Sequence[str]) -> None:
    shown = checked_line(draft.name, "name").replace('"', "").replace("\\", "")
    letter["From"] = f'"{shown}" <{draft.sender}>' if shown else draft.sender
    letter["To"] = ", ".join(to)
    if cc:
        letter["Cc"] = ", ".join(cc)
    letter["Subject"] = checked_line(draft.subject, "subject")
    if draft.in_reply_to:
        letter["In-Reply-To"] = _identifier(draft.in_reply_to)
    if draft.references:
        letter["References"] = "\r\n ".join(map(_identifier, draft.references)).replace("\r\n", "")
    if draft.automatic:
        letter["Auto-Submitted"] = draft.automatic
    for key, value in draft.headers:
        letter[key] = checked_line(value, key)


def _identifier(text: str) -> str:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise AddressRefused("The letter it answers has a Message-ID that cannot be written.")
    return text


def _text(text: str) -> str:
    """A letter's text: one kind of line end, and nothing that a reader would not see."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").rstrip("\n") + "\n"


def _enclose(letter: EmailMessage, enclosure: Enclosure, number: int) -> None:
    kind = enclosure.type.lower() if _TYPE.fullmatch(enclosure.type.lower()) else "application/octet-stream"
    if kind.startswith(("multipart/", "message/")):
        kind = "application/octet-stream"
    main, _, sub = kind.partition("/")
    name = checked_line(enclosure.name, "name of an attachment").rpartition("/")[2] or f"attachment-{number}"
    letter.add_attachment(enclosure.content, maintype=main, subtype=sub, filename=name)
