"""`[http.NAME]`: places of the web that agents may fetch from."""

from ipaddress import ip_network

from deputy.app.config import values
from deputy.app.config.connections.base import Connection
from deputy.app.config.document import Table, Wrong

__all__ = ["HttpSites", "read"]

_MOST_BYTES = 100_000_000


class HttpSites(Connection, frozen=True, kw_only=True):
    """What may be fetched, and from which networks besides the public Internet; `deadline` in seconds."""

    allow: tuple[str, ...]
    networks: tuple[str, ...] = ()
    deadline: float = 30.0
    limit: int = 10_000_000


def read(name: str, table: Table) -> HttpSites:
    """The table `[http.NAME]`."""
    table.only("allow", "private", "networks", "deadline", "limit")
    remedy = 'List the hosts, as ["docs.example.com", "*.example.org", "https://example.net/manual/*"].'
    allow = table.need("allow", values.list_of(_place, some=True), remedy)
    private = table.get("private", values.flag, False)
    networks = table.get("networks", values.list_of(_network, some=True), ())
    if private and not networks:
        message = f"{table.title} says `private = true` and names no network."
        raise table.wrong("private", message, 'List them: networks = ["10.20.0.0/16"].')
    if networks and not private:
        message = f"{table.title} names networks, and does not say `private = true`."
        raise table.wrong("networks", message, "Add that, or remove `networks`.")
    return HttpSites(
        name=name, allow=allow, networks=networks, deadline=table.get("deadline", values.duration, 30.0),
        limit=table.get("limit", _bytes, 10_000_000),
    )  # fmt: skip


def _place(value: object) -> str:
    found = values.line(value)
    text = found if "://" in found else f"https://{found}"
    scheme, _, rest = text.partition("://")
    host, _, path = rest.partition("/")
    wild = host.replace("*.", "", 1) if host.startswith("*.") else host
    unclear = "*" in path.removesuffix("*") or ("*" in wild and wild != "*") or any(c in rest for c in " ?#@\\")
    if scheme not in ("http", "https") or not host or unclear:
        raise Wrong(
            "a host, or the beginning of an address", "Write docs.example.com, *.example.org or https://host/path/*."
        )
    return found


def _network(value: object) -> str:
    found = values.line(value)
    try:
        return str(ip_network(found))
    except ValueError:
        raise Wrong("a network in CIDR notation", 'Write it as "10.20.0.0/16".') from None


def _bytes(value: object) -> int:
    found = values.count(value)
    if found > _MOST_BYTES:
        raise Wrong(f"a number of bytes of at most {_MOST_BYTES}", "Choose a smaller limit.")
    return found
