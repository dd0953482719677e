"""Lend a credential for the length of one call."""

from typing import Protocol

__all__ = ["Secret"]


class Secret(Protocol):
    """A source of credentials; values never enter journal, prompts, arguments or logs."""

    def lend(self, reference: str) -> str:
        """The value behind `env:NAME` or `secret:NAME`; raises ConfigError naming the reference, never a value."""
        ...
