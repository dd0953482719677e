"""The host of the tools of one server at an address: what is asked of it, and what came of it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import cast

import msgspec

from deputy.adapters.egress import Egress
from deputy.adapters.tool import MAX_BYTES, scrubbed, sentence
from deputy.adapters.tool.mcp_http.exchange import Exchange, Sending
from deputy.adapters.tool.mcp_http.session import Answerer, Headers, Listed, Session, left_out
from deputy.adapters.wire.mcp import MODERN_VERSION, Trouble
from deputy.adapters.wire.mcp.reading import call_params, read_result, read_tools
from deputy.base.clock import Clock
from deputy.base.errors import DeputyError
from deputy.domain.effect import Failed, InputRequired, Intent, Result, ToolRequest, ToolSpec, Unknown
from deputy.domain.elicitation import Form

__all__ = ["HttpServer", "McpHttp", "Unavailable"]

_ROUNDS, _PAUSE, _LONGEST = 20, 0.05, 2.0  # of a server that wants to be asked again, without saying what for


class HttpServer(msgspec.Struct, frozen=True, kw_only=True):
    """A server as the workspace configures it; values of `headers` that are references are lent for each request."""

    name: str
    url: str
    headers: dict[str, str] = {}
    deadline: float = 60.0  #: seconds of a call, for tools that have none of their own
    start_deadline: float = 30.0  #: seconds of agreeing on a version, and of listing the tools
    limit: int = MAX_BYTES  #: bytes of one message, either way


class Unavailable(DeputyError):
    """A server of tools cannot be reached, or does not answer."""

    code = "tool_unavailable"


class _Attempt:
    """A call that is under way."""

    def __init__(self, key: str, time: asyncio.Timeout) -> None:
        self.key, self.time, self.ended = key, time, asyncio.Event()


class McpHttp:
    """A host of the tools of one MCP server over HTTP, named `server.tool`.

    `settings` is given every tool, by the server's name for it and with the most careful settings, and returns it as
    the workspace has it. `authority` is what lets us in where `headers` alone do not. The host closes its `egress`.
    """

    def __init__(
        self,
        server: HttpServer,
        *,
        egress: Egress,
        clock: Clock,
        lend: Callable[[str], str],
        settings: Callable[[str, ToolSpec], ToolSpec] = lambda _, spec: spec,
        authority: Headers | None = None,
    ) -> None:
        self._server, self._egress, self._clock, self._settings = server, egress, clock, settings
        self._headers = authority or Headers(server.headers, lend)
        exchange = Exchange(egress, server.url, limit=server.limit, say=self._say)
        self._session = Session(exchange, self._headers, clock.boot)
        self._listing = asyncio.Lock()
        self._listed = Listed([], float("-inf"))
        self._specs: tuple[ToolSpec, ...] = ()
        self._under_way: set[_Attempt] = set()
        self._closed = False
        self.problems: tuple[str, ...] = ()  #: what is wrong with tools that were left out of the catalogue

    @property
    def challenge(self) -> Mapping[str, str]:
        """The headers with which the server last asked who we are, or for more than was granted."""
        return self._session.challenge

    async def catalogue(self) -> Sequence[ToolSpec]:
        """The server's tools, as it last listed them. Raises Unavailable."""
        async with self._listing:
            if self._clock.boot() >= self._listed.until:
                listed = await self._list()
                bad = await left_out(listed.tools) if self._session.version == MODERN_VERSION else {}
                offered = [tool for place, tool in enumerate(listed.tools) if place not in bad]
                self._specs, problems = read_tools(self._server.name, offered, self._server.deadline, self._settings)
                said = tuple(f"A tool cannot be offered: {self._say(why)}." for why in bad.values())
                self._listed, self.problems = listed, (*problems, *said)
        return self._specs

    async def invoke(self, intent: Intent) -> Result:
        """Call the tool that an intent asks for; `sent` decides whether what has no answer may have happened."""
        request = intent.request
        prefix = self._server.name + "."
        if not isinstance(request, ToolRequest) or not request.spec.name.startswith(prefix):
            return Failed("unknown_tool", f"The server {self._server.name!r} has no such tool.")
        if self._closed:
            return Failed("unavailable", f"The server {self._server.name!r} is no longer asked.", retry=True)
        sending = Sending(lambda: self._clock.boot() <= intent.dispatch_by)
        attempt = _Attempt(intent.key, asyncio.timeout(intent.deadline))
        self._under_way.add(attempt)
        try:
            return await self._within(attempt, intent, request, sending)
        finally:
            self._under_way.discard(attempt)
            attempt.ended.set()

    async def quiesce(self, key: str) -> None:
        """Return when no call of this effect is under way on our side; one that is, is cut off."""
        for attempt in [attempt for attempt in self._under_way if attempt.key == key]:
            if attempt.time.when() is not None:
                attempt.time.reschedule(asyncio.get_running_loop().time())
            await attempt.ended.wait()

    async def close(self) -> None:
        """End the session, where the server keeps one. Calls that are under way are cut off."""
        self._closed = True
        for key in {attempt.key for attempt in self._under_way}:
            await self.quiesce(key)
        with suppress(DeputyError):  # without a key there is nobody to say goodbye as
            await self._session.close()
        await self._egress.close()

    # --- one call

    async def _within(self, attempt: "_Attempt", intent: Intent, request: ToolRequest, sending: Sending) -> Result:
        safe = request.spec.repeat == "safe"
        try:
            async with attempt.time:
                return await self._call(intent, request, sending, safe=safe)
        except DeputyError as e:  # before it left; or after, where people could not be asked
            message = f"{e.message} {e.remedy}".strip()
            return Failed(e.code, message) if safe or not sending.sent else Unknown(message)
        except TimeoutError:
            if not sending.sent:
                message = f"The server {self._server.name!r} could not be asked within {intent.deadline:g} s."
                return Failed("unavailable", message, retry=True)
            await self._session.cancel(sending.id)
            message = f"The server {self._server.name!r} did not answer within {intent.deadline:g} s."
            return Failed("deadline", message) if safe else Unknown(message)

    async def _call(self, intent: Intent, request: ToolRequest, sending: Sending, *, safe: bool) -> Result:
        name = request.spec.name.removeprefix(self._server.name + ".")
        params = call_params(name, request, intent.key)
        pause = _PAUSE
        for _ in range(_ROUNDS):
            answer = await self._session.call(request.spec, params, sending, self._answerer(intent))
            result = read_result(self._server.name, answer, sent=sending.sent, safe=safe, secrets=self._headers.secrets)
            if isinstance(answer, Trouble) and answer.data == "unauthorized":
                return Failed("unauthorized", self._stranger())
            if not isinstance(result, InputRequired) or result.forms:
                return result
            params.pop("inputResponses", None)  # it has had them: it only wants its state back, a little later
            params["requestState"] = result.state
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST)
        return Failed("input_refused", f"The server {self._server.name!r} wants to be asked again and again.")

    def _answerer(self, intent: Intent) -> Answerer:
        async def answer(form: Form) -> dict[str, object]:
            shown = cast("dict[str, object]", scrubbed(form.schema, self._headers.secrets))
            return await intent.ask(self._server.name, Form(message=self._say(form.message), schema=shown))

        return answer

    async def _list(self) -> Listed:
        try:
            async with asyncio.timeout(self._server.start_deadline):
                listed = await self._session.list_tools()
        except TimeoutError:
            listed = Trouble("cut", f"did not list its tools within {self._server.start_deadline:g} s")
        if isinstance(listed, Trouble):
            if listed.data == "unauthorized":
                raise Unavailable(self._stranger(), f"Log in with `deputy mcp login {self._server.name}`.")
            message = sentence(f"The server {self._server.name!r} {listed.message}.", self._headers.secrets)
            raise Unavailable(message, f"Is {self._server.url} its address, and does it run?")
        return listed

    def _stranger(self) -> str:
        return f"The server {self._server.name!r} does not let us in (HTTP status 401)."

    def _say(self, text: str) -> str:
        return sentence(text, self._headers.secrets)
