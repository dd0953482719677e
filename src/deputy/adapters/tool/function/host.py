"""Call tools that are functions, as their package says; threads that cannot be stopped are at least counted."""

import asyncio
import contextlib
import contextvars
import inspect
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import cast

import msgspec

from deputy.adapters.tool import MAX_BYTES, excess, scrubbed, sentence
from deputy.adapters.tool.function.signature import Function, read_function, refuse
from deputy.base.canonical import canonical, decode, is_json
from deputy.base.clock import Clock
from deputy.base.errors import DeputyError
from deputy.domain.declaration import EffectContext
from deputy.domain.effect import NOT_SENT, Done, Failed, Intent, Result, ToolRequest, ToolSpec, Unknown

__all__ = ["FunctionTools"]

_GRACE = 1.0  # seconds in which a cancelled function may put its things in order

# What libraries raise when a line was cut, where that is no ConnectionError: by root module and name.
_CUT = frozenset({
    ("aiohttp", "ClientConnectionError"), ("grpc", "RpcError"), ("httpcore", "NetworkError"),
    ("httpcore", "ProtocolError"), ("httpcore", "TimeoutException"), ("httpx", "TransportError"),
    ("httpx2", "TransportError"), ("requests", "ConnectionError"), ("requests", "Timeout"),
    ("smtplib", "SMTPServerDisconnected"), ("urllib3", "HTTPError"),
})  # fmt: skip


class _Outcome(msgspec.Struct, frozen=True):
    """What a function returned or raised."""

    value: object = None
    error: BaseException | None = None


class FunctionTools:
    """A host of functions marked with `@deputy.tool`, by the names they have as tools.

    `lend` resolves the references of the secrets a tool declares, for each call. `limit` bounds a result, in bytes
    of JSON; `threads` how many plain functions run at once, those that passed their deadline included.
    """

    def __init__(
        self,
        functions: Mapping[str, Callable[..., object]],
        *,
        clock: Clock,
        lend: Callable[[str], str],
        limit: int = MAX_BYTES,
        threads: int = 32,
    ) -> None:
        self._tools = {name: read_function(name, function) for name, function in functions.items()}
        for name, tool in self._tools.items():
            _check_verify(name, tool, self._tools)
        self._catalogue = tuple(tool.spec for tool in self._tools.values())
        self._clock, self._lend, self._limit = clock, lend, limit
        self._threads = asyncio.Semaphore(threads)
        self._open: dict[asyncio.Future[_Outcome], str] = {}  # what still runs, and for which effect

    async def catalogue(self) -> Sequence[ToolSpec]:
        """The functions as tools."""
        return self._catalogue

    async def invoke(self, intent: Intent) -> Result:
        """Call the function that an intent asks for."""
        request = intent.request
        tool = self._tools.get(request.spec.name) if isinstance(request, ToolRequest) else None
        if tool is None or not isinstance(request, ToolRequest):
            return Failed("unknown_tool", "There is no function for this.")
        try:
            arguments = tool.bound(request.args)
            secrets = {name: self._lend(reference) for name, reference in tool.secrets.items()}
            lent = {secrets[name]: reference for name, reference in tool.secrets.items()}
        except msgspec.ValidationError as e:
            return Failed("invalid_arguments", sentence(str(e)))
        except DeputyError as e:
            return Failed("secret", e.message)
        loop = asyncio.get_running_loop()
        end = loop.time() + intent.deadline
        if not tool.awaited:
            try:
                async with asyncio.timeout(intent.deadline):
                    await self._threads.acquire()
            except TimeoutError:
                return Failed("busy", "Too many functions were still running; it was not called.", retry=True)
        if self._clock.boot() > intent.dispatch_by:
            if not tool.awaited:
                self._threads.release()
            return Failed(NOT_SENT, "The worker's lease ran out; it was not called.", retry=True)
        if tool.context:
            arguments[tool.context] = EffectContext(
                id=intent.key,
                attempt=intent.attempt,
                agent=intent.agent,
                on_behalf_of=intent.on_behalf_of,
                deadline=max(end - loop.time(), 0.0),
                secrets=secrets,
            )
        running = self._start(intent.key, tool, arguments)
        return await self._result(tool, intent.deadline, end, running, lent)

    async def quiesce(self, key: str) -> None:
        """Return when nothing runs any more for this effect.

        An `async` function is cancelled; a thread is waited for, however long it takes: bound the wait.
        """
        while still := [running for running, effect in self._open.items() if effect == key]:
            for running in still:
                _cancel(running)
            await asyncio.wait(still)

    async def close(self) -> None:
        """Cancel what can be cancelled. Threads are daemons: they run on until the process ends."""
        tasks = [running for running in self._open if isinstance(running, asyncio.Task)]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_GRACE)

    def _start(self, key: str, tool: Function, arguments: Mapping[str, object]) -> "asyncio.Future[_Outcome]":
        running: asyncio.Future[_Outcome]
        if tool.awaited:
            call = _awaited(lambda: tool.call(**arguments))
            running = asyncio.get_running_loop().create_task(call, name=f"tool {tool.spec.name}")
        else:
            running = _in_thread(tool.spec.name, lambda: tool.call(**arguments))
            running.add_done_callback(lambda _: self._threads.release())
        self._open[running] = key
        running.add_done_callback(self._open.pop)
        return running

    async def _result(
        self,
        tool: Function,
        deadline: float,
        end: float,
        running: "asyncio.Future[_Outcome]",
        secrets: Mapping[str, str],
    ) -> Result:
        try:
            await asyncio.wait({running}, timeout=max(end - asyncio.get_running_loop().time(), 0.0))
        except asyncio.CancelledError:
            _cancel(running)
            raise
        if not running.done():
            fate = "it runs on in its thread, which nothing can stop"
            if isinstance(running, asyncio.Task):
                running.cancel()
                await asyncio.wait({running}, timeout=_GRACE)
                fate = "it was cancelled"
            if not running.done() or running.cancelled():
                message = f"It did not return within its {deadline:g} s; {fate}."
                return Failed("deadline", message) if tool.spec.repeat == "safe" else Unknown(message)
        if running.cancelled():
            return _raised(tool, asyncio.CancelledError("it cancelled itself"), secrets)
        outcome = running.result()
        return (
            self._returned(tool, outcome.value, secrets)
            if outcome.error is None
            else _raised(tool, outcome.error, secrets)
        )

    def _returned(self, tool: Function, returned: object, secrets: Mapping[str, str]) -> Result:
        code, problem = "result_not_json", "what it returned is not JSON"
        try:
            value = msgspec.to_builtins(returned, str_keys=True)
            if too_much := excess(value):
                code, problem = "result_too_large", f"what it returned is {too_much}"
            elif is_json(value):
                encoded = canonical(scrubbed(value, secrets))
                if len(encoded) <= self._limit:
                    return Done(decode(encoded))  # exactly what the journal will give back
                code, problem = "result_too_large", f"what it returned is longer than {self._limit} bytes"
        except Exception as e:  # noqa: BLE001 - what a tool returns may have methods, which run here
            problem = f"what it returned is not JSON ({sentence(_said(e), secrets, 200)})"
        if tool.spec.repeat == "safe":
            return Failed(code, f"It ran, but {problem}.")
        return Done({"not_kept": {"code": code, "message": f"It was done, but {problem}; nothing of it was kept."}})


def _check_verify(name: str, tool: Function, tools: Mapping[str, Function]) -> None:
    reader = tools.get(tool.spec.verify)
    if not tool.spec.verify or "." in tool.spec.verify:  # a tool of another host is for the gate to find
        return
    if reader is None:
        refuse(
            name, tool.call, f"is verified by {tool.spec.verify!r}, which is no tool", "Name a @deputy.tool function."
        )
    fields, required = reader.arguments.__struct_fields__, cast("list[str]", reader.spec.parameters.get("required", []))
    if "effect_id" not in fields or required not in ([], ["effect_id"]) or reader.spec.effect != "read":
        why = f"verifies {name!r}, but is no reader of an effect's id alone"
        refuse(
            reader.spec.name, reader.call, why, 'Give it `effect_id: str`, defaults for the rest, and effect="read".'
        )


def _cancel(running: "asyncio.Future[_Outcome]") -> bool:
    """Cancel what can be cancelled; a thread cannot."""
    return isinstance(running, asyncio.Task) and running.cancel()


async def _awaited(call: Callable[[], object]) -> _Outcome:
    try:
        returned = call()
        return _Outcome(value=await cast("Awaitable[object]", returned) if inspect.isawaitable(returned) else returned)
    except (Exception, SystemExit) as e:  # noqa: BLE001 - a tool may raise anything, and it is its answer
        return _Outcome(error=e)


def _in_thread(name: str, call: Callable[[], object]) -> "asyncio.Future[_Outcome]":
    """Run this in a thread of its own, which does not keep the process alive."""
    loop = asyncio.get_running_loop()
    running: asyncio.Future[_Outcome] = loop.create_future()

    def settle(outcome: _Outcome) -> None:
        if not running.done():
            running.set_result(outcome)

    def work() -> None:
        try:
            outcome = _Outcome(value=call())
        except BaseException as e:  # noqa: BLE001 - a tool may raise anything, and it is its answer
            outcome = _Outcome(error=e)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, outcome)

    threading.Thread(target=contextvars.copy_context().run, args=(work,), name=f"tool {name}", daemon=True).start()
    return running


def _raised(tool: Function, error: BaseException, secrets: Mapping[str, str]) -> Result:
    message = sentence(_said(error), secrets)
    cut = _is_cut(error)
    if cut and tool.spec.repeat != "safe":
        return Unknown(f"It was cut off: {message}")
    return Failed("tool_error", message, retry=cut)


def _is_cut(error: BaseException | None) -> bool:
    """Whether this error, or what caused it, leaves open what the far side did."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        kinds = {(kind.__module__.partition(".")[0], kind.__name__) for kind in type(error).__mro__}
        if isinstance(error, ConnectionError | TimeoutError | EOFError | asyncio.CancelledError) or kinds & _CUT:
            return True
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return False


def _said(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - an exception's text is the tool's code
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
