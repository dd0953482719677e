"""Whether this process lives, and whether it can do its work; for supervisors and load balancers, without details."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deputy.app.bootstrap import Office
from deputy.base.errors import StoreError
from deputy.web.state import Serving

__all__ = ["routes"]


def routes(office: Office, serving: Serving) -> list[Route]:
    """`/healthz` and `/readyz`."""

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"ok": True})

    async def readyz(_request: Request) -> Response:
        ready = serving.working and office.deployment.wrong is None
        try:
            await office.store.frozen()
        except StoreError:
            ready = False
        return JSONResponse({"ready": ready}, 200 if ready else 503)

    return [Route("/healthz", healthz), Route("/readyz", readyz)]
