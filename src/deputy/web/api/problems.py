"""Errors as problem details (RFC 9457), with our code and remedy."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from deputy.app.once import KeyMissing
from deputy.app.providing import ProviderUnfit
from deputy.base.errors import (
    ConfigError,
    Conflict,
    DeputyError,
    Forbidden,
    NotFound,
    StoreBusy,
    StoreError,
    UsageError,
)  # fmt: skip

__all__ = ["Refusal", "problem", "refused", "status_of"]


TITLES = {
    400: "The request is wrong", 401: "Nobody is signed in", 403: "Not allowed", 404: "Not found",
    409: "It is no longer as it was", 413: "Too large", 421: "Not served under this name",
    422: "The request cannot be done", 429: "Too many requests", 500: "A defect", 503: "Not possible now",
}  # fmt: skip
STATUS: tuple[tuple[type[DeputyError], int], ...] = (
    (KeyMissing, 400), (NotFound, 404), (Conflict, 409), (Forbidden, 403), (ConfigError, 503), (UsageError, 422),
    (StoreError, 503), (ProviderUnfit, 503),
)  # fmt: skip


class Refusal(Exception):
    """The request goes no further; `answer` says why."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


def status_of(error: type[DeputyError]) -> int:
    """The status of HTTP for an error."""
    return next((status for kind, status in STATUS if issubclass(error, kind)), 500)


def problem(
    status: int,
    code: str,
    detail: str,
    remedy: str = "",
    retry: int = 0,
    extra: Mapping[str, object] | None = None,
) -> Response:
    """An answer that says what is wrong, and what to do next."""
    told: dict[str, Any] = {
        "type": f"urn:deputy:error:{code}", "title": TITLES.get(status, "Error"), "status": status,
        "detail": detail, "code": code, "remedy": remedy, **(extra or {}),
    }  # fmt: skip
    headers = {"Retry-After": str(retry)} if retry else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(msgspec.json.encode(told), status, headers, "application/problem+json")


def refused(error: DeputyError) -> Response:
    """The answer for an error that was raised on purpose."""
    retry = 1 if isinstance(error, StoreBusy) else 0
    return problem(status_of(type(error)), error.code, error.message, error.remedy, retry, error.extra)
