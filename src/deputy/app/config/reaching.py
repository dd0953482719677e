"""Read [web], [auth] and [telemetry]: where `deputy up` listens, how people reach it and sign in, where traces go."""

import re
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import cast

from deputy.app.config import values
from deputy.app.config.connections.headers import headers
from deputy.app.config.document import Table, Wrong
from deputy.app.config.reference import Reference
from deputy.app.config.settings import Auth, Oidc, Telemetry, Web
from deputy.domain.principal import ROLES, Role

__all__ = ["read_auth", "read_telemetry", "read_web", "sign_in_references", "telemetry_references"]

NEARBY = ("127.0.0.0/8", "::1/128")  #: proxies of this machine
LOCAL = ("localhost", "127.0.0.1", "[::1]")
SCOPES = ("openid", "email", "profile")
_ORIGIN = re.compile(r"(https?)://(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9.-]{1,253})(?::([0-9]{1,5}))?/?")
_PORTS = {"http": "80", "https": "443"}


def read_web(table: Table | None) -> Web:
    """What [web] says."""
    if table is None:
        return Web()
    table.only("host", "port", "expose", "public_url", "trusted_proxies")
    if "trusted_proxies" in table and "public_url" not in table:
        message = f"{table.title} has `trusted_proxies`, and no `public_url`."
        raise table.wrong("trusted_proxies", message, "Write the address under which the proxy is reached.")
    return Web(
        host=table.get("host", values.line, "127.0.0.1"), port=table.get("port", _port, 8787),
        expose=table.get("expose", values.flag, False), public_url=table.get("public_url", _origin, ""),
        trusted_proxies=table.get("trusted_proxies", values.list_of(_network), NEARBY),
    )  # fmt: skip


def _port(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 65535:
        raise Wrong("a port", "Write a number from 1 to 65535, or 0 for one that is free.")
    return value


def _origin(value: object) -> str:
    found = _ORIGIN.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise Wrong("the address of a server, without a path", 'Write it as "https://deputy.company.example".')
    scheme, host, port = found[1], found[2].lower(), found[3] or ""
    if scheme == "http" and host not in LOCAL:
        raise Wrong("an address of HTTPS", "Let a proxy add TLS: what signs people in must not travel in the clear.")
    return f"{scheme}://{host}" + (f":{port}" if port and port != _PORTS[scheme] else "")


def _network(value: object) -> str:
    try:
        if not isinstance(value, str):
            raise ValueError(value)
        return str(ip_network(value if "/" in value else ip_address(value)))
    except ValueError:
        raise Wrong("an address or a network of the proxy", 'Write "10.0.0.5" or "10.0.0.0/24".') from None


def read_auth(table: Table | None) -> Auth:
    """What [auth] says."""
    if table is None:
        return Auth()
    table.only("links", "oidc")
    oidc = table.table("oidc")
    return Auth(links=table.get("links", values.flag, False), oidc=None if oidc is None else _oidc(oidc))


def _oidc(table: Table) -> Oidc:
    table.only(
        "issuer", "client_id", "client_secret", "name", "scopes", "assume_verified", "roles_claim", "roles",
    )  # fmt: skip
    issuer = table.need("issuer", _issuer, "Give the address by which the provider names itself.")
    client = table.need("client_id", values.line, "Give the id under which the provider knows Deputy.")
    roles = cast("dict[str, tuple[Role, ...]]", table.get("roles", values.map_of(_roles), {}))
    if bool(roles) is not ("roles_claim" in table):
        key = "roles" if roles else "roles_claim"
        message = f"{table.title} has `{key}` alone: `roles_claim` names what the provider tells of a person, and "
        raise table.wrong(key, message + "`roles` says which roles that gives.", "Give both, or neither.")
    scopes = table.get("scopes", values.list_of(_scope, some=True), SCOPES)
    return Oidc(
        issuer=issuer, client_id=client, client_secret=table.get("client_secret", values.reference, ""),
        name=table.get("name", values.line, ""), scopes=scopes if "openid" in scopes else ("openid", *scopes),
        assume_verified=table.get("assume_verified", values.flag, False),
        roles_claim=table.get("roles_claim", values.line, ""), roles=roles,
    )  # fmt: skip


def _issuer(value: object) -> str:
    found = values.url(value)
    host = re.sub(r"^https?://", "", found).partition("/")[0]
    if found.startswith("http://") and re.sub(r":[0-9]+$", "", host) not in LOCAL:
        raise Wrong("an address of HTTPS", "A provider that is reached in the clear proves nothing.")
    if "?" in found:
        raise Wrong("an address without a query", "Write it as the provider does, as https://login.company.example.")
    return found


def _scope(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}", value):
        raise Wrong("a scope of OAuth", "Write one word, as in email.")
    return value


def _roles(value: object) -> tuple[str, ...]:
    return values.list_of(values.choice(*ROLES), some=True)([value] if isinstance(value, str) else value)


def sign_in_references(auth: Auth, table: Table | None) -> Iterator[Reference]:
    """The secrets that signing in needs."""
    if auth.oidc is not None and auth.oidc.client_secret and table is not None:
        document, where = table.document, (*table.where, "oidc", "client_secret")
        title = document.title(where[:2])
        secret = auth.oidc.client_secret
        yield Reference(secret, f"`client_secret` in {title}", document.file, document.locate(where))


def read_telemetry(table: Table | None) -> Telemetry:
    """Where traces go; nowhere without the table."""
    if table is None:
        return Telemetry()
    table.only("traces", "headers", "service", "content")
    return Telemetry(
        traces=table.need("traces", values.url, "Give the collector's address, as in http://127.0.0.1:4318/v1/traces."),
        headers=headers(table), service=table.get("service", values.line, "deputy"),
        content=table.get("content", values.flag, False),
    )  # fmt: skip


def telemetry_references(table: Table | None, telemetry: Telemetry) -> Iterator[Reference]:
    """The headers that stand for secrets."""
    for name, value in telemetry.headers.items():
        if table is not None and values.REFERENCE.fullmatch(value):
            line = table.document.locate((*table.where, "headers", name))
            yield Reference(value, f"`headers` in {table.title}", table.document.file, line)
