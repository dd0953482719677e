"""What a procedure works with: `desk`, whose every call is journaled, and the refusals it can meet.

A call's identity is its place: the scope it is made in, and how many calls that scope made before. When the code runs
again after a pause or a crash, each call finds its journaled answer by that place; a call that differs from what the
journal has there is an error, for then the code is not the code that wrote the journal.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextvars import ContextVar, copy_context
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar, overload

from deputy.base.errors import ProcedureError
from deputy.domain.agent import Check
from deputy.kernel.answer import Shape, shape_of

__all__ = ["Denied", "Desk", "Scope", "Suspend", "ToolFailed", "Worker", "enter"]

T = TypeVar("T")


class ToolFailed(Exception):
    """A tool call certainly did not succeed; `code` and `error` say why."""

    def __init__(self, tool: str, code: str, error: str) -> None:
        super().__init__(f"{tool}: {error}")
        self.tool, self.code, self.error = tool, code, error


class Denied(Exception):
    """Policy or a person refused a call; `rule` and `reason` say why."""

    def __init__(self, tool: str, rule: str, reason: str) -> None:
        super().__init__(f"{tool}: {reason}")
        self.tool, self.rule, self.reason = tool, rule, reason


class Suspend(BaseException):
    """Unwinds a procedure that has to wait; its code runs again when there is something to go on with."""


class Scope:
    """One thread of a procedure's work: the calls of a scope follow each other, scopes run side by side."""

    __slots__ = ("calls", "path", "suspending", "task")

    def __init__(self, path: str, task: "asyncio.Task[Any] | None") -> None:
        self.path, self.task = path, task
        self.calls = 0
        self.suspending = False

    def next_place(self) -> str:
        """The identity of this scope's next call."""
        self.calls += 1
        return f"{self.path}{self.calls}"


class Worker(Protocol):
    """What stands behind a desk: performs a call at a place, or raises Suspend."""

    async def call(self, place: str, tool: str, args: dict[str, object]) -> Any:
        """The value of a tool call."""
        ...

    async def prove(self, place: str, check: Check) -> Any:
        """The result of a read that is as expected."""
        ...

    async def ask_model(self, place: str, question: str, shape: Shape | None) -> Any:
        """A model's answer: its text, or a value of this shape."""
        ...

    async def sleep(self, place: str, duration: timedelta) -> None:
        """Return when the time has passed."""
        ...

    def arrival(self) -> "dict[str, Any] | None":
        """What happened that started the run."""
        ...

    def value(self, place: str, kind: str, given: object = None) -> Any:
        """A remembered value: a note, the time, a random number."""
        ...


_scope: ContextVar[Scope] = ContextVar("deputy_scope")


class Desk:
    """Where a procedure asks for everything it needs of the world; every call is durable and never repeated."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    async def call(self, tool: str, /, **args: object) -> Any:
        """Call a tool; returns its decoded result. Raises ToolFailed or Denied."""
        return await self._here(lambda place: self._worker.call(place, tool, args))

    async def prove(
        self, tool: str, args: Mapping[str, object], expect: Mapping[str, object], *, says: str = ""
    ) -> Any:
        """Read something back and go on only if it is as expected, as under `done`; returns what was read.

        Raises ToolFailed, with the code `not_done` where it says something else, or Denied.
        """
        check = Check(tool=tool, args=dict(args), expect=dict(expect), says=says)
        return await self._here(lambda place: self._worker.prove(place, check))

    @overload
    async def ask_model(self, question: str) -> str: ...
    @overload
    async def ask_model(self, question: str, shape: type[T]) -> T: ...
    @overload
    async def ask_model(self, question: str, shape: Mapping[str, object]) -> Any: ...
    async def ask_model(self, question: str, shape: "type[T] | Mapping[str, object] | None" = None) -> Any:
        """Ask the agent's model one question outside any conversation; returns its text, or a value of this shape.

        A shape is a dataclass, a msgspec Struct, a type of JSON's values, or a JSON Schema. Raises ToolFailed.
        """
        wanted = None if shape is None else shape_of(shape)
        return await self._here(lambda place: self._worker.ask_model(place, question, wanted))

    async def ask_person(self, question: str, to: str | None = None, options: Sequence[str] | None = None) -> str:
        """Ask people and wait for the answer, for days if need be. Raises Denied if they refuse to answer."""
        args: dict[str, object] = {"question": question}
        if to is not None:
            args["to"] = to
        if options is not None:
            args["options"] = list(options)
        return str(await self.call("person.ask", **args))

    async def tell(self, to: str, text: str) -> None:
        """Put a message into people's inbox."""
        await self.call("person.tell", to=to, text=text)

    async def spawn(self, agent: str, task: str) -> str:
        """Let another agent carry out a task; returns its answer. Raises ToolFailed if it fails."""
        result = await self.call("agent.run", agent=agent, task=task)
        return str(result["answer"])

    async def arrival(self) -> dict[str, Any] | None:
        """What started the run, and the text and names of the files that came with it; None where a person did."""
        return self._worker.arrival()

    async def sleep(self, duration: timedelta | float) -> None:
        """Wait (seconds, or a timedelta); costs nothing and survives restarts."""
        span = duration if isinstance(duration, timedelta) else timedelta(seconds=duration)
        await self._here(lambda place: self._worker.sleep(place, span))

    async def note(self, text: str) -> None:
        """Remember a remark in the journal."""
        self._worker.value(self._place(), "note", text)

    async def now(self) -> datetime:
        """The time of day, the same whenever this code runs again."""
        return datetime.fromisoformat(self._worker.value(self._place(), "now"))

    async def random(self) -> float:
        """A random number from 0 to 1, the same whenever this code runs again."""
        return float(self._worker.value(self._place(), "random"))

    async def together(self, *work: Coroutine[Any, Any, T]) -> list[T]:
        """Run several coroutines side by side, the only way to; returns their results in order.

        One that has to wait does not hold up the others. If any raises, the first error (in order) is raised once
        all are through.
        """
        place = self._place()
        scopes = [Scope(f"{place}/{index}/", None) for index in range(len(work))]
        tasks = [_start(scope, coroutine) for scope, coroutine in zip(scopes, work, strict=True)]
        try:
            await asyncio.wait(tasks) if tasks else None
        finally:
            for task in tasks:
                task.cancel()
        endings = [task.exception() for task in tasks if not task.cancelled()]
        if any(isinstance(ending, _Parked) for ending in endings):
            _scope.get().suspending = True
            raise Suspend
        for ending in endings:
            if ending is not None:
                raise ending
        return [task.result() for task in tasks]

    # -- places

    def _place(self) -> str:
        scope = _scope.get(None)
        if scope is None or scope.task is not asyncio.current_task():
            raise ProcedureError(
                "a task that the procedure started by itself used `desk`",
                "Run coroutines side by side with `desk.together(...)`.",
            )
        if scope.suspending:
            raise ProcedureError(
                "`desk` was used while the procedure was being suspended (in a `finally` or an `except BaseException`)",
                "Do what must follow after the `try`, and catch `Exception` at most.",
            )
        return scope.next_place()

    async def _here(self, perform: Callable[[str], Awaitable[T]]) -> T:
        place, scope = self._place(), _scope.get()
        try:
            return await perform(place)
        except Suspend:
            scope.suspending = True
            raise


class _Parked(Exception):
    """This branch has to wait."""


def _start(scope: Scope, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
    async def branch() -> T:
        scope.task = asyncio.current_task()
        try:
            return await work
        except Suspend:
            raise _Parked from None

    context = copy_context()
    context.run(_scope.set, scope)
    return asyncio.get_running_loop().create_task(branch(), context=context)


async def enter(work: Coroutine[Any, Any, T]) -> T:
    """Run a procedure's coroutine in its outermost scope; raises Suspend where it has to wait."""
    task = _start(Scope("", None), work)
    try:
        return await task
    except _Parked:
        raise Suspend from None
    finally:
        task.cancel()
