"""The routes of the API as Starlette has them: let in, check, ask, answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from deputy.app import rights
from deputy.app.bootstrap import Office
from deputy.app.crash import record
from deputy.base.errors import DeputyError
from deputy.web.api.guard import HEADERS, Refusal, guarded
from deputy.web.api.problems import BAD, problem, refused
from deputy.web.api.table import Asked, Endpoint, Stream

__all__ = ["ROOT", "TooLarge", "answered", "body_of", "routes"]

ROOT = "/api/v1"
LARGEST = 1 << 20  #: bytes of a body
PATIENCE = 10.0  #: seconds for a body to come
Handler = Callable[[Request], Awaitable[Response]]


class TooLarge(Exception):
    """The body has more bytes than it may."""


def routes(office: Office, endpoints: tuple[Endpoint, ...]) -> list[Route]:
    """A route for each endpoint, and one for all that there is not."""
    made = [Route(ROOT + one.path, _door(office, one), methods=[one.method]) for one in endpoints]

    async def nothing(request: Request) -> Response:
        await guarded(office, request)
        return problem(404, "not_found", "There is no such route.", f"See {ROOT}/openapi.json.")

    every = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return [*made, Route("/api/{rest:path}", answered(office, nothing), methods=every)]


def _door(office: Office, endpoint: Endpoint) -> Handler:
    async def door(request: Request) -> Response:
        caller = await guarded(office, request)
        rights.require(caller.person, endpoint.action)
        query = None if endpoint.query is None else _converted(dict(request.query_params), endpoint.query, strict=False)
        body = None if endpoint.body is None else _decoded(await body_of(request), endpoint.body)
        last = request.headers.get("last-event-id", "")
        asked = Asked(office, caller, dict(request.path_params), query, body, last)
        return _told(await endpoint.call(asked), endpoint.status)

    return answered(office, door)


def answered(office: Office, handler: Handler) -> Handler:
    """This handler, with every error as a problem, and our headers on every answer."""

    async def handle(request: Request) -> Response:
        try:
            answer = await handler(request)
        except Refusal as exc:
            answer = exc.answer
        except TooLarge:
            answer = problem(413, "too_large", f"A body may have {LARGEST} bytes.", "Send less.")
        except (TimeoutError, ClientDisconnect):
            answer = problem(400, BAD, "The body did not come.", "Send it at once.")
        except DeputyError as exc:
            answer = refused(exc)
        except Exception as exc:  # noqa: BLE001 - a defect is recorded, and told without its details
            written = record(exc, office.settings.folder)
            file = "no file" if written is None else written.name
            answer = problem(500, "bug", "Deputy met a defect of its own.", f"It is written down in {file}.")
        answer.headers.update(HEADERS)
        return answer

    return handle


def _told(value: Any, status: int) -> Response:
    if isinstance(value, Response):
        return value
    if isinstance(value, Stream):
        headers = {"Content-Disposition": f'attachment; filename="{value.name}"'} if value.name else None
        return StreamingResponse(value.parts, status, headers, value.kind)
    return Response(msgspec.json.encode(value), status, media_type="application/json")


async def body_of(request: Request) -> bytes:
    """The body, of a bounded size, in bounded time."""
    body = bytearray()
    async with asyncio.timeout(PATIENCE):
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST:
                raise TooLarge
    return bytes(body)


def _decoded(body: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise Refusal(problem(400, BAD, f"The body is wrong: {exc}.", f"See {ROOT}/openapi.json.")) from None


def _converted(value: Any, kind: Any, *, strict: bool) -> Any:
    try:
        return msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as exc:
        raise Refusal(problem(400, BAD, f"The query is wrong: {exc}.", f"See {ROOT}/openapi.json.")) from None
