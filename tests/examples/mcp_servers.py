"""The example's servers as separate processes, spoken to by the SDK's own client over stdio."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp_types import TextContent
from tests.examples.conftest import ACME


@dataclass(frozen=True)
class Refusal:
    """What a tool said instead of an answer."""

    said: str


@dataclass(frozen=True)
class Server:
    """One running server."""

    client: Client

    async def call(self, tool: str, effect: str | None = None, person: Any = None, **arguments: Any) -> Any:
        """The structured answer of a tool, or its refusal; `effect` and `person` are what Deputy says of the call."""
        said = {"deputy/effect-id": effect, "deputy/on-behalf-of": person}
        meta: Any = {name: value for name, value in said.items() if value} or None
        result = await self.client.call_tool(tool, arguments, meta=meta)
        if result.is_error:
            return Refusal(" ".join(part.text for part in result.content if isinstance(part, TextContent)))
        return result.structured_content


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """What a server is told: where its database is, and what a test wants of it."""
    here = {"ERP_DB": str(folder / "erp.db"), "BANK_DB": str(folder / "bank.db")}
    here["ACCOUNTS_DB"] = str(folder / "accounts.db")
    return {"PATH": os.environ["PATH"], **here, **settings}


@asynccontextmanager
async def serving(program: str, folder: Path, **settings: str) -> AsyncGenerator[Server, None]:
    """A server of the example, `bank` or `erp`, as a child process."""
    parameters = StdioServerParameters(
        command=sys.executable, args=[f"servers/{program}.py"], env=environment(folder, **settings), cwd=ACME
    )
    async with Client(stdio_client(parameters)) as client:
        yield Server(client)


def command(program: str, folder: Path, *flags: str) -> str:
    """What a person sees who runs the server's program with a flag."""
    argv = [sys.executable, str(ACME / "servers" / f"{program}.py"), *flags]
    done = subprocess.run(argv, env=environment(folder), capture_output=True, text=True, timeout=30, check=True)
    assert done.stderr == ""
    return done.stdout


async def killed_while(
    program: str, folder: Path, call: tuple[str, str, Mapping[str, Any]], far: Callable[[], bool], **settings: str
) -> None:
    """Send one call to a server of its own, and kill -9 the server once the call is so far."""
    tool, effect, arguments = call
    launcher = "import os, sys; print(os.getpid(), file=open(sys.argv[1], 'w')); os.execv(sys.executable, sys.argv[2:])"
    pid_file = folder / "pid"
    argv = ["-c", launcher, str(pid_file), sys.executable, f"servers/{program}.py"]
    parameters = StdioServerParameters(command=sys.executable, args=argv, env=environment(folder, **settings), cwd=ACME)
    async with Client(stdio_client(parameters)) as client, anyio.create_task_group() as group:
        group.start_soon(_send_and_forget, Server(client), tool, effect, dict(arguments))
        with anyio.fail_after(20):
            while not far():
                await anyio.sleep(0.02)
        os.kill(int(pid_file.read_text()), signal.SIGKILL)
        await anyio.sleep(0.1)
        group.cancel_scope.cancel()


async def _send_and_forget(server: Server, tool: str, effect: str, arguments: dict[str, Any]) -> None:
    try:
        await server.call(tool, effect, **arguments)
    except Exception:  # noqa: BLE001 - the far end is killed; how the client words it is not what is tested
        return
    raise AssertionError("the server answered before it was killed")
