"""Take an address to listen at; what is said there is somebody else's."""

import errno
import ipaddress
import socket

from deputy.base.errors import UsageError

__all__ = ["is_loopback", "listen"]

BACKLOG = 512


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one. Raises UsageError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]  # fmt: skip
        opened = socket.socket(family, kind, protocol)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind(address)
            opened.listen(BACKLOG)
            opened.setblocking(False)
        except BaseException:
            opened.close()
            raise
    except (OSError, OverflowError, UnicodeError) as exc:
        if isinstance(exc, OSError) and exc.errno == errno.EADDRINUSE:
            message, remedy = f"Port {port} is taken.", "Stop what listens there, or give another with --port."
        else:
            message, remedy = f"{host}:{port} cannot be listened at ({exc}).", "Give --host and --port of this machine."
        raise UsageError(message, remedy) from None
    return opened
