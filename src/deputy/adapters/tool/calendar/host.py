"""The host of a calendar's tools: what is asked of the server, and what its answers mean."""

import asyncio
import datetime
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Any, cast
from zoneinfo import ZoneInfo

import msgspec

from deputy.adapters.confined import Cells, Ended, TooLong
from deputy.adapters.egress import Answer, EgressError, EgressRefused, Unreachable
from deputy.adapters.tool import scrubbed, sentence
from deputy.adapters.tool.calendar.asking import Change, Event, Page, Read, Repeats, Write, Written
from deputy.adapters.tool.calendar.dav import Collection
from deputy.adapters.tool.calendar.specs import specs_of
from deputy.base.clock import Clock
from deputy.base.errors import DeputyError
from deputy.domain.effect import NOT_SENT, Done, Failed, Intent, Result, ToolRequest, ToolSpec, Unknown

__all__ = ["CalendarAccount", "CalendarTools", "Unusable"]

_LONGEST = datetime.timedelta(days=366)
_READING = 20.0  # seconds that an answer may take to read
_MEMORY = 512 << 20
_CHANGES = ("title", "start", "end", "location", "description")


class CalendarAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A calendar as the workspace configures it; `password` a reference, `deadline` in seconds."""

    name: str
    url: str
    user: str
    password: str
    address: str = ""  #: from which invitations come
    zone: str = "UTC"
    write: bool = False
    invitations: bool = False
    deadline: float = 30.0


class Unusable(DeputyError):
    """The calendar cannot be used as it is configured."""

    code = "unusable"


class _Refusal(Exception):
    """There will be nothing: says why, as a result."""

    def __init__(self, code: str, message: str, *, retry: bool = False) -> None:
        super().__init__(message)
        self.failed = Failed(code, message, retry=retry)


class CalendarTools:
    """The host of `PREFIX.events`, `free`, `find` and, where granted, `create`, `invite`, `update` and `delete`."""

    problems: tuple[str, ...] = ()

    def __init__(self, account: CalendarAccount, clock: Clock, lend: Callable[[str], str]) -> None:
        self._account, self._clock, self._lend = account, clock, lend
        self._zone = ZoneInfo(account.zone)
        self._specs = {spec.name.rpartition(".")[2]: spec for spec in specs_of(account.name, write=account.write,
                       invitations=account.invitations, deadline=account.deadline)}  # fmt: skip
        self._collection = Collection(account.url)
        self._cells = Cells("deputy.adapters.tool.calendar.inside:answer", memory=_MEMORY, limit=32 << 20)

    async def catalogue(self) -> Sequence[ToolSpec]:
        """The tools there are; the server is not asked."""
        return tuple(self._specs.values())

    async def invoke(self, intent: Intent) -> Result:
        """Do what an intent asks for."""
        request = intent.request
        what = request.spec.name.rpartition(".")[2] if isinstance(request, ToolRequest) else ""
        if not isinstance(request, ToolRequest) or what not in self._specs:
            return Failed("unknown_tool", "There is no such tool for this calendar.")
        if self._clock.boot() > intent.dispatch_by:
            return Failed(NOT_SENT, "The worker's lease ran out; nothing was asked.", retry=True)
        reads = what in ("events", "free", "find")
        begun: list[str] = []
        try:
            credentials = (self._account.user, self._lend(self._account.password))
            async with asyncio.timeout(intent.deadline):
                done = await self._do(what, dict(request.args), intent, credentials, begun)
                return Done(scrubbed(done, credentials[1:]))
        except _Refusal as no:
            return no.failed
        except TimeoutError:
            message = f"The calendar did not answer within {intent.deadline:g} s."
            return Unknown(message) if begun else Failed("deadline", message, retry=reads)
        except (Unreachable, EgressRefused) as error:
            return Failed(error.code, sentence(error.message), retry=True)
        except EgressError as error:
            return (
                Unknown(sentence(error.message)) if begun else Failed(error.code, sentence(error.message), retry=True)
            )
        except (Ended, TooLong) as error:
            return Failed("unreadable", sentence(error.message))
        except DeputyError as error:
            return Failed(error.code, error.message)

    async def examine(self) -> AsyncGenerator[tuple[str, str]]:
        """Whether the address is that of a calendar, and the user may see it; raises Unusable."""
        credentials = (self._account.user, self._lend(self._account.password))
        try:
            async with asyncio.timeout(10):
                answer = await self._collection.kind(credentials)
        except (EgressError, TimeoutError) as error:
            raise Unusable(sentence(str(error)) or "The server does not answer.", "Correct `url`.") from None
        if answer.status in (401, 403):
            raise Unusable("The server refuses the user or the password.", "Correct `user` and `password`.")
        if answer.status != 207 or b"calendar" not in answer.body:
            raise Unusable(f"There is no calendar at its address (status {answer.status}).", "Correct `url`.")
        if self._account.url.startswith("http://") and not self._account.url.startswith(
            ("http://127.", "http://localhost")
        ):
            yield "The password travels without encryption.", "Use https:// in `url`."

    async def quiesce(self, key: str) -> None:
        """Nothing to wait for: a request ends with whoever asked for it."""

    async def close(self) -> None:
        """Close every connection and every process."""
        await self._collection.close()
        await self._cells.close()

    # -- what each tool does

    async def _do(
        self, what: str, args: dict[str, Any], intent: Intent, credentials: tuple[str, str], begun: list[str]
    ) -> object:
        match what:
            case "events":
                page, _ = await self._page(args, credentials)
                found: dict[str, object] = {"zone": self._account.zone, "events": msgspec.to_builtins(page.events),
                                            "truncated": page.truncated}  # fmt: skip
                return found | ({"unreadable": page.unreadable} if page.unreadable else {})
            case "free":
                page, span = await self._page(args, credentials)
                return self._free(page.events, span, args.get("minutes", 30))
            case "find":
                return await self._find(str(args["effect_id"]), credentials)
            case "create" | "invite":
                return await self._create(args, intent.key, credentials, begun)
            case "update":
                return await self._update(args, intent.key, credentials, begun)
            case _:
                return await self._delete(args, intent, credentials, begun)

    async def _page(
        self, args: Mapping[str, Any], credentials: tuple[str, str]
    ) -> tuple[Page, tuple[datetime.datetime, datetime.datetime]]:
        start, end = self._moment(str(args["from"])), self._moment(str(args["to"]))
        if not start < end <= start + _LONGEST:
            raise _Refusal("invalid_arguments", "`to` must be after `from`, by a year at most.")
        stamps = [moment.astimezone(datetime.UTC).strftime("%Y%m%dT%H%M%SZ") for moment in (start, end)]
        answer = _read(await self._collection.report(stamps[0], stamps[1], credentials), 207)
        wanted = Read(body=answer.body, zone=self._account.zone, start=start.isoformat(), end=end.isoformat())
        page = await self._confined(wanted, Page)
        if page.error:
            raise _Refusal("unreadable", page.error)
        return page, (start, end)

    def _free(
        self, events: Sequence[Event], span: tuple[datetime.datetime, datetime.datetime], minutes: int
    ) -> dict[str, object]:
        taken = sorted((self._moment(e.start), self._moment(e.end)) for e in events if e.busy and e.end > e.start)
        busy: list[tuple[datetime.datetime, datetime.datetime]] = []
        for start, end in ((max(start, span[0]), min(end, span[1])) for start, end in taken):
            if busy and start <= busy[-1][1]:
                busy[-1] = (busy[-1][0], max(busy[-1][1], end))
            else:
                busy.append((start, end))
        edges = [span[0], *(moment for pair in busy for moment in pair), span[1]]
        gaps = zip(edges[::2], edges[1::2], strict=True)
        enough = datetime.timedelta(minutes=minutes)
        return {"zone": self._account.zone, "busy": [self._pair(*pair) for pair in busy],
                "free": [self._pair(*gap) for gap in gaps if gap[1] - gap[0] >= enough]}  # fmt: skip

    async def _find(self, effect: str, credentials: tuple[str, str]) -> dict[str, object]:
        place = self._collection.named(_name(effect))
        answer = await self._collection.get(place, credentials)
        if answer.status in (404, 410):
            return {"found": False}
        old = await self._old(_read(answer, 200))
        if old.uid != _uid(effect):
            raise _Refusal("conflict", "Another event has taken the place of this one.")
        return {"found": True, "id": place, "etag": answer.headers.get("etag", "")}

    async def _create(
        self, args: dict[str, Any], key: str, credentials: tuple[str, str], begun: list[str]
    ) -> dict[str, object]:
        invited = tuple(str(address) for address in args.pop("attendees", ()))
        change = self._change(args, attendees=invited or None)
        text = await self._written(change, key, _uid(key))
        place = self._collection.named(_name(key))
        begun.append(key)
        answer = await self._collection.put(place, text.text, {"If-None-Match": "*"}, credentials)
        if answer.status in (409, 412):  # it may be there from an attempt before
            found = await self._find(key, credentials)
            if found["found"]:
                return found
            raise _Refusal("conflict", "The server refuses an event in this place.")
        _wrote(answer)
        return {"id": place, "etag": answer.headers.get("etag", "")}

    async def _update(
        self, args: dict[str, Any], key: str, credentials: tuple[str, str], begun: list[str]
    ) -> dict[str, object]:
        place, etag = str(args.pop("id")), str(args.pop("etag"))
        if not args:
            raise _Refusal("invalid_arguments", "Nothing is to be changed.")
        answer, old = await self._existing(place, credentials)
        if old.effect == key:
            return {"id": place, "etag": answer.headers.get("etag", "")}
        if answer.headers.get("etag", "") != etag:
            raise _Refusal("conflict", "The event was changed since it was read; read it again.")
        text = await self._written(self._change(args), key, old.uid, old=old.text)
        begun.append(key)
        written = await self._collection.put(place, text.text, {"If-Match": etag}, credentials)
        if written.status in (409, 412):
            raise _Refusal("conflict", "The event was changed since it was read; read it again.")
        _wrote(written)
        return {"id": place, "etag": written.headers.get("etag", "")}

    async def _delete(
        self, args: dict[str, Any], intent: Intent, credentials: tuple[str, str], begun: list[str]
    ) -> dict[str, object]:
        place, etag = str(args["id"]), str(args["etag"])
        try:
            answer, _ = await self._existing(place, credentials)
        except _Refusal as no:
            if no.failed.code == "not_found" and intent.attempt > 1:
                return {"deleted": True}
            raise
        if answer.headers.get("etag", "") != etag:
            raise _Refusal("conflict", "The event was changed since it was read; read it again.")
        begun.append(intent.key)
        deleted = await self._collection.delete(place, etag, credentials)
        if deleted.status in (409, 412):
            raise _Refusal("conflict", "The event was changed since it was read; read it again.")
        if deleted.status not in (404, 410):
            _wrote(deleted)
        return {"deleted": True}

    # -- parts

    async def _existing(self, place: str, credentials: tuple[str, str]) -> tuple[Answer, Written]:
        if not self._collection.admits(place):
            raise _Refusal("not_found", "That is no event of this calendar.")
        answer = await self._collection.get(place, credentials)
        if answer.status in (404, 410):
            raise _Refusal("not_found", "There is no such event any more.")
        old = await self._old(_read(answer, 200))
        if old.others and not self._account.invitations:
            raise _Refusal(
                "has_attendees", "Other people take part in this event, and would be told; it is left alone."
            )
        return answer, old

    async def _old(self, answer: Answer) -> Written:
        text = answer.body.decode("utf-8", "replace")
        found = await self._confined(Write(change=Change(), zone=self._account.zone, uid="", effect="", stamp="",
                                           old=text), Written)  # fmt: skip
        if found.error:
            raise _Refusal("unreadable", found.error)
        return found

    async def _written(self, change: Change, key: str, uid: str, old: str = "") -> Written:
        stamp = self._clock.now().astimezone(datetime.UTC).replace(microsecond=0).isoformat()
        made = await self._confined(Write(change=change, zone=self._account.zone, uid=uid, effect=key, stamp=stamp,
                                          organizer=self._account.address, old=old), Written)  # fmt: skip
        if made.error:
            raise _Refusal("invalid_arguments", made.error)
        return made

    async def _confined(self, wanted: Read | Write, kind: Callable[..., Any]) -> Any:
        try:
            async with asyncio.timeout(_READING):
                body = await cast("Awaitable[bytes]", self._cells.ask(msgspec.json.encode(wanted)))
        except TimeoutError:
            raise _Refusal("unreadable", "What the calendar holds takes too long to read.") from None
        return msgspec.json.decode(body, type=cast("Any", kind))

    def _change(self, args: Mapping[str, Any], attendees: tuple[str, ...] | None = None) -> Change:
        repeats = msgspec.convert(args["repeats"], Repeats) if "repeats" in args else None
        return Change(**{k: args[k] for k in _CHANGES if k in args}, repeats=repeats, attendees=attendees)

    def _moment(self, text: str) -> datetime.datetime:
        try:
            moment = datetime.datetime.fromisoformat(text)
        except ValueError:
            message = f"{text[:40]!r} is neither a day nor a time: write 2026-11-24, or 2026-11-24T10:00."
            raise _Refusal("invalid_arguments", message) from None
        return moment.replace(tzinfo=self._zone) if moment.tzinfo is None else moment

    def _pair(self, start: datetime.datetime, end: datetime.datetime) -> dict[str, str]:
        return {"start": start.astimezone(self._zone).isoformat(), "end": end.astimezone(self._zone).isoformat()}


def _name(effect: str) -> str:
    return f"{_uid(effect)}.ics"


def _uid(effect: str) -> str:
    """The id of the event that an effect makes: the same on every attempt."""
    return f"deputy-{effect}"


def _read(answer: Answer, expected: int) -> Answer:
    if answer.status in (401, 403):
        raise _Refusal("unauthorized", "The calendar's server refuses the user or the password.")
    if answer.status != expected:
        raise _Refusal("calendar_error", f"The calendar's server answers with status {answer.status}.",
                       retry=answer.status >= 500)  # fmt: skip
    return answer


def _wrote(answer: Answer) -> None:
    """What certainly did not happen is a refusal; a server that broke over it may have done it."""
    if answer.status >= 500:
        raise EgressError(f"The calendar's server answers with status {answer.status}.")
    if not 200 <= answer.status < 300:
        raise _Refusal("calendar_error", f"The calendar's server refuses it with status {answer.status}.")
