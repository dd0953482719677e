"""Speak MCP with one server over HTTP: agree on a version, keep a session where there is one, know its tools.

Both eras. A session that the server has forgotten (HTTP 404) is begun anew, once a call: the server says itself that
nothing of that call was begun. What a server asks of us in mid-call is answered if it is a form for people (or a
ping), and declined otherwise.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import ModuleType
from typing import NamedTuple, cast

from deputy.adapters.tool.mcp_http.exchange import Exchange, Reply, Sending, Serve
from deputy.adapters.wire.mcp import (
    ANSWERS,
    CAPABILITIES,
    HANDSHAKE_VERSIONS,
    METHOD_NOT_FOUND,
    MODERN_VERSION,
    Answer,
    Trouble,
    client_info,
    envelope,
    is_modern,
    is_stranger,
    names_modern,
)
from deputy.adapters.wire.mcp.reading import read_form
from deputy.base.canonical import canonical
from deputy.domain.effect import ToolSpec
from deputy.domain.elicitation import Form

__all__ = ["Answerer", "Authority", "Headers", "Listed", "Session", "left_out"]

Answerer = Callable[[Form], Awaitable[dict[str, object]]]  #: puts a form to people
_MAX_PAGES, _MAX_TOOLS = 100, 1_000
_FRESH, _FRESHEST = 300.0, 5.0  # seconds for which a list of tools counts, where the server does not say; and at least
_GOODBYE = 2.0  # seconds for what a server may be told, but need not hear
_REFERENCES = ("env:", "secret:")
_PARAMETER = b"x-mcp-header"  # marks a parameter that is to travel as a header, too


class Authority:
    """What lets us in: headers for every request. One with tokens of its own can renew them."""

    async def headers(self) -> Mapping[str, str]:
        """The headers that say who asks."""
        return {}

    async def renewed(self, headers: Mapping[str, str], reply: Reply) -> bool:
        """Whether there is something newer to say than these headers, which the server did not take."""
        return False


class Headers(Authority):
    """The headers that the workspace says, with secrets lent."""

    def __init__(self, headers: Mapping[str, str], lend: Callable[[str], str]) -> None:
        self._headers, self._lend = dict(headers), lend
        self.secrets: dict[str, str] = {}  #: what was lent last, by which reference; it must not come back in a text

    async def headers(self) -> Mapping[str, str]:
        """The headers, with what is lent now."""
        lent = {name: self._lend(value) for name, value in self._headers.items() if value.startswith(_REFERENCES)}
        whole = {value: self._headers[name] for name, value in lent.items()}
        bare = {value.partition(" ")[2]: reference for value, reference in whole.items()}  # the key alone
        self.secrets = {value: reference for value, reference in (whole | bare).items() if value}
        return {**self._headers, **lent}


class Listed(NamedTuple):
    """The tools as a server listed them, and until when (seconds on the boot clock) that counts."""

    tools: list[object]
    until: float


class Session:
    """A server at an address."""

    def __init__(self, exchange: Exchange, authority: Authority, boot: Callable[[], float]) -> None:
        self._exchange, self._authority, self._boot = exchange, authority, boot
        self._ids = itertools.count(1)
        self._agreeing = asyncio.Lock()
        self._mute = False  # whether the server has no stream of its own to ask on
        self.challenge: Mapping[str, str] = {}  #: how the server last said who it wants
        self._version, self._name = "", ""  # agreed upon; and the session's name, where the server gave one

    @property
    def version(self) -> str:
        """The version that was agreed upon, if any was."""
        return self._version

    async def agree(self) -> Trouble | None:
        """Settle the version to speak, if that was not done: the current one if the server knows it."""
        async with self._agreeing:
            return None if self._version else await self._agree()

    async def list_tools(self) -> Listed | Trouble:
        """The server's tools, all pages."""
        tools: list[object] = []
        cursor: object = None
        fresh = _FRESH
        for _ in range(_MAX_PAGES):
            answer = await self.ask("tools/list", {} if cursor is None else {"cursor": cursor}, Sending())
            if isinstance(answer, Trouble):
                return Listed([], self._boot() + fresh) if answer.code == METHOD_NOT_FOUND else answer
            page, ttl = answer.get("tools"), answer.get("ttlMs")
            if not isinstance(page, list):
                return Trouble("unreadable", "listed no tools, but something else")
            tools += cast("list[object]", page)
            if isinstance(ttl, int | float) and not isinstance(ttl, bool):
                fresh = max(min(fresh, ttl / 1000), _FRESHEST)
            before, cursor = cursor, answer.get("nextCursor")
            if cursor is None:
                return Listed(tools, self._boot() + fresh)
            if cursor == before or len(tools) > _MAX_TOOLS:
                break
        return Trouble("unreadable", f"lists tools without end, or more than {_MAX_TOOLS}")

    async def call(
        self, spec: ToolSpec, params: Mapping[str, object], sending: Sending, answerer: Answerer | None
    ) -> Answer:
        """Call a tool."""
        return await self.ask("tools/call", params, sending, answerer=answerer, headers=await _mirrored(spec, params))

    async def ask(
        self,
        method: str,
        params: Mapping[str, object],
        sending: Sending,
        *,
        answerer: Answerer | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Put a question; where the server has forgotten us, or no longer lets us in as we are, once more."""
        for last in (False, True):
            if trouble := await self.agree():
                return trouble
            name, version = self._name, self._version
            reply = await self._ask(method, params, sending, answerer, headers or {})
            answer = reply.answer
            if answer is None:
                return Trouble("unreadable", "took the message and gave no answer")
            forgotten = name and reply.status == 404 and isinstance(answer, Trouble) and answer.code != METHOD_NOT_FOUND
            if last or not forgotten:
                break
            if (self._name, self._version) == (name, version):
                self._name = self._version = ""
            sending.sent = False
        return answer

    async def cancel(self, id: int) -> None:
        """Tell the server that nobody waits for this answer any more, for as long as it takes to say so."""
        if self._version == MODERN_VERSION or not self._version:
            return  # there, the closed stream said it
        params = {"requestId": id, "reason": "deadline"}
        await self._tell({"method": "notifications/cancelled", "params": params})

    async def close(self) -> None:
        """End the session, where there is one."""
        if self._name:
            headers = {**await self._authority.headers(), **self._headers()}
            self._name = self._version = ""
            await self._exchange.end(headers, _GOODBYE)

    # --- inside

    async def _ask(
        self,
        method: str,
        params: Mapping[str, object],
        sending: Sending,
        answerer: Answerer | None,
        headers: Mapping[str, str],
    ) -> Reply:
        modern = self._version == MODERN_VERSION
        sending.id = id = next(self._ids)
        whole = dict(params)
        extra = dict(self._headers())
        if not modern:
            whole = {name: value for name, value in whole.items() if name not in ANSWERS}
        if modern:
            meta = cast("Mapping[str, object]", whole.get("_meta", {}))
            whole["_meta"] = {**meta, **envelope(CAPABILITIES if method == "tools/call" else {})}
            extra |= {"Mcp-Method": method, **headers}
            if isinstance(name := whole.get("name"), str):
                extra["Mcp-Name"] = name
        message = {"id": id, "method": method, "params": whole}
        serve = None if modern else self._serving(answerer)
        if serve is None or answerer is None or self._mute:
            return await self._put(message, extra, sending, serve, resume=not modern)
        heard: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        said = {**await self._authority.headers(), **extra}
        listening = asyncio.create_task(self._exchange.listen(said, serve, heard))
        try:
            self._mute = not await heard
            return await self._put(message, extra, sending, serve, resume=True)
        finally:
            listening.cancel()
            await asyncio.wait({listening})

    async def _put(
        self,
        message: Mapping[str, object],
        headers: Mapping[str, str],
        sending: Sending,
        serve: Serve | None = None,
        *,
        resume: bool = False,
    ) -> Reply:
        """Put a message as who we are; where that is not believed and there is news of it, once more."""
        while True:
            known = await self._authority.headers()
            reply = await self._exchange.put(message, {**known, **headers}, sending, serve=serve, resume=resume)
            if reply.status in (401, 403):
                self.challenge = {n: v for n, v in reply.headers.items() if n == "www-authenticate"} or {"": ""}
            if reply.status != 401 or sending.renewed or not await self._authority.renewed(known, reply):
                return reply
            sending.renewed, sending.sent = True, False

    async def _agree(self) -> Trouble | None:
        params = {"_meta": envelope({})}
        headers = {"MCP-Protocol-Version": MODERN_VERSION, "Mcp-Method": "server/discover"}
        message = {"id": next(self._ids), "method": "server/discover", "params": params}
        answer = (await self._put(message, headers, Sending())).answer
        if isinstance(answer, Trouble) and names_modern(answer):  # it was not heard the first time
            answer = (await self._put({**message, "id": next(self._ids)}, headers, Sending())).answer
        if is_modern(answer):
            self._version = MODERN_VERSION
            return None
        if isinstance(answer, Trouble) and (
            answer.kind in ("unsent", "too_late", "cut") or answer.data == "unauthorized" or is_stranger(answer)
        ):
            return answer
        hello = {"protocolVersion": HANDSHAKE_VERSIONS[-1], "capabilities": CAPABILITIES, "clientInfo": client_info()}
        message = {"id": next(self._ids), "method": "initialize", "params": hello}
        reply = await self._put(message, {}, Sending(), resume=True)
        if not isinstance(reply.answer, dict):
            return reply.answer or Trouble("unreadable", "took the handshake and gave no answer")
        version = reply.answer.get("protocolVersion")
        if version not in HANDSHAKE_VERSIONS:
            return Trouble("refused", f"speaks version {str(version)[:40]!r} of the protocol")
        name = reply.headers.get("mcp-session-id", "")
        if len(name) > 1024 or not name.isascii() or not name.isprintable():
            return Trouble("refused", "names its session with what cannot be a header")
        self._version, self._name = str(version), name
        await self._tell({"method": "notifications/initialized"})
        return None

    def _headers(self) -> dict[str, str]:
        named = {"Mcp-Session-Id": self._name} if self._name else {}
        return {"MCP-Protocol-Version": self._version, **named}

    async def _tell(self, message: Mapping[str, object]) -> None:
        try:
            async with asyncio.timeout(_GOODBYE):
                await self._put(message, self._headers(), Sending())
        except TimeoutError:
            pass  # it need not hear it

    def _serving(self, answerer: Answerer | None) -> Serve:
        async def serve(request: Mapping[str, object]) -> None:
            await self._tell({"id": request["id"], **await _answer_to(request, answerer)})

        return serve


async def _answer_to(request: Mapping[str, object], answerer: Answerer | None) -> dict[str, object]:
    method = request.get("method")
    if method == "ping":
        return {"result": {}}
    if method == "elicitation/create" and answerer is not None:
        form = read_form(request.get("params"))
        if form is not None:
            return {"result": await answerer(form)}
        return {"error": {"code": -32602, "message": "People can be shown flat forms of plain fields only."}}
    return {"error": {"code": METHOD_NOT_FOUND, "message": "Deputy does nothing for servers but put forms to people."}}


async def _mirrored(spec: ToolSpec, params: Mapping[str, object]) -> dict[str, str]:
    """The headers that a tool's schema wants of its arguments; nearly none does, and the library is heavy."""
    if not _mirrors(spec.parameters):
        return {}
    inbound = await asyncio.to_thread(_inbound)
    arguments = cast("Mapping[str, object]", params.get("arguments", {}))
    return inbound.mcp_param_headers(inbound.x_mcp_header_map(spec.parameters), arguments)


async def left_out(tools: Sequence[object]) -> dict[int, str]:
    """The tools of a list whose schema wants headers that cannot be sent, by their place, and why."""
    listed = enumerate(tools)
    marked = {place: tool for place, tool in listed if _mirrors(tool)}
    if not marked:
        return {}
    inbound = await asyncio.to_thread(_inbound)
    found = {place: inbound.find_invalid_x_mcp_header(_schema(tool)) for place, tool in marked.items()}
    return {place: why for place, why in found.items() if why is not None}


def _schema(tool: object) -> object:
    return cast("dict[str, object]", tool).get("inputSchema") if isinstance(tool, dict) else None


def _mirrors(value: object) -> bool:
    return _PARAMETER in canonical(value)


def _inbound() -> ModuleType:
    from mcp.shared import inbound

    return inbound
