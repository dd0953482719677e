"""What a server says instead of a reply, told apart by status and code; its words are quoted shortened."""

import re
from collections.abc import Mapping
from typing import cast

from deputy.adapters.model.openai_chat.endpoint import Endpoint

__all__ = ["QUOTED", "Refusal", "quoted", "refusal"]

QUOTED = 400  #: characters of a server's own words in an error

_OVERFLOW = re.compile(
    r"context[ _]?(?:length|size|window)|input length|prompt is too long|longer than the model|exceed_context", re.I
)
_UNPAID = re.compile(r"arrearage|good standing|insufficient balance", re.I)


class Refusal(Exception):
    """What came is no reply."""

    def __init__(self, kind: str, said: str, *, retry: bool = False) -> None:
        super().__init__(said)
        self.kind, self.retry = kind, retry


def refusal(endpoint: Endpoint, key: str, status: int, body: object, headers: Mapping[str, str]) -> Refusal:
    """What an answer that is no reply means; `status` 0 where it came inside a stream."""
    said, code = _words(body, key)
    status = status or (int(code) if re.fullmatch(r"[45]\d\d", code) else 0)
    kind, retry = _kind(status, f"{code} {said}")
    target, wait = quoted(headers.get("location", ""), key), headers.get("retry-after", "")
    parts = [_meaning(kind, status, endpoint), said]
    parts += [f"it redirects to {target}"] if target else []
    parts += [f"it asks to wait {wait} s"] if wait.isdigit() else []
    return Refusal(kind, "; ".join(part for part in parts if part), retry=retry)


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
    if status in (0, 400, 413, 422, 500) and _OVERFLOW.search(said):
        return "model_context_overflow", False
    if status in (401, 402, 403) or _UNPAID.search(said):
        return "model_unauthorized", False
    if status == 404 or "model_not_found" in said:
        return "model_not_found", False
    if status == 429 or (not status and re.search(r"rate.?limit|throttl", said, re.I)):
        return "model_rate_limited", True
    if status in (408, 409, 425, 503, 529) or (not status and re.search(r"overload|unavailable", said, re.I)):
        return "model_overloaded", True
    if not status or status >= 500:
        return "model_server_error", True
    return "model_bad_request", False


def _meaning(kind: str, status: int, endpoint: Endpoint) -> str:
    number = f" ({status})" if status else ""
    match kind:
        case "model_unauthorized":
            return f"it refuses the API key{number}; a key belongs to one region and one plan, as `base_url` does"
        case "model_not_found":
            return f"it knows no model {endpoint.model!r}, or `base_url` is not where its wire begins{number}"
        case "model_rate_limited":
            return f"it wants fewer requests{number}"
        case "model_context_overflow":
            return f"the conversation is too long for it{number}"
        case "model_overloaded":
            return f"it is overloaded{number}"
        case "model_server_error":
            return f"it broke down{number}"
        case _:
            return f"it refuses the request{number}"
