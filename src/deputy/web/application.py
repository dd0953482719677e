"""All routes as one application. A part of the surface is a module with `routes(…)`; here they are put together.

Nothing tells an outsider more than whether a request was taken: every unknown path has the same answer.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from deputy.app.bootstrap import Office
from deputy.app.opening import Entrance
from deputy.web import console, health, hooks, signpage
from deputy.web.api import routes as api
from deputy.web.headers import sealed
from deputy.web.state import Serving

__all__ = ["application"]


def application(office: Office, serving: Serving, entrance: Entrance) -> ASGIApp:
    """The application of a workspace, reached by this entrance; where it serves no API, it is as if there were none."""
    routes = [*health.routes(office, serving), *hooks.routes(office)]
    if entrance.served:
        page = console.routes(office) if console.built() else signpage.routes(office)
        routes += [*api.routes(office, lambda: not serving.stopping), *page]
    made = Starlette(routes=routes, exception_handlers={404: _nothing, 405: _nothing, 500: _broken})
    made.state.entrance = entrance
    return sealed(made, tls=entrance.tls)


async def _nothing(_request: Request, _exc: Exception) -> Response:
    return JSONResponse({"error": "not_found"}, 404)


async def _broken(_request: Request, _exc: Exception) -> Response:
    return JSONResponse({"error": "bug"}, 500)
