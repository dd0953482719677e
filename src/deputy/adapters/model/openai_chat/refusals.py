"""What a server says instead of a reply, told apart by status and code; its words are quoted shortened.

Every kind has a stable code and a sentence on what to do about it.
"""

import re
from collections.abc import Mapping
from typing import cast

from deputy.adapters.model.openai_chat.endpoint import Endpoint

__all__ = ["PATIENCE", "QUOTED", "Refusal", "filtered", "quoted", "refusal"]

QUOTED = 400  #: characters of a server's own words in an error
PATIENCE = 120.0  #: seconds; a server that asks to wait longer is not asked again

_OVERFLOW = re.compile(
    r"context[ _]?(?:length|size|window)|input length|prompt is too long|longer than the model|exceed_context", re.I
)
_UNPAID = re.compile(r"arrearage|good standing|insufficient balance|overdue", re.I)
_FILTERED = re.compile(
    r"data_?inspection_?failed|inappropriate content|sensitive content|content_?(?:filter|policy)", re.I
)
_SPENT = re.compile(
    r"FreeTierOnly|quota_?exceeded|insufficient_quota|exceeded your current quota|quota exhausted", re.I
)
_DENIED = re.compile(r"access_?denied|unpurchased|not eligible|permission", re.I)


class Refusal(Exception):
    """What came is no reply."""

    def __init__(self, kind: str, said: str, *, retry: bool = False, wait: float = 0.0) -> None:
        super().__init__(said)
        self.kind, self.retry, self.wait = kind, retry, wait


def refusal(endpoint: Endpoint, key: str, status: int, body: object, headers: Mapping[str, str]) -> Refusal:
    """What an answer that is no reply means; `status` 0 where it came inside a stream."""
    said, code = _words(body, key)
    status = status or (int(code) if re.fullmatch(r"[45]\d\d", code) else 0)
    kind, retry = _kind(status, f"{code} {said}")
    target, wait = quoted(headers.get("location", ""), key), _wait(headers.get("retry-after", ""))
    parts = [_meaning(kind, status, endpoint), said]
    parts += [f"it redirects to {target}"] if target else []
    parts += [f"it asks to wait {wait:g} s"] if wait else []
    text = "; ".join(part for part in parts if part)
    remedy = _remedy(kind, endpoint, key)
    text = text if not remedy else f"{text}{'' if text.endswith('.') else '.'} {remedy}"
    return Refusal(kind, text, retry=retry and wait <= PATIENCE, wait=wait)


def filtered() -> Refusal:
    """A reply that the provider's filter broke off."""
    said = "the provider's content filter broke off the reply. " + _REMEDIES["model_content_filtered"]
    return Refusal("model_content_filtered", said)


def _wait(said: str) -> float:
    """The seconds that a server asks to wait; a date is not read, since its clock need not be ours."""
    return min(float(said), 1e6) if re.fullmatch(r"[0-9]{1,6}(?:\.[0-9]{1,6})?", said.strip()) else 0.0


def _words(body: object, key: str) -> tuple[str, str]:
    """What a server says in an error, quoted, and its code for it."""
    if not isinstance(body, Mapping):
        return quoted(body or "", key), ""
    members = cast("Mapping[str, object]", body)
    if isinstance(members.get("error"), Mapping):
        return _words(members["error"], key)
    text = next((members[name] for name in ("message", "detail", "error") if members.get(name)), "")
    code = next((members[name] for name in ("code", "type") if members.get(name)), "")
    return quoted(text, key), quoted(code, key)


def quoted(text: object, key: str) -> str:
    """A server's words without the key, on one line, and not too many; a page for people is left out."""
    said = " ".join(str(text).split())
    said = said.replace(key, "[key]") if key else said
    if said.startswith("<"):
        return ""
    return said if len(said) <= QUOTED else said[: QUOTED - 1] + "…"


def _kind(status: int, said: str) -> tuple[str, bool]:
    """The stable code of a refusal, and whether a moment later it may be another."""
    if status in (0, 400, 403, 422, 451, 500) and _FILTERED.search(said):
        return "model_content_filtered", False
    if status in (0, 400, 413, 422, 500) and _OVERFLOW.search(said):
        return "model_context_overflow", False
    if status == 402 or _UNPAID.search(said):
        return "model_unpaid", False
    if status == 401:
        return "model_unauthorized", False
    if status in (0, 403, 429) and _SPENT.search(said):
        return "model_quota_spent", False
    if status == 403 or (not status and _DENIED.search(said)):
        return "model_forbidden", False
    return _passing(status, said)


def _passing(status: int, said: str) -> tuple[str, bool]:
    """The same for what has nothing to do with rights."""
    if status == 404 or "model_not_found" in said:
        return "model_not_found", False
    if status == 429 or (not status and re.search(r"rate.?limit|throttl", said, re.I)):
        return "model_rate_limited", True
    if status in (408, 409, 425, 503, 529) or (not status and re.search(r"overload|unavailable", said, re.I)):
        return "model_overloaded", True
    if not status or status >= 500:
        return "model_server_error", True
    return "model_bad_request", False


_MEANINGS = {
    "model_unauthorized": "it refuses the API key",
    "model_unpaid": "its account is not paid",
    "model_quota_spent": "the account's quota is used up",
    "model_forbidden": "the key is good, and does not permit this",
    "model_content_filtered": "its content filter refuses what was said",
    "model_rate_limited": "it wants fewer requests",
    "model_context_overflow": "the conversation is too long for it",
    "model_overloaded": "it is overloaded",
    "model_server_error": "it broke down",
    "model_bad_request": "it refuses the request",
}
_REMEDIES = {
    "model_unpaid": "Settle the account's balance at the provider.",
    "model_quota_spent": "Raise the quota at the provider, or leave its free tier.",
    "model_forbidden": "Activate the model for the key's workspace at the provider, or name another in `model`.",
    "model_content_filtered": "Look at what the run read last; asking again changes nothing.",
    "model_context_overflow": "Set `context` of the model to what the server really takes.",
}


def _meaning(kind: str, status: int, endpoint: Endpoint) -> str:
    number = f" ({status})" if status else ""
    if kind == "model_not_found":
        return f"it knows no model {endpoint.model!r}, or `base_url` is not where its wire begins{number}"
    return _MEANINGS[kind] + number


def _remedy(kind: str, endpoint: Endpoint, key: str) -> str:
    if kind == "model_unauthorized":
        return _key_remedy(endpoint, key)
    return _REMEDIES.get(kind, "")


def _key_remedy(endpoint: Endpoint, key: str) -> str:
    """Which region or plan the key may belong to, as far as its beginning and the address tell."""
    plan = endpoint.plan
    if plan is None:
        return "A key belongs to one server; on Model Studio to one region and one plan, as `base_url` does."
    if plan.key and not key.startswith(plan.key):
        return f"`base_url` is that of {plan}, whose keys begin with {plan.key}; this one is of another plan."
    if not plan.key and key.startswith("sk-sp-"):
        return f"The key is one of a Coding Plan or Token Plan, and `base_url` is that of {plan}: take the plan's own."
    others = ", ".join(f"{other.region} ({other.base_url})" for other in endpoint.elsewhere)
    elsewhere = f" If it was made for another region, take its `base_url`: {others}." if others else ""
    return f"The key is not one of {plan}, or was revoked.{elsewhere}"
