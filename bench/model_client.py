"""What Deputy's client for models adds, in processor time, to a call that the openai SDK makes alone.

A server in a process of its own answers every request at once with the same stream: a thought, some words, a tool call
and what was counted, in `--chunks` pieces. Three clients ask it by turns, 256 streams at once, over HTTP clients of the
same kind: `raw` reads the bytes and nothing else; `sdk` is `AsyncOpenAI` with its typed chunks, put together by nobody;
`deputy` is the whole way from an intent to a reply, its checks, its price and its journaled usage. Figures are
microseconds of processor a call in this process, the median of `--turns`; `added_us` is `deputy` less `sdk`, and less
than nothing where our reading of a stream is cheaper than the SDK's.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from decimal import Decimal
from importlib.metadata import version
from typing import Any

from bench.job import print_result
from bench.stage import all_of
from deputy.adapters.egress import Egress, received
from deputy.adapters.model.openai_chat import Endpoint, OpenAIChat
from deputy.domain.catalogue import Price, Tier
from deputy.domain.effect import Done, Intent
from deputy.domain.message import Message, Prompt, Script, ToolOffer

STREAMS = 256
MODEL = "qwen3.7-plus"
PRICE = Price(tiers=(Tier(input=Decimal(1), output=Decimal(4), cached=Decimal("0.2")),))


def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": MODEL, "choices": [choice]}


def stream(chunks: int) -> bytes:
    """What the server answers: about as many pieces as said, each of a token or two."""
    said = [chunk({"role": "assistant", "content": ""})]
    said += [chunk({"content": None, "reasoning_content": " thought"}) for _ in range(chunks // 2)]
    said += [chunk({"content": " word"}) for _ in range(chunks - chunks // 2)]
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "lookup", "arguments": '{"id": "7"}'}}
    said += [chunk({"tool_calls": [call]}), chunk({}, "tool_calls")]
    usage = {"prompt_tokens": 900, "completion_tokens": chunks, "total_tokens": 900 + chunks}
    said.append({**chunk({}), "choices": [], "usage": usage})
    return b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in said) + b"data: [DONE]\n\n"


async def serve(chunks: int) -> None:
    """Answer every request with the same stream, at once and whole."""
    body = stream(chunks)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {len(body)}\r\n\r\n"
    answer = head.encode() + body

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
                length = next((line for line in lines if line.startswith(b"content-length:")), b":0")
                await reader.readexactly(int(length.partition(b":")[2]))
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, backlog=STREAMS * 2)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


Ask = Callable[[], Coroutine[Any, Any, None]]


def prompt() -> Prompt:
    offer = ToolOffer("lookup", "Look something up.", {"type": "object", "properties": {"id": {"type": "string"}}})
    messages = (Message("system", "You look things up. " * 40), Message("user", "What is due?"))
    return Prompt(
        route="default", agent="clerk", version="v1", messages=messages, tools=(offer,), max_tokens=500,
        script=Script("What is due?", (), (0,)),
    )  # fmt: skip


def intent() -> Intent:
    made = Intent.__new__(Intent)
    made.run, made.key, made.attempt, made.agent, made.version = "r1", "r1.1", 1, "clerk", "v1"
    made.on_behalf_of, made.request, made.deadline, made.dispatch_by = "wei", prompt(), 60.0, float("inf")
    made.aloud = None
    return made


@asynccontextmanager
async def asking(kind: str, url: str) -> AsyncGenerator[Ask]:
    """A client of this kind, ready to be asked."""
    import openai

    egress = Egress([url])
    body: dict[str, Any] = {
        "model": MODEL, "max_tokens": 500, "stream": True, "stream_options": {"include_usage": True},
        "messages": [{"role": one.role, "content": one.text} for one in prompt().messages],
        "tools": [{"type": "function", "function": {"name": "lookup", "parameters": {"type": "object"}}}],
    }  # fmt: skip
    encoded = json.dumps(body).encode()
    ours = OpenAIChat(Endpoint(name="default", base_url=url, model=MODEL, price=PRICE), egress, lambda: "sk-1")
    sdk: Any = openai.AsyncOpenAI(api_key="sk-1", base_url=url, http_client=egress.client(), max_retries=0, timeout=600)

    async def raw() -> None:
        headers = {"Content-Type": "application/json", "Authorization": "Bearer sk-1"}
        async with egress.stream("POST", f"{url}/chat/completions", headers=headers, content=encoded) as response:
            async for _ in received(response):
                pass

    async def by_sdk() -> None:
        async for _ in await sdk.chat.completions.create(**body):
            pass

    async def by_deputy() -> None:
        result = await ours.complete(intent())
        if not isinstance(result, Done):
            raise TypeError(f"the call failed: {result}")

    try:
        yield {"raw": raw, "sdk": by_sdk, "deputy": by_deputy}[kind]
    finally:
        await ours.close()
        await egress.close()


async def turn(kind: str, url: str, calls: int, streams: int) -> float:
    """Make so many calls, so many at once; microseconds of processor a call."""
    async with asking(kind, url) as ask:
        await all_of([ask() for _ in range(streams)])  # connections, imports and caches are there before
        left = iter(range(calls))

        async def one_after_another() -> None:
            for _ in left:
                await ask()

        began = time.process_time()
        await all_of([one_after_another() for _ in range(streams)])
        return (time.process_time() - began) / calls * 1e6


async def measure(url: str, turns: int, calls: int, streams: int) -> dict[str, float]:
    """The median of each kind of client, measured by turns."""
    times: dict[str, list[float]] = {"raw": [], "sdk": [], "deputy": []}
    for _ in range(turns):
        for kind, each in times.items():
            each.append(await turn(kind, url, calls, streams))
    return {f"{kind}_us": round(statistics.median(each), 1) for kind, each in times.items()}


def main() -> None:
    """Measure, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=100, help="pieces of an answer (default %(default)s)")
    parser.add_argument("--calls", type=int, default=1024, help="calls in a turn (default %(default)s)")
    parser.add_argument("--turns", type=int, default=3, help="turns of each client (default %(default)s)")
    parser.add_argument("--streams", type=int, default=STREAMS, help="calls at once (default %(default)s)")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    known, _ = parser.parse_known_args()
    if known.serve:
        asyncio.run(serve(known.chunks))
        return
    command = [sys.executable, "-m", "bench.model_client", "--serve", f"--chunks={known.chunks}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
            figures = asyncio.run(measure(url, known.turns, known.calls, known.streams))
        finally:
            server.terminate()
    settings = {"streams": known.streams, "chunks": known.chunks, "calls": known.calls, "openai": version("openai")}
    figures["added_us"] = round(figures["deputy_us"] - figures["sdk_us"], 1)
    result = {"measure": "model-client", "peer": "deputy", "version": version("deputy"), **figures}
    print_result({**result, "settings": settings})


if __name__ == "__main__":
    main()
