"""The routes of the API as Starlette has them: let in, check, ask, answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from deputy.app import rights
from deputy.app.bootstrap import Office
from deputy.app.commands import Asking
from deputy.app.crash import record
from deputy.app.following import Tail
from deputy.app.once import Once, Told
from deputy.base.errors import DeputyError, UsageError
from deputy.base.ids import new_secret
from deputy.web.api.following import Followers, told
from deputy.web.api.guard import Refusal, guarded
from deputy.web.api.problems import problem, refused
from deputy.web.api.table import Asked, Endpoint, Stream

__all__ = ["ROOT", "TooLarge", "answered", "body_of", "routes"]

ROOT = "/api/v1"
LARGEST = 1 << 20  #: bytes of a body
PATIENCE = 10.0  #: seconds for a body to come
Handler = Callable[[Request], Awaitable[Response]]


class TooLarge(Exception):
    """The body has more bytes than it may: so many."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most


def routes(office: Office, endpoints: tuple[Endpoint, ...], going: Callable[[], bool]) -> list[Route]:
    """A route for each endpoint, and one for all that there is not."""
    desk = _Desk(office, Once(office), Followers(Tail(office, told)), going, new_secret().encode())
    made = [Route(ROOT + one.path, _door(desk, one), methods=[one.method]) for one in endpoints]

    async def nothing(request: Request) -> Response:
        await guarded(office, request)
        return problem(404, "not_found", "There is no such route.", f"See {ROOT}/openapi.json.")

    every = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return [*made, Route("/api/{rest:path}", answered(office, nothing), methods=every)]


class _Desk(NamedTuple):
    office: Office
    once: Once
    followers: Followers
    going: Callable[[], bool]
    salt: bytes  #: of this process, so that nobody finds a secret by the digest of its request


def _door(desk: _Desk, endpoint: Endpoint) -> Handler:
    office, once = desk.office, desk.once

    async def door(request: Request) -> Response:
        caller = await guarded(office, request)
        rights.require(caller.person, endpoint.action)
        if endpoint.in_person and caller.granted.kind != "session":
            raise Refusal(problem(403, "in_person", "A token may not do that.", "Sign in with a browser."))
        asked = Asked(office, caller, dict(request.path_params), shared=desk.followers, going=desk.going)
        asked = asked._replace(last=request.headers.get("last-event-id", ""))
        if endpoint.query is not None:
            asked = asked._replace(query=_converted(dict(request.query_params), endpoint.query, strict=False))
        if endpoint.body is not None or endpoint.takes:
            raw = await body_of(request, endpoint.takes or LARGEST)
            asked = asked._replace(body=raw if endpoint.takes else _decoded(raw, endpoint.body))
            if endpoint.pure:
                return _told(await endpoint.call(asked), endpoint.status)
            where = f"?{request.url.query}" if endpoint.takes else ""
            key, named = request.headers.get("idempotency-key", ""), f"{request.method} {request.url.path}{where}\n"
            asked_for = named.encode() + (desk.salt if endpoint.private else b"") + raw
            return _said(await once.do(caller, key, asked_for, lambda asking: _act(endpoint, asked, asking)))
        return _told(await endpoint.call(asked), endpoint.status)

    return answered(office, door)


def answered(office: Office, handler: Handler) -> Handler:
    """This handler, with every error as a problem."""

    async def handle(request: Request) -> Response:
        try:
            answer = await handler(request)
        except Refusal as exc:
            answer = exc.answer
        except TooLarge as exc:
            answer = problem(413, "too_large", f"A body may have {exc.most} bytes.", "Send less.")
        except (TimeoutError, ClientDisconnect):
            answer = problem(400, "bad_request", "The body did not come.", "Send it at once.")
        except DeputyError as exc:
            answer = refused(exc)
        except Exception as exc:  # noqa: BLE001 - a defect is recorded, and told without its details
            written = record(exc, office.settings.folder)
            file = "no file" if written is None else written.name
            answer = problem(500, "bug", "Deputy met a defect of its own.", f"It is written down in {file}.")
        return answer

    return handle


async def _act(endpoint: Endpoint, asked: Asked, asking: Asking) -> Told:
    """Do what is asked; what is refused is an answer too, and one that holds."""
    kept = None
    try:
        value = await endpoint.call(asked._replace(asking=asking))
        answer = _told(value, endpoint.status)
        if endpoint.once:
            kept = msgspec.json.encode({**value, endpoint.once: None})
    except UsageError as exc:
        answer = refused(exc)
    return Told(answer.status_code, bytes(answer.body), final=answer.status_code < 500, kept=kept)


def _said(told: Told) -> Response:
    kind = "application/json" if told.status < 400 else "application/problem+json"
    return Response(told.body, told.status, {"Idempotency-Replayed": "true"} if told.known else None, kind)


def _told(value: Any, status: int) -> Response:
    if value is None:
        return Response(None, 204)
    if isinstance(value, Stream):
        headers = {"Content-Disposition": _attached(value.name)} if value.name else None
        return StreamingResponse(value.parts, status, headers, value.kind)
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _attached(name: str) -> str:
    """A file to be kept, under its own name wherever that is plain (RFC 6266)."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._- ") else "_" for c in name)
    coded = "".join(chr(c) if chr(c).isascii() and chr(c).isalnum() else f"%{c:02X}" for c in name.encode())
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{coded}"


async def body_of(request: Request, most: int = LARGEST) -> bytes:
    """The body, of a bounded size, in bounded time."""
    body = bytearray()
    async with asyncio.timeout(PATIENCE * max(1, most / LARGEST)):
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                raise TooLarge(most)
    return bytes(body)


def _decoded(body: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise Refusal(problem(400, "bad_request", f"The body is wrong: {exc}.", f"See {ROOT}/openapi.json.")) from None


def _converted(value: Any, kind: Any, *, strict: bool) -> Any:
    try:
        return msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as exc:
        raise Refusal(problem(400, "bad_request", f"The query is wrong: {exc}.", f"See {ROOT}/openapi.json.")) from None
