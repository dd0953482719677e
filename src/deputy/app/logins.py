"""Log in at a server of tools, so that agents may call it; what the login gave is kept with the secrets."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from deputy.adapters.tool.mcp_http.login import Wish, listening, log_in
from deputy.app.bootstrap import Office
from deputy.app.config.connections.mcp import GRANTS, OAuth
from deputy.app.config.values import REFERENCE
from deputy.app.servers import server_named
from deputy.app.vault import FileVault
from deputy.base.canonical import canonical
from deputy.base.errors import Forbidden, UsageError
from deputy.domain.chain import link
from deputy.domain.event import Workspace
from deputy.domain.principal import Person, person_principal
from deputy.domain.stow import stow
from deputy.ports.store import Row

__all__ = ["log_in_at"]

_KEYS = ("client_id", "client_secret", "issuer", "client_metadata_url", "scope", "grant", "port")


async def log_in_at(
    office: Office, name: str, person: Person, given: Sequence[str], show: Callable[[str], Awaitable[None]]
) -> str:
    """Log in at a server over HTTP; returns who issued the tokens. Raises UsageError, Forbidden and LoginFailed.

    `given` are `key=value` texts that count before what deputy.toml says.
    """
    server = server_named(office, name)
    if not server.url:
        raise UsageError(f"The server {name!r} is a program; there is nobody to log in at.", "Give it a `url`.")
    if not {"owner", "admin"}.intersection(person.roles):
        raise Forbidden(f"{person.id} may not log in for everybody.", "An owner or an admin may.")
    said = _said(server.oauth, given)
    secret = office.secrets.lend(said.client_secret) if said.client_secret else ""
    redirect, close = await listening(said.port, show)
    try:
        filled = Wish(
            client_id=said.client_id, client_secret=secret, issuer=said.issuer,
            client_metadata_url=said.client_metadata_url, scope=said.scope, grant=said.grant,
        )  # fmt: skip
        granted = await log_in(server.url, filled, redirect, office.clock)
    finally:
        close()
    by = person_principal(person.id)
    FileVault(office.settings.folder, name, office.clock).write(canonical(granted).decode(), by)
    event = Workspace(at=office.clock.now(), what="logged_in", by=by, subject=name)
    body, _ = stow(event)
    await office.store.note(lambda seq, last: Row(seq, link(last, "workspace", seq, body), body))
    return granted.issuer


def _said(configured: OAuth, given: Sequence[str]) -> OAuth:
    """How to log in: as deputy.toml says, but for what is given now."""
    said: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if key not in _KEYS or not equals or not value:
            raise UsageError(
                f"{text.partition('=')[0]!r} says nothing about a login.", f"Known are {', '.join(_KEYS)}."
            )
        said[key] = value
    port = said.get("port", str(configured.port))
    if not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise UsageError(f"{port!r} is no port.", "Give a number up to 65535.")
    if said.get("grant", GRANTS[0]) not in GRANTS:
        raise UsageError(f"There is no grant {said['grant']!r}.", f"Known are {' and '.join(GRANTS)}.")
    if (secret := said.get("client_secret", "")) and not REFERENCE.fullmatch(secret):
        raise UsageError("A client's secret is given by reference.", "Write client_secret=secret:NAME.")
    if said.get("client_id", configured.client_id) != configured.client_id:
        said.setdefault("client_secret", "")  # the one of deputy.toml is another client's
    found = msgspec.structs.replace(configured, **{**said, "port": int(port)})
    if found.client_secret and not found.client_id:
        raise UsageError("There is a client's secret, and no `client_id`.", "Give both.")
    if found.client_secret and not found.issuer:
        remedy = "Give `issuer`, the address of the authorization server that knows this client."
        raise UsageError("A client's secret is for one authorization server, and none is named.", remedy)
    if found.grant == "client_credentials" and not found.client_secret:
        raise UsageError("A client logs in as itself with an id and a secret.", "Give `client_id` and `client_secret`.")
    return found
