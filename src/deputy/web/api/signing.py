"""Sign in with a link, and out."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deputy.app import access, views
from deputy.app.bootstrap import Office
from deputy.app.hooks import Bucket
from deputy.web.api.doors import ROOT, answered, body_of
from deputy.web.api.guard import COOKIE, MAX_AGE, Refusal, guarded, ours, same_page
from deputy.web.api.problems import problem

__all__ = ["routes"]

RATE = 60  #: tries to sign in, a minute


class Link(msgspec.Struct, forbid_unknown_fields=True):
    """What signs somebody in."""

    link: str


def routes(office: Office) -> list[Route]:
    """`sign-in` and `sign-out`."""
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

    return [
        Route(f"{ROOT}/sign-in", answered(office, sign_in), methods=["POST"]),
        Route(f"{ROOT}/sign-out", answered(office, sign_out), methods=["POST"]),
    ]
