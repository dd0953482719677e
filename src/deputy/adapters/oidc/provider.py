"""One provider: where it is asked, with which keys it signs, and what it answers to a code.

What it says of itself (discovery) and its keys are kept for an hour; keys are asked for again when it signs with one
that it had not shown, at most every half minute, whoever makes it so.
"""

import asyncio
import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from deputy.adapters.egress import Answer, Egress, EgressError, Timeouts
from deputy.adapters.oidc.proving import (
    ALGORITHMS,
    Claims,
    Expected,
    KeyUnknown,
    ProviderRefused,
    claims_of,
    identity,
    keys_of,
)  # fmt: skip
from deputy.base.clock import Clock
from deputy.base.errors import DeputyError

__all__ = ["Attempt", "Claims", "Provider", "ProviderAway", "ProviderRefused", "host_of"]

KEPT = 3600.0  #: seconds
AGAIN = 30.0  #: seconds between two looks at the keys
PATIENCE = 20.0  #: seconds for all that one sign-in asks of the provider
LIMIT = 256 * 1024  #: bytes of an answer
LOCAL = ("127.0.0.1", "localhost", "::1")
TIMES = Timeouts(connect=5.0, read=10.0, write=10.0, pool=10.0)


class ProviderAway(DeputyError):
    """The provider could not be asked."""

    code = "provider_away"


class Attempt(NamedTuple):
    """What one attempt to sign in sends along, and must get back; none of it is ever used again."""

    state: str
    nonce: str
    verifier: str
    redirect: str


class _Metadata(msgspec.Struct):
    """What a provider says of itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    end_session_endpoint: str = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    code_challenge_methods_supported: tuple[str, ...] | None = None
    authorization_response_iss_parameter_supported: bool = False


class _Tokens(msgspec.Struct):
    """What comes for a code."""

    id_token: str
    access_token: str = ""


class Provider:
    """A provider of this issuer, to which we are this client."""

    def __init__(
        self, issuer: str, client_id: str, secret: Callable[[], str], scopes: Sequence[str], clock: Clock
    ) -> None:
        self.issuer, self._client_id, self._secret = issuer, client_id, secret
        self._scopes, self._clock = tuple(scopes), clock
        self._metadata: tuple[float, _Metadata] | None = None
        self._keys: tuple[float, list[Any]] | None = None
        self._asking = asyncio.Lock()

    async def address(self, attempt: Attempt) -> str:
        """Where a person's browser is sent to sign in."""
        known = await self._known()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(attempt.verifier.encode()).digest()).rstrip(b"=").decode()
        asked = urlencode({
            "response_type": "code", "client_id": self._client_id, "redirect_uri": attempt.redirect,
            "scope": " ".join(self._scopes), "state": attempt.state, "nonce": attempt.nonce,
            "code_challenge": challenge, "code_challenge_method": "S256",
        })  # fmt: skip
        return known.authorization_endpoint + ("&" if "?" in known.authorization_endpoint else "?") + asked

    async def goodbye(self, hint: str, back: str) -> str:
        """Where a person's browser is sent to sign out there too; "" where the provider has no such place."""
        known = await self._known()
        if not known.end_session_endpoint:
            return ""
        asked = {"client_id": self._client_id, "post_logout_redirect_uri": back, "logout_hint": hint}
        joined = urlencode({name: value for name, value in asked.items() if value})
        return known.end_session_endpoint + ("&" if "?" in known.end_session_endpoint else "?") + joined

    async def prove(self) -> int:
        """Ask what it is and for its keys, as a sign-in does; how many keys it shows."""
        try:
            async with asyncio.timeout(PATIENCE):
                return len(await self._signing(await self._known()))
        except TimeoutError:
            raise self._away("took too long") from None

    async def claims(self, attempt: Attempt, code: str, issuer: str | None) -> Claims:
        """Who signed in, for the code that came back with this issuer; raises ProviderRefused and ProviderAway."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._claims(attempt, code, issuer)
        except TimeoutError:
            raise self._away("took too long") from None

    async def _claims(self, attempt: Attempt, code: str, issuer: str | None) -> Claims:
        known = await self._known()
        if issuer != self.issuer and (issuer is not None or known.authorization_response_iss_parameter_supported):
            raise ProviderRefused("The answer comes from another provider.", "Try to sign in again.")
        tokens = await self._exchange(known, attempt, code)
        expected = Expected(self.issuer, self._client_id, attempt.nonce)
        now = self._clock.now().timestamp()
        try:
            found = claims_of(tokens.id_token, await self._signing(known), expected, now)
        except KeyUnknown:
            found = claims_of(tokens.id_token, await self._signing(known, again=True), expected, now)
        if found.email or not known.userinfo_endpoint or not tokens.access_token:
            return found
        return await self._more(known, found, tokens.access_token)

    async def _exchange(self, known: _Metadata, attempt: Attempt, code: str) -> _Tokens:
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": attempt.redirect,
            "code_verifier": attempt.verifier,
        }  # fmt: skip
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if secret := self._secret():
            ways = known.token_endpoint_auth_methods_supported
            if "client_secret_basic" in ways or "client_secret_post" not in ways:
                pair = f"{quote(self._client_id, safe='')}:{quote(secret, safe='')}"
                headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
            else:
                form |= {"client_id": self._client_id, "client_secret": secret}
        else:
            form["client_id"] = self._client_id
        answer = await self._ask("POST", known.token_endpoint, headers, urlencode(form).encode())
        if answer.status != 200:
            word = _error_of(answer.body)
            raise ProviderRefused(f"The provider gave nothing for the code ({word}).", "Try to sign in again.")
        return self._read(answer.body, _Tokens, "what it gives for a code")

    async def _more(self, known: _Metadata, found: Claims, access: str) -> Claims:
        """What the provider says where it is asked about the person, who must be the same."""
        answer = await self._ask("GET", known.userinfo_endpoint, {"Authorization": f"Bearer {access}"})
        if answer.status != 200:
            return found
        said: dict[str, Any] = self._read(answer.body, dict[str, Any], "what it says of a person")
        if said.get("sub") != found.subject:
            raise ProviderRefused("The provider speaks of somebody else.", "Ask who runs it.")
        return identity(found.subject, {**found.said, **said})

    # -- what is known of it

    async def _known(self) -> _Metadata:
        async with self._asking:
            now = self._clock.boot()
            if self._metadata is None or now - self._metadata[0] > KEPT:
                told = await self._discovered()
                self._metadata, self._keys = (now, told), None
            return self._metadata[1]

    async def _discovered(self) -> _Metadata:
        url = self.issuer.rstrip("/") + "/.well-known/openid-configuration"
        answer = await self._ask("GET", url, {"Accept": "application/json"})
        if answer.status != 200:
            raise self._away(f"answers {answer.status} where it should say what it is")
        told = self._read(answer.body, _Metadata, "what it says of itself")
        if told.issuer != self.issuer:
            shown = told.issuer if told.issuer.isprintable() else "something else"
            remedy = "Write `issuer` in [auth.oidc] of deputy.toml exactly as the provider does."
            raise ProviderRefused(f"The provider calls itself {shown[:200]}.", remedy)
        local = urlsplit(self.issuer).hostname in LOCAL
        for place in (
            told.authorization_endpoint, told.token_endpoint, told.jwks_uri, told.userinfo_endpoint,
            told.end_session_endpoint,
        ):  # fmt: skip
            if place and not _is_safe(place, local=local):
                raise ProviderRefused("The provider leads to a place that is not HTTPS.", "Ask who runs it.")
        if not set(told.id_token_signing_alg_values_supported) & set(ALGORITHMS):
            raise ProviderRefused("The provider signs in no way that we take.", f"Let it use {', '.join(ALGORITHMS)}.")
        if "S256" not in (told.code_challenge_methods_supported or ("S256",)):
            raise ProviderRefused("The provider does not know PKCE with S256.", "Ask who runs it.")
        return told

    async def _signing(self, known: _Metadata, *, again: bool = False) -> list[Any]:
        async with self._asking:
            now = self._clock.boot()
            if self._keys is not None and now - self._keys[0] < (AGAIN if again else KEPT):
                return self._keys[1]
            answer = await self._ask("GET", known.jwks_uri, {"Accept": "application/json"})
            if answer.status != 200:
                raise self._away(f"answers {answer.status} where its keys should be")
            self._keys = (now, await asyncio.to_thread(keys_of, answer.body))
            return self._keys[1]

    async def _ask(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None = None) -> Answer:
        way = Egress([url], timeouts=TIMES, limit=LIMIT)
        try:
            return await way.request(method, url, headers=headers, content=content)
        except EgressError as exc:
            raise self._away(f"does not answer: {exc.message}") from None
        finally:
            await way.close()

    def _away(self, why: str) -> ProviderAway:
        host = urlsplit(self.issuer).hostname
        return ProviderAway(f"The provider at {host} {why.rstrip('.')}.", "Try again later, or sign in with a link.")

    def _read(self, body: bytes, kind: Any, what: str) -> Any:
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise ProviderRefused(f"The provider's answer cannot be read: {what}.", "Ask who runs it.") from None


def host_of(issuer: str) -> str:
    """The host of a provider, for people."""
    return urlsplit(issuer).hostname or issuer


def _is_safe(place: str, *, local: bool) -> bool:
    parts = urlsplit(place)
    return parts.scheme == "https" or (local and parts.scheme == "http" and parts.hostname in LOCAL)


def _error_of(body: bytes) -> str:
    """The word of OAuth for what went wrong; nothing else that the provider said."""

    class Told(msgspec.Struct):
        error: str

    try:
        word = msgspec.json.decode(body, type=Told).error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "no reason given"
    return word if len(word) < 60 and word.replace("_", "").isalnum() and word.isascii() else "no reason given"
