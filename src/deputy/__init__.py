"""Deputy: an operating system for AI agents at work."""

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["Denied", "Desk", "EffectContext", "ToolFailed", "tool"]

if TYPE_CHECKING:
    from deputy.domain.declaration import EffectContext, tool
    from deputy.kernel.desk import Denied, Desk, ToolFailed

_HOME = {
    "EffectContext": "deputy.domain.declaration",
    "tool": "deputy.domain.declaration",
    "Denied": "deputy.kernel.desk",
    "Desk": "deputy.kernel.desk",
    "ToolFailed": "deputy.kernel.desk",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'deputy' has no attribute {name!r}")
    import importlib  # noqa: PLC0415 - importing deputy loads nothing until it is asked for

    return getattr(importlib.import_module(_HOME[name]), name)
