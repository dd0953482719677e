"""The host of one server's tools: which child to ask, what came of it, and that none is left behind."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

import msgspec

from deputy.adapters.tool import MAX_BYTES, scrubbed, sentence
from deputy.adapters.tool.mcp_stdio.session import Answerer, Request, Session
from deputy.adapters.wire.mcp import AGENT, PERSON, Answer, Trouble
from deputy.adapters.wire.mcp.reading import call_params, read_result, read_tools
from deputy.base.clock import Clock
from deputy.base.errors import DeputyError
from deputy.domain.effect import Failed, InputRequired, Intent, Result, ToolRequest, ToolSpec, Unknown
from deputy.domain.elicitation import Form

__all__ = ["McpStdio", "StdioServer", "Unavailable"]

_MOST_CHILDREN = 8  # of one server: the one in use, and those whose calls are still ending
_REFERENCES = ("env:", "secret:")
_LOOK = 0.1  # seconds between looks at whether an attempt that was given up has ended


class StdioServer(msgspec.Struct, frozen=True, kw_only=True):
    """A server as the workspace configures it.

    Values of `env` that are references (`env:NAME`, `secret:NAME`) are lent when a child starts; times are seconds.
    """

    name: str
    command: tuple[str, ...]
    cwd: Path
    env: dict[str, str] = {}
    deadline: float = 60.0  #: of a call, for tools that have none of their own
    start_deadline: float = 30.0  #: of starting and agreeing on a version, and of listing the tools
    limit: int = MAX_BYTES  #: of one message, either way


class Unavailable(DeputyError):
    """A server of tools could not be started, or does not answer."""

    code = "tool_unavailable"


class McpStdio:
    """A host of the tools of one MCP server over stdio, named `server.tool`.

    `settings` is given every tool, by the server's name for it and with the most careful settings, and returns it as
    the workspace has it. A child sees `basics` (where programs, home and certificates are), what its server's `env`
    says, and nothing else of the worker's environment.
    """

    def __init__(
        self,
        server: StdioServer,
        *,
        clock: Clock,
        lend: Callable[[str], str],
        basics: Mapping[str, str],
        settings: Callable[[str, ToolSpec], ToolSpec] = lambda _, spec: spec,
    ) -> None:
        self._server, self._clock, self._lend, self._settings = server, clock, lend, settings
        self._basics = dict(basics)
        self._secrets: dict[str, str] = {}  # what the child at work was lent, and by which reference
        self._current: Session | None = None
        self._starting: asyncio.Task[Session] | None = None
        self._children: dict[Session, asyncio.Task[None] | None] = {}  # every one, with the task that ends it
        self._discover = True  # until a server is seen to end at it, and to begin without it
        self._closed = False
        self._listing = asyncio.Lock()
        self._listed: tuple[Session | None, tuple[ToolSpec, ...]] = (None, ())
        self.problems: tuple[str, ...] = ()  #: what is wrong with tools that were left out of the catalogue

    async def catalogue(self) -> Sequence[ToolSpec]:
        """The server's tools, as it last listed them; starts it if it must. Raises Unavailable."""
        session = await self._ready()
        if self._listed[0] is session and not session.changed:
            return self._listed[1]
        async with self._listing:
            if self._listed[0] is not session or session.changed:
                specs, self.problems = self._read(await self._list(session))
                self._listed = (session, specs)
        return self._listed[1]

    async def invoke(self, intent: Intent) -> Result:
        """Call the tool that an intent asks for; `sent` decides whether what has no answer may have happened."""
        request = intent.request
        prefix = self._server.name + "."
        if not isinstance(request, ToolRequest) or not request.spec.name.startswith(prefix):
            return Failed("unknown_tool", f"The server {self._server.name!r} has no such tool.")
        name, safe = request.spec.name.removeprefix(prefix), request.spec.repeat == "safe"
        params = call_params(name, request, intent.key, {AGENT: intent.agent, PERSON: intent.on_behalf_of})
        question = Request(intent.key, self._answerer(intent))
        session: Session | None = None
        try:
            async with asyncio.timeout(intent.deadline):
                for last in (False, True):
                    session = await self._ready()
                    answer = await session.ask(question, "tools/call", params, lambda: self._permitted(intent))
                    if last or not (isinstance(answer, Trouble) and answer.kind == "unsent" and session.ended):
                        break
                return self._result(answer, question, safe=safe)
        except Unavailable as e:
            return Failed("unavailable", e.message, retry=True)
        except DeputyError as e:
            return Failed(e.code, e.message)
        except TimeoutError:
            if question.answer.done() and not question.answer.cancelled():  # in the very last moment
                return self._result(question.answer.result(), question, safe=safe)
            self._give_up(session, question)
            return self._late(intent.deadline, sent=question.sent, safe=safe)
        except asyncio.CancelledError:
            self._give_up(session, question)
            raise

    async def quiesce(self, key: str) -> None:
        """Return when no child is at work on this effect any more: where one is, it is ended, other calls first."""
        for session in list(self._children):
            if session.holds(key):
                self._retire(session)
        while ending := [task for s, task in self._children.items() if task is not None and s.holds(key)]:
            await asyncio.wait(ending, timeout=_LOOK)  # a late answer ends the attempt before its child

    async def close(self) -> None:
        """End every child, its calls included; nothing of them is left on return."""
        self._closed = True
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait({self._starting})
        for session in list(self._children):
            session.hurry()
            self._retire(session)
        if tasks := [task for task in self._children.values() if task is not None]:
            await asyncio.wait(tasks)

    # --- children

    async def _ready(self) -> Session:
        """The child to ask, started if there is none. One start serves all who wait, and outlives their patience."""
        if self._current is not None and not self._current.ended:
            if self._lent_now() == self._secrets:
                return self._current
            self._retire(self._current)  # a secret was changed: who asks from now on asks a child that has the new one
        if self._starting is None or self._starting.done():
            self._starting = asyncio.get_running_loop().create_task(self._launch(), name=f"start {self._server.name}")
            self._starting.add_done_callback(lambda task: task.cancelled() or task.exception())  # whoever waits is told
        starting = self._starting
        await asyncio.wait({starting})
        if starting.cancelled():
            raise self._unavailable("is being closed")
        return starting.result()

    async def _launch(self) -> Session:
        environment, discover = self._environment(), self._discover
        while True:
            if self._closed or len(self._children) >= _MOST_CHILDREN:
                raise self._unavailable(
                    "is closed" if self._closed else "is still at too many calls that passed their deadline"
                )
            session = Session(limit=self._server.limit, secrets=self._secrets, on_end=self._retire)
            self._children[session] = None
            trouble = await self._begin(session, environment, discover=discover)
            if trouble is None:
                self._current, self._discover = session, discover
                return session
            session.hurry()
            self._retire(session)
            if trouble.kind == "cut" and discover:
                discover = False  # it may be one that ends at what it does not know: not even ask
                continue
            self._discover = True
            if trouble.kind != "unsent":
                raise self._unavailable(trouble.message)
            if ending := self._children.get(
                session
            ):  # it ended before it was asked anything: what were its last words?
                await asyncio.wait({ending})
            raise self._unavailable(f"ended ({session.last_words()})")

    async def _begin(self, session: Session, environment: Mapping[str, str], *, discover: bool) -> Trouble | None:
        server = self._server
        try:
            async with asyncio.timeout(server.start_deadline):
                await session.start(server.command, server.cwd, environment)
                return await session.agree(discover=discover)
        except TimeoutError:
            words = session.last_words()
            return Trouble(
                "refused", f"did not answer within {server.start_deadline:g} s{f' ({words})' if words else ''}"
            )
        except OSError as e:
            return Trouble("refused", f"cannot be started: {e.strerror or e}")
        except asyncio.CancelledError:
            session.hurry()
            self._retire(session)
            raise

    def _environment(self) -> dict[str, str]:
        lent = {k: self._lend(v) for k, v in self._server.env.items() if v.startswith(_REFERENCES)}
        self._secrets = {value: self._server.env[name] for name, value in lent.items()}
        return self._basics | self._server.env | lent

    def _lent_now(self) -> dict[str, str]:
        return {self._lend(v): v for v in self._server.env.values() if v.startswith(_REFERENCES)}

    def _retire(self, session: Session) -> None:
        """Ask a child nothing more, and see it end."""
        if self._current is session:
            self._current = None
        if session in self._children and self._children[session] is None:
            ending = asyncio.get_running_loop().create_task(session.finish(), name=f"end {self._server.name}")
            self._children[session] = ending
            ending.add_done_callback(lambda _: self._children.pop(session))

    # --- one question

    async def _list(self, session: Session) -> list[object]:
        try:
            async with asyncio.timeout(self._server.start_deadline):
                listed = await session.list_tools()
        except TimeoutError:
            listed = Trouble("cut", f"did not list its tools within {self._server.start_deadline:g} s")
        if isinstance(listed, Trouble):
            self._retire(session)
            raise self._unavailable(listed.message)
        return listed

    def _read(self, listed: Sequence[object]) -> tuple[tuple[ToolSpec, ...], tuple[str, ...]]:
        return read_tools(self._server.name, listed, self._server.deadline, self._settings)

    def _answerer(self, intent: Intent) -> Answerer:
        async def answer(form: Form) -> dict[str, object]:
            shown = cast("dict[str, object]", scrubbed(form.schema, self._secrets))
            return await intent.ask(
                self._server.name, Form(message=sentence(form.message, self._secrets), schema=shown)
            )

        return answer

    def _permitted(self, intent: Intent) -> bool:
        return self._clock.boot() <= intent.dispatch_by

    def _give_up(self, session: Session | None, question: Request) -> None:
        if session is not None and question.sent:
            session.give_up(question)
            self._retire(session)

    def _result(self, answer: Answer, question: Request, *, safe: bool) -> Result:
        result = read_result(self._server.name, answer, sent=question.sent, safe=safe, secrets=self._secrets)
        if isinstance(result, InputRequired) and not result.forms:
            return Failed("unavailable", f"The server {self._server.name!r} wants to be asked later.", retry=True)
        return result

    def _late(self, deadline: float, *, sent: bool, safe: bool) -> Result:
        if not sent:
            message = f"The server {self._server.name!r} could not be asked within {deadline:g} s."
            return Failed("unavailable", message, retry=True)
        message = f"The server {self._server.name!r} did not answer within {deadline:g} s; it was told to stop."
        return Failed("deadline", message) if safe else Unknown(message)

    def _unavailable(self, why: str) -> Unavailable:
        message = sentence(f"The server {self._server.name!r} {why}.", self._secrets)
        return Unavailable(message, f"Try its command by itself: {' '.join(self._server.command)}")
