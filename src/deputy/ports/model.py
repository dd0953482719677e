"""Complete a conversation."""

from typing import Protocol

from deputy.domain.effect import Intent, Result

__all__ = ["Model"]


class Model(Protocol):
    """A server of models. The value of what is `Done` is a `deputy.domain.message.Reply`."""

    async def complete(self, intent: Intent) -> Result:
        """Answer the prompt of an intent within its deadline."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
