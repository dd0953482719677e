"""By which name and from where a request came: one of this machine's own, or the one that people elsewhere use.

Names are checked because others may come to point here (DNS rebinding); what a proxy says of who asks, and how, is
taken from proxies of ours alone.
"""

from ipaddress import ip_address, ip_network
from typing import NamedTuple

from starlette.requests import Request

from deputy.app.opening import Entrance
from deputy.web.api.problems import Refusal, problem

__all__ = ["Reached", "neighbourhood", "reached"]

LOCAL = ("127.0.0.1", "localhost", "[::1]")
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
_PORTS = {"http": ":80", "https": ":443"}


class Reached(NamedTuple):
    """How a request came in."""

    origin: str  #: of pages of ours, as the browser knows them
    address: str  #: who asks, as far as one can know
    tls: bool


def reached(request: Request) -> Reached:
    """How this request came in; raises Refusal where nothing is served that way."""
    entrance: Entrance = request.app.state.entrance
    host = request.headers.get("host", "").lower()
    peer = request.client.host if request.client is not None else ""
    scheme, _, name = entrance.public.partition("://")
    if name and host in (name, name + _PORTS.get(scheme, "")):
        return _from_outside(request, entrance, peer)
    if not _is_local(host) or not _is_loopback(peer):
        remedy = "Use 127.0.0.1 or localhost." if not name else f"Use {entrance.public}."
        raise Refusal(problem(421, "wrong_host", "Nothing is served under this host name.", remedy))
    if any(header in request.headers for header in FORWARDED):
        remedy = "Set `public_url` in [web] of deputy.toml, and let the proxy send that host on."
        raise Refusal(problem(421, "unknown_proxy", "A proxy sent this on, and none is expected.", remedy))
    return Reached(f"http://{host}", peer, False)


def _from_outside(request: Request, entrance: Entrance, peer: str) -> Reached:
    trusted = entrance.trusts(peer)
    how = request.headers.get("x-forwarded-proto", "https").rpartition(",")[2].strip().lower()
    if entrance.tls and (not trusted or how != "https"):
        remedy = "Ask through the proxy, which `trusted_proxies` in [web] of deputy.toml must name, by HTTPS."
        raise Refusal(problem(421, "no_tls", f"Only {entrance.public} is served, by way of its proxy.", remedy))
    address = peer
    if trusted:
        for told in reversed(request.headers.get("x-forwarded-for", "").split(",")[-20:]):
            if not told.strip() or not entrance.trusts(address):
                break
            address = told.strip()
    return Reached(entrance.public, address[:100], entrance.tls)


def _is_local(host: str) -> bool:
    name, colon, port = host.rpartition(":")
    if not colon or port.endswith("]"):
        name, port = host, ""
    return name in LOCAL and (not port or (port.isascii() and port.isdigit()))


def _is_loopback(peer: str) -> bool:
    try:
        found = ip_address(peer)
    except ValueError:
        return False
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback


def neighbourhood(address: str) -> str:
    """Whom a limit counts as one: an address, or the network that one household of IPv6 has."""
    try:
        found = ip_address(address)
    except ValueError:
        return "unknown"
    return str(ip_network((found, 64), strict=False)) if found.version == 6 else str(found)
