"""The host of a database's tools: what may be asked, in which process, and what an answer that never came means."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence

import msgspec

from deputy.adapters.confined import Cells, Ended, TooLate, TooLong
from deputy.adapters.tool import scrubbed, sentence
from deputy.adapters.tool.sql.asking import COMMITTING, Answer, Ask, Source
from deputy.adapters.tool.sql.specs import specs_of
from deputy.adapters.underway import UnderWay
from deputy.base.clock import Clock
from deputy.base.errors import ConfigError, DeputyError
from deputy.domain.effect import NOT_SENT, Done, Failed, Intent, Result, ToolRequest, ToolSpec, Unknown
from deputy.domain.label import UNTRUSTED, Label

__all__ = ["SqlDatabase", "SqlTools"]

_MEMORY = 384 << 20  # of a process that talks to a database
_WRITES = 1 << 40  # bytes such a process may write to a file: the database's own
_CONNECTIONS = 4  # to one database at once
_REMEDY = "Give the connection a role of its own: CREATE ROLE …; GRANT SELECT ON … TO …"


class SqlDatabase(msgspec.Struct, frozen=True, kw_only=True):
    """A database as the workspace configures it; `password` a reference, `deadline` in seconds."""

    name: str
    source: Source
    password: str = ""
    write: bool = False
    rows: int = 1000
    size: int = 1_000_000
    deadline: float = 30.0
    output: Label = UNTRUSTED


class _Query(msgspec.Struct, forbid_unknown_fields=True):
    sql: str
    params: list[object] = []


class _Tables(msgspec.Struct, forbid_unknown_fields=True):
    table: str = ""


class Unusable(DeputyError):
    """The database cannot be used as it is configured."""

    code = "unusable"


class SqlTools:
    """The host of `PREFIX.query`, `PREFIX.tables` and, where writing is granted, `PREFIX.execute`."""

    problems: tuple[str, ...] = ()

    def __init__(self, database: SqlDatabase, clock: Clock, lend: Callable[[str], str]) -> None:
        self._database, self._clock, self._lend = database, clock, lend
        self._specs = {spec.name.rpartition(".")[2]: spec for spec in specs_of(database.name, database.source.kind,
                       write=database.write, output=database.output, deadline=database.deadline)}  # fmt: skip
        self._cells = Cells("deputy.adapters.tool.sql.inside:answer", memory=_MEMORY, writes=_WRITES, most=_CONNECTIONS)
        self._open = UnderWay()

    async def catalogue(self) -> Sequence[ToolSpec]:
        """The tools there are; the database is not asked."""
        return tuple(self._specs.values())

    async def invoke(self, intent: Intent) -> Result:
        """Ask what an intent asks for."""
        request = intent.request
        what = request.spec.name.rpartition(".")[2] if isinstance(request, ToolRequest) else ""
        if not isinstance(request, ToolRequest) or what not in self._specs:
            return Failed("unknown_tool", "There is no such tool for this database.")
        try:
            ask = self._ask(what, request, intent.deadline)
        except msgspec.ValidationError as error:
            return Failed("invalid_arguments", f"{error}.")
        except ConfigError as error:
            return Failed(error.code, error.message)
        return await self._open.run(intent.key, self._asked(ask, intent), f"{what} {self._database.name}")

    async def examine(self) -> AsyncGenerator[tuple[str, str]]:
        """What is wrong with the database or the rights of its role; raises Unusable."""
        database = self._database
        ask = Ask(what="check", source=self._source(), seconds=min(database.deadline, 10.0), write=database.write)
        try:
            async with asyncio.timeout(ask.seconds + 2):
                answer = msgspec.json.decode(await self._cells.ask(msgspec.json.encode(ask)), type=Answer)
        except (Ended, TimeoutError):
            raise Unusable("The database does not answer.", "See whether it runs.") from None
        if answer.code:
            message = sentence(answer.message, (ask.source.password,))
            raise Unusable(message, _REMEDY if answer.code == "role" else "Correct `url` and `password`.")
        for message, remedy in msgspec.convert(answer.value, list[tuple[str, str]]):
            yield message, remedy

    async def quiesce(self, key: str) -> None:
        """Return once nothing is under way for this effect; what still is, is ended."""
        await self._open.quiesce(key)

    async def close(self) -> None:
        """End everything."""
        await self._open.close()
        await self._cells.close()

    # -- one request

    def _source(self) -> Source:
        password = self._lend(self._database.password) if self._database.password else ""
        return msgspec.structs.replace(self._database.source, password=password)

    def _ask(self, what: str, request: ToolRequest, deadline: float) -> Ask:
        database, args = self._database, dict(request.args)
        plain = Ask(
            what="tables", source=self._source(), rows=database.rows, size=database.size, seconds=deadline,
            write=database.write,
        )  # fmt: skip
        if what == "tables":
            return msgspec.structs.replace(plain, table=msgspec.convert(args, _Tables).table)
        wanted = msgspec.convert(args, _Query)
        return msgspec.structs.replace(plain, what=what, sql=wanted.sql, params=wanted.params)

    async def _asked(self, ask: Ask, intent: Intent) -> Result:
        notes: list[bytes] = []
        try:
            async with asyncio.timeout(intent.deadline):
                body = await self._cells.ask(
                    msgspec.json.encode(ask), told=notes.append,
                    permitted=lambda: self._clock.boot() <= intent.dispatch_by,
                )  # fmt: skip
        except TimeoutError:
            return self._lost("deadline", f"It took longer than {intent.deadline:g} s, and was stopped.", notes)
        except TooLate as error:
            return Failed(NOT_SENT, error.message, retry=True)
        except (Ended, TooLong) as error:
            return self._lost("too_large", error.message, notes)
        answer = msgspec.json.decode(body, type=Answer)
        secrets = (ask.source.password,)
        if answer.unknown:
            return Unknown(sentence(answer.message, secrets))
        if answer.code:
            return Failed(answer.code, sentence(answer.message, secrets), retry=answer.retry)
        return Done(scrubbed(answer.value, secrets), label=self._label(ask))

    def _lost(self, code: str, message: str, notes: list[bytes]) -> Result:
        """Without a commit nothing stays; once one was sent, nobody knows."""
        return Unknown(message) if COMMITTING in notes else Failed(code, message)

    def _label(self, ask: Ask) -> Label | None:
        return (
            msgspec.structs.replace(self._database.output, source=self._database.name) if ask.what == "query" else None
        )
