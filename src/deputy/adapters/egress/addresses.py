"""Which addresses of the network may be connected to: those of the public Internet, and private ones that are named.

A name is resolved once and its addresses are judged; the connection goes to what was judged. So a name cannot lead
somewhere else a moment later, nor can another spelling of a number (octal, decimal, IPv4 within IPv6).
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

__all__ = ["IPAddress", "IPNetwork", "Network", "Resolve", "resolved"]

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

_MOST = 4  # addresses of one name that are tried

# Where clouds tell a machine its own credentials. Nobody fetches pages there.
_METADATA = frozenset(
    ip_address(a)
    for a in (
        "169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "168.63.129.16", "192.0.0.192",
        "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254",
    )
)  # fmt: skip
_NAT64 = IPv6Network("64:ff9b::/96")
# Ways to write an IPv4 address within IPv6 that no server of today has: nothing good comes of them.
_TRANSITION = tuple(ip_network(n) for n in ("64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96"))


async def resolved(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, as the system knows them; a number stands for itself."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Network:
    """What may be connected to: the public Internet, unless `public` is false, and `private` networks (CIDR)."""

    def __init__(self, private: Sequence[str] = (), *, public: bool = True, resolve: Resolve = resolved) -> None:
        self._private = tuple(ip_network(network) for network in private)
        self._public, self._resolve = public, resolve

    async def addresses(self, host: str, port: int) -> list[str]:
        """Where to connect for this host. Raises PermissionError if any of its addresses is out of bounds."""
        found = await self._resolve(host.removeprefix("[").removesuffix("]"), port)
        for address in found:
            if not self.admits(address):
                raise PermissionError(address)
        return list(found)[:_MOST]

    def admits(self, address: str) -> bool:
        """Whether this address may be connected to."""
        try:
            ip = ip_address(address)
        except ValueError:
            return False
        meant = _embedded(ip)
        if ip in _METADATA or meant in _METADATA:
            return False
        if any(meant in network for network in self._private if network.version == meant.version):
            return True
        if isinstance(ip, IPv6Address) and (ip.scope_id or any(ip in network for network in _TRANSITION)):
            return False
        return self._public and meant.is_global and not meant.is_multicast and not meant.is_reserved


def _embedded(ip: IPAddress) -> IPAddress:
    """The address that is meant: IPv4 where IPv6 only wraps it."""
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is not None:
            return ip.ipv4_mapped
        if ip in _NAT64:
            return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip
