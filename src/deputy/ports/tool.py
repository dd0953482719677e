"""Call a tool on its host."""

from collections.abc import Sequence
from typing import Protocol

from deputy.domain.effect import Intent, Result, ToolSpec

__all__ = ["Tool"]


class Tool(Protocol):
    """A host of tools. It is called with a journaled intent only, and never sends twice for one."""

    async def catalogue(self) -> Sequence[ToolSpec]:
        """The tools it offers, as configured; connects if it must. Raises DeputyError if it cannot tell."""
        ...

    async def invoke(self, intent: Intent) -> Result:
        """Perform the tool request of an intent within its deadline, passing its key to the far side.

        Never raises for what the far side does: `Failed` only where it certainly did not happen.
        """
        ...

    async def quiesce(self, key: str) -> None:
        """Return once no attempt of the effect of this key is under way on our side, ending it if need be."""
        ...

    async def close(self) -> None:
        """Let go of everything: connections, child processes."""
        ...
