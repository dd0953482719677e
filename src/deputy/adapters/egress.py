"""The only HTTP client: origins on a list, certificates checked, every wait and every answer bounded.

It follows no redirect, keeps no cookie, trusts no proxy of the environment, and knows nothing of what it carries.
"""

import logging
import os
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterable, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import msgspec

from deputy.base.errors import ConfigError, DeputyError

if TYPE_CHECKING:
    import httpx2

__all__ = [
    "Answer", "Dispatch", "Egress", "EgressError", "EgressRefused", "Interrupted", "ResponseTooLarge", "Timeouts",
    "Unreachable", "dispatching", "origin", "reason", "received",
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
    """Whether the first byte of a request has left."""

    def __init__(self) -> None:
        self.begun = False


_watched: ContextVar[Dispatch | None] = ContextVar("deputy.egress", default=None)


@contextmanager
def dispatching() -> Generator[Dispatch]:
    """Watch the requests made inside, by whatever library: what never began to leave certainly did not happen."""
    dispatch, outer = Dispatch(), _watched.get()
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

    def __init__(self, allow: Iterable[str], *, timeouts: Timeouts | None = None, limit: int = LIMIT) -> None:
        self._allowed = frozenset(origin(address) for address in allow)
        self._timeouts, self._limit = timeouts or Timeouts(), limit
        self._client: httpx2.AsyncClient | None = None
        self._making = threading.Lock()

    def allows(self, url: str) -> bool:
        """Whether this address is on the list."""
        try:
            return origin(url) in self._allowed
        except ConfigError:
            return False

    def client(self) -> "httpx2.AsyncClient":
        """The client itself, for libraries that want one; the first call takes a moment and may come from a thread.

        Whoever uses it is under the same list and limits. Only `close` closes it.
        """
        with self._making:
            if self._client is None:
                self._client = _client(self._allowed, self._timeouts, self._limit)
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


def _admit(place: str, allowed: frozenset[str]) -> None:
    if place not in allowed:
        raise EgressRefused(
            f"{place} is not an address this workspace may reach.",
            "Name it in deputy.toml, as a model's `base_url` or a server's `url`.",
        )


def _watcher(dispatch: Dispatch | None) -> Callable[[str, object], Awaitable[None]]:
    async def watch(event: str, _: object) -> None:
        if dispatch is not None and event.endswith("send_request_headers.started"):
            dispatch.begun = True

    return watch


def _client(allowed: frozenset[str], timeouts: Timeouts, limit: int) -> "httpx2.AsyncClient":
    """A client whose transport holds the rules, so that they bind every library it is handed to."""
    import httpx2

    logging.getLogger("httpcore2").setLevel(logging.INFO)  # below that it writes down the headers of responses
    limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS // 4)
    inner = httpx2.AsyncHTTPTransport(verify=True, trust_env=False, limits=limits)

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
            _admit(_spelled(request.url.scheme, host, request.url.port), allowed)
            request.extensions = {**request.extensions, "trace": _watcher(_watched.get())}
            response = await inner.handle_async_request(request)
            if response.headers.get("content-encoding", "identity") != "identity":
                await response.aclose()
                raise EgressError(f"{host} answers compressed, though it was asked not to.")
            response.headers.pop("set-cookie", None)
            response.stream = Bounded(response, host)
            return response

        async def aclose(self) -> None:
            await inner.aclose()

    waits = httpx2.Timeout(connect=timeouts.connect, read=timeouts.read, write=timeouts.write, pool=timeouts.pool)
    return httpx2.AsyncClient(
        transport=Guard(),
        timeout=waits,
        follow_redirects=False,
        trust_env=False,
        headers={"Accept-Encoding": "identity", "User-Agent": "deputy"},
    )
