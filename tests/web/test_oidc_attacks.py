"""What a provider, a network or a page between might try: nobody comes in by it, and nothing of it is shown."""

import base64
import hashlib
import hmac
import json
import warnings
from collections.abc import Callable, Generator
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from joserfc.jwk import OctKey, RSAKey
from tests.adapters.model.server import Server as Far
from tests.adapters.model.server import listening
from tests.oidc.far import FarProvider
from tests.web.inside import Inside, Reply, inside
from tests.web.test_oidc import AGENT, PEOPLE, back, sent, settings

from deputy.testing.conformance.world import NOON, StillClock

NOW = int(NOON.timestamp())


class World:
    """Deputy, and the provider it trusts."""

    def __init__(self, server: Inside, provider: FarProvider, far: Far) -> None:
        self.server, self.provider, self.far = server, provider, far

    def tried(self, to: str = "/") -> Reply:
        """Go there and come back."""
        reply = sent(self.server, to)
        return back(self.server, self.provider.sign_in(reply.said["location"]), reply.cookies)

    def word(self) -> str:
        """Why one does not come in; "" where one does."""
        came = self.tried()
        location = came.headers["location"]
        assert ("deputy_session" in came.cookies) is (location == "/")
        return location.partition("refused=")[2]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Generator[World]:
    clock = StillClock()
    provider = FarProvider(clock)
    with listening(provider.answer) as far:
        files = {"deputy.toml": settings(far.url.removesuffix("/v1")), "people.toml": PEOPLE, **AGENT}
        with inside(tmp_path_factory.mktemp("attacks"), files, clock=clock) as server:
            yield World(server, provider, far)


@pytest.fixture
def world(running: World) -> World:
    """A provider that tells the truth, and is asked anew."""
    running.provider.reset()
    running.server.noticed.clear()
    running.server.clock.move(4_000)
    return running


class At(NamedTuple):
    """So many seconds from now; its name is that of the test, in every process."""

    seconds: float

    def __call__(self, world: World) -> int:
        return int(world.server.clock.now().timestamp() + self.seconds)


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"}, {"nonce": None}, {"nonce": ""}, {"aud": "somebody else"}, {"aud": []}, {"aud": None},
        {"aud": ["deputy", "somebody else"]}, {"aud": ["deputy", "x"], "azp": "x"}, {"azp": "x"},
        {"iss": "https://evil.example"}, {"iss": None}, {"sub": ""}, {"sub": None}, {"sub": "x" * 256}, {"sub": 7},
        {"exp": At(-61)}, {"exp": "9999999999"}, {"exp": None}, {"iat": At(120)}, {"iat": At(-700)}, {"iat": None},
        {"nbf": At(120)},
    ],
    ids=str,
)  # fmt: skip
def test_a_token_that_does_not_answer_us_now_lets_nobody_in(world: World, claims: dict[str, Any]):
    world.provider.claims = {name: said(world) if callable(said) else said for name, said in claims.items()}
    assert world.word() == "failed"


@pytest.mark.parametrize(
    "claims",
    [{"exp": At(-30)}, {"iat": At(30)}, {"aud": ["deputy"]}, {"aud": ["deputy", "x"], "azp": "deputy"}],
    ids=str,
)
def test_clocks_may_differ_a_little_and_a_token_may_be_for_several_at_our_request(world: World, claims: dict[str, Any]):
    world.provider.claims = {name: said(world) if callable(said) else said for name, said in claims.items()}
    assert world.word() == ""


def _none(token: str) -> str:
    head = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    return f"{head}.{token.split('.')[1]}."


def _keyed(token: str, secret: bytes) -> str:
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"one"}').rstrip(b"=").decode()
    signed = f"{head}.{token.split('.')[1]}"
    mark = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"


def _changed(token: str) -> str:
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    body = base64.urlsafe_b64encode(json.dumps(claims | {"email": "kim@tiny.example"}).encode()).rstrip(b"=").decode()
    return f"{head}.{body}.{signature}"


FORGED: list[Callable[[str], str]] = [
    _none, _changed, lambda t: t.rpartition(".")[0] + ".", lambda t: "", lambda t: "a.b.c", lambda t: t + "x" * 70_000,
    lambda t: t.replace(".", ".."),
]  # fmt: skip


@pytest.mark.parametrize("forge", FORGED)
def test_a_token_that_is_not_signed_as_it_stands_lets_nobody_in(world: World, forge: Callable[[str], str]):
    world.provider.forge = forge
    assert world.word() == "failed"


def test_no_key_but_those_that_the_provider_shows_counts(world: World):
    public = world.provider.key.as_pem(private=False)
    world.provider.forge = lambda token: _keyed(token, public)
    assert world.word() == "failed", "a public key is no shared secret"
    world.provider.reset()
    world.provider.key = own = RSAKey.generate_key(2048)
    world.provider.header = {"kid": "one", "jwk": own.as_dict(private=False)}
    assert world.word() == "failed", "a token does not bring its key"
    world.provider.reset()
    world.provider.shown = [OctKey.generate_key(256, {"kid": "one"})]
    world.provider.key = world.provider.shown[0]
    assert world.word() == "failed", "a shared secret that everybody sees is none"
    with warnings.catch_warnings(action="ignore"):
        small = RSAKey.generate_key(1024, {"kid": "one"})
    world.provider.key, world.provider.shown = small, [small]
    world.server.clock.move(4_000)
    assert world.word() == "failed", "a short key is none"


def test_keys_that_rotate_are_found_and_whoever_makes_keys_up_has_them_asked_for_seldom(world: World):
    assert world.word() == ""
    world.server.clock.move(60)
    world.provider.rotate("two")
    assert world.word() == ""
    world.server.clock.move(60)
    world.provider.rotate("ec")
    assert world.word() == ""
    world.provider.header = {"kid": None}
    assert world.word() == "", "a key needs no name"
    world.server.clock.move(60)
    world.provider.header = {}
    world.provider.rotate("one", shown=False)
    before = sum(received.path == "/jwks" for received in world.provider.asked)
    assert [world.word() for _ in range(5)] == ["failed"] * 5
    assert sum(received.path == "/jwks" for received in world.provider.asked) == before + 1


def test_what_comes_from_another_provider_than_was_asked_is_not_taken(world: World):
    world.provider.back = {"iss": quote("https://evil.example", safe="")}
    assert world.word() == "failed"
    assert not any(received.path == "/token" for received in world.provider.asked), "the code is told to nobody"
    world.provider.reset()
    world.server.clock.move(4_000)
    world.provider.metadata = {"authorization_response_iss_parameter_supported": True}
    assert world.word() == "failed", "it said that it would name itself"
    world.provider.back = {"iss": quote(world.far.url.removesuffix("/v1"), safe="")}
    assert world.word() == ""


@pytest.mark.parametrize(
    ("claims", "word"),
    [
        ({"email_verified": False}, "unverified"), ({"email_verified": None}, "unverified"),
        ({"email_verified": "false"}, "unverified"), ({"email_verified": 1}, "unverified"),
        ({"email_verified": "true"}, ""), ({"email": "WEI@TINY.example"}, ""), ({"email": "wei"}, "unknown_person"),
        ({"email": "wei@tiny.example.evil.example"}, "unknown_person"), ({"email": ["wei@tiny.example"]}, "unverified"),
        ({"email": "wei@tiny.example\u200b"}, "unknown_person"), ({"email": ""}, "unverified"),
    ],
)  # fmt: skip
def test_a_person_is_known_by_a_verified_address_of_people_toml_alone(world: World, claims: dict[str, Any], word: str):
    world.provider.claims = claims
    assert world.word() == word


def test_an_address_that_is_told_on_asking_belongs_to_the_same_person(world: World):
    world.provider.claims = {"email": None, "email_verified": None}
    world.provider.userinfo = {"sub": "u-1", "email": "wei@tiny.example", "email_verified": True}
    assert world.word() == ""
    world.provider.userinfo["sub"] = "u-2"
    assert world.word() == "failed"


@pytest.mark.parametrize("metadata", [
    {"issuer": "https://evil.example"}, {"token_endpoint": "http://evil.example/token"}, {"jwks_uri": "file:///etc/x"},
    {"authorization_endpoint": "javascript:alert(1)"}, {"end_session_endpoint": "http://evil.example/"},
    {"id_token_signing_alg_values_supported": ["HS256", "none"]}, {"code_challenge_methods_supported": ["plain"]},
    {"token_endpoint": None},
])  # fmt: skip
def test_nobody_is_sent_to_a_provider_that_says_wrong_things_of_itself(world: World, metadata: dict[str, Any]):
    world.provider.metadata = metadata
    refused = world.server.ask("POST", "/api/v1/sign-in/oidc", {"to": "/"})
    assert (refused.status, refused.said["code"], bool(refused.said["remedy"])) == (503, "provider_unfit", True)
    assert refused.cookies == {}


def test_a_provider_that_fails_or_never_ends_lets_nobody_in_and_others_sign_in_by_link(world: World):
    world.provider.token_status, world.provider.token_body = 500, b"<script>alert(1)</script>"
    assert world.word() == "failed"
    world.provider.token_status, world.provider.token_body = 200, b"[" * 100_000
    assert world.word() == "failed"
    world.provider.token_body = b"x" * 1_000_000
    assert world.word() == "away"
    assert world.server.sign_in("kim")
    assert not any("script" in said for said in world.server.noticed)


@pytest.mark.parametrize(("told", "word"), [
    ({"error": "access_denied", "code": ""}, "denied"), ({"error": "server_error", "code": ""}, "failed"),
    ({"error": "%3Cscript%3E", "error_description": "%3Cimg%20src=x%3E", "code": ""}, "failed"),
    ({"code": ""}, "failed"),
    ({"state": "none"}, "expired"), ({"state": ""}, "expired"), ({"code": "x" * 5_000}, "failed"),
    ({"code": "code-99"}, "failed"),
])  # fmt: skip
def test_what_comes_back_wrongly_is_told_in_a_word_of_ours(world: World, told: dict[str, str], word: str):
    world.provider.back = told
    came = world.tried()
    assert (came.status, came.headers["location"], came.said) == (303, f"/sign-in?refused={word}", "")


def test_an_attempt_is_good_for_ten_minutes(world: World):
    reply = sent(world.server)
    address = world.provider.sign_in(reply.said["location"])
    world.server.clock.move(601)
    assert back(world.server, address, reply.cookies).headers["location"] == "/sign-in?refused=expired"


def test_a_link_of_somebody_elses_attempt_signs_nobody_in(world: World):
    attackers = sent(world.server)
    address = world.provider.sign_in(attackers.said["location"])
    for cookies in ({}, {name: "x" * 43 for name in attackers.cookies}, sent(world.server).cookies):
        assert "deputy_session" not in back(world.server, address, cookies).cookies


@pytest.mark.parametrize("to", [
    "https://evil.example/", "//evil.example/", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)", "",
    "/x\r\nSet-Cookie: a=b", "/\t/evil.example", "/sign-in?again", "/api/v1/me", "/" + "x" * 3_000, "runs", "/ü",
])  # fmt: skip
def test_one_comes_back_to_a_page_of_ours_whatever_was_asked_for(world: World, to: str):
    assert world.tried(to).headers["location"] == "/"


def test_a_page_of_another_site_cannot_send_people_to_the_provider(world: World):
    for headers in ({"Origin": "http://evil.example"}, {"Sec_Fetch_Site": "cross-site"}, {"X_Deputy": ""}):
        assert world.server.ask("POST", "/api/v1/sign-in/oidc", {"to": "/"}, **headers).status == 403


def test_attempts_are_limited_and_those_that_are_not_finished_are_forgotten(world: World):
    statuses = [world.server.ask("POST", "/api/v1/sign-in/oidc", {}).status for _ in range(40)]
    assert statuses == [200] * 30 + [429] * 10
