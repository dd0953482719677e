"""Starts a Restate server on loopback for one measurement, speaks to it, and makes sure that it ends."""

import asyncio
import json
import os
import platform
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 60
# The default of 24 is made for clusters. On two cores every count from 1 to 8 is faster, and 4 about the best.
PARTITIONS = 4
ARCHITECTURES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


class NotAvailable(Exception):
    """Restate cannot run on this machine, for the reason given."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """The ports of loopback that a running server answers on."""

    ingress: int
    admin: int

    async def call(self, path: str, body: object) -> None:
        """Invoke a handler and wait for its answer."""
        await request(self.ingress, "POST", path, body)

    async def register(self, port: int) -> None:
        """Tell the server that the services are on that port."""
        await request(self.admin, "POST", "/deployments", {"uri": f"http://127.0.0.1:{port}"})


async def request(port: int, method: str, path: str, body: object = None) -> None:
    """Send one HTTP request and see it succeed; by hand, because a client's pool of 256 costs more than the server."""
    data = b"" if body is None else json.dumps(body).encode()
    head = (
        f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n"
        f"content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(head.encode() + data)
        answer = await reader.read()
    finally:
        writer.close()
    if not answer.startswith(b"HTTP/1.1 2"):
        raise RuntimeError(f"restate answered {answer[:300]!r} to {method} {path}")


def binary(npm: Path) -> Path:
    """Find the server that npm installed for this machine."""
    machine = platform.machine().lower()
    package = f"restate-server-{platform.system().lower()}-{ARCHITECTURES.get(machine, machine)}"
    path = npm / "node_modules" / "@restatedev" / package / "bin" / "restate-server"
    if not path.is_file():
        raise NotAvailable(f"no {package}: `python -m bench.npm` installs it where there is one")
    return path


def free_ports(count: int) -> list[int]:
    """Find that many free ports of loopback."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def environment(node: int, server: Server, folder: Path) -> dict[str, str]:
    """Return the server's configuration: on loopback, with synchronous logs said aloud, the rest as it comes."""
    settings = {
        "BASE_DIR": str(folder),
        "NODE_NAME": "bench",
        "DEFAULT_NUM_PARTITIONS": str(PARTITIONS),
        "LISTEN_MODE": "tcp",
        "BIND_IP": "127.0.0.1",
        "ADVERTISED_HOST": "127.0.0.1",
        "BIND_PORT": str(node),
        "INGRESS__BIND_PORT": str(server.ingress),
        "ADMIN__BIND_PORT": str(server.admin),
        "LOG_SERVER__ROCKSDB_DISABLE_WAL_FSYNC": "false",
        "BIFROST__LOCAL__ROCKSDB_DISABLE_WAL_FSYNC": "false",
        "DISABLE_TELEMETRY": "true",
        "LOG_FILTER": "warn",
        "LOG_DISABLE_ANSI_CODES": "true",
    }
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR", "LANG")}
    return kept | {f"RESTATE_{name}": value for name, value in settings.items()} | {"DO_NOT_TRACK": "1"}


@asynccontextmanager
async def serve(npm: Path, folder: Path) -> AsyncGenerator[Server]:
    """Run a server while the block runs; its data and its log are in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    node, ingress, admin = free_ports(3)
    server = Server(ingress=ingress, admin=admin)
    log_path = folder / "server.log"
    with log_path.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            str(binary(npm)),
            "--no-logo",
            env=environment(node, server, folder),
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        await _ready(process, server, log_path)
        yield server
    finally:
        await stop(process)


async def stop(process: asyncio.subprocess.Process) -> None:
    """End a process: ask it, and after ten seconds make it."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), timeout=10)
    except TimeoutError:
        process.kill()
        await process.wait()


async def _ready(process: asyncio.subprocess.Process, server: Server, log_path: Path) -> None:
    for _ in range(START_SECONDS * 10):
        if process.returncode is not None:
            lines = log_path.read_text(errors="replace").strip().splitlines()
            raise NotAvailable(f"restate-server ended at its start: {lines[-1] if lines else process.returncode}")
        try:
            await request(server.admin, "GET", "/health")
            await request(server.ingress, "GET", "/restate/health")
        except (OSError, RuntimeError):
            await asyncio.sleep(0.1)
        else:
            return
    raise NotAvailable(f"restate-server was not ready within {START_SECONDS} s")
