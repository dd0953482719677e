"""Where a secret is needed."""

import msgspec

__all__ = ["Reference"]


class Reference(msgspec.Struct, frozen=True):
    """A secret that something needs: `env:NAME` or `secret:NAME`, for what, and where that is written."""

    secret: str
    purpose: str
    file: str
    line: int
