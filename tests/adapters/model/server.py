"""A server of the chat wire on loopback that answers exactly as told: in any pieces, cut anywhere, or never."""

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Literal, cast

__all__ = [
    "Answer",
    "Json",
    "Received",
    "Server",
    "chunk",
    "listening",
    "refusal",
    "serving",
    "sse",
    "streamed",
    "usage",
]

Json = dict[str, object]
STREAM = {"Content-Type": "text/event-stream; charset=utf-8"}


@dataclass(frozen=True, kw_only=True)
class Received:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]  #: by lower-case name
    body: bytes

    @property
    def json(self) -> Json:
        """The body, decoded."""
        return cast(Json, json.loads(self.body))


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What to answer: the pieces become HTTP chunks of their own, written one by one, `pause` seconds apart."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    pieces: Iterable[bytes] = ()
    pause: float = 0.0
    ending: Literal["clean", "cut", "hang"] = "clean"  #: cut: the connection breaks instead; hang: it falls silent
    silent: bool = False  #: not even a status line


class Server:
    """Gives the answers in order, the last one again and again, and keeps what it received.

    An answer may be a function of the request.
    """

    def __init__(self, answers: Sequence[Answer | Callable[[Received], Answer]]) -> None:
        self.received: list[Received] = []
        self.connections = 0
        self.port = 0
        self._answers = list(answers)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where it listens, as a `base_url`."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def open(self) -> asyncio.Server:
        """Listen on a free port."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = cast("tuple[str, int]", server.sockets[0].getsockname())[1]
        return server

    def answer(self, received: Received) -> Answer:
        """What to answer next."""
        given = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return given if isinstance(given, Answer) else given(received)

    async def close(self) -> None:
        """Break every connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks) if self._tasks else None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self.connections += 1
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.received.append(Received(method=method, path=path, headers=headers, body=body))
        answer = self.answer(self.received[-1])
        if answer.silent:
            await asyncio.sleep(60)
        fields = {"Transfer-Encoding": "chunked"} | dict(answer.headers)
        lines = [f"HTTP/1.1 {answer.status} Told", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
        writer.write("\r\n".join(lines).encode())
        for piece in filter(None, answer.pieces):
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            await writer.drain()
            await asyncio.sleep(answer.pause)
        if answer.ending == "cut":
            writer.write_eof()
            return False
        if answer.ending == "hang":
            await asyncio.sleep(60)
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True


@asynccontextmanager
async def serving(*answers: Answer | Callable[[Received], Answer]) -> AsyncGenerator[Server]:
    """A server that gives these answers, for as long as the block lasts."""
    server = Server(answers)
    listening = await server.open()
    try:
        yield server
    finally:
        listening.close()
        await server.close()


@contextmanager
def listening(*answers: Answer | Callable[[Received], Answer]) -> Generator[Server]:
    """A server of models in a thread of its own, for a command that knows nothing of us."""
    server, loop, ready = Server(answers), asyncio.new_event_loop(), threading.Event()

    async def serve() -> None:
        listener = await server.open()
        ready.set()
        await stopped.wait()
        listener.close()
        await server.close()

    stopped = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join(10)
        loop.close()


def chunk(delta: Json | None = None, *, finish: str | None = None, **more: object) -> Json:
    """A chunk of a stream with one choice."""
    choice: Json = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "model": "qwen-test", "choices": [choice], **more}


def usage(received: int = 10, given: int = 5, cached: int = 0, reasoning: int = 0) -> Json:
    """The last chunk, which only counts."""
    counted: Json = {
        "prompt_tokens": received,
        "completion_tokens": given,
        "total_tokens": received + given,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
    return {"id": "c", "object": "chat.completion.chunk", "model": "qwen-test", "choices": [], "usage": counted}


def sse(chunks: Iterable[object], *, newline: str = "\n", done: bool = True) -> bytes:
    """Chunks as server-sent events."""
    data = [json.dumps(each, ensure_ascii=False) for each in chunks] + ["[DONE]"] * done
    return "".join(f"data: {each}{newline}{newline}" for each in data).encode()


def streamed(*chunks: object, newline: str = "\n", done: bool = True, ending: str = "clean") -> Answer:
    """An answer that streams these chunks, each as a piece."""
    pieces = [sse([each], newline=newline, done=False) for each in chunks]
    kind = cast('Literal["clean", "cut", "hang"]', ending)
    return Answer(headers=STREAM, pieces=pieces + [sse([], newline=newline)] * done, ending=kind)


def refusal(status: int, body: object, **headers: str) -> Answer:
    """An answer that is an error; a text goes out as it is, anything else as JSON."""
    text, kind = (body, "text/html") if isinstance(body, str) else (json.dumps(body), "application/json")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, headers={"Content-Type": kind} | named, pieces=[text.encode()])
