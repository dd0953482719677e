"""Whether a request was signed by somebody who knows the secret, and not too long ago; three common styles.

`github` signs the body. `timestamped` (as Stripe does it) and `standard` (Standard Webhooks) sign a time with it, and
`standard` the delivery's id.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import NamedTuple, assert_never

from deputy.base.errors import UsageError
from deputy.domain.trigger import Webhook

__all__ = ["Signed", "signed"]

HEADERS = {"github": "x-hub-signature-256", "timestamped": "stripe-signature", "standard": "webhook-signature"}
MOST_SIGNATURES = 10


class Signed(NamedTuple):
    """A request that is what its sender signed; `id` where the style has one."""

    id: str = ""


def signed(hook: Webhook, secret: str, headers: Mapping[str, str], body: bytes, now: float) -> Signed | None:
    """What a request proves, or None; `headers` by lower-case names, `now` in seconds since 1970. Raises UsageError
    for a secret that is none."""
    given = headers.get((hook.header or HEADERS[hook.signature]).lower(), "")[:4000]
    if not secret:
        raise UsageError("The secret of a webhook is empty.", "Set it with `deputy secret set NAME`.")
    match hook.signature:
        case "github":
            known = given.startswith("sha256=") and _hex(given[7:], secret.encode(), body)
            return Signed(headers.get("x-github-delivery", "")) if known else None
        case "timestamped":
            return _timestamped(given, hook, secret, body, now)
        case "standard":
            return _standard(given, hook, secret, headers, body, now)
        case _ as unreachable:
            assert_never(unreachable)


def _timestamped(given: str, hook: Webhook, secret: str, body: bytes, now: float) -> Signed | None:
    parts = [part.strip().partition("=") for part in given.split(",")[: MOST_SIGNATURES + 1]]
    at = next((value for name, _, value in parts if name == "t"), "")
    if not _recent(at, hook.tolerance, now):
        return None
    said = [value for name, _, value in parts if name == "v1"]
    known = [_hex(value, secret.encode(), at.encode() + b"." + body) for value in said]
    return Signed() if any(known) else None


def _standard(
    given: str, hook: Webhook, secret: str, headers: Mapping[str, str], body: bytes, now: float
) -> Signed | None:
    name, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise UsageError("The secret of a webhook is not in base64.", "Take it as its sender shows it.") from None
    if not name or not _recent(at, hook.tolerance, now):
        return None
    right = hmac.new(key, f"{name}.{at}.".encode("utf-8", "replace") + body, hashlib.sha256).digest()
    said = [one.partition(",") for one in given.split(" ")[:MOST_SIGNATURES]]
    known = [hmac.compare_digest(base64.b64encode(right), value.encode("utf-8", "replace"))
             for version, _, value in said if version == "v1"]  # fmt: skip
    return Signed(name) if any(known) else None


def _hex(given: str, key: bytes, content: bytes) -> bool:
    right = hmac.new(key, content, hashlib.sha256).hexdigest()
    return hmac.compare_digest(right.encode(), given.lower().encode("utf-8", "replace"))


def _recent(at: str, tolerance: float, now: float) -> bool:
    return re.fullmatch(r"[0-9]{1,12}", at) is not None and abs(now - int(at)) <= tolerance
