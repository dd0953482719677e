"""Where the workspace listens: at this machine only, unless its file says otherwise."""

from typing import Any, NamedTuple

from deputy.adapters.listening import is_loopback, listen
from deputy.app.config import Settings
from deputy.base.errors import UsageError

__all__ = ["Opened", "opened"]


class Opened(NamedTuple):
    """A socket that listens, and its address for people."""

    listener: Any
    address: str
    alone: bool  #: whether only this machine reaches it


def opened(settings: Settings, host: str | None, port: int | None) -> Opened:
    """Listen where the command says, or else the file; raises UsageError."""
    where = settings.web.host if host is None else host
    number = settings.web.port if port is None else port
    if not is_loopback(where) and not settings.web.expose:
        raise UsageError(
            f"Others than this machine could reach {where}.",
            "The API stays with this machine until people can sign in from elsewhere. For webhooks alone, which check "
            "signatures, write `expose = true` under `[web]` in deputy.toml; a proxy in front should add TLS.",
        )
    listener = listen(where, number)
    taken = listener.getsockname()[1]
    shown = f"[{where}]" if ":" in where else where
    return Opened(listener, f"http://{shown}:{taken}", is_loopback(where))
