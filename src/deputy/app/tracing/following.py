"""Follow the journal and hand out spans: the journal is the queue, so that nothing is lost while nobody collects.

How far was told is kept after it was taken. Who dies in between tells the same spans again, under the same names.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import msgspec

from deputy.adapters.egress import address_of
from deputy.adapters.telemetry import Otlp, Place, installed
from deputy.app.bootstrap import Office
from deputy.app.config.settings import Telemetry
from deputy.app.config.values import REFERENCE
from deputy.app.tracing.spans import Trace
from deputy.base.errors import StoreError
from deputy.domain.event import Event, event_from
from deputy.domain.stow import blobs_of
from deputy.ports.access import Told
from deputy.ports.tracing import Attribute, Span, Spans

__all__ = ["Tracing", "tracing"]

BATCH = 200  #: events that are told in one go
RUNS = 500  #: runs whose open effects are kept in memory; of others the journal is read again
EVERY = 1.0  #: seconds between two looks
FIRST, LONGEST = 0.5, 60.0  #: seconds until the same is tried again


class Tracing:
    """Whether, how far and with what trouble traces are told in this process."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._place = Place(office.settings.folder / ".deputy", "telemetry")
        self._traces: OrderedDict[str, Trace] = OrderedDict()
        self._to: Spans | None = None
        self._said: Telemetry | None = None
        self.sent = self.refused = 0
        self.problem = ""
        self.position = -1

    async def follow(self) -> None:
        """Tell what is new, for as long as this goes on; trouble delays the telling alone."""
        try:
            while True:
                wait = EVERY
                try:
                    if await self._ready():
                        wait = 0.0 if await self._step() else EVERY
                except (StoreError, OSError) as exc:
                    self.problem = str(exc)
                await self._office.clock.sleep(wait)
        finally:
            self._place.leave()
            if self._to is not None:
                await self._to.close()

    async def _ready(self) -> bool:
        """Whether there is somebody to tell, and this process is the one that does."""
        said = self._office.settings.telemetry
        if said != self._said:
            if self._to is not None:
                await self._to.close()
            self._to, self._said = None, said
            self._traces.clear()
        if not said.traces:
            self._place.leave()
            self.position, self.problem = -1, ""
            return False
        if not installed():
            self.problem = "The libraries of OpenTelemetry are not installed: `pip install 'deputy[otel]'`."
            return False
        if self._to is None:
            name = {"service.name": said.service, "deputy.workspace": self._office.settings.name}
            self._to = Otlp(said.traces, lambda: _lent(self._office, said), name)
        if not self._place.take():
            return False
        if self.position < 0:
            await self._resume()
        return True

    async def _resume(self) -> None:
        """Go on where somebody stopped; begin now where nobody did, or where the journal is another one."""
        access, kept = self._office.store.access, self._place.read()
        if kept is not None and kept[0]:
            told = await access.told(kept[0] - 1, 1)
            if told and (told[0].position, told[0].link.hex()) == kept:
                self.position = kept[0]
                return
        now = await access.position()
        for last in await access.told(now - 1, 1):
            self._place.write(last.position, last.link.hex())
        self.position = now

    async def _step(self) -> bool:
        """Tell the next events; False where there is nothing new."""
        told = await self._office.store.access.told(self.position, BATCH)
        if not told:
            return False
        spans: list[Span] = []
        for one in told:
            if one.run != "workspace":
                spans += await self._take(one)
        if spans:
            await self._hand(spans)
        self._place.write(told[-1].position, told[-1].link.hex())
        self.position = told[-1].position
        return True

    async def _hand(self, spans: Sequence[Span]) -> None:
        """Hand them over, however long it takes; what will never be taken is let go and counted."""
        assert self._to is not None
        wait = FIRST
        while (handed := await self._to.hand(spans)) == "away":
            self.problem = self._to.problem
            await self._office.clock.sleep(wait)
            wait = min(wait * 2, LONGEST)
            if self._office.settings.telemetry != self._said:
                return
        self.problem = self._to.problem
        if handed == "taken":
            self.sent += len(spans)
        else:
            self.refused += len(spans)

    # -- events

    async def _take(self, one: Told) -> list[Span]:
        trace = self._traces.get(one.run)
        if trace is None or trace.seq != one.seq - 1:
            trace = await self._read(one.run, one.seq)
        self._traces[one.run] = trace
        self._traces.move_to_end(one.run)
        spans = await self._apply(trace, one.body)
        if trace.started is not None and any(span.parent is None for span in spans):
            del self._traces[one.run]  # it is over
        elif len(self._traces) > RUNS:
            self._traces.popitem(last=False)
        return spans

    async def _read(self, run: str, upto: int) -> Trace:
        """What is known of a run before this event, from its journal."""
        trace = Trace(run, content=self._content, models=_models(self._office))
        if upto > 1:
            for n, row in enumerate(await self._office.store.rows(run)):
                if row.seq >= upto:
                    break
                await self._apply(trace, row.body)
                if n % 200 == 199:
                    await asyncio.sleep(0)
        return trace

    @property
    def _content(self) -> bool:
        return self._said is not None and self._said.content

    async def _apply(self, trace: Trace, body: bytes) -> list[Span]:
        try:
            event: Event = event_from(body)
            names = blobs_of(event)
            blobs: Mapping[str, bytes] = await self._office.store.blobs(names) if names else {}
            return trace.take(event, blobs)
        except msgspec.MsgspecError:
            trace.seq += 1  # bytes that are no event: an audit says so
            return []


def tracing(office: Office) -> Tracing:
    """The tracing of this process."""
    found = office.jobs.get("tracing")
    if not isinstance(found, Tracing):
        found = office.jobs["tracing"] = Tracing(office)
    return found


def _lent(office: Office, said: Telemetry) -> dict[str, str]:
    return {
        name: office.secrets.lend(value) if REFERENCE.fullmatch(value) else value
        for name, value in said.headers.items()
    }


def _models(office: Office) -> dict[str, dict[str, Attribute]]:
    """What is known of each route: the server's own name of the model, and where it is."""
    found: dict[str, dict[str, Attribute]] = {}
    for route in office.settings.models.values():
        host = address_of(route.base_url).host if route.base_url else None
        found[route.name] = {
            "gen_ai.request.model": route.model or route.name, "gen_ai.provider.name": route.server or route.provider,
            "deputy.route": route.name, **({"server.address": host} if host else {}),
        }  # fmt: skip
    return found
