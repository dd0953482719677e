"""Where what a login gave lies: among the workspace's secrets, with a lock that all its processes know."""

import asyncio
import fcntl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from deputy.adapters.secret.age import AgeSecrets
from deputy.base.clock import Clock
from deputy.domain.principal import SYSTEM

__all__ = ["FileVault", "login_name"]

_PATIENCE = 0.05  # seconds between looks at a lock that somebody else holds


def login_name(server: str) -> str:
    """The name of the secret that a login at a server is kept under."""
    return f"mcp.{server}.login"


class FileVault:
    """The login of one server of a workspace."""

    def __init__(self, folder: Path, server: str, clock: Clock) -> None:
        self._home, self._name, self._clock = folder / ".deputy", login_name(server), clock
        self._secrets = AgeSecrets(self._home)

    @property
    def reference(self) -> str:
        """What stands in a text where a part of the login would."""
        return f"secret:{self._name}"

    def read(self) -> str:
        """What is kept, or nothing; raises ConfigError for what cannot be opened."""
        return self._secrets.kept(self._name).value if self._name in self._secrets.names() else ""

    def write(self, text: str, by: str = SYSTEM) -> None:
        """Keep this instead."""
        self._secrets.put(self._name, text, by=by, at=self._clock.now())

    @asynccontextmanager
    async def held(self) -> AsyncGenerator[None]:
        """Hold the lock that all processes know; it falls with the process."""
        self._home.mkdir(mode=0o700, exist_ok=True)
        with (self._home / f"{self._name}.lock").open("w") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    await asyncio.sleep(_PATIENCE)
            yield
