"""Where the API is served, under which names, and whose word is taken for who asks."""

from collections.abc import Generator
from pathlib import Path

import pytest
from tests.cli.offices import DEPUTY, make
from tests.web.inside import Inside, inside
from tests.web.served import Server, clerk, said, serving

PUBLIC = "https://deputy.tiny.example"
OUTSIDE = DEPUTY + f'[web]\npublic_url = "{PUBLIC}"\n[auth]\nlinks = true\n'
PROXY = {"Host": "deputy.tiny.example", "X_Forwarded_Proto": "https"}


@pytest.mark.parametrize(
    ("web", "code"),
    [
        ('[web]\nhost = "0.0.0.0"\n', "sign_in_needed"),
        (f'[web]\npublic_url = "{PUBLIC}"\n', "sign_in_needed"),
        (f'[web]\nhost = "0.0.0.0"\nexpose = true\npublic_url = "{PUBLIC}"\n', "sign_in_needed"),
        ('[web]\nhost = "0.0.0.0"\n[auth]\nlinks = true\n', "sign_in_needed"),
        ('[web]\npublic_url = "http://deputy.tiny.example"\n[auth]\nlinks = true\n', "configuration"),
        (f'[web]\npublic_url = "{PUBLIC}/path"\n[auth]\nlinks = true\n', "configuration"),
        ('[web]\ntrusted_proxies = ["10.0.0.0/8"]\n', "configuration"),
        (f'[web]\npublic_url = "{PUBLIC}"\ntrusted_proxies = ["proxy"]\n[auth]\nlinks = true\n', "configuration"),
    ],
)
def test_nothing_is_served_to_others_unless_people_can_sign_in_over_tls(tmp_path: Path, web: str, code: str):
    make(tmp_path, clerk("  - every: 9d\n    name: rare\n    task: t\n", **{"deputy.toml": DEPUTY + web}))
    refused = said(tmp_path, "up", "--port", "0")["error"]
    assert (refused["code"], bool(refused["remedy"])) == (code, True)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Inside]:
    files = clerk("  - every: 9d\n    name: rare\n    task: t\n", **{"deputy.toml": OUTSIDE})
    with inside(tmp_path_factory.mktemp("reaching"), files) as made:
        yield made


def test_the_public_name_is_served_by_way_of_the_proxy_and_over_tls_alone(server: Inside):
    assert server.ask("GET", "/api/v1/me", **PROXY).said["code"] == "not_signed_in"
    for headers in ({"Host": "deputy.tiny.example", "X_Forwarded_Proto": "http"},
                    {"Host": "deputy.tiny.example", "X_Forwarded_Proto": "https, http"}):  # fmt: skip
        assert server.ask("GET", "/api/v1/me", **headers).said["code"] == "no_tls"
    for host in ("evil.example", "deputy.tiny.example.evil.example", "deputy.tiny.example:8787", "deputy"):
        assert server.ask("GET", "/api/v1/me", Host=host, X_Forwarded_Proto="https").said["code"] == "wrong_host"


def test_a_session_from_outside_has_a_cookie_that_is_sent_over_tls_alone(server: Inside):
    link = server.link("wei")
    reply = server.ask("POST", "/api/v1/sign-in", {"link": link}, **PROXY, Origin=PUBLIC)
    assert list(reply.cookies) == ["__Host-deputy_session"]
    words = reply.set[0].lower().split("; ")
    assert {"secure", "httponly", "samesite=strict", "path=/"} <= set(words)
    assert reply.headers["strict-transport-security"] == "max-age=31536000"
    assert server.who(reply.cookies, **PROXY) == "wei"
    assert server.who({"deputy_session": reply.cookies["__Host-deputy_session"]}, **PROXY) is None
    foreign = server.ask("POST", "/api/v1/sign-in", {"link": link}, **PROXY, Origin=server.address)
    assert foreign.said["code"] == "cross_site"


def test_a_proxy_that_hides_the_name_is_told_so(server: Inside):
    for header in ("X_Forwarded_For", "X_Forwarded_Host", "Forwarded"):
        refused = server.ask("GET", "/api/v1/me", **{header: "203.0.113.9"})
        assert (refused.status, refused.said["code"]) == (421, "unknown_proxy")


def test_limits_count_the_address_that_the_proxy_tells_and_none_that_was_made_up(server: Inside):
    server.clock.move(600)

    def tried(told: str) -> int:
        body = {"link": "dpl_" + "x" * 43}
        return server.ask("POST", "/api/v1/sign-in", body, **PROXY, X_Forwarded_For=told).status

    assert [tried(f"198.51.100.{n}, 203.0.113.9") for n in range(32)] == [403] * 30 + [429] * 2
    assert tried("203.0.113.10") == 403
    assert [tried(f"2001:db8::{n}") for n in range(32)] == [403] * 30 + [429] * 2, "one network is one"
    assert tried("203.0.113.10, 127.0.0.5") == 403, "our own proxies are not who asks"


def test_an_exposed_port_answers_no_one_but_the_proxy(tmp_path: Path):
    toml = OUTSIDE.replace("[auth]", 'host = "0.0.0.0"\ntrusted_proxies = ["203.0.113.1"]\n[auth]')
    files = clerk("  - every: 9d\n    name: rare\n    task: t\n", **{"deputy.toml": toml})
    with serving(tmp_path, files) as made:
        assert made.sign_in.startswith(f"{PUBLIC}/sign-in#dpl_")
        made.address = made.address.replace("0.0.0.0", "127.0.0.1")
        for name in ("healthz", "api/v1/me"):
            told = made.ask(f"/{name}", None, {"Host": "deputy.tiny.example", "X-Forwarded-Proto": "https"})
            assert told.said.get("code") == (None if name == "healthz" else "no_tls")
        assert made.ask("/api/v1/me").said["code"] == "not_signed_in", "this machine itself"
        link = made.deputy("sign-in")
        assert link["serving"] and link["sign_in"].startswith(f"{PUBLIC}/sign-in#dpl_")


def test_a_link_is_printed_for_anybody_while_deputy_up_runs_or_not(tmp_path: Path):
    with serving(tmp_path, clerk("  - every: 9d\n    name: rare\n    task: t\n")) as made:
        told = made.deputy("sign-in", "--as", "lin")
        address, _, secret = told["sign_in"].partition("/sign-in#")
        assert (told["person"], told["serving"], address) == ("lin", True, made.address)
        assert _signed_in(made, secret) == 200
        assert made.deputy("sign-out", "--as", "lin") == {"person": "lin", "ended": 1}
    told = made.deputy("sign-in")
    assert (told["person"], told["serving"]) == ("wei", False)
    assert told["sign_in"].startswith("http://127.0.0.1:8787/sign-in#dpl_")
    made.start()
    try:
        assert _signed_in(made, told["sign_in"].partition("#")[2]) == 200
    finally:
        made.kill()


def _signed_in(made: Server, secret: str) -> int:
    return made.ask("/api/v1/sign-in", b'{"link": "%s"}' % secret.encode(), {"X-Deputy": "1"}).status
