"""The table of all routes, and what serves it."""

from collections.abc import Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deputy.app import surveying
from deputy.app.bootstrap import Office
from deputy.web.api import doors, signing
from deputy.web.api.board import BOARD
from deputy.web.api.conversing import CONVERSING
from deputy.web.api.document import document
from deputy.web.api.drafting import DRAFTING
from deputy.web.api.following import FOLLOWING
from deputy.web.api.guard import guarded
from deputy.web.api.inbox import INBOX
from deputy.web.api.passing import PASSING
from deputy.web.api.reading import READING
from deputy.web.api.runs import RUNS
from deputy.web.api.searching import SEARCHING
from deputy.web.api.table import Endpoint
from deputy.web.api.tending import TENDING
from deputy.web.api.writing import WRITING

__all__ = ["ENDPOINTS", "routes"]

ENDPOINTS: tuple[Endpoint, ...] = (
    *INBOX, *READING, *RUNS, *FOLLOWING, *WRITING, *CONVERSING, *PASSING, *BOARD, *DRAFTING, *TENDING, *SEARCHING,
)  # fmt: skip


def routes(office: Office, going: Callable[[], bool]) -> list[Route]:
    """Everything under /api, and the page to sign in."""
    told: list[bytes] = []

    async def openapi(request: Request) -> Response:
        await guarded(office, request)
        if not told:
            told.append(msgspec.json.encode(document(ENDPOINTS)))
        return Response(told[0], media_type="application/json")

    async def metrics(request: Request) -> Response:
        caller = await guarded(office, request)
        return Response(await surveying.measured(office, caller.person), media_type="text/plain; version=0.0.4")

    measured = Route("/metrics", doors.answered(office, metrics))
    shown = Route(f"{doors.ROOT}/openapi.json", doors.answered(office, openapi))
    return [shown, measured, *signing.routes(office), *doors.routes(office, ENDPOINTS, going)]
