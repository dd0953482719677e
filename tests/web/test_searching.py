"""Search over the API: what one may see is found by a few words, and nothing else."""

from collections.abc import Generator

import pytest
from tests.web.served import serving
from tests.web.test_api import FILES, Api


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Generator[Api]:
    with serving(tmp_path_factory.mktemp("search"), FILES) as server:
        made = Api(server)
        server.deputy("run", "payer", "Pay the rent of July", "--as", "member", "--detach")
        server.deputy("run", "payer", "Pay the rent of August", "--as", "builder", "--detach")
        server.runs(2, "waiting")
        yield made


def found(api: Api, who: str, words: str) -> list[tuple[str, str]]:
    said = api.ask("GET", f"/search?q={words}", who)
    assert said.status == 200
    return [(hit["kind"], hit["title"]) for hit in said.said]


def test_words_find_agents_people_triggers_items_and_runs(api: Api):
    assert found(api, "owner", "pay") == [
        ("agent", "payer"), ("run", "Pay the rent of August"), ("run", "Pay the rent of July"),
    ]  # fmt: skip
    assert found(api, "owner", "LIN") == [("person", "Lin")]
    assert found(api, "owner", "rare") == [("trigger", "clerk/rare")]
    assert found(api, "owner", "") == found(api, "owner", "nothing-has-this") == []
    lin = api.token("lin", "approver")
    assert [kind for kind, _ in found(api, lin, "payer%20pay")] == ["agent", "item", "item"]
    assert [kind for kind, _ in found(api, lin, "call%20PAY")] == ["item", "item"]


def test_nobody_finds_what_they_may_not_see(api: Api):
    assert found(api, "member", "rent") == [("run", "Pay the rent of July")]
    assert found(api, "approver", "rent") == []
    assert found(api, "auditor", "rent") == [("run", "Pay the rent of August"), ("run", "Pay the rent of July")]
    assert not any(kind == "item" for kind, _ in found(api, "owner", "pay"))  # they wait for another


def test_a_search_is_bounded_whatever_is_looked_for(api: Api):
    assert found(api, "owner", "%25_%27%22%5C" * 500) == []
