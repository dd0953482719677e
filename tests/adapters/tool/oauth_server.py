"""A server of tools that asks for a login, and the authorization server that it names, which checks what it is told."""

import base64
import hashlib
import json
from urllib.parse import parse_qsl, urlencode

from tests.adapters.model.server import Answer, Received
from tests.adapters.tool.http_server import JSON, Peer

__all__ = ["Far"]


class Far(Peer):
    """A server of tools that wants to be logged in at, and the authorization server that it names.

    It knows its `keys`, and one access token at a time. A refresh token is good until what it led to was used.
    """

    def __init__(self, *keys: str) -> None:
        super().__init__()
        self.keys = keys
        self.mark = ""  #: how its tokens begin
        self.consent = "yes"  #: what the person says: yes, no, or the answer comes with a wrong state
        self.asked = dict[str, str]()  #: for what the person was sent here
        self.forms = list[dict[str, str]]()  #: what the token endpoint was given
        self.authorizations = list[str]()  #: how it was asked there
        self.number, self.refreshable = 0, set[str]()
        self.mute = False  #: whether the token endpoint says nothing any more, once it has renewed
        self.lasts = 3600
        self.registered = False

    def answer(self, received: Received) -> Answer:
        """What it says."""
        path, _, query = received.path.partition("?")
        base = f"http://{received.headers['host']}"
        match path:
            case "/mcp":
                return self.guarded(received, base)
            case "/.well-known/oauth-protected-resource/mcp":
                return told({"resource": f"{base}/mcp", "authorization_servers": [base], "scopes_supported": ["pay"]})
            case "/.well-known/oauth-authorization-server":
                return told({
                    "issuer": base, "authorization_endpoint": f"{base}/authorize", "token_endpoint": f"{base}/token",
                    "registration_endpoint": f"{base}/register", "response_types_supported": ["code"],
                    "code_challenge_methods_supported": ["S256"], "scopes_supported": ["pay"],
                    "authorization_response_iss_parameter_supported": True,
                })  # fmt: skip
            case "/register":
                self.registered = True
                return told({**received.json, "client_id": "minted", "token_endpoint_auth_method": "none"}, 201)
            case "/authorize":
                return self.authorize(dict(parse_qsl(query)), base)
            case "/token":
                return self.token(received)
            case _:
                return Answer(status=404)

    def guarded(self, received: Received, base: str) -> Answer:
        """Its tools, for who comes with the newest token."""
        if received.headers.get("authorization") not in (*self.keys, f"Bearer {self.access}"):
            where = f'Bearer resource_metadata="{base}/.well-known/oauth-protected-resource/mcp"'
            return Answer(status=401, headers={**JSON, "WWW-Authenticate": where}, pieces=[b"{}"])
        self.refreshable = {self.refresh}
        return self.told(self, received) or self.well(received)

    @property
    def access(self) -> str:
        """The access token that it takes."""
        return f"{self.mark}access-{self.number}"

    @property
    def refresh(self) -> str:
        """The newest refresh token."""
        return f"{self.mark}refresh-{self.number}"

    def authorize(self, asked: dict[str, str], base: str) -> Answer:
        """Ask the person, and send them back."""
        self.asked = asked
        back = {"state": asked["state"], "iss": base, "code": "the-code"}
        if self.consent == "no":
            back = {"state": asked["state"], "error": "access_denied", "error_description": "Wei said no."}
        if self.consent == "wrong state":
            back["state"] = "somebody-elses"
        return Answer(status=302, headers={"Location": f"{asked['redirect_uri']}?{urlencode(back)}"})

    def token(self, received: Received) -> Answer:
        """A token for a code, a refresh token, or a client as itself."""
        form = dict(parse_qsl(received.body.decode()))
        self.forms.append(form)
        self.authorizations.append(received.headers.get("authorization", ""))
        match form["grant_type"]:
            case "authorization_code":
                digest = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest())
                good = digest.decode().rstrip("=") == self.asked["code_challenge"] and form["code"] == "the-code"
                good = good and form["redirect_uri"] == self.asked["redirect_uri"]
            case "refresh_token":
                good = form["refresh_token"] in self.refreshable
            case _:
                good = self.authorizations[-1].startswith("Basic ")
        if not good or not form["resource"].endswith("/mcp"):
            return told({"error": "invalid_grant", "error_description": f"No: {self.authorizations[-1]}"}, 400)
        self.number += 1
        self.refreshable.add(self.refresh)
        if self.mute:
            return Answer(silent=True)
        given = {"access_token": self.access, "token_type": "Bearer", "expires_in": self.lasts}
        return told(given | ({"refresh_token": self.refresh} if "code" in form or self.number > 1 else {}))


def told(value: object, status: int = 200) -> Answer:
    return Answer(status=status, headers=JSON, pieces=[json.dumps(value).encode()])
