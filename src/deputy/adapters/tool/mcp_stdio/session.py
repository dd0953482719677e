"""Speak JSON-RPC and MCP with one server process: every answer finds its question, and the rest costs us nothing.

Lines are dealt with as they are read. Of what a server asks of us, a ping is answered, a form for people (in the era of
the handshake) is put to them while the one call lasts that it can belong to, and the rest is refused. What it tells us
is dropped, but for the news that its tools have changed; what it repeats, or answers unasked, is dropped too, and
enough of that ends the session. Nothing here is repeated or retried.
"""

import asyncio
import itertools
import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import cast

import msgspec

from deputy.adapters.tool import sentence
from deputy.adapters.tool.mcp_stdio.process import Process, start
from deputy.adapters.wire.mcp import (
    ANSWERS,
    CAPABILITIES,
    HANDSHAKE_VERSIONS,
    METHOD_NOT_FOUND,
    UNSUPPORTED_VERSION,
    Answer,
    Trouble,
    answer_of,
    client_info,
    envelope,
    is_modern,
    is_stranger,
)
from deputy.adapters.wire.mcp.reading import read_form
from deputy.base.canonical import canonical, decode
from deputy.base.errors import DeputyError
from deputy.domain.elicitation import Form

__all__ = ["Answerer", "Request", "Session"]

Answerer = Callable[[Form], Awaitable[dict[str, object]]]  #: puts a form to people

_PROBE = 5.0  # seconds for `server/discover`, which an old server may not even refuse
_LAST_GASP = 0.25  # seconds after the end of its output in which its status and last words become known
_MAX_PAGES, _MAX_TOOLS = 100, 1_000
_MAX_FORMS = 10  # of one call
_INVALID = -32602  # of JSON-RPC: parameters that are none
_MAX_UNASKED = 500_000  # lines in a row that answer nothing
_ID_FIRST = re.compile(rb'\s*\{\s*"jsonrpc"\s*:\s*"2\.0"\s*,\s*"id"\s*:\s*(\d{1,18})\s*,')
_ID_LAST = re.compile(rb',\s*"id"\s*:\s*(\d{1,18})\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$')


class Request:
    """A question to a server; `sent` from the moment that some of it may have reached anybody.

    What the server asks people meanwhile goes to `answerer`, as long as somebody waits for the answer.
    """

    __slots__ = ("answer", "answerer", "asking", "id", "key", "sent")

    def __init__(self, key: str = "", answerer: Answerer | None = None) -> None:
        self.key, self.id, self.sent, self.answerer = key, 0, False, answerer
        self.asking: list[asyncio.Task[None]] = []
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def told(self, asking: "asyncio.Task[None]") -> None:
        """A defect of who asks people is one of the call."""
        if not asking.cancelled() and (defect := asking.exception()) is not None and not self.answer.done():
            self.answer.set_exception(defect)


class Session:
    """One server process, from its start to its last trace. `on_end` is told once when it can be asked no more."""

    def __init__(self, *, limit: int, secrets: Collection[str], on_end: "Callable[[Session], None]") -> None:
        self._limit, self._secrets, self._on_end = limit, secrets, on_end
        self._process: Process | None = None
        self._open: dict[int, Request] = {}  # asked and not answered, given up or not
        self._ids = itertools.count(1)
        self._turn = asyncio.Lock()
        self._idle = asyncio.Event()  # nobody waits for an answer
        self._idle.set()
        self._unasked, self._noise = 0, b""
        self._modern = self._deaf = self._over = False
        self.ended = False  #: it can be asked no more
        self.changed = True  #: its tools may be others than were last listed

    async def start(self, command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> None:
        """Start the process; raises OSError if it cannot be."""
        self._process = await start(command, cwd=cwd, env=env, listener=self, limit=self._limit)

    async def agree(self, *, discover: bool) -> Trouble | None:
        """Settle the version to speak: the current one if `discover` and the server knows it, else by handshake."""
        discovered, initialize = Request(), Request()
        try:
            if discover:
                if trouble := await self._put(discovered, "server/discover", {"_meta": envelope({})}):
                    return trouble
                await asyncio.wait({discovered.answer}, timeout=_PROBE)
                if self._take_discovery(discovered):
                    return None
                if (trouble := _trouble(discovered)) and (trouble.kind == "cut" or is_stranger(trouble)):
                    return trouble
            hello = {
                "protocolVersion": HANDSHAKE_VERSIONS[-1],
                "capabilities": CAPABILITIES,
                "clientInfo": client_info(),
            }
            if trouble := await self._put(initialize, "initialize", hello):
                return trouble
            return await self._either(discovered, initialize) if discover else await self._handshake(initialize)
        finally:
            discovered.answer.cancel()
            initialize.answer.cancel()
            self._settle_idle()

    async def list_tools(self) -> list[object] | Trouble:
        """The server's tools as it lists them, all pages."""
        tools: list[object] = []
        cursor: object = None
        self.changed = False
        for _ in range(_MAX_PAGES):
            answer = await self.ask(Request(), "tools/list", {} if cursor is None else {"cursor": cursor})
            if isinstance(answer, Trouble):
                return [] if answer.code == METHOD_NOT_FOUND else answer
            page = answer.get("tools")
            if not isinstance(page, list):
                return Trouble("unreadable", "listed no tools, but something else")
            tools += cast("list[object]", page)
            before, cursor = cursor, answer.get("nextCursor")
            if cursor is None:
                return tools
            if cursor == before or len(tools) > _MAX_TOOLS:
                break
        return Trouble("unreadable", f"lists tools without end, or more than {_MAX_TOOLS}")

    async def ask(
        self, request: Request, method: str, params: Mapping[str, object], permitted: Callable[[], bool] | None = None
    ) -> Answer:
        """Put a question and wait for its answer; `permitted` is asked last, just before anything is sent."""
        whole = {name: value for name, value in params.items() if self._modern or name not in ANSWERS}
        if self._modern:
            meta = cast("Mapping[str, object]", whole.get("_meta", {}))
            whole["_meta"] = {**meta, **envelope(CAPABILITIES if method == "tools/call" else {})}
        if trouble := await self._put(request, method, whole, permitted):
            return trouble
        try:
            return await request.answer
        finally:
            for task in request.asking:
                task.cancel()
            if request.asking:
                await asyncio.wait(request.asking)
            self._settle_idle()

    def give_up(self, request: Request) -> None:
        """Nobody waits for this answer any more. The server is told; until it answers, or is gone, it may be at it."""
        request.answer.cancel()
        if not self.ended:
            reason = {"requestId": request.id, "reason": "deadline"}
            self._offer({"method": "notifications/cancelled", "params": reason})
        self._settle_idle()

    def holds(self, key: str) -> bool:
        """Whether the server may still be at work on a question of this key."""
        return any(request.key == key for request in self._open.values())

    def hurry(self) -> None:
        """Let `finish` wait for nobody's answer."""
        self._stop_asking()

    async def finish(self) -> None:
        """Wait until nobody waits for an answer, then end the process; nothing of it is left on return."""
        await self._idle.wait()
        if self._process is not None:
            if self._over:
                await self._process.gone(_LAST_GASP)
            self.ended = True
            self._cut("ended")
            await self._process.stop()
        self._open.clear()

    def last_words(self) -> str:
        """What is known of why it ended or does not answer."""
        if self._process is None:
            return ""
        said = sentence(" ".join(self._process.last_words().split()), self._secrets, limit=8_000)[-300:]
        noise, status = sentence(self._noise.decode("utf-8", "replace"), self._secrets, limit=100), self._process.status
        parts = [
            f"exit status {status}" if status is not None else "",
            f"its last words: {said}" if said else "",
            f"it wrote lines that are no message, first {noise!r}" if noise else "",
        ]
        return "; ".join(part for part in parts if part)

    # --- what the process tells us

    def line(self, line: bytes) -> None:
        """Deal with one line of its output."""
        if self._deaf or not line.strip():
            return
        self._unasked += 1
        try:
            message = decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._unreadable(line[:256], line[-256:], "not JSON", "result_not_json")
            return
        if isinstance(message, dict):
            self._message(cast("dict[str, object]", message))
        if self._unasked > _MAX_UNASKED:
            self._stop_asking()
            self._deaf = True
            self._cut("wrote without end what nobody asked for")

    def long_line(self, head: bytes, tail: bytes) -> None:
        """Deal with a line of which only the ends were kept."""
        self._unasked += 1
        self._unreadable(head, tail, f"longer than {self._limit} bytes", "result_too_large")

    def end(self) -> None:
        """It will answer no more; what is open is settled by `finish`, which knows more."""
        self._over = True
        self._stop_asking()

    # --- inside

    def _stop_asking(self) -> None:
        if not self.ended:
            self.ended = True
            self._on_end(self)
        self._idle.set()

    async def _put(
        self, request: Request, method: str, params: Mapping[str, object], permitted: Callable[[], bool] | None = None
    ) -> Trouble | None:
        request.id = next(self._ids)
        line = _line({"id": request.id, "method": method, "params": params})
        if len(line) > self._limit:
            return Trouble("unsent", f"is sent no message longer than {self._limit} bytes", data="arguments_too_large")
        async with self._turn:
            if self._process is not None and not self.ended:
                await self._process.room()
            if self._process is None or self.ended:
                return Trouble("unsent", "had ended")
            if permitted is not None and not permitted():
                return Trouble("too_late", "was not asked: the worker's lease had run out")
            self._open[request.id] = request
            self._idle.clear()
            request.sent = self._process.write(line)
            if not request.sent:
                del self._open[request.id]
                self._stop_asking()
                return Trouble("unsent", "had ended")
        return None

    def _offer(self, message: dict[str, object]) -> None:
        if self._process is not None:
            self._process.offer(_line(message))

    def _message(self, message: dict[str, object]) -> None:
        method, id = message.get("method"), message.get("id")
        if isinstance(method, str):
            if isinstance(id, str | int) and not isinstance(id, bool):
                self._asked(id, method, message.get("params"))
            elif method == "notifications/tools/list_changed":
                self.changed = True
        elif (answer := answer_of(message, lambda text: sentence(text, self._secrets))) is not None:
            self._answer(id, answer)

    def _asked(self, id: str | int, method: str, params: object) -> None:
        """Deal with a request of the server's."""
        if method == "ping":
            self._offer({"id": id, "result": {}})
            return
        if method != "elicitation/create" or self._modern:
            why = "Deputy does nothing for servers but answer a ping and put forms to people."
            self._offer({"id": id, "error": {"code": METHOD_NOT_FOUND, "message": why}})
            return
        calls = [r for r in self._open.values() if r.answerer is not None and not r.answer.done()]
        form = read_form(params)
        why = "People can be shown flat forms of plain fields only." if form is None else ""
        if len(calls) != 1:  # a form that is put to the wrong person tells them what is not for them
            why = "Nobody can tell for which call this is asked."
        elif len(calls[0].asking) >= _MAX_FORMS:
            why = f"People are asked {_MAX_FORMS} things in one call at most."
        if why or form is None:
            self._offer({"id": id, "error": {"code": _INVALID, "message": why}})
            return
        asking = asyncio.get_running_loop().create_task(self._ask_people(id, form, calls[0]), name="ask people")
        asking.add_done_callback(calls[0].told)
        calls[0].asking.append(asking)

    async def _ask_people(self, id: str | int, form: Form, call: Request) -> None:
        assert call.answerer is not None
        try:
            self._offer({"id": id, "result": await call.answerer(form)})
        except DeputyError as e:
            if not call.answer.done():
                call.answer.set_result(Trouble("cut", f"asked people something in mid-call, in vain ({e.message})"))

    def _answer(self, id: object, answer: Answer) -> None:
        number = int(id) if isinstance(id, str) and id.isascii() and id.isdigit() and len(id) < 19 else id
        request = self._open.pop(number, None) if isinstance(number, int) else None
        if request is None:
            return
        self._unasked = 0
        if not request.answer.done():
            request.answer.set_result(answer)
        self._settle_idle()

    def _unreadable(self, head: bytes, tail: bytes, what: str, why: str) -> None:
        """Find whose answer this was to be: the id stands first or last, as every JSON-RPC library writes it."""
        found = _ID_FIRST.match(head) or (_ID_LAST.search(tail) if head.lstrip().startswith(b"{") else None)
        if found is not None:
            self._answer(int(found[1]), Trouble("unreadable", f"gave an answer that is {what}", data=why))
        elif not self._noise:
            self._noise = head

    def _settle_idle(self) -> None:
        if all(request.answer.done() for request in self._open.values()):
            self._idle.set()

    def _cut(self, why: str) -> None:
        words = self.last_words()
        for request in self._open.values():
            if not request.answer.done():
                request.answer.set_result(Trouble("cut", f"{why}{f' ({words})' if words else ''}"))
        self._idle.set()

    def _take_discovery(self, discovered: Request) -> bool:
        self._modern = is_modern(discovered.answer.result() if discovered.answer.done() else None)
        return self._modern

    async def _either(self, discovered: Request, initialize: Request) -> Trouble | None:
        """A server that was slow to be discovered may know the current version after all."""
        await asyncio.wait({discovered.answer, initialize.answer}, return_when=asyncio.FIRST_COMPLETED)
        if self._take_discovery(discovered):
            return None
        trouble = _trouble(initialize)
        if trouble is not None and trouble.code == UNSUPPORTED_VERSION and not discovered.answer.done():
            await asyncio.wait({discovered.answer})
            if self._take_discovery(discovered):
                return None
        return await self._handshake(initialize)

    async def _handshake(self, initialize: Request) -> Trouble | None:
        answer = await initialize.answer
        if isinstance(answer, Trouble):
            return answer
        if answer.get("protocolVersion") not in HANDSHAKE_VERSIONS:
            return Trouble("refused", f"speaks version {str(answer.get('protocolVersion'))[:40]!r} of the protocol")
        self._offer({"method": "notifications/initialized"})
        return None


def _line(message: dict[str, object]) -> bytes:
    return canonical({"jsonrpc": "2.0", **message}) + b"\n"


def _trouble(request: Request) -> Trouble | None:
    answer = request.answer.result() if request.answer.done() else None
    return answer if isinstance(answer, Trouble) else None
