"""Log in at a server of tools: find its authorization server, become a client of it, and have a person say yes.

The flow is the SDK's (protected resource metadata, RFC 8414 and OpenID discovery, PKCE, resource indicators, client
registration, metadata documents, pre-registered clients), driven here request by request: each goes out through
`egress`, to HTTPS alone unless the server of tools itself is on this machine. It is imported when somebody logs in.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from deputy.adapters.egress import Egress, Timeouts, origin
from deputy.adapters.tool import sentence
from deputy.adapters.tool.mcp_http.tokens import Granted
from deputy.adapters.wire.mcp import HANDSHAKE_VERSIONS, MODERN_VERSION, client_info, envelope
from deputy.base.canonical import canonical
from deputy.base.clock import Clock
from deputy.base.errors import DeputyError

if TYPE_CHECKING:
    from mcp.shared.auth import AuthorizationCodeResult

__all__ = ["LoginFailed", "Redirect", "Wish", "listening", "log_in"]

_LOCAL = ("127.0.0.1", "localhost", "::1")
_STEPS = 40  # requests of one login
_PATIENCE = 600.0  # seconds that a person has
_HEAD = 16_384  # bytes of a request that comes back
_PAGE = b"<!doctype html><title>Deputy</title><p>"
_HEARD = _PAGE + b"Deputy goes on where you began the login. You can close this page."
_REFUSED = _PAGE + b"The login was refused. You can close this page."
_ASTRAY = _PAGE + b"This is no answer to a login."


class LoginFailed(DeputyError):
    """No login came about."""

    code = "login"


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """How to log in, as far as somebody says; empty where the server is to say."""

    client_id: str = ""
    client_secret: str = ""
    issuer: str = ""  #: the one authorization server that this client is known to; nobody else is told its secret
    client_metadata_url: str = ""
    scope: str = ""
    grant: str = "authorization_code"
    challenge: Mapping[str, str] = {}  #: headers by which a server asked for more than was granted (403)
    granted_scope: str = ""
    client: tuple[str, str, str, str] | None = None  #: issuer, id, secret and method of an earlier registration


class Redirect(msgspec.Struct, frozen=True):
    """Where the authorization server sends people back to, and who waits there."""

    address: str
    show: Callable[[str], Awaitable[None]]  #: shows people the address to open
    answer: Callable[[], Awaitable[Mapping[str, str]]]  #: the parameters that came back


class _Storage:
    """What the SDK's flow knows at first, and what it finds."""

    def __init__(self, client: Any, tokens: Any = None) -> None:
        self.client, self.tokens = client, tokens

    async def get_tokens(self) -> Any:
        return self.tokens

    async def set_tokens(self, tokens: Any) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> Any:
        return self.client

    async def set_client_info(self, client_info: Any) -> None:
        self.client = client_info


async def log_in(url: str, wish: Wish, redirect: Redirect, clock: Clock) -> Granted:
    """Log in at the server of tools at this address; raises LoginFailed."""
    provider, storage = await asyncio.to_thread(_provider, url, wish, redirect)
    try:
        async with asyncio.timeout(_PATIENCE):
            await _drive(provider, url, wish)
    except TimeoutError:
        raise LoginFailed("Nobody came back from the login in time.", "Try it again.") from None
    except DeputyError:
        raise
    except Exception as e:
        said = sentence(next(iter(str(e).splitlines()), ""), [wish.client_secret], limit=300)
        raise LoginFailed(f"The login did not work: {said or type(e).__name__}.", "Ask who runs the server.") from e
    tokens, context = storage.tokens, provider.context
    metadata, client = context.oauth_metadata, context.client_info
    if tokens is None or metadata is None or client is None:
        raise LoginFailed("The server gave no token, or does not say where its tokens come from.")
    lasts = tokens.expires_in
    return Granted(
        issuer=str(metadata.issuer), token_endpoint=str(metadata.token_endpoint), client_id=client.client_id,
        client_secret=client.client_secret or "", method=client.token_endpoint_auth_method or "none", grant=wish.grant,
        resource=context.get_resource_url(), scope=tokens.scope or context.client_metadata.scope or "",
        access_token=tokens.access_token, refresh_token=tokens.refresh_token or "",
        expires=None if lasts is None else clock.now() + timedelta(seconds=lasts),
    )  # fmt: skip


async def _drive(provider: Any, url: str, wish: Wish) -> None:
    """Make the requests of the flow, one by one; the last, of the server of tools itself, is not needed."""
    local = urlsplit(url).hostname in _LOCAL
    ways: dict[str, Egress] = {}

    async def send(request: Any) -> Any:
        address = str(request.url)
        if request.url.scheme != "https" and not (local and request.url.host in _LOCAL):
            raise LoginFailed(f"The login leads to {origin(address)}, which is not HTTPS.", "Ask who runs the server.")
        if wish.client_id and request is not asked and "json" in request.headers.get("content-type", ""):
            raise LoginFailed(f"The server wants another login than one at {wish.issuer}.", "Ask who runs the server.")
        way = ways.setdefault(origin(address), Egress([address], timeouts=Timeouts(read=30.0), limit=1_000_000))
        response = await way.client().send(request)
        await response.aread()
        return response

    try:
        first = Egress([url])
        ways[origin(url)] = first
        asked = first.client().build_request("POST", url, content=_hello(), headers=_headers())
        async with aclosing(provider.async_auth_flow(asked)) as flow:
            request = await anext(flow)
            for step in range(_STEPS):
                if request is asked and step:
                    return
                response = await send(request)
                if request is asked and "insufficient_scope" in wish.challenge.get("www-authenticate", ""):
                    response = type(response)(403, headers=dict(wish.challenge), request=asked)
                try:
                    request = await flow.asend(response)
                except StopAsyncIteration:
                    raise LoginFailed("The server asks for no login.", "It may take `headers` instead.") from None
        raise LoginFailed("The login leads on and on.", "Ask who runs the server.")
    finally:
        for way in ways.values():
            await way.close()


def _provider(url: str, wish: Wish, redirect: Redirect) -> tuple[Any, _Storage]:
    from mcp.client.auth import OAuthClientProvider
    from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
    from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

    logging.getLogger("mcp.client.auth").setLevel(logging.CRITICAL + 1)  # it logs what it raises, and codes with it

    async def came_back() -> "AuthorizationCodeResult":
        told = await redirect.answer()
        if "code" not in told:
            why = sentence(f"{told.get('error', '')}: {told.get('error_description', '')}".strip(": "), limit=300)
            raise LoginFailed(f"The login was refused ({why or 'no reason given'}).", "Try it again.")
        return AuthorizationCodeResult(code=told["code"], state=told.get("state"), iss=told.get("iss"))

    if wish.grant == "client_credentials":
        storage = _Storage(None)
        return ClientCredentialsOAuthProvider(
            url, storage, wish.client_id, wish.client_secret, scope=wish.scope or None, issuer=wish.issuer or None
        ), storage
    metadata = OAuthClientMetadata.model_validate({
        "redirect_uris": [redirect.address], "client_name": "Deputy", "scope": wish.scope or None,
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"],
    })  # fmt: skip
    known = None
    if wish.client is not None and not wish.client_id:
        issuer, id, secret, method = wish.client
        known = OAuthClientInformationFull.model_validate({
            "client_id": id, "client_secret": secret or None, "token_endpoint_auth_method": method,
            "redirect_uris": [redirect.address], "issuer": issuer,
        })  # fmt: skip
    elif wish.client_id:
        method = "client_secret_basic" if wish.client_secret else "none"
        known = OAuthClientInformationFull.model_validate({
            "client_id": wish.client_id, "client_secret": wish.client_secret or None,
            "token_endpoint_auth_method": method, "redirect_uris": [redirect.address], "issuer": wish.issuer or None,
        })  # fmt: skip
    tokens = OAuthToken(access_token="", scope=wish.granted_scope) if wish.granted_scope else None
    storage = _Storage(known, tokens)
    return OAuthClientProvider(
        url, metadata, storage, redirect.show, came_back, (not wish.client_id and wish.client_metadata_url) or None
    ), storage


def _hello() -> bytes:
    params = {"protocolVersion": HANDSHAKE_VERSIONS[-1], "capabilities": {}, "clientInfo": client_info()}
    meta = {**params, "_meta": envelope({})}
    return canonical({"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": meta["_meta"]}})


def _headers() -> dict[str, str]:
    return {
        "Accept": "application/json, text/event-stream", "Content-Type": "application/json",
        "MCP-Protocol-Version": MODERN_VERSION, "Mcp-Method": "server/discover",
    }  # fmt: skip


async def listening(port: int, show: Callable[[str], Awaitable[None]]) -> tuple[Redirect, Callable[[], None]]:
    """A place on this machine to come back to, and how to close it; raises LoginFailed where the port is taken."""
    loop = asyncio.get_running_loop()
    came: asyncio.Future[Mapping[str, str]] = loop.create_future()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(10):
                head = await reader.readuntil(b"\r\n\r\n")
            told = _told(head)
            status, page = b"200 OK", _HEARD if "code" in told else _REFUSED
            if not told:
                status, page = b"404 Not Found", _ASTRAY
            fields = b"\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: "
            writer.write(b"HTTP/1.1 " + status + fields + str(len(page)).encode() + b"\r\n\r\n" + page)
            await writer.drain()
            if told and not came.done():
                came.set_result(told)
        except (TimeoutError, ValueError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # who says nothing that we understand is nobody
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(answer, "127.0.0.1", port, limit=_HEAD)  # noqa: TID251 - the way back of a login
    except OSError as e:
        why = f"People cannot be sent back to port {port} of this machine: {e.strerror or e}."
        raise LoginFailed(why, "Give another one, --with port=NUMBER, or none if the server allows any.") from None
    bound = server.sockets[0].getsockname()[1]

    async def wait() -> Mapping[str, str]:
        return await came

    return Redirect(f"http://127.0.0.1:{bound}/callback", show, wait), server.close


def _told(head: bytes) -> dict[str, str]:
    """What an authorization server sent back by a person's browser; nothing where this is something else."""
    line = head.partition(b"\r\n")[0].decode("latin-1").split(" ")
    parts = urlsplit(line[1] if len(line) == 3 and line[0] == "GET" else "")
    if parts.path != "/callback":
        return {}
    found = {name: values[0] for name, values in parse_qs(parts.query, max_num_fields=20).items()}
    return found if "code" in found or "error" in found else {}
