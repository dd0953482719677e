"""Tokens of a login: renewed once for everybody, never with a token that was used, and never seen."""

import asyncio
import fcntl
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs

from tests.adapters.model.server import Answer, Received
from tests.adapters.tool.hosts import intent_of, lend_nothing
from tests.adapters.tool.http_server import JSON, Peer, answered

from deputy.adapters.egress import Egress
from deputy.adapters.tool.mcp_http import HttpServer, McpHttp
from deputy.adapters.tool.mcp_http.tokens import Granted, Tokens
from deputy.app.vault import FileVault
from deputy.base.canonical import canonical
from deputy.base.clock import SystemClock
from deputy.domain.effect import Done, Failed


class Guarded(Peer):
    """A server that knows one token at a time, and an authorization server whose refresh tokens serve once."""

    def __init__(self) -> None:
        super().__init__()
        self.listening: asyncio.Server
        self.number, self.renewals, self.used = 1, 0, list[str]()

    def answer(self, received: Received) -> Answer:
        """What it says to who it knows."""
        if received.path == "/token":
            form = parse_qs(received.body.decode())
            self.renewals += 1
            self.used += form["refresh_token"]
            if form["refresh_token"] != [f"r{self.number}"]:
                return Answer(status=400, headers=JSON, pieces=[b'{"error": "invalid_grant"}'])
            self.number += 1
            given = {"access_token": f"access-{self.number}", "refresh_token": f"r{self.number}", "expires_in": 3600}
            return Answer(headers=JSON, pieces=[json.dumps(given).encode()])
        if received.headers.get("authorization") != f"Bearer access-{self.number}":
            return Answer(status=401, headers={**JSON, "WWW-Authenticate": "Bearer"}, pieces=[b"{}"])
        if received.json.get("method") == "tools/call":
            text = f"you are access-{self.number}"
            return answered(received, {"content": [{"type": "text", "text": text}]})
        return self.well(received)


async def hosts(peer: Guarded, folder: Path, count: int, **changes: object) -> list[McpHttp]:
    """Several hosts of one workspace, as in several processes."""
    peer.listening = await peer.open()
    url, clock = f"http://127.0.0.1:{peer.port}/mcp", SystemClock()
    known: Mapping[str, object] = {"access_token": "access-0", "refresh_token": "r1", **changes}
    granted = Granted(issuer="i", token_endpoint=f"http://127.0.0.1:{peer.port}/token", client_id="c", **known)  # pyright: ignore[reportArgumentType]
    FileVault(folder, "pay", clock).write(canonical(granted).decode())
    server = HttpServer(name="pay", url=url)
    return [
        McpHttp(
            server, egress=Egress([url]), clock=clock, lend=lend_nothing,
            authority=Tokens({}, lend_nothing, FileVault(folder, "pay", clock), clock),
        )
        for _ in range(count)
    ]  # fmt: skip


def test_fifty_calls_of_three_workers_renew_a_token_once(tmp_path: Path):
    peer = Guarded()

    async def scenario() -> None:
        found = await hosts(peer, tmp_path, 3)
        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(found[i % 3].invoke(intent_of("pay.pay"))) for i in range(50)]
        assert {repr(call.result()) for call in calls} == {repr(Done("you are [secret:mcp.pay.login]"))}
        for host in found:
            await host.close()
        peer.listening.close()
        await peer.close()

    asyncio.run(scenario())
    assert peer.renewals == 1
    assert b"access-2" not in b"".join(file.read_bytes() for file in (tmp_path / ".deputy" / "secrets").iterdir())


def test_a_token_is_renewed_before_its_end_and_a_dead_holder_lets_the_lock_go(tmp_path: Path):
    peer = Guarded()

    async def scenario() -> None:
        [host] = await hosts(
            peer, tmp_path, 1, access_token="access-1", expires=SystemClock().now() + timedelta(seconds=5)
        )
        with (tmp_path / ".deputy" / "mcp.pay.login.lock").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            waiting = asyncio.create_task(host.invoke(intent_of("pay.pay")))
            await asyncio.sleep(0.1)
            assert not waiting.done()
        assert isinstance(await waiting, Done)
        await host.close()
        peer.listening.close()
        await peer.close()

    asyncio.run(scenario())
    assert (peer.renewals, peer.used) == (1, ["r1"])


def test_what_cannot_be_renewed_asks_for_a_login(tmp_path: Path):
    peer = Guarded()

    async def scenario() -> None:
        [host] = await hosts(peer, tmp_path, 1, refresh_token="r0")
        result = await host.invoke(intent_of("pay.pay"))
        assert isinstance(result, Failed)
        assert result.code == "unauthorized"
        await host.close()
        peer.listening.close()
        await peer.close()

    asyncio.run(scenario())
