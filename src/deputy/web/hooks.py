"""`POST /hooks/PATH`: read a bounded body in bounded time, ask `app` what it is worth, and answer."""

import asyncio

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deputy.app.bootstrap import Office
from deputy.app.hooks import Answer, Door

__all__ = ["routes"]

AT_ONCE = 32  #: requests whose bodies are read at a time
PATIENCE = 10.0  #: seconds for a body to come


class TooLarge(Exception):
    """The body has more bytes than it may."""


def routes(office: Office) -> list[Route]:
    """The webhooks' route."""
    door, under_way = Door(office), 0

    async def hook(request: Request) -> Response:
        nonlocal under_way
        found = door.find(request.path_params["path"])
        if found is None:
            return _answer(Answer(404, "not_found"))
        if under_way >= AT_ONCE:
            return _answer(Answer(429, "too_many", retry=1))
        under_way += 1
        try:
            trigger, source = found
            async with asyncio.timeout(PATIENCE):
                body = await _body(request, source.most_bytes)
            headers = {name.lower(): value for name, value in request.headers.items()}
            return _answer(await door.take(trigger, source, headers, body))
        except TooLarge:
            return _answer(Answer(413, "too_large"))
        except (TimeoutError, ClientDisconnect):
            return _answer(Answer(408, "too_slow"))
        finally:
            under_way -= 1

    return [Route("/hooks/{path:path}", hook, methods=["POST"])]


async def _body(request: Request, most: int) -> bytes:
    said = request.headers.get("content-length", "0")
    if said.isascii() and said.isdigit() and int(said) > most:
        raise TooLarge
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise TooLarge
    return bytes(body)


def _answer(answer: Answer) -> Response:
    told = {"status": answer.word, "id": answer.id} if answer.status == 202 else {"error": answer.word}
    return JSONResponse(told, answer.status, {"Retry-After": str(answer.retry)} if answer.retry else None)
