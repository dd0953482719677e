"""Every route of the document, asked by nobody, by each role in a browser, and by another site's page in their name."""

import re
from collections.abc import Generator, Mapping
from typing import Any

import pytest
from tests.web.inside import Inside, Reply, inside
from tests.web.test_api import FILES

from deputy.domain.principal import ROLES
from deputy.web.api.document import document
from deputy.web.api.routes import ENDPOINTS

DOCUMENT = document(ENDPOINTS)
ROUTES = [
    (method.upper(), path, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]
WRITES = [route for route in ROUTES if route[0] != "GET"]
NAMES = [f"{method} {path}" for method, path, _ in ROUTES]


class World:
    """A server, and a session for each role."""

    def __init__(self, server: Inside) -> None:
        self.server = server
        self.sessions = {role: server.sign_in(role) for role in ROLES}

    def ask(self, route: tuple[str, str, Any], cookies: Mapping[str, str] | None, **headers: str) -> Reply:
        """Ask for something that is not there, as the document says."""
        method, path, operation = route
        path = "/api/v1" + re.sub(r"\{\w+\}", "none", path) + ("?after=-1" if path.endswith("events") else "")
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
        if body:
            body = {name: "none" if name in ("agent", "person", "model") else value for name, value in body.items()}
        return self.server.ask(method, path, body, cookies, **headers)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Generator[World]:
    with inside(tmp_path_factory.mktemp("guard"), FILES) as server:
        yield World(server)


@pytest.mark.parametrize("route", ROUTES, ids=NAMES)
def test_a_route_asks_who_it_is_and_is_for_the_roles_that_the_document_names(world: World, route: tuple[str, str, Any]):
    for nobody in ({}, {"Authorization": "Bearer dpt_" + "x" * 43}, {"Authorization": "Basic d2VpOnB3"}):
        refused = world.ask(route, None, **nobody)
        assert (refused.status, refused.said["code"]) == (401, "not_signed_in")
        assert refused.headers["www-authenticate"] == "Bearer"
    for role, cookies in world.sessions.items():
        if route[1] in ("/sign-out-everywhere", "/audit/export"):
            break  # tried elsewhere: it would end this test's own sessions; it is large
        answer = world.ask(route, cookies)
        if role in route[2]["x-roles"]:
            assert answer.status not in (401, 403), (role, answer.said)
        else:
            assert (answer.status, answer.said["code"]) == (403, "forbidden"), role


@pytest.mark.parametrize("route", WRITES, ids=[f"{method} {path}" for method, path, _ in WRITES])
def test_a_write_with_a_cookie_comes_from_our_page_alone(world: World, route: tuple[str, str, Any]):
    owner = world.sessions["owner"]
    for headers, code in (
        ({"X_Deputy": ""}, "no_header"), ({"Origin": "http://evil.example"}, "cross_site"),
        ({"Origin": "null"}, "cross_site"), ({"Sec_Fetch_Site": "same-site"}, "cross_site"),
        ({"Sec_Fetch_Site": "cross-site"}, "cross_site"),
    ):  # fmt: skip
        refused = world.ask(route, owner, **headers)
        assert (refused.status, refused.said["code"]) == (403, code)


@pytest.mark.parametrize("path", ["/metrics", "/api/v1/openapi.json", "/api/v1/none", "/api/none", "/api/v1/sign-out"])
def test_what_the_document_does_not_have_asks_who_it_is_too(world: World, path: str):
    method = "POST" if path.endswith("sign-out") else "GET"
    assert world.server.ask(method, path).status == 401


def test_no_other_origin_is_told_that_it_may_ask(world: World):
    for method, path, _ in ROUTES:
        headers = {"Origin": "http://evil.example", "Access_Control_Request_Method": method}
        answer = world.server.ask("OPTIONS", "/api/v1" + re.sub(r"\{\w+\}", "none", path), **headers)
        assert answer.status >= 400
        assert not [name for name in answer.headers if name.startswith("access-control-")]
