"""Sign in with a link, and out."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deputy.app import sessions, views
from deputy.app.access import LONGEST
from deputy.app.bootstrap import Office
from deputy.app.throttle import Throttle
from deputy.web.api.doors import ROOT, answered, body_of
from deputy.web.api.entrance import neighbourhood
from deputy.web.api.guard import COOKIE, ended, guarded, kept, ours, same_page, session_of
from deputy.web.api.problems import Refusal, problem

__all__ = ["routes"]

EACH = 60  #: tries to sign in, a minute, from one address
EVERYBODY = 600  #: of all


class Link(msgspec.Struct, forbid_unknown_fields=True):
    """What signs somebody in."""

    link: str


def routes(office: Office) -> list[Route]:
    """`sign-in` and `sign-out`."""
    throttle = Throttle(office.clock, EACH, EVERYBODY)

    async def ways(request: Request) -> Response:
        ours(request)
        told = {"workspace": office.settings.name, "link": True}
        return Response(msgspec.json.encode(told), media_type="application/json")

    async def sign_in(request: Request) -> Response:
        how = ours(request)
        same_page(request)
        if not throttle.take(neighbourhood(how.address)):
            return problem(429, "too_many", "Too many tried to sign in.", "Try again in a few seconds.", 5)
        try:
            given = msgspec.json.decode(await body_of(request), type=Link)
        except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
            raise Refusal(problem(400, "bad_request", f"The body is wrong: {exc}.", 'Send {"link": "…"}.')) from None
        before = await session_of(office, request, how)
        begun = await sessions.sign_in(office, given.link, request.headers.get("user-agent", ""))
        if before is not None:
            await sessions.sign_out(office, before)
        told = {
            "person": begun.caller.person.id, "roles": list(begun.caller.person.roles),
            "expires": views.moment(begun.caller.granted.expires),
        }  # fmt: skip
        answer = Response(msgspec.json.encode(told), media_type="application/json")
        kept(answer, how, COOKIE, begun.secret, int(LONGEST.total_seconds()))
        return answer

    async def sign_out(request: Request) -> Response:
        await sessions.sign_out(office, await guarded(office, request))
        answer = Response(None, 204)
        ended(answer, ours(request), COOKIE)
        return answer

    return [
        Route(f"{ROOT}/sign-in", answered(office, ways), methods=["GET"]),
        Route(f"{ROOT}/sign-in", answered(office, sign_in), methods=["POST"]),
        Route(f"{ROOT}/sign-out", answered(office, sign_out), methods=["POST"]),
    ]
