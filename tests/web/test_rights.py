"""What the door checks, `app` checks as well: behind it, whoever calls for a role that may not is refused."""

import functools
import re
from collections.abc import Generator
from typing import Any

import msgspec
import pytest
from tests.web.inside import Inside, inside
from tests.web.test_api import FILES

from deputy.app.access import Caller, new_pass
from deputy.app.commands import Asking
from deputy.app.rights import RIGHTS
from deputy.base.errors import Forbidden
from deputy.domain.principal import ROLES
from deputy.web.api.routes import ENDPOINTS
from deputy.web.api.table import Asked, Endpoint, Stream

GUARDED = [one for one in ENDPOINTS if set(ROLES) - RIGHTS[one.action]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Inside]:
    with inside(tmp_path_factory.mktemp("rights"), FILES) as made:
        yield made


def asked(server: Inside, one: Endpoint, role: str) -> Asked:
    """What the door hands on, for somebody with this role."""
    person = server.office.settings.directory.people[role]
    now = server.office.clock.now()
    granted = new_pass("session", now, now - now, role).granted
    example: Any = {} if one.example is None else one.example
    if "agent" in example:
        example = {**example, "agent": "clerk"}
    body = msgspec.convert(example, one.body) if one.body is not None else b"a file" if one.takes else None
    query = None if one.query is None else one.query(**({"name": "a.txt"} if one.takes else {}))
    path = {name: "clerk" if name == "agent" else "none" for name in re.findall(r"\{(\w+)\}", one.path)}
    asking = Asking("a key", "session", now, False) if one.method != "GET" else None
    return Asked(server.office, Caller(person, granted), path, query, body, asking=asking)


@pytest.mark.parametrize("one", GUARDED, ids=[f"{one.method} {one.path}" for one in GUARDED])
def test_app_refuses_the_roles_that_may_not_whoever_calls_it(server: Inside, one: Endpoint):
    async def call(role: str) -> Any:
        found = await one.call(asked(server, one, role))
        if isinstance(found, Stream):
            await found.parts.aclose()
        return found

    for role in sorted(set(ROLES) - RIGHTS[one.action]):
        with pytest.raises(Forbidden) as refused:
            server.do(functools.partial(call, role))
        assert refused.value.remedy.startswith("Roles that may: "), refused.value.message
