"""The only HTTP client: addresses on a list, certificates checked, every wait and every answer bounded.

It follows no redirect, keeps no cookie, trusts no proxy of the environment, and knows nothing of what it carries. With
a `Network`, names are resolved here, and connections go to the addresses that were judged.
"""

import asyncio
import logging
import os
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import msgspec

from deputy.adapters.egress.addresses import Network
from deputy.adapters.egress.places import Places, address_of
from deputy.base.errors import ConfigError, DeputyError

if TYPE_CHECKING:
    import httpx2

__all__ = [
    "Answer", "Dispatch", "Egress", "EgressError", "EgressRefused", "Interrupted", "ResponseTooLarge", "Timeouts",
    "TooLate", "Unreachable", "dispatching", "origin", "reason", "received",
]  # fmt: skip

LIMIT = 64_000_000  #: bytes of an answer
ERROR_LIMIT = 64_000  #: bytes of an answer that is an error; what is longer is cut off
CONNECTIONS = 512
_PORTS = {"http": 80, "https": 443}


class EgressError(DeputyError):
    """A request could not be made, or its answer not be taken."""

    code = "egress"


class EgressRefused(EgressError):
    """The address is not on the list; nothing was sent."""

    code = "egress_refused"


class Unreachable(EgressError):
    """No connection came about; nothing was sent."""

    code = "unreachable"


class TooLate(EgressError):
    """A connection was there, but nothing may be sent any more; nothing was."""

    code = "too_late"


class Interrupted(EgressError):
    """The connection broke, or fell silent, after something was sent."""

    code = "interrupted"


class ResponseTooLarge(EgressError):
    """The answer is longer than anything we take."""

    code = "response_too_large"


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds to wait for a connection, the next bytes, room to write, and a free place among the connections."""

    connect: float = 10.0
    read: float = 600.0
    write: float = 60.0
    pool: float = 60.0


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A response that was read to its end."""

    status: int
    headers: Mapping[str, str]  #: by lower-case name
    body: bytes


class Dispatch:
    """Whether the first byte of a request has left; `permitted` is asked last, just before it does."""

    def __init__(self, permitted: Callable[[], bool] | None = None) -> None:
        self.begun, self.permitted = False, permitted


_watched: ContextVar[Dispatch | None] = ContextVar("deputy.egress", default=None)


@contextmanager
def dispatching(permitted: Callable[[], bool] | None = None) -> Generator[Dispatch]:
    """Watch the requests made inside, by whatever library: what never began to leave certainly did not happen."""
    outer = _watched.get()
    dispatch = Dispatch(permitted or (outer.permitted if outer is not None else None))
    token = _watched.set(dispatch)
    try:
        yield dispatch
    finally:
        _watched.reset(token)
        if outer is not None:
            outer.begun = outer.begun or dispatch.begun


def origin(address: str) -> str:
    """Scheme, host and port of an address, in one spelling; a bare host means HTTPS."""
    wrong = ConfigError(
        f"{address!r} is not the address of a server.", "Write it as https://host, with a port if it needs one."
    )
    try:
        parts = urlsplit(address if "://" in address else f"https://{address}")
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode()
    except ValueError:
        raise wrong from None
    if parts.scheme not in _PORTS or not host or any(mark <= " " for mark in host):
        raise wrong
    if parts.username is not None or parts.password is not None:
        raise ConfigError(
            f"The address of {host} carries a user name or password.", "Give the key by reference instead."
        )
    return _spelled(parts.scheme, host, port)


def _spelled(scheme: str, host: str, port: int | None) -> str:
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port or _PORTS.get(scheme, 0)}"


def reason(error: BaseException) -> str:
    """Why a connection failed: what the operating system said, if it said anything."""
    said, cause = "", error
    for _ in range(16):
        if isinstance(cause, OSError) and cause.strerror:
            told = cause.strerror.startswith("Connect call failed")  # which only repeats the address
            said = os.strerror(cause.errno or 0) if told else cause.strerror
        inner = cause.__cause__ or cause.__context__
        if isinstance(cause, BaseExceptionGroup):
            inner = cast("BaseExceptionGroup[BaseException]", cause).exceptions[0]
        if inner is None:
            break
        cause = inner
    return said or str(error) or type(error).__name__


async def received(response: "httpx2.Response") -> AsyncGenerator[bytes]:
    """The body of a response as it arrives, whatever library asked for it; raises only `EgressError`."""
    import httpx2

    try:
        async for part in response.aiter_raw():
            yield part
    except httpx2.HTTPError as error:
        raise Interrupted(f"The connection to {response.url.host} broke: {reason(error)}.") from error


class Egress:
    """The way out, to the origins on its list and nowhere else."""

    def __init__(
        self,
        allow: Iterable[str] | Places,
        *,
        timeouts: Timeouts | None = None,
        limit: int = LIMIT,
        network: Network | None = None,
        compressed: bool = False,
    ) -> None:
        """`compressed` lets a body come as the server packed it; unpacking, and its bounds, are then the caller's."""
        self._allowed = allow if isinstance(allow, Places) else frozenset(origin(address) for address in allow)
        self._timeouts, self._limit = timeouts or Timeouts(), limit
        self._network, self._compressed = network, compressed
        self._client: httpx2.AsyncClient | None = None
        self._making = threading.Lock()

    def allows(self, url: str) -> bool:
        """Whether this address is on the list."""
        return _admitted(url, self._allowed)

    def client(self) -> "httpx2.AsyncClient":
        """The client itself, for libraries that want one; the first call takes a moment and may come from a thread.

        Whoever uses it is under the same list and limits. Only `close` closes it.
        """
        with self._making:
            if self._client is None:
                guard = _guard(self._allowed, self._limit, self._network, compressed=self._compressed)
                self._client = _client(guard, self._timeouts)
            return self._client

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        limit: int | None = None,
    ) -> Answer:
        """Send a request and read the whole answer, at most `limit` bytes of it."""
        room = self._limit if limit is None else limit
        body = bytearray()
        async with self.stream(method, url, headers=headers, content=content) as response:
            async with aclosing(received(response)) as parts:
                async for part in parts:
                    body += part
                    if len(body) > room:
                        raise ResponseTooLarge(f"{_host(url)} answers with more than {room} bytes.")
            fields = {name.lower(): value for name, value in response.headers.items()}
            return Answer(status=response.status_code, headers=fields, body=bytes(body))

    @asynccontextmanager
    async def stream(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, content: bytes | None = None
    ) -> "AsyncGenerator[httpx2.Response]":
        """Send a request and hand out its answer as it arrives."""
        import httpx2

        with dispatching() as dispatch:
            try:
                async with self.client().stream(method, url, headers=headers, content=content) as response:
                    yield response
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                if dispatch.begun:
                    raise Interrupted(f"The connection to {_host(url)} broke: {reason(error)}.") from error
                raise Unreachable(f"{_host(url)} cannot be reached: {reason(error)}.") from error

    async def close(self) -> None:
        """Close every connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


def _host(url: str) -> str:
    return urlsplit(url).hostname or url


def _admitted(url: str, allowed: frozenset[str] | Places) -> bool:
    try:
        return allowed.allow(address_of(url)) if isinstance(allowed, Places) else origin(url) in allowed
    except (ConfigError, ValueError):
        return False


def _refused(place: str, allowed: frozenset[str] | Places) -> EgressRefused:
    where = "in `allow`" if isinstance(allowed, Places) else "as a model's `base_url` or a server's `url`"
    return EgressRefused(f"{place} is not an address this workspace may reach.", f"Name it in deputy.toml, {where}.")


def _watcher(dispatch: Dispatch | None) -> Callable[[str, object], Awaitable[None]]:
    async def watch(event: str, _: object) -> None:
        if dispatch is not None and event.endswith("send_request_headers.started"):
            if dispatch.permitted is not None and not dispatch.permitted():
                raise TooLate("Nothing was sent: the worker's lease had run out.")
            dispatch.begun = True

    return watch


def _transport(network: Network | None) -> "httpx2.AsyncBaseTransport":
    """What carries requests; with a network, to addresses that it was asked about and to no others."""
    import httpcore2
    import httpx2

    limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS // 2)
    if network is None:
        return httpx2.AsyncHTTPTransport(verify=True, trust_env=False, limits=limits)

    connecting = cast("httpcore2.AsyncNetworkBackend", httpcore2.AnyIOBackend())

    class Pinned(httpcore2.AsyncNetworkBackend):
        """Connects to the address that was judged, whatever its name may lead to a moment later."""

        async def connect_tcp(
            self,
            host: str,
            port: int,
            timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
            local_address: str | None = None,
            socket_options: "Iterable[httpcore2.SOCKET_OPTION] | None" = None,
        ) -> httpcore2.AsyncNetworkStream:
            how = (timeout, local_address, socket_options)
            try:
                async with asyncio.timeout(timeout):
                    addresses = await network.addresses(host, port)
            except PermissionError as no:
                raise EgressRefused(
                    f"{host} leads to {no}, which is not on the public Internet.",
                    "If it is a server of your own, name its network in deputy.toml.",
                ) from None
            except (OSError, UnicodeError, TimeoutError) as error:
                raise httpcore2.ConnectError(reason(error)) from error
            for address in addresses[:-1]:
                with suppress(httpcore2.ConnectError, httpcore2.ConnectTimeout):
                    return await connecting.connect_tcp(address, port, *how)
            if not addresses:
                raise httpcore2.ConnectError("it has no address")
            return await connecting.connect_tcp(addresses[-1], port, *how)

    class Transport(httpx2.AsyncHTTPTransport):
        def __init__(self) -> None:
            super().__init__(verify=True, trust_env=False, limits=limits)
            self._pool = httpcore2.AsyncConnectionPool(
                ssl_context=httpx2.create_ssl_context(trust_env=False), max_connections=limits.max_connections,
                max_keepalive_connections=limits.max_keepalive_connections, network_backend=Pinned(),
            )  # fmt: skip

    return Transport()


def _guard(
    allowed: frozenset[str] | Places, limit: int, network: Network | None, *, compressed: bool
) -> "httpx2.AsyncBaseTransport":
    """A transport that holds the rules, so that they bind every library it is handed to."""
    import httpx2

    logging.getLogger("httpcore2").setLevel(logging.INFO)  # below that it writes down the headers of responses
    inner = _transport(network)

    class Bounded(httpx2.AsyncByteStream):
        """A body that ends, or fails, at its limit."""

        def __init__(self, response: httpx2.Response, host: str) -> None:
            assert isinstance(response.stream, httpx2.AsyncByteStream)
            self._stream, self._host = response.stream, host
            self._succeeds = response.is_success

        async def __aiter__(self) -> AsyncIterator[bytes]:
            room = limit if self._succeeds else min(limit, ERROR_LIMIT)
            async for part in self._stream:
                room -= len(part)
                if room >= 0:
                    yield part
                elif self._succeeds:
                    raise ResponseTooLarge(f"{self._host} answers with more than {limit} bytes.")
                else:
                    yield part[:room]
                    return

        async def aclose(self) -> None:
            await self._stream.aclose()

    class Guard(httpx2.AsyncBaseTransport):
        """Lets out what is on the list, and lets in what is bounded."""

        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            host = request.url.raw_host.decode().lower()
            if not _admitted(str(request.url), allowed):
                raise _refused(_spelled(request.url.scheme, host, request.url.port), allowed)
            request.extensions = {**request.extensions, "trace": _watcher(_watched.get())}
            response = await inner.handle_async_request(request)
            if not compressed and response.headers.get("content-encoding", "identity") != "identity":
                await response.aclose()
                raise EgressError(f"{host} answers compressed, though it was asked not to.")
            response.headers.pop("set-cookie", None)
            response.stream = Bounded(response, host)
            return response

        async def aclose(self) -> None:
            await inner.aclose()

    return Guard()


def _client(guard: "httpx2.AsyncBaseTransport", timeouts: Timeouts) -> "httpx2.AsyncClient":
    import httpx2

    waits = httpx2.Timeout(connect=timeouts.connect, read=timeouts.read, write=timeouts.write, pool=timeouts.pool)
    return httpx2.AsyncClient(
        transport=guard,
        timeout=waits,
        follow_redirects=False,
        trust_env=False,
        headers={"Accept-Encoding": "identity", "User-Agent": "deputy"},
    )
