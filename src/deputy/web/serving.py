"""One process for everything: a worker, and an HTTP server in the same event loop, until told to stop."""

import asyncio
import contextlib
from collections.abc import Callable, Generator
from typing import Any

import uvicorn

from deputy.app import driving
from deputy.app.bootstrap import Office
from deputy.app.opening import Opened
from deputy.app.statistics.keeping import keep_up
from deputy.app.tracing.following import tracing
from deputy.web.application import application
from deputy.web.state import Serving

__all__ = ["serve"]

GRACE = 3  #: seconds for requests under way when told to stop


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs it, and says when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: Any = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Take none."""
        yield


async def serve(office: Office, opened: Opened, stop: asyncio.Event, ready: Callable[[], None]) -> None:
    """Work and listen until told to stop; `ready` is called once both do."""
    state = Serving()
    config = uvicorn.Config(
        application(office, state, opened.entrance), http="h11", ws="none", lifespan="off", log_config=None,
        access_log=False, server_header=False, proxy_headers=False, limit_concurrency=256, timeout_keep_alive=5,
        timeout_graceful_shutdown=GRACE, h11_max_incomplete_event_size=32 << 10,
    )  # fmt: skip
    server = _Server(config)
    listening = asyncio.create_task(server.serve(sockets=[opened.listener]))
    working = asyncio.create_task(driving.serve(office, stop))
    stopping = asyncio.create_task(stop.wait())
    office.beside(keep_up(office.keeping, office.clock))
    office.beside(tracing(office).follow())
    try:
        rising = asyncio.create_task(server.up.wait())
        await asyncio.wait([rising, listening, working], return_when=asyncio.FIRST_COMPLETED)
        if not rising.cancel():
            state.working = True
            ready()
        await asyncio.wait([listening, working, stopping], return_when=asyncio.FIRST_COMPLETED)
        state.working, state.stopping = False, True
        stop.set()
        await working
    finally:
        server.should_exit = True
        stopping.cancel()
        working.cancel()
        await asyncio.wait([listening, working, stopping])
    listening.result()
