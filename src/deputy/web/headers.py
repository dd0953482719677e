"""What every answer tells browsers: what a page may load and do, who may read it, and that nothing else holds.

Every answer is sealed here, whichever part of the surface gives it; a page of ours is made by `page`.
"""

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deputy.base.ids import new_secret

__all__ = ["NONCE", "page", "sealed"]

NONCE = "__DEPUTY_NONCE__"  #: what a page has where its nonce shall stand (Vite writes it: `html.cspNonce`)
_ANYWHERE: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), "
    "fullscreen=(self), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), "
    "picture-in-picture=(), publickey-credentials-get=(), screen-wake-lock=(), usb=(), xr-spatial-tracking=()",
    "Cache-Control": "no-store",
}
_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_TLS = "max-age=31536000"


def page(html: str, status: int = 200) -> Response:
    """A page of ours: scripts of ours alone, and styles that know the nonce, which is another one every time."""
    nonce = new_secret()
    policy = {"Content-Security-Policy": _PAGE.format(nonce=nonce)}
    return Response(html.replace(NONCE, nonce), status, policy, "text/html")


def sealed(app: ASGIApp, *, tls: bool = False) -> ASGIApp:
    """This application, with our headers on every answer that does not have its own; `tls` where browsers use it."""
    given = {**_ANYWHERE, "Strict-Transport-Security": _TLS} if tls else _ANYWHERE

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in given.items():
                    headers.setdefault(name, value)
            await send(message)

        await app(scope, receive, sending)

    return answer
