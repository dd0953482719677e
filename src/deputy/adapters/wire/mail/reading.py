"""Read a letter: from bytes that anybody may have sent to what is safe to look at, whatever they are.

Bounded before it is parsed: a letter that is too large, too deep or made of too many parts is read in part, and says
so. Nothing is fetched, run or rendered.
"""

import email.policy
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import Message
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from typing import NamedTuple, cast

from deputy.adapters.wire.mail import reports, results
from deputy.adapters.wire.mail.addresses import disguise, without_hidden
from deputy.adapters.wire.mail.headers import addresses_in, decoded, identifiers, raw_values
from deputy.adapters.wire.mail.plain import readable
from deputy.ports.mailbox import Attachment, Letter, Sender

__all__ = ["HEAD", "LARGEST", "LONGEST_TEXT", "Reader", "content_of", "head_of"]

LARGEST = 25 * 1024 * 1024  #: bytes of a letter that are parsed; of a larger one, its beginning
BEGINNING = 256 * 1024  #: bytes that are looked at of a letter that is too much
HEAD = 64 * 1024  #: bytes of headers
LONGEST_TEXT = 100_000  #: characters of text
_LISTED = 100  # attachments
_MOST_PARTS = 20_000
_DEEPEST = 50  # boundaries declared, or letters within letters
_PATIENCE = 8_000_000  # lines times boundaries: what the parser has to compare
_BROKEN = (ValueError, LookupError, TypeError, AttributeError, RecursionError, AssertionError)  # what it raises


class Reader(NamedTuple):
    """Whose mailbox it is: the server whose checks count, and the domain of our own Message-IDs."""

    authserv_id: str = ""
    domain: str = ""

    def summary(self, head: bytes, size: int) -> Letter:
        """What the headers alone say of a letter. Never raises."""
        try:
            message = BytesParser(policy=email.policy.compat32).parsebytes(head, headersonly=True)
        except _BROKEN:
            message = Message()
        return self._letter(message, _Body("", ()), size, [])

    def letter(self, raw: bytes, size: int | None = None) -> Letter:
        """A letter of `size` bytes, of which `raw` may be the beginning. Never raises."""
        size = len(raw) if size is None else size
        message, problems = _parsed(raw, size)
        body = _body(message, problems)
        return self._letter(message, body, size, problems)

    def _letter(self, message: "Message[str, str]", body: "_Body", size: int, problems: list[str]) -> Letter:
        head = _Headers(message)
        sender, about = _sender(head)
        sender = results.authenticated(sender, head.all("authentication-results"), self.authserv_id)
        bounce = reports.bounce_in(message)
        references = identifiers(head.first("references"))
        problems += about
        return Letter(
            message_id=next(iter(identifiers(head.first("message-id"))), ""),
            sender=sender, to=head.people("to"), cc=head.people("cc"), reply_to=head.people("reply-to"),
            subject=head.words("subject"), date=_date(head.first("date")),
            in_reply_to=next(iter(identifiers(head.first("in-reply-to"))), ""), references=references, text=body.text,
            attachments=body.attachments, bounce=bounce, size=size,
            automatic=reports.automatic(head.first, references, self.domain), problems=tuple(problems),
        )  # fmt: skip


def head_of(raw: bytes) -> bytes:
    """The header block of a letter, with one kind of line end: the same however it was stored."""
    head = raw[:HEAD].replace(b"\r\n", b"\n")
    return head.partition(b"\n\n")[0]


def content_of(raw: bytes, place: str) -> tuple[Attachment, bytes] | None:
    """An attachment and its bytes; None where the letter has none of this id, or cannot be parsed whole."""
    message, problems = _parsed(raw, len(raw))
    if problems:
        return None
    for where, part in _parts(message):
        if where == place and _is_attachment(part):
            content = _payload(part)
            return _attachment(where, part, len(content)), content
    return None


class _Body(NamedTuple):
    text: str
    attachments: tuple[Attachment, ...]


class _Headers:
    """The headers of a letter, as text that is bounded."""

    def __init__(self, message: "Message[str, str]") -> None:
        self._message = message

    def all(self, name: str) -> list[str]:
        """Every header of this name, topmost first."""
        return raw_values(self._message, name)

    def first(self, name: str) -> str:
        """The topmost one, or nothing."""
        return next(iter(self.all(name)), "")

    def words(self, name: str) -> str:
        """The topmost one as people read it."""
        return decoded(self.first(name))

    def people(self, name: str) -> tuple[str, ...]:
        """The addresses it names."""
        return tuple(found.address for found in addresses_in(self.first(name)))


def _parsed(raw: bytes, size: int) -> tuple["Message[str, str]", list[str]]:
    """A letter's structure, and what was left out of it."""
    problems: list[str] = []
    if size > LARGEST or size > len(raw):
        problems.append(f"it is too large ({size} bytes): only its beginning was read")
    elif why := _too_much(raw):
        problems.append(f"it {why}: only its beginning was read")
    parser = BytesParser(policy=email.policy.compat32)
    if not problems:
        try:
            return parser.parsebytes(raw), problems
        except _BROKEN:
            problems.append("it cannot be parsed: only its beginning was read")
    try:
        return parser.parsebytes(raw[:HEAD], headersonly=True), problems
    except _BROKEN:
        return Message(), problems


def _too_much(raw: bytes) -> str:
    lower = raw.lower()  # one copy; letters are at most LARGEST
    boundaries = len(re.findall(rb"boundary\s*\*?\d*\*?\s*=|[:\s]message/", lower))
    lines = raw.count(b"\n")
    if not re.search(rb"\r?\n\r?\n", raw[:BEGINNING]) and len(raw) > BEGINNING:
        return "has too many headers"
    if boundaries > _DEEPEST:
        return "has too many letters or lists of parts within each other"
    if raw.count(b"\n--") > _MOST_PARTS:
        return "has too many parts"
    return "takes too long to take apart" if boundaries * lines > _PATIENCE else ""


def _sender(head: _Headers) -> tuple[Sender, list[str]]:
    """Whom the one header From names, if it is one and names one; and what is odd about it."""
    lines = head.all("from")
    found = addresses_in(lines[0]) if len(lines) == 1 else ()
    if len(found) != 1:
        return Sender(), ["it does not name exactly one sender"]
    name = without_hidden(found[0].name).strip()
    problem = disguise(found[0].name, found[0].address)
    return Sender(address=found[0].address, name=name[:200]), [problem] if problem else []


def _date(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text[:200])
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


# -- parts


def _parts(message: "Message[str, str]") -> Iterator[tuple[str, "Message[str, str]"]]:
    """Every part that holds something, with its place; a letter within the letter is one part."""
    stack: list[tuple[str, Message[str, str]]] = [("", message)]
    while stack:
        where, part = stack.pop()
        payload = part.get_payload()
        if isinstance(payload, list) and part.get_content_maintype() == "multipart":
            inner = cast("list[Message[str, str]]", payload)
            stack += [(f"{where}.{n}" if where else str(n), p) for n, p in reversed(list(enumerate(inner, 1)))]
        else:
            yield where or "1", part


def _body(message: "Message[str, str]", problems: list[str]) -> _Body:
    """The readable text, and the attachments; of two spellings of one text the plain one."""
    plain: list[str] = []
    markup: list[str] = []
    attachments: list[Attachment] = []
    left, more = LONGEST_TEXT, 0
    for where, part in _parts(message):
        if _is_attachment(part):
            if len(attachments) < _LISTED:
                attachments.append(_attachment(where, part, _size(part)))
            else:
                more += 1
            continue
        if left <= 0:
            continue
        text, odd = readable(_payload(part), part.get_content_charset() or "", part.get_content_type())
        problems += [what for what in odd if what not in problems]
        if len(text) > left:
            problems.append("its text is longer than can be shown")
        (markup if part.get_content_type() == "text/html" else plain).append(text[:left])
        left -= len(text)
    if more:
        problems.append(f"{more} more attachments are not listed")
    chosen = plain if any(text.strip() for text in plain) else markup
    return _Body("\n\n".join(text.strip() for text in chosen if text.strip()), tuple(attachments))


def _is_attachment(part: "Message[str, str]") -> bool:
    try:
        if part.get_content_type() not in ("text/plain", "text/html"):
            return True
        return part.get_content_disposition() == "attachment" or bool(part.get_filename())
    except _BROKEN:
        return True


def _attachment(where: str, part: "Message[str, str]", size: int) -> Attachment:
    try:
        name = decoded(part.get_filename() or "")
    except _BROKEN:
        name = ""
    name = re.sub(r"[/\\\x00-\x1f]", "_", name).strip(" .")[:200]
    return Attachment(id=where, name=name, type=without_hidden(part.get_content_type())[:100], size=size)


def _size(part: "Message[str, str]") -> int:
    """How many bytes a part has once decoded, near enough, without decoding it."""
    payload = part.get_payload()
    if not isinstance(payload, str):
        return len(_payload(part))
    if str(part.get("content-transfer-encoding", "")).strip().lower() == "base64":
        padding = 2 if payload.rstrip().endswith("==") else payload.rstrip().endswith("=")
        return max((len(payload) - payload.count("\n") - payload.count("\r")) * 3 // 4 - int(padding), 0)
    return len(payload)


def _payload(part: "Message[str, str]") -> bytes:
    payload = part.get_payload()
    try:
        if isinstance(payload, list):  # a letter within the letter, or a report: as it was written
            inner = cast("list[Message[str, str]]", payload)
            return b"\r\n".join(one.as_bytes(policy=email.policy.compat32) for one in inner)
        decoded_bytes = part.get_payload(decode=True)
        return decoded_bytes if isinstance(decoded_bytes, bytes) else b""
    except _BROKEN:
        return b""
