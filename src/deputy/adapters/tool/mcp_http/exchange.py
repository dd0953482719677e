"""One message to a server over HTTP, and its answer: JSON, or a stream of events that may break and be resumed.

Bounded in bytes and in events; its time is the caller's to bound. Nothing is sent twice: what is resumed is the
reading.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, NamedTuple, cast

import msgspec

from deputy.adapters.egress import (
    Egress,
    EgressRefused,
    Interrupted,
    ResponseTooLarge,
    TooLate,
    Unreachable,
    dispatching,
    received,
)
from deputy.adapters.wire.mcp import Answer, Trouble, answer_of
from deputy.adapters.wire.sse import Event, Events, EventTooLong
from deputy.base.canonical import canonical, decode
from deputy.base.errors import DeputyError

if TYPE_CHECKING:
    from deputy.adapters.egress import Response

__all__ = ["Exchange", "Reply", "Sending", "Serve"]

Serve = Callable[[Mapping[str, object]], Awaitable[None]]  #: deals with a server's own request
_MAX_EVENTS = 10_000  # of one answer, before it comes
_RESUMPTIONS = 5  # in a row that bring nothing
_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds before a stream is resumed, where the server names none; and at most
_PATIENCE = 3.0  # seconds for a server to open a stream of its own
_ERROR = 64_000  # bytes read of an answer that is an error
# What these say is said before anything was begun; of the others (conflict, timeout, trouble of the server's) nobody
# can tell.
_NOT_BEGUN = frozenset({307, 308, 400, 401, 402, 403, 404, 405, 406, 410, 411, 413, 414, 415, 417, 421, 422, 426, 428,
                        429, 431, 451})  # fmt: skip


class Reply(NamedTuple):
    """What came of a message: its answer (None where none is due), the status of the response and its headers."""

    answer: Answer | None
    status: int = 0
    headers: Mapping[str, str] = {}


class Sending:
    """A question on its way: whether it may have reached anybody, and under which number."""

    def __init__(self, permitted: Callable[[], bool] | None = None) -> None:
        self.permitted, self.sent, self.renewed, self.id = permitted, False, False, 0


class _Stream:
    """Where the reading of an answer's events stands."""

    def __init__(self, id: int, serve: Serve, say: Callable[[str], str]) -> None:
        self.id, self.serve, self.say = id, serve, say
        self.last, self.pause, self.count = "", _PAUSE, 0


class Exchange:
    """Puts messages to one address."""

    def __init__(self, egress: Egress, url: str, *, limit: int, say: Callable[[str], str]) -> None:
        self._egress, self._url, self._limit, self._say = egress, url, limit, say

    async def put(
        self,
        message: Mapping[str, object],
        headers: Mapping[str, str],
        sending: Sending,
        *,
        serve: Serve | None = None,
        resume: bool = False,
    ) -> Reply:
        """Put a message; `resume` where a stream that breaks may be read on. Raises nothing but what cancels it."""
        body = canonical({"jsonrpc": "2.0", **message})
        if len(body) > self._limit:
            why = f"is sent no message longer than {self._limit} bytes"
            return Reply(Trouble("unsent", why, data="arguments_too_large"))
        id = message.get("id")
        stream = _Stream(id if isinstance(id, int) else 0, serve or _ignore, self._say)
        said = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json", **headers}
        try:
            with dispatching(sending.permitted) as dispatch:
                try:
                    async with self._egress.stream("POST", self._url, headers=said, content=body) as response:
                        return await self._read(response, stream)
                finally:
                    sending.sent = sending.sent or dispatch.begun
        except _Broken as broken:
            if not resume or not stream.last:
                return Reply(broken.trouble)
            return await self._resume(stream, headers, broken.trouble)
        except DeputyError as error:
            return Reply(_trouble_of(error, sent=sending.sent))

    async def listen(self, headers: Mapping[str, str], serve: Serve, heard: "asyncio.Future[bool]") -> None:
        """Serve what a server asks on a stream of its own, until cancelled; `heard` is told whether there is one."""
        said = {**headers, "Accept": "text/event-stream"}
        stream = _Stream(0, serve, self._say)
        try:
            async with asyncio.timeout(_PATIENCE) as time, self._egress.stream("GET", self._url, headers=said) as got:
                kind = got.headers.get("content-type", "").partition(";")[0].strip().lower()
                if got.is_success and kind == "text/event-stream":
                    time.reschedule(None)
                    heard.set_result(True)
                    await self._events(got, stream)
        except (_Broken, DeputyError, TimeoutError):
            pass  # it need not have one
        finally:
            if not heard.done():
                heard.set_result(False)

    async def end(self, headers: Mapping[str, str], seconds: float) -> None:
        """Say that the session is over, for at most so many seconds; it need not be heard."""
        try:
            async with asyncio.timeout(seconds), self._egress.stream("DELETE", self._url, headers=headers):
                pass
        except (DeputyError, TimeoutError):
            pass

    # --- answers

    async def _read(self, response: "Response", stream: _Stream) -> Reply:
        fields = {name.lower(): value for name, value in response.headers.items()}
        kind = fields.get("content-type", "").partition(";")[0].strip().lower()
        if response.status_code == 202 or (response.is_success and not stream.id):
            return Reply(None, response.status_code, fields)
        if response.is_success and kind == "text/event-stream":
            return Reply(await self._events(response, stream), response.status_code, fields)
        if not response.is_success:
            return Reply(await self._error(response, kind), response.status_code, fields)
        if kind != "application/json":
            return Reply(Trouble("unreadable", f"answered with {self._say(kind)[:80] or 'something'} instead of JSON",
                                 data="result_not_json"), response.status_code, fields)  # fmt: skip
        body = await self._body(response, self._limit)
        return Reply(self._decoded(body) if isinstance(body, bytes) else body, response.status_code, fields)

    async def _body(self, response: "Response", limit: int) -> bytes | Trouble:
        body = bytearray()
        try:
            async with aclosing(received(response)) as parts:
                async for part in parts:
                    body += part
                    if len(body) > limit:
                        return _too_large(limit)
        except Interrupted as error:
            return Trouble("cut", f"broke off its answer ({error.message})")
        return bytes(body)

    def _decoded(self, body: bytes) -> Answer:
        try:
            message = decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Trouble("unreadable", "gave an answer that is not JSON", data="result_not_json")
        answer = answer_of(cast("dict[str, object]", message), self._say) if isinstance(message, dict) else None
        return answer or Trouble("unreadable", "gave an answer that is neither a result nor an error")

    async def _error(self, response: "Response", kind: str) -> Trouble:
        """Why a server answers with an error: in the protocol's words if it has any, else by its status."""
        status = response.status_code
        body = await self._body(response, _ERROR) if kind == "application/json" else b""
        answer = self._decoded(body) if isinstance(body, bytes) and body else None
        words = f" and the words: {answer.message}" if isinstance(answer, Trouble) and answer.code else ""
        why = f"answered with HTTP status {status}{words}"
        if 300 <= status < 400:
            why = f"wants to be asked at another address (HTTP status {status}), and redirects are not followed"
        code = answer.code if isinstance(answer, Trouble) else 0
        data = answer.data if isinstance(answer, Trouble) else None
        if status not in _NOT_BEGUN:
            return Trouble("refused", why, 0)
        if status in (401, 403, 404):
            return Trouble("barred", why, code, {401: "unauthorized", 403: "forbidden", 404: "not_found"}[status])
        return Trouble("barred", why, code, data if code else "refused")

    # --- events

    async def _events(self, response: "Response", stream: _Stream) -> Answer:
        """The answer among the events of a stream; raises _Broken where the stream ends before it comes."""
        events = Events(self._limit)
        try:
            async with aclosing(received(response)) as parts:
                async for part in parts:
                    for event in events.feed(part):
                        if (answer := await self._event(event, stream)) is not None:
                            return answer
        except EventTooLong:
            return _too_large(self._limit)
        except ResponseTooLarge as error:
            return Trouble("unreadable", f"sends without end ({error.message})", data="result_too_large")
        except Interrupted as error:
            raise _Broken(Trouble("cut", f"broke off its answer ({error.message})")) from error
        raise _Broken(Trouble("cut", "ended its answer before there was any"))

    async def _event(self, event: Event, stream: _Stream) -> Answer | None:
        if event.id is not None:
            stream.last = event.id if event.id.isprintable() and event.id.isascii() else ""
        if event.retry is not None:
            stream.pause = min(event.retry / 1000, _LONGEST_PAUSE)
        stream.count += 1
        if stream.count > _MAX_EVENTS:
            return Trouble("cut", "sent without end what nobody asked for")
        if event.name != "message" or not event.data.strip():
            return None
        try:
            message = decode(event.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Trouble("unreadable", "gave an answer that is not JSON", data="result_not_json")
        if not isinstance(message, dict):
            return None
        told = cast("dict[str, object]", message)
        if isinstance(told.get("method"), str):
            id = told.get("id")
            if isinstance(id, str | int) and not isinstance(id, bool):
                await stream.serve(told)
            return None
        return answer_of(told, self._say) if told.get("id") in (stream.id, str(stream.id)) else None

    async def _resume(self, stream: _Stream, headers: Mapping[str, str], trouble: Trouble) -> Reply:
        """Read on where a stream broke off, for as long as that brings anything."""
        attempts = 0
        while attempts < _RESUMPTIONS:
            before = stream.last
            await asyncio.sleep(stream.pause)
            said = {**headers, "Accept": "text/event-stream", "Last-Event-ID": stream.last}
            try:
                async with self._egress.stream("GET", self._url, headers=said) as response:
                    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
                    if not response.is_success or kind != "text/event-stream":
                        return Reply(trouble)
                    fields = {name.lower(): value for name, value in response.headers.items()}
                    return Reply(await self._events(response, stream), response.status_code, fields)
            except _Broken as broken:
                trouble = broken.trouble
            except DeputyError as error:
                trouble = Trouble("cut", _trouble_of(error, sent=True).message)
            attempts = 0 if stream.last != before else attempts + 1
        return Reply(trouble)


class _Broken(Exception):
    """A stream of events ended before the answer came."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.message)
        self.trouble = trouble


def _too_large(limit: int) -> Trouble:
    return Trouble("unreadable", f"gave an answer that is longer than {limit} bytes", data="result_too_large")


async def _ignore(_request: Mapping[str, object]) -> None:
    """The current version knows no requests of servers."""


def _trouble_of(error: DeputyError, *, sent: bool) -> Trouble:
    match error:
        case TooLate():
            return Trouble("too_late", "was not asked: the worker's lease had run out")
        case Unreachable() | EgressRefused() if not sent:
            return Trouble("unsent", f"cannot be reached ({error.message})")
        case Interrupted():
            return Trouble("cut", f"did not answer ({error.message})")
        case ResponseTooLarge():
            return Trouble("unreadable", f"gave an answer that is too long ({error.message})", data="result_too_large")
        case _:
            return Trouble("refused", f"could not be asked, or its answer not be taken ({error.message})")
