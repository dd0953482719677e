"""Sign in with a link or by a provider, and out; for whoever is not signed in yet, so that every try is counted."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from deputy.app import sessions, views
from deputy.app.access import LONGEST
from deputy.app.bootstrap import Office
from deputy.app.providing import LASTS, Reception, SignInRefused
from deputy.app.throttle import Throttle
from deputy.web.api.doors import ROOT, answered, body_of
from deputy.web.api.entrance import Reached, neighbourhood
from deputy.web.api.guard import COOKIE, cookie_name, ended, guarded, kept, ours, same_page, session_of
from deputy.web.api.problems import Refusal, problem

__all__ = ["routes"]

EACH = 300  #: tries to sign in, a minute, from one address: perhaps a whole office
EVERYBODY = 1_200  #: of all


class Link(msgspec.Struct, forbid_unknown_fields=True):
    """What signs somebody in."""

    link: str


class Wish(msgspec.Struct, forbid_unknown_fields=True):
    """Where to go once signed in."""

    to: str = "/"


def routes(office: Office) -> list[Route]:
    """`sign-in` and `sign-out`, and where a provider sends people back to."""
    door = _Door(office)
    return [
        Route(f"{ROOT}/sign-in", answered(office, door.ways), methods=["GET"]),
        Route(f"{ROOT}/sign-in", answered(office, door.by_link), methods=["POST"]),
        Route(f"{ROOT}/sign-in/oidc", answered(office, door.by_provider), methods=["POST"]),
        Route(f"{ROOT}/sign-out", answered(office, door.out), methods=["POST"]),
        Route("/sign-in/callback", answered(office, door.back), methods=["GET"]),
    ]


class _Door:
    """What those who come share."""

    def __init__(self, office: Office) -> None:
        self._office, self._reception = office, Reception(office)
        self._throttle = Throttle(office.clock, EACH, EVERYBODY)

    async def ways(self, request: Request) -> Response:
        """How one may sign in here; all that is told to whoever is not."""
        ours(request)
        name = self._reception.name
        return _json({"workspace": self._office.settings.name, "oidc": None if name is None else {"name": name}})

    async def by_link(self, request: Request) -> Response:
        """Turn a link into a session."""
        office, how = self._office, self._let(request)
        given = await _body(request, Link, '{"link": "…"}')
        before = await session_of(office, request, how)
        begun = await sessions.sign_in(office, given.link, request.headers.get("user-agent", ""))
        if before is not None:
            await sessions.sign_out(office, before)
        told = {
            "person": begun.caller.person.id, "roles": list(begun.caller.person.roles),
            "expires": views.moment(begun.caller.granted.expires),
        }  # fmt: skip
        answer = _json(told)
        kept(answer, how, COOKIE, begun.secret, int(LONGEST.total_seconds()))
        return answer

    async def by_provider(self, request: Request) -> Response:
        """Say where to go, and bind what comes back to this browser."""
        how = self._let(request)
        wish = await _body(request, Wish, '{"to": "/"}')
        before = await session_of(self._office, request, how)
        sent = await self._reception.send(how.origin, wish.to, before)
        answer = _json({"location": sent.location})
        kept(answer, how, sent.name, sent.secret, int(LASTS))
        return answer

    async def back(self, request: Request) -> Response:
        """Take who comes back; what is wrong is told by the page to sign in, in a word of ours."""
        how = ours(request)
        told = dict(request.query_params)
        name = self._reception.cookie(told.get("state", ""))
        try:
            secret = request.cookies.get(cookie_name(name, how), "")
            back = await self._reception.receive(told, secret, request.headers.get("user-agent", ""))
        except SignInRefused as exc:
            answer = RedirectResponse(f"/sign-in?refused={exc.word}", 303)
        else:
            answer = RedirectResponse(back.to, 303)
            kept(answer, how, COOKIE, back.begun.secret, int(LONGEST.total_seconds()))
        ended(answer, how, name)
        return answer

    async def out(self, request: Request) -> Response:
        """End the session; `location` is where to end the provider's, too."""
        caller = await guarded(self._office, request)
        if caller.granted.kind != "session":
            raise Refusal(problem(403, "in_person", "A token is not signed in.", "Revoke it instead."))
        await sessions.sign_out(self._office, caller)
        how = ours(request)
        location = await self._reception.goodbye(caller, how.origin)
        answer = _json({"location": location}) if location else Response(None, 204)
        ended(answer, how, COOKIE)
        return answer

    def _let(self, request: Request) -> Reached:
        how = ours(request)
        same_page(request)
        if not self._throttle.take(neighbourhood(how.address)):
            raise Refusal(problem(429, "too_many", "Too many tried to sign in.", "Try again in a few seconds.", 5))
        return how


def _json(told: Any) -> Response:
    return Response(msgspec.json.encode(told), media_type="application/json")


async def _body(request: Request, kind: Any, example: str) -> Any:
    try:
        return msgspec.json.decode(await body_of(request), type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise Refusal(problem(400, "bad_request", f"The body is wrong: {exc}.", f"Send {example}.")) from None
