"""The web console: files that are built into the package (`console/`), and the one page that they make.

A file's name carries the digest of what is in it, so that it may be kept for good. The page itself is made anew for
every answer, with a nonce under which the browser takes its styles (Content Security Policy, level 3).
"""

import mimetypes
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from deputy.app.bootstrap import Office
from deputy.web import headers
from deputy.web.api.doors import answered
from deputy.web.api.guard import ours
from deputy.web.api.problems import problem

__all__ = ["STATIC", "built", "routes"]

STATIC = Path(__file__).parent / "static"
#: What the console's own paths begin with; the page finds out which of them there are.
AREAS = (
    "", "sign-in", "agents", "audit", "chat", "doctor", "inbox", "mandates", "overview", "people", "runs", "settings",
    "triggers",
)  # fmt: skip


def built() -> bool:
    """Whether the console is there: a wheel has it, a clone after `make console`."""
    return (STATIC / "index.html").is_file()


def routes(office: Office) -> list[Route]:
    """The page under each of its paths, and the files it consists of."""
    known = {file.relative_to(STATIC).as_posix(): file for file in STATIC.rglob("*") if file.is_file()}
    template = known["index.html"].read_text("utf-8")

    async def page(request: Request) -> Response:
        ours(request)
        return headers.page(template)

    async def asset(request: Request) -> Response:
        ours(request)
        name = f"assets/{request.path_params['name']}"
        if name not in known:
            return problem(404, "not_found", "There is no such file.", "Load the page again.")
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        kept = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
        squeezed = known.get(f"{name}.gz")
        if squeezed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            return FileResponse(squeezed, media_type=kind, headers=kept | {"Content-Encoding": "gzip"})
        return FileResponse(known[name], media_type=kind, headers=kept)

    shown = answered(office, page)
    paths = [f"/{area}" for area in AREAS] + [f"/{area}/{{rest:path}}" for area in AREAS if area]
    return [Route("/assets/{name}", answered(office, asset)), *(Route(path, shown) for path in paths)]
