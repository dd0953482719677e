"""Where the workspace listens, and under which names its API is reached: at this machine only, unless people can sign
in from elsewhere."""

from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

from deputy.adapters.listening import is_loopback, listen
from deputy.app.config import Settings
from deputy.base.errors import UsageError

__all__ = ["Entrance", "Opened", "SignInNeeded", "address_of", "entrance_of", "opened"]


class SignInNeeded(UsageError):
    """Others could reach the API, and nobody could sign in from there."""

    code = "sign_in_needed"


class Entrance(NamedTuple):
    """How the API is reached: by this machine under its own names, and by others under `public` alone."""

    base: str  #: what addresses for people begin with
    public: str = ""  #: scheme, host and port, where others reach it
    proxies: tuple[str, ...] = ()  #: networks whose word for who asks is taken
    served: bool = True  #: whether there is an API at all

    @property
    def tls(self) -> bool:
        """Whether people reach it over TLS."""
        return self.public.startswith("https:")

    def trusts(self, address: str) -> bool:
        """Whether a proxy of ours asks."""
        try:
            found = ip_address(address)
        except ValueError:
            return False
        meant = getattr(found, "ipv4_mapped", None) or found
        return any(meant in network for network in map(ip_network, self.proxies) if network.version == meant.version)


class Opened(NamedTuple):
    """A socket that listens, and its address for people."""

    listener: Any
    address: str
    entrance: Entrance


def entrance_of(settings: Settings, where: str, address: str) -> Entrance:
    """How the API is reached by way of what listens at `where`; raises SignInNeeded."""
    web, auth = settings.web, settings.auth
    known, alone = auth.links or auth.oidc is not None, is_loopback(where)
    outside = bool(web.public_url) and not is_loopback(_host(web.public_url))
    if outside and not known:
        raise SignInNeeded(
            f"Others would reach the API under {web.public_url}, and nobody can sign in from there.",
            "Name who says who people are under `[auth.oidc]` in deputy.toml, or write `links = true` under `[auth]`.",
        )
    if not alone and not outside and not web.expose:
        raise SignInNeeded(
            f"Others than this machine could reach {where}.",
            "To serve the API there, give `[web]` of deputy.toml a `public_url` and let people sign in by "
            "`[auth.oidc]`. For webhooks alone, which check signatures, write `expose = true` under `[web]`.",
        )
    return Entrance(web.public_url or address, web.public_url, web.trusted_proxies, served=alone or outside)


def _host(url: str) -> str:
    name = url.partition("://")[2]
    return name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]


def address_of(settings: Settings) -> str:
    """Where people reach the workspace when it is served as its file says."""
    where = settings.web.host if is_loopback(settings.web.host) else "127.0.0.1"
    return settings.web.public_url or f"http://{f'[{where}]' if ':' in where else where}:{settings.web.port}"


def opened(settings: Settings, host: str | None, port: int | None) -> Opened:
    """Listen where the command says, or else the file; raises UsageError."""
    where = settings.web.host if host is None else host
    number = settings.web.port if port is None else port
    entrance_of(settings, where, "")
    listener = listen(where, number)
    taken = listener.getsockname()[1]
    address = f"http://{f'[{where}]' if ':' in where else where}:{taken}"
    return Opened(listener, address, entrance_of(settings, where, address))
