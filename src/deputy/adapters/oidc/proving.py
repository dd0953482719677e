"""What an ID token proves: whose signature it has, for whom it was made, when, and in answer to what."""

import hmac
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from deputy.base.errors import DeputyError

__all__ = ["ALGORITHMS", "Claims", "Expected", "KeyUnknown", "ProviderRefused", "claims_of", "keys_of"]

ALGORITHMS = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC"}  #: and the kind of key that each takes
SKEW = 60  #: seconds that two clocks may differ
OLDEST = 600  #: seconds since a token was made, in answer to us, just now
LONGEST = 64_000  #: characters of a token
_MOST_KEYS = 100
_LEAST_BITS = 2048  # of an RSA key


class ProviderRefused(DeputyError):
    """What the provider said proves nothing."""

    code = "sign_in_refused"


class KeyUnknown(ProviderRefused):
    """The provider signs with a key that it did not show: it may have shown it since."""


class Expected(NamedTuple):
    """What a token must be: from whom, for whom, and in answer to what."""

    issuer: str
    client_id: str
    nonce: str


class Claims(NamedTuple):
    """What a provider says of a person; `verified` is None where it says nothing of that."""

    subject: str
    email: str
    verified: bool | None
    said: Mapping[str, Any]


class _Told(msgspec.Struct):
    """The members that every ID token has, or may have, in their types."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: int | float
    iat: int | float
    nonce: str = ""
    azp: str | None = None
    nbf: int | float = 0


def keys_of(document: bytes) -> list[Any]:
    """The keys for signatures among those that a provider shows; raises ProviderRefused."""
    from joserfc.errors import JoseError
    from joserfc.jwk import JWKRegistry

    class Shown(msgspec.Struct):
        keys: list[dict[str, Any]]

    try:
        shown = msgspec.json.decode(document, type=Shown).keys
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ProviderRefused("The provider's keys cannot be read.", "Ask who runs it.") from None
    found: list[Any] = []
    for one in shown[:_MOST_KEYS]:
        if one.get("use", "sig") != "sig" or one.get("kty") not in ALGORITHMS.values():
            continue  # never a shared secret: whoever reads the set could sign with it
        public = {name: value for name, value in one.items() if name not in ("d", "p", "q", "dp", "dq", "qi", "oth")}
        if one["kty"] == "RSA" and _bits(public) < _LEAST_BITS:
            continue
        try:
            found.append(JWKRegistry.import_key(public))
        except (JoseError, ValueError, TypeError, KeyError):
            continue  # a key of a kind that we do not know must not hide the others
    return found


def _bits(key: Mapping[str, Any]) -> int:
    return len(str(key.get("n", ""))) * 6


def claims_of(token: str, keys: Sequence[Any], expected: Expected, now: float) -> Claims:
    """What an ID token says, once it is proved; raises ProviderRefused and KeyUnknown."""
    payload = _signed(token, keys)
    try:
        told = msgspec.json.decode(payload, type=_Told)
        said: dict[str, Any] = msgspec.json.decode(payload, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise _refused("is not of its form") from None
    audiences = [told.aud] if isinstance(told.aud, str) else told.aud
    if told.iss != expected.issuer:
        raise _refused("comes from another issuer")
    if expected.client_id not in audiences:
        raise _refused("was made for somebody else")
    if (len(audiences) > 1 or told.azp is not None) and told.azp != expected.client_id:
        raise _refused("was made for several, and not at our request")
    if not told.exp > now - SKEW:
        raise _refused("has expired")
    if not now - OLDEST - SKEW < told.iat < now + SKEW or told.nbf > now + SKEW:
        raise _refused("was not made just now; the clocks of the provider and of this machine may differ")
    if not expected.nonce or not hmac.compare_digest(told.nonce.encode(), expected.nonce.encode()):
        raise _refused("answers another request")
    if not 0 < len(told.sub) <= 255:
        raise _refused("names nobody")
    return identity(told.sub, said)


def identity(subject: str, said: Mapping[str, Any]) -> Claims:
    """What is said of a person."""
    email, verified = said.get("email"), said.get("email_verified")
    if verified in ("true", "false"):
        verified = verified == "true"  # some providers write it so
    return Claims(
        subject, email if isinstance(email, str) else "", verified if isinstance(verified, bool) else None, said
    )


def _signed(token: str, keys: Iterable[Any]) -> bytes:
    """What a token holds, if one of these keys signed it."""
    from joserfc import jws
    from joserfc.errors import JoseError

    logging.getLogger("joserfc").setLevel(logging.CRITICAL)
    if len(token) > LONGEST:
        raise _refused("is too long")
    try:
        header = jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError, TypeError, RecursionError):
        raise _refused("is no signed token") from None
    algorithm, name = header.get("alg"), header.get("kid")
    kind = ALGORITHMS.get(algorithm) if isinstance(algorithm, str) else None
    if kind is None or not isinstance(algorithm, str):
        raise _refused("is not signed in a way that we take")
    fitting = [
        key for key in keys
        if key.key_type == kind and key.get("alg", algorithm) == algorithm and (name is None or key.kid in (None, name))
    ]  # fmt: skip
    for key in fitting:
        try:
            return jws.deserialize_compact(token.encode(), key, algorithms=[algorithm]).payload or b""
        except (JoseError, ValueError, TypeError):
            continue
    raise KeyUnknown("The provider's ID token is not signed with a key of the provider.", "Try to sign in again.")


def _refused(why: str) -> ProviderRefused:
    return ProviderRefused(f"The provider's ID token {why}.", "Try to sign in again, or ask who runs Deputy.")
