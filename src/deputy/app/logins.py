"""Log in at a server of tools, so that agents may call it; what the login gave is kept with the secrets."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from deputy.adapters.tool.mcp_http.login import Wish, listening, log_in
from deputy.app.bootstrap import Office
from deputy.app.servers import server_named
from deputy.app.vault import FileVault
from deputy.base.canonical import canonical
from deputy.base.errors import Forbidden, UsageError
from deputy.domain.chain import link
from deputy.domain.event import Workspace
from deputy.domain.principal import Person, person_principal
from deputy.domain.stow import stow
from deputy.ports.store import Row

__all__ = ["log_in_at", "wish_from"]

_KEYS = ("client_id", "client_secret", "client_metadata_url", "scope", "grant", "port")
_GRANTS = ("authorization_code", "client_credentials")


async def log_in_at(
    office: Office, name: str, person: Person, wish: Wish, show: Callable[[str], Awaitable[None]], port: int = 0
) -> str:
    """Log in at a server over HTTP; returns who issued the tokens. Raises UsageError, Forbidden and LoginFailed."""
    server = server_named(office, name)
    if not server.url:
        raise UsageError(f"The server {name!r} is a program; there is nobody to log in at.", "Give it a `url`.")
    if not {"owner", "admin"}.intersection(person.roles):
        raise Forbidden(f"{person.id} may not log in for everybody.", "An owner or an admin may.")
    secret = office.secrets.lend(wish.client_secret) if wish.client_secret else ""
    redirect, close = await listening(port, show)
    try:
        filled = Wish(
            client_id=wish.client_id, client_secret=secret, client_metadata_url=wish.client_metadata_url,
            scope=wish.scope, grant=wish.grant,
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


def wish_from(given: Sequence[str]) -> tuple[Wish, int]:
    """How to log in, and at which port to come back, from `key=value` texts; raises UsageError."""
    said: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if key not in _KEYS or not equals or not value:
            raise UsageError(
                f"{text.partition('=')[0]!r} says nothing about a login.", f"Known are {', '.join(_KEYS)}."
            )
        said[key] = value
    port = said.pop("port", "0")
    if not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise UsageError(f"{port!r} is no port.", "Give a number up to 65535.")
    if said.get("grant", _GRANTS[0]) not in _GRANTS:
        raise UsageError(f"There is no grant {said['grant']!r}.", f"Known are {' and '.join(_GRANTS)}.")
    if (secret := said.get("client_secret", "")) and not secret.startswith(("secret:", "env:")):
        raise UsageError("A client's secret is given by reference.", "Write client_secret=secret:NAME.")
    return msgspec.convert(said, Wish), int(port)
