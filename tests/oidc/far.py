"""A provider that can be made to lie: it says of itself, signs and answers as a test wants."""

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey
from tests.adapters.model.server import Answer, Received

from deputy.testing.conformance.world import StillClock

__all__ = ["FarProvider"]

_KEYS = {kid: RSAKey.generate_key(2048, {"kid": kid, "use": "sig"}) for kid in ("one", "two")}
_EC = ECKey.generate_key("P-256", {"kid": "ec", "use": "sig", "alg": "ES256"})


class FarProvider:
    """What it says: `metadata`, `header`, `claims` and `userinfo` are merged over what is right."""

    def __init__(self, clock: StillClock) -> None:
        self.clock = clock
        self.reset()

    def reset(self) -> None:
        """Tell the truth."""
        self.metadata = dict[str, Any]()
        self.header = dict[str, Any]()
        self.claims = dict[str, Any]()
        self.userinfo: dict[str, Any] | None = None
        self.key: Any = _KEYS["one"]
        self.shown: list[Any] = [_KEYS["one"]]
        self.forge: Callable[[str], str] = lambda token: token
        self.token_status, self.token_body = 200, b""
        self.back = dict[str, str]()  #: what comes back beside or instead of state and code
        self.asked = list[Received]()
        self._codes = dict[str, dict[str, str]]()

    def rotate(self, kid: str, *, shown: bool = True) -> None:
        """Sign with another key, and show it, or not."""
        self.key = _EC if kid == "ec" else _KEYS[kid]
        if shown:
            self.shown = [self.key]

    def sign_in(self, location: str) -> str:
        """What a browser is sent back to."""
        asked = {name: found[0] for name, found in parse_qs(urlsplit(location).query).items()}
        code = f"code-{len(self._codes)}"
        self._codes[code] = asked
        told = {"state": asked["state"], "code": code} | self.back
        return asked["redirect_uri"] + "?" + "&".join(f"{name}={value}" for name, value in told.items() if value)

    def answer(self, received: Received) -> Answer:
        """What it says to programs."""
        self.asked.append(received)
        base = f"http://{received.headers['host']}"
        match received.path:
            case "/.well-known/openid-configuration":
                return _json({
                    "issuer": base, "authorization_endpoint": f"{base}/auth", "token_endpoint": f"{base}/token",
                    "jwks_uri": f"{base}/jwks", "userinfo_endpoint": f"{base}/me", "response_types_supported": ["code"],
                    "id_token_signing_alg_values_supported": ["RS256", "ES256"],
                } | self.metadata)  # fmt: skip
            case "/jwks":
                return _json({"keys": [key.as_dict(private=False) for key in self.shown]})
            case "/token":
                return self._token(received, base)
            case "/me":
                return Answer(status=404) if self.userinfo is None else _json(self.userinfo)
            case _:
                return Answer(status=404)

    def _token(self, received: Received, base: str) -> Answer:
        if self.token_status != 200 or self.token_body:
            return Answer(status=self.token_status, pieces=[self.token_body])
        form = {name: found[0] for name, found in parse_qs(received.body.decode()).items()}
        asked = self._codes.pop(form["code"], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        if asked is None or challenge.decode() != asked["code_challenge"]:
            return _json({"error": "invalid_grant"}, 400)
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": base, "sub": "u-1", "aud": "deputy", "exp": now + 300, "iat": now, "nonce": asked["nonce"],
            "email": "wei@tiny.example", "email_verified": True,
        } | self.claims  # fmt: skip
        token = self._signed({name: value for name, value in claims.items() if value is not None})
        return _json({"access_token": "at", "token_type": "Bearer", "id_token": self.forge(token)})

    def _signed(self, claims: dict[str, Any]) -> str:
        algorithm = "ES256" if self.key is _EC else "HS256" if isinstance(self.key, OctKey) else "RS256"
        header = {"alg": algorithm, "kid": getattr(self.key, "kid", None)} | self.header
        header = {name: value for name, value in header.items() if value is not None}
        payload = json.dumps(claims).encode()
        if header["alg"] == "none":
            parts = [base64.urlsafe_b64encode(one).rstrip(b"=") for one in (json.dumps(header).encode(), payload)]
            return b".".join([*parts, b""]).decode()
        return jws.serialize_compact(header, payload, self.key, algorithms=[header["alg"]])


def _json(told: Any, status: int = 200) -> Answer:
    return Answer(status=status, headers={"Content-Type": "application/json"}, pieces=[json.dumps(told).encode()])
