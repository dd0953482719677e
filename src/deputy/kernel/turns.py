"""Turns at models that admit only so much: who waits is served fairly, and holds nothing while it waits.

A person who waits for a run goes before work in the background, though never so that the background stands still.
Among equals, teams share by their weights and a team's agents alike, counted in tokens (start-time fair queueing). A
server that refuses for want of room is left alone as long as it says, and asked less from then on until it takes more.
Limits are those of one process: several that drive runs at the same time divide them.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from deputy.base.clock import Clock
from deputy.base.errors import Stopping
from deputy.domain.catalogue import RateLimits, Route

__all__ = ["FairQueue", "Share", "Turn", "Turns"]

MINUTE = 60.0
IN_A_ROW = 9  #: turns of people who wait, after which the background has one if it waits too
GONE = -1.0  #: stands for the time of a call that no longer counts
LEAST = 1 / 16  #: of its limits is left to a route that refuses again and again
RECOVERY = 1.05  #: by which that part grows with every call that is taken
CLOSED = 1.0  #: seconds for which a route that refused is left alone where it does not say
LONGEST_CLOSED = 120.0
WIDE = 256.0  #: calls at once at which a learned bound is forgotten

T = TypeVar("T")


class Share(NamedTuple):
    """On whose account a call goes."""

    team: str
    agent: str
    interactive: bool = False


class _Flow(Generic[T]):
    """Those of one name, and when (in virtual time) it is their turn."""

    __slots__ = ("inner", "start")

    def __init__(self, inner: "_Fair[T] | deque[T]") -> None:
        self.inner = inner
        self.start = 0.0


class _Fair(Generic[T]):
    """Flows that share by weight; each is a line, or shares on."""

    def __init__(self) -> None:
        self._now = 0.0
        self._flows: dict[str, _Flow[T]] = {}

    def __bool__(self) -> bool:
        return bool(self._flows) and any(flow.inner for flow in self._flows.values())

    def push(self, path: Sequence[str], item: T) -> None:
        """Put an item at the end of its line."""
        flow = self._flows.get(path[0])
        if flow is None:
            flow = self._flows[path[0]] = _Flow(_Fair[T]() if len(path) > 1 else deque[T]())
        if not flow.inner:
            flow.start = max(flow.start, self._now)
        if isinstance(flow.inner, _Fair):
            flow.inner.push(path[1:], item)
        else:
            flow.inner.append(item)

    def first(self) -> T:
        """Whose turn it is."""
        flow = self._flows[self._next()]
        return flow.inner.first() if isinstance(flow.inner, _Fair) else flow.inner[0]

    def pop(self, cost: float, weights: Mapping[str, float] | None = None) -> T:
        """Take out whose turn it is, on the account of its line; a line of weight 2 pays half."""
        name = self._next()
        flow = self._flows[name]
        item = flow.inner.pop(cost) if isinstance(flow.inner, _Fair) else flow.inner.popleft()
        self._now = flow.start
        flow.start += cost / (weights or {}).get(name, 1.0)
        for idle in [n for n, f in self._flows.items() if not f.inner and f.start <= self._now]:
            del self._flows[idle]
        return item

    def _next(self) -> str:
        return min((flow.start, name) for name, flow in self._flows.items() if flow.inner)[1]


class FairQueue(Generic[T]):
    """Items with a share and a cost; the fairest first."""

    def __init__(self, weight: Callable[[str], float] = lambda _: 1.0) -> None:
        self._weight = weight
        self._lines: tuple[_Fair[T], _Fair[T]] = (_Fair[T](), _Fair[T]())  # the background; people who wait
        self._in_a_row = 0

    def __bool__(self) -> bool:
        return bool(self._lines[0] or self._lines[1])

    def push(self, share: Share, item: T) -> None:
        """Wait, behind those of the same agent."""
        self._lines[share.interactive].push((share.team, share.agent), item)

    def first(self) -> T:
        """Whose turn it is."""
        return self._lines[self._which()].first()

    def pop(self, team: str, cost: float) -> T:
        """Take out whose turn it is; a cost of nothing is no turn."""
        which = self._which()
        item = self._lines[which].pop(cost, {team: self._weight(team)})
        if cost:
            self._in_a_row = self._in_a_row + 1 if which and self._lines[0] else 0
        return item

    def _which(self) -> bool:
        background, people = self._lines
        return bool(people) and not (background and self._in_a_row >= IN_A_ROW)


class _Waiter:
    """A call that waits."""

    __slots__ = ("admitted", "gone", "share", "tokens")

    def __init__(self, share: Share, tokens: int) -> None:
        self.share, self.tokens = share, tokens
        self.admitted: asyncio.Future[Turn] = asyncio.get_running_loop().create_future()
        self.gone = False


class Turn:
    """Leave to ask a model once; say what came of it, and end it."""

    def __init__(self, line: "_Line", entry: list[float], *, waited: bool) -> None:
        self._line, self._entry = line, entry
        self.waited = waited  #: so that things may have changed meanwhile

    def used(self, tokens: int) -> None:
        """The server took it, and it came to so many tokens (0 where nobody knows)."""
        if tokens:
            self._line.count(self._entry, tokens)
        self._line.taken()

    def refused(self, wait: float) -> None:
        """The server wants fewer calls, and none for so many seconds (0 where it does not say)."""
        self._line.count(self._entry, 0)
        self._line.refused(wait)

    def end(self) -> None:
        """Let the next one in."""
        self._line.running -= 1
        if self._line.waiting:
            self._line.pump()


class _Asked:
    """A turn that is waited for, and ended: `async with`, since a generator for each would cost more than all of it."""

    __slots__ = ("_line", "_share", "_tokens", "_turn")

    def __init__(self, line: "_Line", share: Callable[[], Share], tokens: int) -> None:
        self._line, self._share, self._tokens = line, share, tokens

    async def __aenter__(self) -> Turn:
        self._turn = await self._line.join(self._share, self._tokens)
        return self._turn

    async def __aexit__(self, *_: object) -> None:
        self._turn.end()


class _Line:
    """Those that wait for one route, and what it admitted in the last minute."""

    def __init__(self, clock: Clock, weight: Callable[[str], float]) -> None:
        self._clock = clock
        self.queue: FairQueue[_Waiter] = FairQueue(weight)
        self.whole = self.limits = RateLimits()  #: of the route, and this process's part of them
        self.running = self.waiting = 0
        self._recent: deque[list[float]] = deque()  # when, and how many tokens
        self._tokens = 0.0  # of all these
        self._window = float("inf")  # calls at once, as learned from refusals
        self._part = 1.0  # of the limits that is used, as learned from refusals
        self._closed = self._shrunk = 0.0  # until when, on the boot clock
        self._alarm: asyncio.Task[None] | None = None

    async def join(self, share: Callable[[], Share], tokens: int) -> Turn:
        """Return when it is this call's turn; its share is asked for where it has to wait."""
        if not self.waiting and not self._delay(tokens):
            return self._admit(tokens, waited=False)
        waiter = _Waiter(share(), tokens)
        self.queue.push(waiter.share, waiter)
        self.waiting += 1
        try:
            self.pump()
            return await waiter.admitted
        except asyncio.CancelledError:
            if waiter.admitted.done() and not waiter.admitted.cancelled() and waiter.admitted.exception() is None:
                waiter.admitted.result().end()
            raise
        finally:
            self.waiting -= 1
            waiter.gone = True
            if self.waiting:
                self.pump()  # it may have stood before somebody who may go
            elif self._alarm is not None:
                self._alarm.cancel()

    def pump(self) -> None:
        """Let in whoever may go."""
        while self.queue:
            waiter = self.queue.first()
            if waiter.gone or waiter.admitted.done():
                self.queue.pop(waiter.share.team, 0)
                continue
            delay = self._delay(waiter.tokens)
            if delay > 0:
                self._wake_in(delay)
                return
            self.queue.pop(waiter.share.team, max(waiter.tokens, 1))
            waiter.admitted.set_result(self._admit(waiter.tokens, waited=True))

    def share(self, processes: int) -> None:
        """So many processes share the route's limits from now on."""
        self.limits = self.whole.divided(processes)
        self.pump()

    def count(self, entry: list[float], tokens: int) -> None:
        """Correct how many tokens a call came to."""
        if entry[0] > GONE:
            self._tokens += tokens - entry[1]
            entry[1] = float(tokens)

    def taken(self) -> None:
        """A call was taken: try a little more from now on."""
        self._part = min(1.0, self._part * RECOVERY)
        self._window += 1 / self._window
        if self._window >= WIDE:
            self._window = float("inf")

    def refused(self, wait: float) -> None:
        """A call was refused: ask nothing for a while, and half as much from then on."""
        now = self._clock.boot()
        self._closed = max(self._closed, now + min(wait or CLOSED, LONGEST_CLOSED))
        if now >= self._shrunk:  # those that were under way at the same time are one refusal
            self._part = max(LEAST, self._part / 2)
            self._window = max(1.0, min(self._window, self.running) / 2)
            self._shrunk = self._closed

    def dismiss(self) -> None:
        """Send everybody away: this process stops."""
        while self.queue:
            waiter = self.queue.first()
            self.queue.pop(waiter.share.team, 0)
            if not waiter.admitted.done():
                waiter.admitted.set_exception(Stopping("the worker is stopping"))

    def _admit(self, tokens: int, *, waited: bool) -> Turn:
        entry = [GONE, float(tokens)]
        if self.limits.requests is not None or self.limits.tokens is not None:
            entry[0] = self._clock.boot()
            self._recent.append(entry)
            self._tokens += tokens
        self.running += 1
        return Turn(self, entry, waited=waited)

    def _delay(self, tokens: int) -> float:
        """Seconds until so many tokens may go; infinite until a call ends."""
        now, limits = self._clock.boot(), self.limits
        while self._recent and self._recent[0][0] <= now - MINUTE:
            gone = self._recent.popleft()
            self._tokens -= gone[1]
            gone[0] = GONE
        most = self._window if limits.concurrency is None else min(limits.concurrency, self._window)
        if self.running >= most:
            return float("inf")
        until = self._closed
        if limits.requests is not None:
            spare = len(self._recent) - max(1, int(limits.requests * self._part))
            if spare >= 0:
                until = max(until, self._recent[spare][0] + MINUTE)
        if limits.tokens is not None and self._recent:
            over = self._tokens + tokens - limits.tokens * self._part
            for entry in self._recent:  # what alone is too much goes when nothing else has gone
                if over <= 0:
                    break
                over -= entry[1]
                until = max(until, entry[0] + MINUTE)
        return max(0.0, until - now)

    def _wake_in(self, delay: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if delay < float("inf"):
            self._alarm = asyncio.get_running_loop().create_task(self._wake(delay), name="turns")

    async def _wake(self, delay: float) -> None:
        await self._clock.sleep(delay)
        self._alarm = None
        self.pump()


class Turns:
    """The lines of all routes, in this process. `weight` is a team's."""

    def __init__(self, clock: Clock, weight: Callable[[str], float] = lambda _: 1.0) -> None:
        self._clock, self._weight = clock, weight
        self._lines: dict[str, _Line] = {}
        self._processes = 1

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return sum(line.waiting for line in self._lines.values())

    @property
    def processes(self) -> int:
        """How many processes share the limits; of one that died the others have its part at once."""
        return self._processes

    @processes.setter
    def processes(self, count: int) -> None:
        if count != self._processes:
            self._processes = count
            for line in self._lines.values():
                line.share(count)

    def dismiss(self) -> None:
        """Send away all who wait, with Stopping."""
        for line in self._lines.values():
            line.dismiss()

    def turn(self, route: Route, share: Callable[[], Share], tokens: int) -> _Asked:
        """Wait (`async with`) for leave to ask a route once, for at most so many tokens."""
        line = self._lines.get(route.name)
        if line is None:
            line = self._lines[route.name] = _Line(self._clock, self._weight)
        line.whole = route.limits
        line.limits = line.whole.divided(self._processes)
        return _Asked(line, share, tokens)
