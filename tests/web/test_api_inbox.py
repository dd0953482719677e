"""The inbox over the API: what its reader is shown, and everything they can do before and instead of deciding."""

import itertools
import time
from collections.abc import Callable, Generator
from typing import Any

import pytest
from tests.cli.offices import agent
from tests.web.served import Answer, serving
from tests.web.test_api import FILES, Api

PEOPLE = """
[people.wei]
name = "Wei"
roles = ["owner"]
[people.lin]
name = "Lin Hao"
roles = ["approver"]
[people.sofia]
name = "Sofia"
roles = ["approver"]
[people.kim]
name = "Kim"
groups = ["desk"]
[people.noor]
name = "Noor"
groups = ["desk"]
limits = {approve = 3}
[groups.desk]
name = "Desk"
"""
REPLIES = """\
  - call: [{tool: look, args: {name: "Acme"}}]
  - call: [{tool: pay, args: {amount: 5, note: "a page by Acme"}}]
  - say: "{{ 'Refused: ' ~ results[-1].error if 'error' in results[-1] else 'Paid.' }}"
asked:
  - if: "{{ 'account' in asked }}"
    say: "It is the account of the order."
  - say: "I do not know."
"""
GRANT = (
    "{look: act, pay: {autonomy: ask, approvers: [person:lin, person:sofia], delegates: [group:desk], "
    "limit: {amount: 50}, bulk: true}}"
)
CODE = 'return await desk.call("pay", amount=7)'
_keys = itertools.count()


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Generator[Api]:
    files = FILES | agent("payer", tools=GRANT, replies=REPLIES)
    files |= agent("coder", tools="{pay: {autonomy: ask, approvers: [person:lin, person:wei]}}", procedure=CODE)
    files["people.toml"] += PEOPLE.partition("[people.sofia]")[2].join(["[people.sofia]", ""])
    with serving(tmp_path_factory.mktemp("inbox"), files) as server:
        made = Api(server)
        for name, role in (("lin", "approver"), ("sofia", "approver"), ("kim", "member"), ("noor", "member")):
            made.tokens[name] = made.token(name, role)
        yield made


def send(api: Api, path: str, who: str, body: Any) -> Answer:
    return api.ask("POST", path, who, body, Idempotency_Key=f"inbox {next(_keys)}")


def item_of(api: Api, name: str = "payer", who: str = "lin") -> str:
    """What waits for somebody of a new run."""
    run = send(api, "/runs", "member", {"agent": name, "task": "Pay Acme."}).said["id"]
    return until(api, who, lambda line: line["run"] == run)["id"]


def until(api: Api, who: str, fits: Callable[[Any], bool]) -> Any:
    """The first item that waits for somebody and fits, once there is one."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        for line in api.ask("GET", "/inbox/page?limit=200", who).said["items"]:
            if fits(line):
                return line
    raise AssertionError(api.ask("GET", "/inbox/page", who).said)


def detail(api: Api, item: str, who: str = "lin") -> Any:
    return api.ask("GET", f"/inbox/{item}", who).said


def once(api: Api, item: str, fits: Callable[[Any], object], who: str = "lin") -> Any:
    end = time.monotonic() + 30
    while not fits(found := detail(api, item, who)):
        assert time.monotonic() < end, found
    return found


def ended(api: Api, item: str) -> Any:
    run = item.partition(".")[0]
    end = time.monotonic() + 30
    while (found := api.ask("GET", f"/runs/{run}", "owner").said)["state"] not in ("done", "failed", "cancelled"):
        assert time.monotonic() < end, found
    return found


def test_an_item_shows_where_its_arguments_came_from_who_may_decide_and_what_follows(api: Api):
    item = item_of(api)
    shown = detail(api, item)
    note, amount = shown["arguments"][1], shown["arguments"][0]
    assert (note["name"], note["trust"], note["sources"][0]["name"]) == ("note", "outside", "look")
    assert (amount["name"], amount["authority"], amount["trust"]) == ("amount", True, "outside"), "a model chose it"
    assert shown["stake"] == {"amount": "5", "currency": None}
    assert [one["id"] for one in shown["people"]] == ["lin", "sofia"]
    assert [one["id"] for one in shown["delegates"]] == ["kim", "lin", "sofia"], "noor may not approve so much"
    assert (shown["on_deny"], shown["may_ask_agent"], shown["bulk"], shown["class"]) == (
        "told", True, True, "irreversible",
    )  # fmt: skip
    assert [one["tool"] for one in shown["timeline"] if one["kind"] == "tool"] == ["look", "pay"]
    assert api.ask("GET", f"/inbox/{item}", "kim").status == 404
    assert send(api, f"/inbox/{item}/deny", "lin", {"reason": "Not today."}).status == 200
    assert "Not today." in ended(api, item)["answer"]
    gone = api.ask("GET", f"/inbox/{item}", "sofia")
    assert (gone.status, gone.said["decided"]["name"], gone.said["decided"]["what"]) == (409, "Lin", "denied")
    another = item_of(api)
    (case, *_) = api.ask("GET", f"/inbox/{another}/similar", "sofia").said
    assert (case["item"], case["decision"], case["reason"], case["by"]["id"]) == (item, "denied", "Not today.", "lin")
    send(api, f"/inbox/{another}/deny", "lin", {"reason": "no"})


def test_a_question_back_is_answered_by_the_agent_and_by_people_and_the_item_stays_open(api: Api):
    item = item_of(api)
    assert send(api, f"/inbox/{item}/ask", "kim", {"text": "Why?"}).status == 403
    assert send(api, f"/inbox/{item}/ask", "lin", {"text": " "}).status == 422
    assert send(api, f"/inbox/{item}/ask", "lin", {"text": "Whose account is it?"}).status == 200
    (aside,) = once(api, item, lambda found: found["asides"] and found["asides"][0]["answered"])["asides"]
    assert (aside["to"], aside["answer"], aside["untrusted"]) == (None, "It is the account of the order.", "look")
    assert send(api, f"/inbox/{item}/ask", "lin", {"text": "Do you know them?", "to": "kim"}).status == 200
    put = until(api, "kim", lambda line: line["about"] == item)
    shown = detail(api, put["id"], "kim")
    assert (shown["question"], shown["rule"], shown["args"]["amount"]) == ("Do you know them?", "ask-back", 5)
    assert send(api, f"/inbox/{put['id']}/answer", "kim", {"text": "For years."}).status == 200
    found = once(api, item, lambda found: found["asides"][-1]["answered"])
    assert (found["asides"][1]["answer"], found["asides"][1]["to"]["id"]) == ("For years.", "kim")
    assert send(api, f"/inbox/{item}/ask", "sofia", {"text": "Sure?", "to": "kim"}).status == 200
    late = until(api, "kim", lambda line: line["about"] == item)["id"]
    assert send(api, f"/inbox/{item}/approve", "sofia", {"digest": shown["digest"] or ""}).status == 200
    assert ended(api, item)["answer"] == "Paid."
    assert send(api, f"/inbox/{late}/answer", "kim", {"text": "Yes."}).status == 404, "it went with the item"
    kinds = [event["type"] for event in ended(api, item)["events"]]
    assert kinds.count("Explained") == 1
    assert api.server.deputy("audit", "verify")["ok"]


def test_a_procedure_answers_nothing_and_says_whom_to_ask(api: Api):
    item = item_of(api, "coder")
    refused = send(api, f"/inbox/{item}/ask", "lin", {"text": "Why?"})
    assert (refused.status, "wei owns it" in refused.said["remedy"]) == (422, True)
    assert send(api, f"/inbox/{item}/delegate", "lin", {"to": "sofia"}).status == 403, "its mandate names her nowhere"
    assert send(api, f"/inbox/{item}/deny", "lin", {"reason": "no"}).status == 200


def test_a_delegate_decides_what_was_handed_to_them_and_nothing_else(api: Api):
    item, other = item_of(api), item_of(api)
    for whom, why in (("noor", "not so much"), ("member", "their own request"), ("builder", "not in the mandate")):
        assert send(api, f"/inbox/{item}/delegate", "lin", {"to": whom}).status == 403, why
    assert send(api, f"/inbox/{item}/approve", "kim", {}).status == 403
    assert send(api, f"/inbox/{item}/delegate", "lin", {"to": "kim", "reason": "I am away."}).status == 200
    line = until(api, "kim", lambda line: line["id"] == item)
    assert line["handed_by"] == "lin"
    assert detail(api, item, "kim")["handed"][0]["reason"] == "I am away."
    assert send(api, f"/inbox/{other}/approve", "kim", {}).status == 403
    assert send(api, f"/inbox/{item}/approve", "kim", {"digest": line["digest"]}).status == 200
    assert ended(api, item)["answer"] == "Paid."
    send(api, f"/inbox/{other}/deny", "lin", {"reason": "no"})


def test_an_edit_is_tried_before_it_is_given_and_what_was_shown_is_what_is_approved(api: Api):
    item = item_of(api)
    shown = detail(api, item)
    tried = send(api, f"/inbox/{item}/preview", "lin", {"edit": {"amount": 4, "note": None}})
    assert (tried.status, tried.said["args"]) == (200, {"amount": 4})
    assert tried.said["digest"] != shown["digest"]
    same = send(api, f"/inbox/{item}/preview", "lin", {"edit": {}})
    assert same.said["digest"] == shown["digest"]
    assert send(api, f"/inbox/{item}/preview", "lin", {"edit": {"amount": "x"}}).status == 422
    assert send(api, f"/inbox/{item}/preview", "lin", {"edit": {"amount": 99}}).status == 403
    assert send(api, f"/inbox/{item}/approve", "lin", {"digest": "f" * 64}).status == 409
    body = {"digest": shown["digest"], "edit": {"amount": 4}}
    assert send(api, f"/inbox/{item}/approve", "lin", body).status == 200
    raced = send(api, f"/inbox/{item}/approve", "sofia", body)
    assert (raced.status, raced.said["decided"]["by"]) == (409, "lin")
    assert "approved it" in raced.said["detail"]
    ended(api, item)
    effects = api.server.deputy("show", item.partition(".")[0])["effects"]
    assert [one["args"]["amount"] for one in effects if one["tool"] == "pay"] == [4]


def test_many_are_decided_at_once_only_where_the_mandate_says_so(api: Api):
    items = [item_of(api) for _ in range(3)]
    lone = item_of(api, "coder")
    choices = [{"id": item, "digest": detail(api, item)["digest"]} for item in items]
    more = [*choices, {"id": lone, "digest": detail(api, lone)["digest"]}]
    refused = send(api, "/inbox/bulk", "lin", {"items": more, "decision": "approve"})
    assert (refused.status, lone in refused.said["detail"]) == (403, True)
    assert {line["id"] for line in api.ask("GET", "/inbox/page", "lin").said["items"]} >= {*items, lone}, (
        "nothing was done"
    )
    send(api, f"/inbox/{items[0]}/deny", "sofia", {"reason": "mine"})
    told = send(api, "/inbox/bulk", "lin", {"items": choices, "decision": "approve"}).said
    assert [(one["id"], one["ok"]) for one in told] == list(zip(items, (False, True, True), strict=True))
    assert "sofia denied it" in told[0]["detail"]
    assert [ended(api, item)["answer"] for item in items[1:]] == ["Paid.", "Paid."]
    send(api, f"/inbox/{lone}/deny", "lin", {"reason": "no"})


def test_pages_follow_each_other_and_filters_narrow(api: Api):
    items = {item_of(api) for _ in range(5)}
    seen, cursor = list[str](), ""
    while True:
        page = api.ask("GET", f"/inbox/page?limit=2&agent=payer&cursor={cursor}", "lin").said
        seen += [line["id"] for line in page["items"]]
        if page["next"] is None:
            break
        cursor = "".join(f"%{byte:02X}" for byte in page["next"].encode())
    assert len(seen) == len(set(seen)) == 5, seen
    assert set(seen) == items
    assert page["counts"]["agents"] == {"payer": 5}
    assert api.ask("GET", "/inbox/page?kind=question", "lin").said["items"] == []
    assert len(api.ask("GET", "/inbox/page?text=page+by+acme", "lin").said["items"]) == 5
    for wrong in ("kind=sorrow", "limit=0", "cursor=x", "limit=many"):
        assert api.ask("GET", f"/inbox/page?{wrong}", "lin").status in (400, 422)
