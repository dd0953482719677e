"""Sessions: how they begin, what ends them, who may see and end them, and how often one may try."""

from collections.abc import Generator

import pytest
from tests.cli.offices import DEPUTY, agent
from tests.web.inside import Inside, inside

PEOPLE = """\
[people.wei]
name = "Wei Chen"
email = "wei@tiny.example"
roles = ["owner"]
[people.kim]
name = "Kim"
[people.ada]
name = "Ada"
roles = ["admin"]
"""
FILES = {"deputy.toml": DEPUTY, "people.toml": PEOPLE, **agent("clerk", replies='  - say: "Yes."')}
HOUR = 3600
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Generator[Inside]:
    with inside(tmp_path_factory.mktemp("sessions"), FILES) as made:
        yield made


@pytest.fixture
def server(running: Inside) -> Inside:
    """A server where nobody is signed in, and nobody tried lately."""
    for person in ("wei", "kim", "ada"):
        running.do(lambda: running.office.store.access.withdraw_all(person, "session"))  # noqa: B023 - done at once
    running.clock.move(600)
    return running


def test_a_session_ends_after_twelve_idle_hours_and_after_seven_days_however_much_it_is_used(server: Inside):
    idle, used = server.sign_in("wei"), server.sign_in("wei")
    for _ in range(14 * 7 - 1):
        server.clock.move(12 * HOUR / 7)
        assert server.who(used) == "wei"
    assert server.who(idle) is None
    server.clock.move(12 * HOUR / 7 + 1)
    assert server.who(used) is None
    again = server.sign_in("wei")
    server.clock.move(12 * HOUR)
    assert server.who(again) == "wei"
    server.clock.move(12 * HOUR + 61)
    assert server.who(again) is None


def test_a_link_ends_after_ten_minutes(server: Inside):
    good, late = server.link("wei"), server.link("kim")
    server.clock.move(599)
    assert server.ask("POST", "/api/v1/sign-in", {"link": good}).status == 200
    server.clock.move(2)
    refused = server.ask("POST", "/api/v1/sign-in", {"link": late})
    assert (refused.status, refused.said["code"]) == (403, "forbidden")


def test_one_sees_ones_own_sessions_and_ends_them_one_by_one_or_all(server: Inside):
    here = server.sign_in("kim", User_Agent=FIREFOX)
    there, third = server.sign_in("kim", User_Agent="curl/8.0"), server.sign_in("kim")
    other = server.sign_in("wei")
    listed = server.ask("GET", "/api/v1/sessions", None, here).said
    assert [(one["person"], one["by"]) for one in listed] == [("kim", "link")] * 3
    assert sorted(one["program"] for one in listed) == ["", "Firefox on Linux", "curl"]
    assert [one["program"] for one in listed if one["current"]] == ["Firefox on Linux"]
    (curl,) = [one["id"] for one in listed if one["program"] == "curl"]
    ended = server.ask("POST", f"/api/v1/sessions/{curl}/revoke", {}, here)
    assert ended.said == {"id": curl, "revoked": True}
    assert (server.who(there), server.who(third)) == (None, "kim")
    again = server.ask("POST", f"/api/v1/sessions/{curl}/revoke", {}, here)
    assert again.status == 404
    all_ = server.ask("POST", "/api/v1/sign-out-everywhere", {"others": True}, here)
    assert all_.said == {"person": "kim", "ended": 1}
    assert [server.who(one) for one in (here, third, other)] == ["kim", None, "wei"]
    server.ask("POST", "/api/v1/sign-out-everywhere", {}, here)
    assert [server.who(one) for one in (here, other)] == [None, "wei"]


def test_who_may_ends_the_sessions_of_others_and_nobody_else_can(server: Inside):
    kim, wei, ada = server.sign_in("kim"), server.sign_in("wei"), server.sign_in("ada")
    seen = server.ask("GET", "/api/v1/sessions", None, wei).said
    (his,) = [one["id"] for one in seen if one["person"] == "wei"]
    assert server.ask("POST", f"/api/v1/sessions/{his}/revoke", {}, kim).status == 404
    refused = server.ask("POST", "/api/v1/sign-out-everywhere", {"person": "wei"}, kim)
    assert (refused.status, refused.said["code"]) == (403, "forbidden")
    ended = server.ask("POST", "/api/v1/sign-out-everywhere", {"person": "kim"}, ada)
    assert ended.said == {"person": "kim", "ended": 1}
    assert [server.who(one) for one in (kim, wei, ada)] == [None, "wei", "ada"]


def test_signing_in_again_ends_the_session_that_the_browser_had_and_takes_no_name_that_somebody_chose(server: Inside):
    before = server.sign_in("kim")
    reply = server.ask("POST", "/api/v1/sign-in", {"link": server.link("wei")}, before)
    assert reply.cookies["deputy_session"] not in before.values()
    assert (server.who(before), server.who(reply.cookies)) == (None, "wei")
    chosen = {"deputy_session": "dps_" + "x" * 43}
    reply = server.ask("POST", "/api/v1/sign-in", {"link": server.link("wei")}, chosen)
    assert reply.cookies != chosen and server.who(chosen) is None


def test_who_tries_too_often_waits_and_others_do_not(server: Inside):
    wrong = {"link": "dpl_" + "x" * 43}
    statuses = [server.ask("POST", "/api/v1/sign-in", wrong).status for _ in range(36)]
    assert statuses == [403] * 30 + [429] * 6
    refused = server.ask("POST", "/api/v1/sign-in", wrong)
    assert (refused.said["code"], refused.headers["retry-after"]) == ("too_many", "5")
    server.clock.move(5)
    assert server.ask("POST", "/api/v1/sign-in", {"link": server.link("wei")}).status == 200


def test_a_token_is_made_with_a_session_told_once_and_makes_no_other(server: Inside):
    wei = server.sign_in("wei")
    body = {"role": "member", "days": 2, "note": "orders"}
    made = server.ask("POST", "/api/v1/tokens", body, wei, Idempotency_Key="a")
    token = made.said["token"]
    assert (made.status, made.said["role"], token[:4]) == (201, "member", "dpt_")
    again = server.ask("POST", "/api/v1/tokens", body, wei, Idempotency_Key="a")
    assert again.said == {**made.said, "token": None}
    assert token.encode() not in (server.office.settings.folder / ".deputy" / "deputy.db").read_bytes()
    assert server.ask("GET", "/api/v1/me", Authorization=f"Bearer {token}").said["roles"] == ["member"]
    refused = server.ask("POST", "/api/v1/tokens", body, Authorization=f"Bearer {token}")
    assert (refused.status, refused.said["code"]) == (403, "in_person")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_another_site_sends_with_the_cookie_is_refused(server: Inside, method: str):
    wei = server.sign_in("wei")
    path = "/api/v1/me" if method == "GET" else "/api/v1/sign-out-everywhere"
    body = None if method == "GET" else {"others": True}
    for site in ("cross-site", "same-site"):
        refused = server.ask(method, path, body, wei, Sec_Fetch_Site=site)
        assert (refused.status, refused.said["code"]) == (403, "cross_site")
    if method == "POST":
        for wrong in ("http://evil.example", "null", server.address.replace("127.0.0.1", "localhost")):
            assert server.ask(method, path, body, wei, Origin=wrong).said["code"] == "cross_site"
        refused = server.ask(method, path, body, wei, X_Deputy="")
        assert (refused.status, refused.said["code"]) == (403, "no_header")
    assert server.ask(method, path, body, wei, Origin=server.address).status == 200
