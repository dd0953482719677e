"""The only module that reads clocks or draws randomness; everything else is handed a Clock."""

import asyncio
import random
import time
from datetime import UTC, datetime
from typing import Protocol

__all__ = ["Clock", "SystemClock"]

_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Clock(Protocol):
    """Time and chance, as a dependency."""

    def now(self) -> datetime:
        """The time of day, aware, in UTC."""
        ...

    def boot(self) -> float:
        """Seconds since the machine started, counting suspended time; equal for all its processes."""
        ...

    def random(self) -> float:
        """A number from 0 (included) to 1 (excluded)."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after this many seconds."""
        ...


class SystemClock:
    """The machine's own clocks and randomness."""

    def now(self) -> datetime:
        """The time of day, aware, in UTC."""
        return datetime.now(UTC)

    def boot(self) -> float:
        """Seconds since the machine started, counting suspended time (CLOCK_BOOTTIME, where the system has it)."""
        return time.clock_gettime(_BOOT)

    def random(self) -> float:
        """A number from 0 (included) to 1 (excluded)."""
        return random.random()

    async def sleep(self, seconds: float) -> None:
        """Return after this many seconds."""
        await asyncio.sleep(seconds)
