"""Sign in by a certified provider: there and back, who one is, what one may, and out again."""

from collections.abc import Generator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.cli.offices import DEPUTY, agent
from tests.oidc.certified import Visitor, certified, free_port
from tests.web.inside import Inside, Reply, inside

from deputy.app.sessions import begin

PEOPLE = """\
[people.wei]
name = "Wei Chen"
email = "wei@tiny.example"
roles = ["owner"]
[people.kim]
name = "Kim"
email = "kim@tiny.example"
"""
AGENT = agent("clerk", replies='  - say: "Yes."')


def settings(issuer: str, *more: str) -> str:
    """deputy.toml that names this provider."""
    lines = (f'issuer = "{issuer}"', 'client_id = "deputy"', *more)
    return DEPUTY + "[auth.oidc]\n" + "\n".join(lines) + "\n"


def client(port: int, **more: Any) -> dict[str, Any]:
    """How the provider knows Deputy, which listens at this port."""
    base = f"http://127.0.0.1:{port}"
    return {
        "client_id": "deputy", "redirect_uris": [f"{base}/sign-in/callback"], "response_types": ["code"],
        "grant_types": ["authorization_code"], "token_endpoint_auth_method": "none", "application_type": "native",
        "post_logout_redirect_uris": [f"{base}/sign-in"], **more,
    }  # fmt: skip


def sent(server: Inside, to: str = "/", cookies: dict[str, str] | None = None) -> Reply:
    """Be sent to the provider."""
    reply = server.ask("POST", "/api/v1/sign-in/oidc", {"to": to}, cookies)
    assert reply.status == 200, reply.said
    return reply


def back(server: Inside, address: str, cookies: dict[str, str]) -> Reply:
    """Come back from it, as a browser that was sent there does."""
    parts = urlsplit(address)
    return server.ask("GET", f"{parts.path}?{parts.query}", None, cookies, Sec_Fetch_Site="cross-site")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Inside]:
    port, there = free_port(), free_port()
    secret = "s3cret/with:marks?" * 2
    with certified(
        [client(port, client_secret=secret, token_endpoint_auth_method="client_secret_basic")], port=there
    ) as issuer:
        folder = tmp_path_factory.mktemp("oidc")
        toml = settings(issuer, 'client_secret = "env:OIDC_SECRET"', 'name = "Tiny"')
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("OIDC_SECRET", secret)
            with inside(folder, {"deputy.toml": toml, "people.toml": PEOPLE, **AGENT}, port=port, real=True) as made:
                yield made


def test_one_signs_in_at_the_provider_and_comes_back_to_where_one_was(server: Inside):
    ways = server.ask("GET", "/api/v1/sign-in").said
    assert ways == {"workspace": "tiny", "oidc": {"name": "Tiny"}}
    reply = sent(server, "/runs?state=waiting")
    asked = parse_qs(urlsplit(str(reply.said["location"])).query)
    assert asked["response_type"] == ["code"] and asked["code_challenge_method"] == ["S256"]
    assert len(asked["state"][0]) == len(asked["nonce"][0]) == len(asked["code_challenge"][0]) == 43
    assert "httponly" in reply.set[0].lower() and "samesite=lax" in reply.set[0].lower()
    came = back(server, Visitor().sign_in(reply.said["location"], "wei"), reply.cookies)
    assert (came.status, came.headers["location"]) == (303, "/runs?state=waiting")
    session = {"deputy_session": came.cookies["deputy_session"]}
    assert next(line for line in came.set if line.startswith("deputy_session")).lower().count("samesite=strict") == 1
    me = server.ask("GET", "/api/v1/me", None, session).said
    assert (me["person"], me["roles"], me["by"]) == ("wei", ["owner"], "session")
    (one,) = [one for one in server.ask("GET", "/api/v1/sessions", None, session).said if one["current"]]
    assert one["by"] == "oidc"
    out = server.ask("POST", "/api/v1/sign-out", None, session)
    location = urlsplit(str(out.said["location"]))
    assert (out.status, location.path) == (200, "/session/end")
    assert parse_qs(location.query)["post_logout_redirect_uri"] == [f"{server.address}/sign-in"]
    assert server.who(session) is None


def test_a_code_is_good_once_for_the_browser_that_asked(server: Inside):
    reply, other = sent(server), sent(server)
    address = Visitor().sign_in(reply.said["location"], "wei")
    stolen = back(server, address, other.cookies)
    assert stolen.headers["location"] == "/sign-in?refused=expired"
    assert "deputy_session" not in stolen.cookies
    assert back(server, address, reply.cookies).headers["location"] == "/sign-in?refused=expired", "it is used up"
    fresh = sent(server)
    address = Visitor().sign_in(fresh.said["location"], "wei")
    assert "deputy_session" in back(server, address, fresh.cookies).cookies
    assert back(server, address, fresh.cookies).headers["location"] == "/sign-in?refused=expired"


@pytest.mark.parametrize(("account", "word"), [("kim", "unverified"), ("ada", "unknown_person")])
def test_who_is_not_verified_or_not_known_does_not_come_in(server: Inside, account: str, word: str):
    reply = sent(server)
    came = back(server, Visitor().sign_in(reply.said["location"], account), reply.cookies)
    assert (came.status, came.headers["location"]) == (303, f"/sign-in?refused={word}")
    assert "deputy_session" not in came.cookies
    assert any(account in said for said in server.noticed), "whoever runs it is told"


def test_a_session_that_the_browser_had_ends_when_another_begins(server: Inside):
    before = server.sign_in("kim")
    reply = sent(server, "/", before)
    came = back(server, Visitor().sign_in(reply.said["location"], "wei"), reply.cookies)
    assert server.who(before) is None
    assert server.who({"deputy_session": came.cookies["deputy_session"]}) == "wei"


def test_roles_come_of_the_providers_groups_where_deputy_toml_says_so_and_a_session_ends_with_that(tmp_path: Path):
    port = free_port()
    with certified([client(port)]) as issuer:
        mapped = settings(issuer, 'roles_claim = "groups"', 'roles = {bosses = ["auditor", "builder"]}')
        files = {"deputy.toml": mapped, "people.toml": PEOPLE.replace("kim@tiny", "ada@elsewhere"), **AGENT}
        with inside(tmp_path, files, port=port, real=True) as server:
            reply = sent(server)
            came = back(server, Visitor().sign_in(reply.said["location"], "wei"), reply.cookies)
            session = {"deputy_session": came.cookies["deputy_session"]}
            assert server.ask("GET", "/api/v1/me", None, session).said["roles"] == ["builder", "auditor"]
            assert server.ask("POST", "/api/v1/freeze", {"agent": None}, session).status == 403
            kim = server.office.settings.directory.people["kim"]
            begun = server.do(lambda: begin(server.office, kim, issuer, ("admin",)))
            raised = {"deputy_session": begun.secret}
            assert server.ask("GET", "/api/v1/me", None, raised).said["roles"] == ["admin"]
            refused = server.ask("POST", "/api/v1/tokens", {"role": "admin"}, raised)
            assert (refused.status, refused.said["code"]) == (403, "forbidden"), "a token outlives the provider's word"
            assert server.ask("POST", "/api/v1/tokens", {"role": "member"}, raised).status == 201
            reply = sent(server)
            came = back(server, Visitor().sign_in(reply.said["location"], "ada"), reply.cookies)
            assert came.headers["location"] == "/sign-in?refused=no_role"
            (tmp_path / "deputy.toml").write_text(settings(issuer), "utf-8")
            assert server.until(lambda: server.who(session) is None), "its roles were another source's"
