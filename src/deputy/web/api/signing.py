"""Sign in with a link, and out; and the page that a link opens."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deputy.app import access, views
from deputy.app.bootstrap import Office
from deputy.app.hooks import Bucket
from deputy.web import headers
from deputy.web.api.doors import ROOT, answered, body_of
from deputy.web.api.guard import COOKIE, MAX_AGE, Refusal, guarded, ours, same_page
from deputy.web.api.problems import problem

__all__ = ["routes"]

RATE = 60  #: tries to sign in, a minute
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
    told.textContent = ok ? `You are signed in as ${said.person}.` : `${said.detail} ${said.remedy}`;
  })
  .catch(() => { told.textContent = "Deputy did not answer."; });
"""


class Link(msgspec.Struct, forbid_unknown_fields=True):
    """What signs somebody in."""

    link: str


def routes(office: Office) -> list[Route]:
    """`sign-in` and `sign-out`, and the page."""
    bucket = Bucket(office.clock.boot(), RATE)

    async def sign_in(request: Request) -> Response:
        ours(request)
        same_page(request)
        if not bucket.take(office.clock.boot()):
            return problem(429, "too_many", "Too many tried to sign in.", "Try again in a few seconds.", 5)
        try:
            given = msgspec.json.decode(await body_of(request), type=Link)
        except msgspec.MsgspecError as exc:
            raise Refusal(problem(400, "bad_request", f"The body is wrong: {exc}.", 'Send {"link": "…"}.')) from None
        secret, caller = await access.sign_in(office, given.link)
        told = {
            "person": caller.person.id, "roles": list(caller.person.roles),
            "expires": views.moment(caller.granted.expires),
        }  # fmt: skip
        answer = Response(msgspec.json.encode(told), media_type="application/json")
        answer.set_cookie(COOKIE, secret, max_age=MAX_AGE, path="/", httponly=True, samesite="strict")
        return answer

    async def sign_out(request: Request) -> Response:
        await access.sign_out(office, await guarded(office, request))
        answer = Response(None, 204)
        answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return answer

    async def page(request: Request) -> Response:
        ours(request)
        return headers.page(PAGE)

    async def script(request: Request) -> Response:
        ours(request)
        return Response(SCRIPT, media_type="text/javascript")

    return [
        Route(f"{ROOT}/sign-in", answered(office, sign_in), methods=["POST"]),
        Route(f"{ROOT}/sign-out", answered(office, sign_out), methods=["POST"]),
        Route("/sign-in", answered(office, page)),
        Route("/sign-in.js", answered(office, script)),
    ]
