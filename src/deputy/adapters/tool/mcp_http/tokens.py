"""What a login gave, kept and renewed: one renewal at a time for all processes, and never with a token that was used.

Refresh tokens rotate: the old one is worthless once a new one was sent, and using it again makes some servers revoke
everything. So whoever renews holds a lock that all processes know, looks first whether somebody else has renewed
meanwhile, and keeps the new tokens before it uses them.
"""

import base64
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Protocol, cast
from urllib.parse import quote, urlencode

import msgspec

from deputy.adapters.egress import Egress, Timeouts
from deputy.adapters.tool.mcp_http.exchange import Reply
from deputy.adapters.tool.mcp_http.session import Headers
from deputy.base.canonical import canonical, decode
from deputy.base.clock import Clock
from deputy.base.errors import ConfigError, DeputyError

__all__ = ["Granted", "Tokens", "Vault"]

EARLY = timedelta(seconds=30)  #: how long before its end a token is renewed
_LIMIT = 256 * 1024  # bytes of an answer about tokens


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """What an authorization server gave for one server of tools, and how to have it renewed."""

    issuer: str
    token_endpoint: str
    client_id: str
    client_secret: str = ""
    method: str = "none"  #: how the client proves itself at the token endpoint
    grant: str = "authorization_code"
    resource: str = ""
    scope: str = ""
    access_token: str
    refresh_token: str = ""
    expires: datetime | None = None

    @property
    def client(self) -> tuple[str, str, str, str]:
        """Who we are to the authorization server: its issuer, our id, secret and way to prove it."""
        return self.issuer, self.client_id, self.client_secret, self.method

    def __repr__(self) -> str:
        return f"Granted(issuer={self.issuer!r})"


class Vault(Protocol):
    """Where what a login gave lies encrypted, for all processes of the workspace."""

    @property
    def reference(self) -> str:
        """What stands in a text where a part of the login would."""
        ...

    def read(self) -> str:
        """What is kept, or nothing."""
        ...

    def write(self, text: str) -> None:
        """Keep this instead."""
        ...

    def held(self) -> AbstractAsyncContextManager[None]:
        """Hold the lock that all processes know."""
        ...


class Tokens(Headers):
    """The configured headers, and the token of a login where there is one.

    `remember` is told each secret of the login that is about to be used, with its reference, before it leaves.
    """

    def __init__(
        self,
        headers: Mapping[str, str],
        lend: Callable[[str], str],
        vault: Vault,
        clock: Clock,
        remember: Callable[[str, str], None] = lambda _value, _reference: None,
    ) -> None:
        super().__init__(headers, lend)
        self._vault, self._clock, self._remember = vault, clock, remember

    async def headers(self) -> Mapping[str, str]:
        """The headers, with a token that is good for a moment yet."""
        known = await super().headers()
        granted = self._granted()
        if granted is None:
            return known
        if granted.expires is not None and self._clock.now() + EARLY >= granted.expires:
            granted = await self._renew(granted.access_token) or granted
        secrets = filter(None, (granted.access_token, granted.refresh_token, granted.client_secret))
        self.secrets |= dict.fromkeys(secrets, self._vault.reference)
        for value in self.secrets:
            self._remember(value, self.secrets[value])
        return {**known, "Authorization": f"Bearer {granted.access_token}"}

    async def renewed(self, headers: Mapping[str, str], reply: Reply) -> bool:
        """Whether there is a newer token than the one that the server did not take."""
        used = headers.get("Authorization", "").removeprefix("Bearer ")
        return bool(used) and await self._renew(used) is not None

    def _granted(self) -> Granted | None:
        text = self._vault.read()
        try:
            return msgspec.json.decode(text, type=Granted) if text else None
        except msgspec.DecodeError:
            raise ConfigError("What is kept of a login is none.", "Log in again: `deputy mcp login NAME`.") from None

    async def _renew(self, used: str) -> Granted | None:
        """What is to be used instead of this token: what somebody else renewed, or what we renew now."""
        async with self._vault.held():
            granted = self._granted()
            if granted is None or granted.access_token != used:
                return granted
            new = await self._asked(granted)
            if new is not None:
                self._vault.write(canonical(new).decode())
            return new

    async def _asked(self, granted: Granted) -> Granted | None:
        form = {"grant_type": "refresh_token", "refresh_token": granted.refresh_token}
        if granted.grant == "client_credentials":
            form = {"grant_type": "client_credentials", "scope": granted.scope}
        elif not granted.refresh_token:
            return None
        form["resource"] = granted.resource
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if granted.method == "client_secret_basic":
            pair = f"{quote(granted.client_id, safe='')}:{quote(granted.client_secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form["client_id"] = granted.client_id
            form["client_secret"] = granted.client_secret if granted.method == "client_secret_post" else ""
        body = urlencode({name: value for name, value in form.items() if value}).encode()
        egress = Egress([granted.token_endpoint], timeouts=Timeouts(read=20.0))
        try:
            answer = await egress.request("POST", granted.token_endpoint, headers=headers, content=body, limit=_LIMIT)
            told = decode(answer.body) if answer.status == 200 else None
        except (DeputyError, msgspec.DecodeError):
            return None
        finally:
            await egress.close()
        given = cast("dict[str, object]", told) if isinstance(told, dict) else {}
        token, lasts = given.get("access_token"), given.get("expires_in")
        if not isinstance(token, str) or not token.isprintable():
            return None
        ends = self._clock.now() + timedelta(seconds=lasts) if isinstance(lasts, int | float) else None
        rotated = given.get("refresh_token")
        return msgspec.structs.replace(
            granted, access_token=token, expires=ends,
            refresh_token=rotated if isinstance(rotated, str) else granted.refresh_token,
        )  # fmt: skip
