"""A model that says what a test wants, over the OpenAI wire, and workspaces whose agents are put on it."""

import asyncio
import json
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from tests.adapters.model.server import Answer, Server, chunk, streamed, usage

__all__ = ["call", "on_model", "playing", "say"]


def call(tool: str, args: Mapping[str, object]) -> Answer:
    """A reply that calls one tool."""
    function = {"name": tool.replace(".", "__"), "arguments": json.dumps(args)}
    called = {"index": 0, "id": f"call-{next(_NUMBERS)}", "type": "function", "function": function}
    return streamed(chunk({"tool_calls": [called]}), chunk(finish="tool_calls"), usage())


def say(text: str) -> Answer:
    """A reply that ends the run."""
    return streamed(chunk({"content": text}), chunk(finish="stop"), usage())


_NUMBERS = count(1)


@contextmanager
def playing(*replies: Answer) -> Generator[Server]:
    """A server of models in a thread of its own that gives these replies in order."""
    server, loop, ready = Server(replies), asyncio.new_event_loop(), threading.Event()
    stopped = asyncio.Event()

    async def serve() -> None:
        listener = await server.open()
        ready.set()
        await stopped.wait()
        listener.close()
        await server.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join(10)
        loop.close()


def on_model(workspace: Path, url: str) -> Path:
    """Put the agents of a workspace on the model at this address."""
    file = workspace / "deputy.toml"
    text = file.read_text("utf-8")
    table = f'[models.default]\nprovider = "openai"\nbase_url = "{url}"\nmodel = "qwen-test"\n'
    table += "context = 100000\nprice = {input = 0, output = 0}\n"
    before, found, after = text.partition("[models.default]\n")
    assert found
    rest = after[after.index("\n[") :]
    file.write_text(before + table + rest, "utf-8")
    return workspace
