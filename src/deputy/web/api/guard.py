"""Who comes in, and from where: the name that was asked for, the pass that came, and whose page sent it."""

from starlette.requests import Request
from starlette.responses import Response

from deputy.app.access import Caller, caller_of
from deputy.app.bootstrap import Office
from deputy.web.api.problems import problem

__all__ = ["COOKIE", "HEADER", "MAX_AGE", "Refusal", "guarded", "ours", "same_page"]

COOKIE = "deputy_session"
HEADER = "X-Deputy"
MAX_AGE = 7 * 86_400
LOCAL = ("127.0.0.1", "localhost", "[::1]")


class Refusal(Exception):
    """The request goes no further; `answer` says why."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


def ours(request: Request) -> None:
    """Raise Refusal unless this machine was asked by a name of its own: others may come to point at it."""
    host = request.headers.get("host", "")
    name, colon, port = host.rpartition(":")
    if not colon or port.endswith("]"):
        name, port = host, ""
    if name.lower() not in LOCAL or (port and not (port.isascii() and port.isdigit())):
        remedy = "Use 127.0.0.1 or localhost."
        raise Refusal(problem(421, "wrong_host", "Nothing is served under this host name.", remedy))


def same_page(request: Request) -> None:
    """Raise Refusal for what a page of somebody else could have sent: a write needs our header, and our origin."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    own = f"{request.url.scheme}://{request.headers.get('host', '')}"
    if (site not in (None, "same-origin", "none")) or (origin is not None and origin != own):
        raise Refusal(problem(403, "cross_site", "The request comes from another site.", "Send it from our own page."))
    if not request.headers.get(HEADER):
        raise Refusal(problem(403, "no_header", f"The request lacks the header {HEADER}.", f"Send `{HEADER}: 1`."))


async def guarded(office: Office, request: Request) -> Caller:
    """Who comes in, by a token in a header or a session in a cookie; raises Refusal."""
    ours(request)
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme:
        caller = await caller_of(office, secret.strip(), "token") if scheme.lower() == "bearer" else None
    else:
        caller = await caller_of(office, request.cookies.get(COOKIE, ""), "session")
        if caller is not None and request.method != "GET":
            same_page(request)
    if caller is None:
        remedy = "Send a token (`deputy token create`) as `Authorization: Bearer`, or sign in with a link."
        raise Refusal(problem(401, "not_signed_in", "No valid token or session came with the request.", remedy))
    return caller
