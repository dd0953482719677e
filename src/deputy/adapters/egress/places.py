"""Web addresses in one spelling, and lists of those that may be fetched. Pure: it resolves and opens nothing.

An address that servers could read in two ways (`..` in its path, a user in front of its host, a number written as
nobody writes it) is none.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from deputy.base.errors import ConfigError

__all__ = ["Address", "Places", "address_of"]

_PORTS = {"http": 80, "https": 443}
_LONGEST = 4000
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_SAFE_PATH = "/:@!$&'()*+,;=-._~%"
_SAFE_QUERY = _SAFE_PATH + "?[]"


class Address(NamedTuple):
    """An address of HTTP in its one spelling; `query` with its question mark, or empty."""

    scheme: str
    host: str
    port: int
    path: str
    query: str

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if _PORTS[self.scheme] == self.port else f":{self.port}")

    def __str__(self) -> str:
        """All of it."""
        return f"{self.origin}{self.path}{self.query}"


def address_of(url: str) -> Address:
    """This address in its one spelling, without its fragment; raises ValueError with the reason if it is none."""
    if len(url) > _LONGEST:
        raise ValueError(f"it is longer than {_LONGEST} characters")
    if "\\" in url or not url.isprintable() or " " in url:
        raise ValueError("it has a space, a backslash or an invisible character in it")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("its host or port is none") from None
    scheme = parts.scheme.lower()
    if scheme not in _PORTS:
        raise ValueError("it does not start with https:// or http://")
    if "@" in parts.netloc:
        raise ValueError("it names a user")
    if port == 0:
        raise ValueError("its host or port is none")
    path = quote(parts.path or "/", safe=_SAFE_PATH)
    plain = unquote(unquote(path))
    if "\\" in plain or any(step in (".", "..") for step in plain.split("/")):
        raise ValueError("its path has `.` or `..` as a step")
    query = f"?{quote(parts.query, safe=_SAFE_QUERY)}" if parts.query else ""
    return Address(scheme, host_of(parts.hostname or ""), port or _PORTS[scheme], path, query)


def host_of(text: str) -> str:
    """A host's name or number in its one spelling; raises ValueError."""
    if ":" in text:
        return str(IPv6Address(text)) if "%" not in text else _none("its host has a zone")
    try:
        host = text.encode("idna").decode().lower().removesuffix(".")
    except UnicodeError:
        host = ""
    labels = host.split(".")
    if not host or len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("it has no host")
    if labels[-1].isdigit() or re.fullmatch("0x[0-9a-f]*", labels[-1]):
        try:
            return str(ip_address(host))
        except ValueError:
            raise ValueError("its host is a number written in an uncommon way") from None
    return host


def _none(why: str) -> str:
    raise ValueError(why)


class _Place(NamedTuple):
    scheme: str
    host: str  #: "*" for any; with a leading dot for whatever ends so
    port: int
    path: str  #: a prefix where `open`, else exactly this
    open: bool

    def covers(self, address: Address) -> bool:
        fits = self.host in ("*", address.host) or (self.host[0] == "." and address.host.endswith(self.host))
        if not fits or (self.scheme, self.port) != (address.scheme, address.port):
            return False
        return address.path.startswith(self.path) if self.open else address.path == self.path


class Places:
    """Which addresses may be fetched: hosts (`docs.example.com`, `*.example.org`) and paths (`https://host/docs/*`)."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._places = [_place(pattern) for pattern in patterns]

    def allow(self, address: Address) -> bool:
        """Whether this address is on the list."""
        return any(place.covers(address) for place in self._places)

    def hosts(self) -> list[tuple[str, int]]:
        """The hosts that are named in full, with their ports."""
        named = [(place.host, place.port) for place in self._places if place.host != "*" and place.host[0] != "."]
        return list(dict.fromkeys(named))


def _place(pattern: str) -> _Place:
    """One entry of a list; raises ConfigError."""
    text = pattern if "://" in pattern else f"https://{pattern}"
    scheme, _, rest = text.partition("://")
    host, slash, path = rest.partition("/")
    wild = host == "*" or host.startswith("*.")
    prefix = path.endswith("*") or not slash
    try:
        named = host.replace("*", "any", 1) if wild else host
        address = address_of(f"{scheme}://{named}/{path.removesuffix('*')}")
        if "*" in address.host or "*" in address.path or address.query or "#" in pattern:
            raise ValueError("`*` may stand for the first part of a host and at the end of a path, and nowhere else")
    except ValueError as no:
        message = f"{pattern[:200]!r} is no place that may be fetched: {no}."
        raise ConfigError(
            message, "Write a host, as docs.example.com or *.example.org, or https://host/path/*."
        ) from None
    name = "*" if host.partition(":")[0] == "*" else address.host.removeprefix("any") if wild else address.host
    return _Place(address.scheme, name, address.port, address.path, prefix)
