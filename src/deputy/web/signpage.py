"""The page that a link to sign in opens where the console is not built."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deputy.app.bootstrap import Office
from deputy.web import headers
from deputy.web.api.doors import answered
from deputy.web.api.guard import ours

__all__ = ["routes"]

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Deputy</title>
<script src="/sign-in.js" defer></script>
<main><h1>Deputy</h1><p id="told">Signing in …</p></main>
"""
SCRIPT = """\
const told = document.getElementById("told");
const link = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
fetch("/api/v1/sign-in", {
  method: "POST",
  headers: {"Content-Type": "application/json", "X-Deputy": "1"},
  body: JSON.stringify({link}),
})
  .then(async (answer) => [answer.ok, await answer.json()])
  .then(([ok, said]) => {
    const well = `You are signed in as ${said.person}. The console is not built here: run "make console".`;
    told.textContent = ok ? well : `${said.detail} ${said.remedy}`;
  })
  .catch(() => { told.textContent = "Deputy did not answer."; });
"""


def routes(office: Office) -> list[Route]:
    """`/sign-in`, and its script."""

    async def page(request: Request) -> Response:
        ours(request)
        return headers.page(PAGE)

    async def script(request: Request) -> Response:
        ours(request)
        return Response(SCRIPT, media_type="text/javascript")

    return [
        Route("/sign-in", answered(office, page)),
        Route("/sign-in.js", answered(office, script)),
    ]
