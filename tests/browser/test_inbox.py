"""The inbox in a browser: full understanding in a moment, one decision that counts, and nothing hidden or fetched."""

import json
import re
from collections.abc import Generator

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.browser.driving import PHONE, Visit, deputy, link, until, violations, visiting
from tests.cli.offices import agent
from tests.web.served import Server, serving
from tests.web.test_api_inbox import GRANT, PEOPLE, REPLIES

HOSTILE = (
    '<script>window.taken = 1</script><img src="https://evil.example/a.png" onerror="window.taken = 2">'
    "![a](https://evil.example/b.png) [x](javascript:alert(1)) \u202egnp.exe\u2066 a\u200bb " + "x" * 300_000 + " END"
)
HOSTILE_REPLIES = f"""\
  - call: [{{tool: pay, args: {{amount: 7, note: {json.dumps(HOSTILE)}}}}}]
  - say: "Done."
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    files = agent("payer", tools=GRANT, replies=REPLIES)
    files |= agent("trickster", tools="{pay: {autonomy: ask, approvers: [person:lin]}}", replies=HOSTILE_REPLIES)
    files["people.toml"] = PEOPLE
    with serving(tmp_path_factory.mktemp("browser"), files) as server:
        yield server


def come(visit: Visit, server: Server, who: str) -> Page:
    """A person's window on their inbox."""
    visit.sign_in(link(server, who))
    return visit.open("/inbox")


def begin(server: Server, name: str = "payer") -> str:
    """A run that waits for an approval; its item."""
    run = deputy(server, "run", name, "Pay Acme.", "--as", "wei", "--detach")["id"]
    assert until(server, run, "waiting")["state"] == "waiting"
    return next(one["id"] for one in deputy(server, "inbox") if one["run"] == run)


def paid(server: Server) -> list[str]:
    """What the far side counted."""
    file = server.folder / "paid.txt"
    return file.read_text("utf-8").split() if file.exists() else []


def test_two_who_decide_at_once_see_who_was_first(server: Server, browser: Browser):
    item = begin(server)
    before = len(paid(server))
    with visiting(browser, server.address) as one, visiting(browser, server.address) as other:
        lin, sofia = come(one, server, "lin"), come(other, server, "sofia")
        for page in (lin, sofia):
            page.get_by_role("link", name=re.compile("payer")).first.click()
            expect(page.get_by_role("article")).to_contain_text("amount")
        expect(lin.get_by_role("article")).to_contain_text("From outside")
        assert violations(lin) == []
        one.shot("inbox-desktop")
        sofia.route("**/api/v1/events*", lambda route: route.abort())
        other.away = True
        for page in (lin, sofia):
            page.get_by_role("button", name="Approve", exact=True).click()
            page.get_by_role("dialog").wait_for()
        lin.get_by_role("dialog").get_by_role("button", name="Approve").click()
        expect(lin.get_by_role("article")).to_contain_text("Lin Hao approved it")
        if sofia.get_by_role("dialog").is_visible():
            sofia.get_by_role("dialog").get_by_role("button", name="Approve").click()
        expect(sofia.get_by_role("article")).to_contain_text("Lin Hao approved it")
    until(server, item.partition(".")[0], "done")
    assert paid(server)[before:] == ["5"]


def test_what_is_edited_is_what_happens_once(server: Server, browser: Browser):
    item = begin(server)
    before = len(paid(server))
    with visiting(browser, server.address) as visit:
        page = come(visit, server, "lin")
        visit.open(f"/inbox/{item}")
        page.get_by_role("heading", level=2).wait_for()
        page.keyboard.press("e")
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("textbox").first.fill("4")
        dialog.get_by_role("button", name="See what it becomes").click()
        expect(dialog.get_by_role("status")).to_contain_text("4")
        assert violations(page) == []
        dialog.get_by_role("button", name="Approve as edited").click()
        expect(page.get_by_role("article")).to_contain_text("approved it")
    until(server, item.partition(".")[0], "done")
    assert paid(server)[before:] == ["4"]


def test_a_reason_reaches_the_agent_and_a_question_its_answer(server: Server, browser: Browser):
    item = begin(server)
    with visiting(browser, server.address, viewport=PHONE, has_touch=True) as visit:
        page = come(visit, server, "lin")
        page.get_by_role("link", name=re.compile("payer")).first.click()
        page.get_by_role("textbox", name="What do you want to know?").fill("Why this account?")
        page.get_by_role("button", name="Ask", exact=True).click()
        expect(page.get_by_role("article")).to_contain_text("It is the account of the order.")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        visit.shot("inbox-phone")
        assert violations(page) == []
        page.get_by_role("button", name="Deny", exact=True).click()
        page.get_by_role("dialog").get_by_role("textbox").fill("Not this month.")
        page.get_by_role("dialog").get_by_role("button", name="Deny").click()
        expect(page.get_by_role("article")).to_contain_text("denied it")
    assert "Not this month." in until(server, item.partition(".")[0], "done")["answer"]


def test_whom_it_is_handed_to_finds_it_in_their_inbox(server: Server, browser: Browser):
    item = begin(server)
    with visiting(browser, server.address) as visit:
        page = come(visit, server, "lin")
        visit.open(f"/inbox/{item}")
        page.get_by_label("Hand to").click()
        page.locator(".ant-select-item-option", has_text="Kim").click()
        page.get_by_role("button", name="Hand over").click()
        expect(page.get_by_role("article")).to_contain_text("handed it to Kim")
    with visiting(browser, server.address, locale="zh-CN", color_scheme="dark") as visit:
        page = come(visit, server, "kim")
        expect(page.get_by_text("转交").first).to_be_visible()
        page.get_by_role("link", name=re.compile("payer")).first.click()
        page.get_by_role("button", name="批准", exact=True).wait_for()
        visit.shot("inbox-dark-zh")
        assert violations(page) == []
        page.keyboard.press("a")
        page.get_by_role("dialog").get_by_role("button", name="批准").click()
        expect(page.get_by_role("article")).to_contain_text("Kim 已批准")


def test_what_a_stranger_wrote_neither_runs_nor_fetches_nor_hides_anything(server: Server, browser: Browser):
    item = begin(server, "trickster")
    with visiting(browser, server.address) as visit:
        page = come(visit, server, "lin")
        visit.open(f"/inbox/{item}")
        article = page.get_by_role("article")
        expect(article).to_contain_text("⟨U+202E⟩")
        expect(article).to_contain_text("⟨U+200B⟩")
        expect(article).to_contain_text("<script>")
        expect(article.locator("img, script, iframe")).to_have_count(0)
        expect(article.get_by_role("button", name="Approve", exact=True)).to_be_in_viewport()
        assert page.evaluate("window.taken") is None
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
        page.get_by_role("button", name="Deny", exact=True).click()
        page.get_by_role("dialog").get_by_role("textbox").fill("A trick.")
        page.get_by_role("dialog").get_by_role("button", name="Deny").click()
        expect(article).to_contain_text("denied it")
