"""Nothing of a server is left: not after hundreds of bad ends, and not after the worker's own."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from tests.adapters.tool.hosts import alive, below, gone, intent_of, raw, serving, spec_of

from deputy.domain.effect import Done, Failed, Unknown

ROOT = Path(__file__).parents[3]

WORKER = """
import asyncio, os, sys
from tests.adapters.tool.hosts import below, intent_of, raw, serving

async def main():
    async with serving(raw()) as host:
        await host.invoke(intent_of("raw.daemon"))
        await host.invoke(intent_of(f"raw.{sys.argv[1]}", deadline=0.3 if sys.argv[1] == "deaf" else 20))
        print(*below(os.getpid()), flush=True)
        if sys.argv[2] == "in a call":
            await host.invoke(intent_of("raw.hang", deadline=3600))
        await asyncio.sleep(3600)

asyncio.run(main())
"""


def held() -> tuple[int, int, int]:
    """Descriptors, threads and children of this process."""
    gc.collect()
    return len(os.listdir("/proc/self/fd")), threading.active_count(), len(below(os.getpid()))


def test_hundreds_of_bad_ends_leave_nothing_behind():
    async def scenario():
        async with serving(raw()) as host:

            async def cycle(n: int) -> None:
                match n % 4:
                    case 0:
                        assert isinstance(await host.invoke(intent_of("raw.die", {"kill": n % 8 == 0})), Unknown)
                    case 1:
                        assert isinstance(
                            await host.invoke(intent_of("raw.ignore", key=f"r.{n}", deadline=0.02)), Unknown | Failed
                        )
                        await host.quiesce(f"r.{n}")
                    case 2:
                        call = asyncio.create_task(host.invoke(intent_of("raw.ignore", key=f"r.{n}")))
                        await asyncio.sleep(0.005)
                        call.cancel()
                        await asyncio.wait({call})
                        await host.quiesce(f"r.{n}")
                    case _:
                        safe = spec_of("raw.huge", repeat="safe")
                        assert isinstance(await host.invoke(intent_of(safe, {"mib": 9})), Failed)

            for n in range(8):
                await cycle(n)
            assert isinstance(await host.invoke(intent_of("raw.text")), Done)
            before, tasks = held(), len(asyncio.all_tasks())
            for n in range(240):
                await cycle(n)
            assert isinstance(await host.invoke(intent_of("raw.text")), Done)
            assert held() == before
            assert len(asyncio.all_tasks()) == tasks

    asyncio.run(scenario())


def test_dozens_of_hosts_that_cannot_start_leave_nothing_behind():
    async def scenario():
        async def cycle(n: int) -> None:
            mode = ("exits", "dies_at_initialize", "stranger", "nowhere")[n % 4]
            server = raw(command=("/nowhere",)) if mode == "nowhere" else raw(mode)
            async with serving(server) as host:
                assert isinstance(await host.invoke(intent_of("raw.text")), Failed)

        for n in range(4):
            await cycle(n)
        before = held()
        for n in range(40):
            await cycle(n)
        assert held() == before

    asyncio.run(scenario())


def test_thousands_of_calls_leave_nothing_behind():
    async def scenario():
        async with serving(raw()) as host:
            await host.invoke(intent_of("raw.text"))
            before, tasks = held(), len(asyncio.all_tasks())
            for n in range(1_000):
                assert isinstance(await host.invoke(intent_of("raw.error", {"text": "no"}, key=f"r.{n}")), Failed)
                assert isinstance(await host.invoke(intent_of("raw.repeat", key=f"r.{n}")), Done)
            assert held() == before
            assert len(asyncio.all_tasks()) == tasks

    asyncio.run(scenario())


def test_a_daemon_that_a_server_started_ends_with_it():
    async def scenario():
        async with serving(raw()) as host:
            assert isinstance(await host.invoke(intent_of("raw.daemon")), Done)
            family = below(os.getpid())
            assert len(family) >= 3  # the keeper, the server, the daemon
            assert isinstance(await host.invoke(intent_of("raw.die")), Unknown)
            assert await gone(*family)

    asyncio.run(scenario())


def test_no_child_survives_the_worker_however_it_ends():
    for bad in ("text", "deaf"):
        for moment in ("idle", "in a call"):
            for how in (signal.SIGKILL, signal.SIGTERM):
                worker = subprocess.Popen(
                    [sys.executable, "-c", WORKER, bad, moment],
                    cwd=ROOT,
                    env=os.environ | {"PYTHONPATH": f"{ROOT}/src:{ROOT}"},
                    stdout=subprocess.PIPE,
                    text=True,
                )
                assert worker.stdout is not None
                family = [int(pid) for pid in worker.stdout.readline().split()]
                assert len(family) >= 3
                assert any(map(alive, family))
                worker.send_signal(how)
                worker.wait()
                worker.stdout.close()
                assert asyncio.run(gone(*family)), (bad, moment, how)
