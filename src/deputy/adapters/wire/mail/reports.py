"""Letters that no person wrote: reports of delivery (RFC 3464), automatic answers (RFC 3834), lists, and our own."""

import re
from collections.abc import Callable, Sequence
from email.message import Message
from typing import Literal, cast

from deputy.adapters.wire.mail.headers import identifiers, raw_values
from deputy.adapters.wire.mail.plain import in_charset
from deputy.ports.mailbox import Bounce, effect_named_by

__all__ = ["automatic", "bounce_in"]

_MOST = 50  # recipients, or fields
_LOOP = 10  # letters of ours in one thread, after which nobody seems to be reading
Action = Literal["failed", "delayed", "delivered", "relayed", "expanded"]
_ACTIONS: dict[str, Action] = {
    "failed": "failed", "delayed": "delayed", "delivered": "delivered", "relayed": "relayed", "expanded": "expanded"
}  # fmt: skip
_WEIGHT = ("failed", "delayed", "expanded", "relayed", "delivered")


def automatic(first: Callable[[str], str], references: Sequence[str], domain: str) -> str:
    """What says that no person wrote a letter, or that answering it goes in circles; empty if nothing does."""
    said = first("auto-submitted").partition(";")[0].strip().lower()
    if said and said != "no":
        return f"Auto-Submitted: {said[:40]}"
    if first("precedence").lower() in ("bulk", "junk", "list", "auto_reply"):
        return f"Precedence: {first('precedence').lower()}"
    for name in ("x-autoreply", "x-autorespond", "x-auto-response-suppress", "list-id"):
        if (value := first(name)) and (name != "x-auto-response-suppress" or value.lower() != "none"):
            return name
    if first("return-path") == "<>" or first("x-failed-recipients"):
        return "it was sent by a mail server"
    if domain and sum(bool(effect_named_by(name, domain)) for name in references) >= _LOOP:
        return f"its thread holds {_LOOP} letters that agents wrote"
    return ""


def bounce_in(message: "Message[str, str]") -> Bounce | None:
    """What a report of delivery says, and of which letter; None if it is none."""
    kind = str(message.get_param("report-type") or "").lower()
    if message.get_content_type() != "multipart/report" or kind != "delivery-status":
        return None
    payload = message.get_payload()
    parts = cast("list[Message[str, str]]", payload)[:_MOST] if isinstance(payload, list) else []
    status = next((p for p in parts if p.get_content_type() == "message/delivery-status"), None)
    original = next((name for p in parts if (name := _original(p))), "")
    if status is None or not original:
        return None
    fields = status.get_payload()
    blocks = cast("list[Message[str, str]]", fields)[1 : _MOST + 1] if isinstance(fields, list) else []
    told = [(_ACTIONS.get(_field(block, "action").lower(), "failed"), block) for block in blocks]
    action, worst = min(told, key=lambda one: _WEIGHT.index(one[0]), default=("failed", status))
    recipients = [_field(block, "final-recipient").rpartition(";")[2].strip()[:254] for block in blocks]
    code, reason = _field(worst, "status"), _field(worst, "diagnostic-code").rpartition(";")[2].strip()[:500]
    return Bounce(
        message_id=original, action=cast("Action", action), recipients=tuple(r for r in recipients if r),
        status=code if re.fullmatch(r"[245]\.\d{1,3}\.\d{1,3}", code) else "", reason=reason,
    )  # fmt: skip


def _original(part: "Message[str, str]") -> str:
    """The Message-ID of the letter that a report encloses, whole or by its headers."""
    if part.get_content_type() == "message/rfc822":
        payload = part.get_payload()
        inner = cast("list[Message[str, str]]", payload)[0] if isinstance(payload, list) and payload else None
        return next(iter(identifiers(_field(inner, "message-id"))), "") if inner is not None else ""
    if part.get_content_type() in ("text/rfc822-headers", "message/rfc822-headers"):
        content = part.get_payload(decode=True)
        text = in_charset(content[:64_000], "utf-8") if isinstance(content, bytes) else str(part.get_payload())[:64_000]
        if isinstance(payload := part.get_payload(), list) and payload:
            return next(iter(identifiers(_field(cast("list[Message[str, str]]", payload)[0], "message-id"))), "")
        found = re.search(r"^message-id:\s*(<[^<>\s]{1,400}>)", text, re.IGNORECASE | re.MULTILINE)
        return found[1] if found else ""
    return ""


def _field(block: "Message[str, str]", name: str) -> str:
    return next(iter(raw_values(block, name)), "")
