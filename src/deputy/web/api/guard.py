"""Who comes in, and from where: the name that was asked for, the pass that came, and whose page sent it."""

from starlette.requests import Request
from starlette.responses import Response

from deputy.app.access import Caller, caller_of
from deputy.app.bootstrap import Office
from deputy.web.api.entrance import Reached, reached
from deputy.web.api.problems import Refusal, problem

__all__ = ["COOKIE", "HEADER", "Refusal", "cookie_name", "ended", "guarded", "kept", "ours", "same_page", "session_of"]

COOKIE = "deputy_session"
HEADER = "X-Deputy"


def ours(request: Request) -> Reached:
    """How the request came in; raises Refusal unless it came by a name of ours: others may come to point here."""
    return reached(request)


def cookie_name(name: str, how: Reached) -> str:
    """The name of a cookie, by which a browser itself refuses one that was set without TLS or by another host."""
    return f"__Host-{name}" if how.tls else name


def same_page(request: Request) -> None:
    """Raise Refusal for what a page of somebody else could have sent: a write needs our header, and our origin."""
    origin, own = request.headers.get("origin"), reached(request).origin
    _same_site(request)
    if origin is not None and origin != own:
        raise Refusal(problem(403, "cross_site", "The request comes from another site.", "Send it from our own page."))
    if not request.headers.get(HEADER):
        raise Refusal(problem(403, "no_header", f"The request lacks the header {HEADER}.", f"Send `{HEADER}: 1`."))


def _same_site(request: Request) -> None:
    if request.headers.get("sec-fetch-site") not in (None, "same-origin", "none"):
        raise Refusal(problem(403, "cross_site", "The request comes from another site.", "Send it from our own page."))


async def guarded(office: Office, request: Request) -> Caller:
    """Who comes in, by a token in a header or a session in a cookie; raises Refusal."""
    how = reached(request)
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme:
        caller = await caller_of(office, secret.strip(), "token") if scheme.lower() == "bearer" else None
    else:
        caller = await session_of(office, request, how)
        if caller is not None:
            _same_site(request)
            if request.method != "GET":
                same_page(request)
    if caller is None:
        remedy = "Send a token (`deputy token create`) as `Authorization: Bearer`, or sign in."
        raise Refusal(problem(401, "not_signed_in", "No valid token or session came with the request.", remedy))
    return caller


async def session_of(office: Office, request: Request, how: Reached) -> Caller | None:
    """Whose session came with the request, if any."""
    return await caller_of(office, request.cookies.get(cookie_name(COOKIE, how), ""), "session")


def kept(answer: Response, how: Reached, name: str, value: str, seconds: int) -> None:
    """Let the browser keep this, out of reach of scripts; a session is sent from pages of ours alone."""
    strict = "strict" if name == COOKIE else "lax"
    answer.set_cookie(
        cookie_name(name, how), value, max_age=seconds, path="/", httponly=True, samesite=strict, secure=how.tls
    )  # fmt: skip


def ended(answer: Response, how: Reached, name: str) -> None:
    """Let the browser forget it."""
    answer.delete_cookie(cookie_name(name, how), path="/", httponly=True, samesite="strict", secure=how.tls)
