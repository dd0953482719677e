"""An MCP server over HTTP on loopback, of either era, that behaves as told; and hosts that reach it."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import cast

import msgspec
from tests.adapters.model.server import Answer, Received, Server
from tests.adapters.tool.hosts import lend_nothing

from deputy.adapters.egress import Egress
from deputy.adapters.tool.mcp_http import HttpServer, McpHttp
from deputy.base.clock import Clock, SystemClock

__all__ = ["EVENTS", "JSON", "Peer", "Told", "answered", "event", "refused", "serving"]

JSON = {"Content-Type": "application/json"}
EVENTS = {"Content-Type": "text/event-stream"}
Told = Callable[["Peer", Received], Answer | None]
PAY = {
    "name": "pay",
    "description": "Pays.",
    "inputSchema": {"type": "object", "properties": {"amount": {"type": "integer"}}},
}


def answered(received: Received, result: Mapping[str, object], **headers: str) -> Answer:
    """A JSON answer to a request."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = {"jsonrpc": "2.0", "id": received.json["id"], "result": dict(result)}
    return Answer(headers={**JSON, **named}, pieces=[json.dumps(body).encode()])


def refused(received: Received, code: int, status: int = 200, data: object = None, **headers: str) -> Answer:
    """An error of the protocol."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    error = {"code": code, "message": "no", **({} if data is None else {"data": data})}
    body = {"jsonrpc": "2.0", "id": received.json.get("id"), "error": error}
    return Answer(status=status, headers={**JSON, **named}, pieces=[json.dumps(body).encode()])


def event(message: object, *, id: str = "", retry: int | None = None) -> bytes:
    """One server-sent event; an empty text is one without data."""
    lines = [f"id: {id}"] * bool(id) + [f"retry: {retry}"] * (retry is not None)
    data = message if isinstance(message, str) else json.dumps(message)
    return "\n".join([*lines, f"data: {data}", "", ""]).encode()


class Peer(Server):
    """A server of the given version with one tool, `pay`; `told` may answer anything otherwise."""

    def __init__(self, version: str = "2026-07-28", told: Told = lambda _peer, _received: None) -> None:
        super().__init__([])
        self.version, self.told = version, told
        self.tools: list[object] = [PAY]
        self.sessions = 0
        self.said: object = None  #: what it was answered, when it asked
        self.session = ""  #: the name of the session that is alive, in the handshake era

    @property
    def calls(self) -> list[Received]:
        """The tool calls that it got."""
        return [r for r in self.received if r.method == "POST" and r.json.get("method") == "tools/call"]

    def methods(self) -> list[str]:
        """What it was asked, in order."""
        return [str(r.json.get("method", "response")) if r.method == "POST" else r.method for r in self.received]

    def answer(self, received: Received) -> Answer:
        """What it is told, or what a good server would."""
        return self.told(self, received) or self.well(received)

    def well(self, received: Received) -> Answer:
        """What a good server answers."""
        if received.method != "POST":
            return Answer(status=405 if received.method == "GET" else 200)
        method = received.json.get("method")
        modern = self.version == "2026-07-28"
        if method == "server/discover":
            versions: dict[str, object] = {
                "supportedVersions": [self.version],
                "capabilities": {},
                "resultType": "complete",
            }
            return answered(received, versions) if modern else refused(received, -32601, 404)
        if method == "initialize":
            self.sessions += 1
            self.session = f"s{self.sessions}"
            hello: dict[str, object] = {
                "protocolVersion": self.version,
                "capabilities": {},
                "serverInfo": {"name": "x", "version": "1"},
            }
            return answered(received, hello, Mcp_Session_Id=self.session)
        if not modern and received.headers.get("mcp-session-id") != self.session:
            return refused(received, -32600, 404)
        if "id" not in received.json or "method" not in received.json:
            return Answer(status=202)
        if method == "tools/list":
            return answered(received, {"tools": self.tools, "resultType": "complete"})
        text = [{"type": "text", "text": "paid"}]
        return answered(received, {"content": text, "structuredContent": {"paid": True}, "resultType": "complete"})


@asynccontextmanager
async def serving(
    peer: Peer, *, lend: Callable[[str], str] = lend_nothing, clock: Clock | None = None, **changes: object
) -> AsyncGenerator[McpHttp]:
    """A host of this server; nothing of either is left at the end."""
    listening = await peer.open()
    url = f"http://127.0.0.1:{peer.port}/mcp"
    server = msgspec.structs.replace(HttpServer(name="pay", url=url, start_deadline=5.0), **changes)
    host = McpHttp(server, egress=Egress([url]), clock=clock or SystemClock(), lend=lend)
    before = asyncio.all_tasks()
    try:
        yield host
    finally:
        await host.close()
        listening.close()
        await peer.close()
        await asyncio.sleep(0.02)  # an answer that was thrown away unread takes a moment to be closed
        left = {t for t in asyncio.all_tasks() - before if not t.done()}
        assert not left, cast("object", left)
