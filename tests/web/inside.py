"""A workspace served in this process, on a loop of its own, with a clock that a test moves."""

import asyncio
import contextlib
import http.client
import json
import threading
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tests.cli.offices import make

from deputy.app.bootstrap import Office, office
from deputy.app.opening import opened
from deputy.app.sessions import make_link
from deputy.base.clock import SystemClock
from deputy.testing.conformance.world import StillClock
from deputy.web.serving import serve

__all__ = ["Inside", "Reply", "inside"]

T = TypeVar("T")


class Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]
    said: Any
    cookies: dict[str, str]
    set: tuple[str, ...]  #: the Set-Cookie lines


class Inside:
    """The server, and who asks it."""

    def __init__(self, clock: StillClock) -> None:
        self.clock = clock
        self.office: Office
        self.address = ""
        self.loop: asyncio.AbstractEventLoop
        self.noticed = list[str]()
        self.asked = 0

    def do(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do something in the server's loop."""

        async def run() -> T:
            return await work()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(30)

    def link(self, person: str) -> str:
        """A link for a person."""
        who = self.office.settings.directory.people[person]
        return self.do(lambda: make_link(self.office, who)).secret

    def ask(
        self, method: str, path: str, body: Any = None, cookies: Mapping[str, str] | None = None, /, **headers: str
    ) -> Reply:
        """A request as a page of ours sends it."""
        line = http.client.HTTPConnection(self.address.removeprefix("http://"), timeout=30)
        self.asked += 1
        sent = {"X-Deputy": "1", "Idempotency-Key": f"key-{self.asked}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        try:
            line.request(method, path, None if body is None else json.dumps(body).encode(), sent)
            answer = line.getresponse()
            raw = answer.read()
        finally:
            line.close()
        lines = tuple(answer.headers.get_all("set-cookie") or ())
        pairs = (entry.partition(";")[0].partition("=") for entry in lines)
        told = json.loads(raw) if "json" in answer.headers.get("content-type", "") else raw.decode()
        kept = {name: value.strip('"') for name, _, value in pairs}
        return Reply(answer.status, {k.lower(): v for k, v in answer.headers.items()}, told, kept, lines)

    def sign_in(self, person: str, /, **headers: str) -> dict[str, str]:
        """The cookies of a new session."""
        reply = self.ask("POST", "/api/v1/sign-in", {"link": self.link(person)}, **headers)
        assert reply.status == 200, reply
        return reply.cookies

    def until(self, holds: Callable[[], bool]) -> bool:
        """Whether something holds soon."""
        return any(holds() or time.sleep(0.1) for _ in range(200))

    def who(self, cookies: Mapping[str, str], /, **headers: str) -> str | None:
        """Who a session is."""
        reply = self.ask("GET", "/api/v1/me", None, cookies, **headers)
        return reply.said["person"] if reply.status == 200 else None


@contextlib.contextmanager
def inside(
    folder: Path, files: Mapping[str, str], *, port: int = 0, real: bool = False, clock: StillClock | None = None
) -> Generator[Inside]:
    """A workspace of these files, served while this lasts; with a `real` clock where somebody else tells the time."""
    make(folder, files)
    made, up, stop = Inside(clock or StillClock()), threading.Event(), asyncio.Event()
    wrong = list[BaseException]()

    async def run() -> None:
        async with office(str(folder), SystemClock() if real else made.clock) as found:
            made.office, made.loop = found, asyncio.get_running_loop()
            found.notices = made.noticed.append
            at = opened(found.settings, "127.0.0.1", port)
            made.address = at.address
            await serve(found, at, stop, up.set)

    def work() -> None:
        try:
            asyncio.run(run())
        except BaseException as exc:  # noqa: BLE001 - told in the test's own thread
            wrong.append(exc)
        finally:
            up.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert up.wait(30) and not wrong, wrong
    try:
        yield made
    finally:
        made.loop.call_soon_threadsafe(stop.set)
        thread.join(30)
    assert not wrong, wrong
