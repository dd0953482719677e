"""What browsers are told with every answer, whoever gives it."""

import re
from collections.abc import Generator

import pytest
from tests.web.served import Server, clerk, serving
from tests.web.test_api import Api

HOOK = "  - webhook: {path: orders, secret: env:HOOK, signature: github, dedupe: header:X-GitHub-Delivery}\n"
EVERYWHERE = {
    "x-content-type-options": "nosniff", "x-frame-options": "DENY", "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin", "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}  # fmt: skip


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Generator[Api]:
    with serving(tmp_path_factory.mktemp("headers"), clerk(HOOK + "    task: t\n")) as server:
        yield Unsigned(server)


class Unsigned(Api):
    """A server, and no token."""

    def __init__(self, server: Server) -> None:
        self.server = server


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/hooks/orders", "/hooks/none", "/api/v1/me", "/api/none", "/none", "/sign-in", "/"]
)
def test_every_answer_forbids_browsers_what_it_does_not_need(api: Api, path: str):
    for method in ("GET", "POST", "OPTIONS"):
        answer, _ = api.raw(method, path, {"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"})
        assert EVERYWHERE.items() <= {name.lower(): value for name, value in answer.headers.items()}.items()
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'") and "frame-ancestors 'none'" in policy
        assert "base-uri 'none'" in policy and "form-action 'none'" in policy and "unsafe" not in policy
        assert "camera=()" in answer.headers["permissions-policy"]
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")], "no CORS"


def test_a_page_has_another_nonce_every_time_and_scripts_of_ours_alone(api: Api):
    seen = set[str]()
    for _ in range(3):
        answer, said = api.raw("GET", "/sign-in")
        policy = answer.headers["content-security-policy"]
        found = re.search(r"style-src 'self' 'nonce-([A-Za-z0-9_-]{43})';", policy)
        assert found is not None and "script-src 'self';" in policy
        assert b"__DEPUTY_NONCE__" not in said
        seen.add(found[1])
    assert len(seen) == 3
