"""Building agents in the browser: written, found fault with, tried in shadow, deployed, widened, taken back, frozen."""

import json
import re
import subprocess
from collections.abc import Generator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from tests.browser.driving import PHONE, Visit, violations, visiting
from tests.cli.offices import ENTRY, PAYER
from tests.web.served import Server, serving
from tests.web.test_api import PEOPLE
from tests.web.test_api_agents import READER, WATCHER

EVIL = '<img src=x onerror="document.title=1"> [x](javascript:1) ![i](https://evil.example/i.png) \u202egnp.exe\u200b'


def deputy(server: Server, *words: str) -> Any:
    """What a command prints, in a process of its own: here, the browser has the event loop."""
    command = [*ENTRY, *words, "--json", "--workspace", str(server.folder)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout or "null")


def enter(visit: Visit, server: Server, person: str, path: str) -> Page:
    visit.sign_in(deputy(server, "sign-in", "--as", person)["sign_in"])
    return visit.open(path)


def written(page: Page) -> Locator:
    return page.get_by_role("textbox", name=re.compile(r"(Text of|的内容)"))


def write(page: Page, text: str) -> None:
    """Put this into the editor, as somebody who pastes it."""
    written(page).click()
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")
    page.keyboard.insert_text(text)


def front(name: str, tools: str, text: str = "Do it.") -> str:
    return f"---\nname: {name}\nowner: wei\nmodel: rehearsal\ntools: {tools}\n---\n\n{text}\n"


def deploy(page: Page) -> None:
    page.get_by_role("button", name="Deploy", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name=re.compile("^Deploy")).click()
    expect(dialog).to_be_hidden()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    files = {**WATCHER, **PAYER, **READER, "people.toml": PEOPLE}
    with serving(tmp_path_factory.mktemp("building"), files) as server:
        yield server


def test_a_builder_writes_tries_and_deploys_an_agent_without_leaving_the_page(server: Server, browser: Browser):
    with visiting(browser, server.address) as visit:
        page = enter(visit, server, "builder", "/agents/_new")
        page.get_by_label("Name").fill("payer")
        page.get_by_role("button", name="Write it").click()
        expect(page.get_by_text("There is an agent of this name.")).to_be_visible()
        page.get_by_label("Name").fill("helper")
        page.get_by_role("radio", name=re.compile("Blank")).check()
        assert violations(page) == []
        visit.shot("agents-new")
        page.get_by_role("button", name="Write it").click()
        write(page, front("helper", "{pay: maybe}"))
        finding = page.get_by_role("list", name="Findings").get_by_role("button")
        expect(finding).to_contain_text("must be `act`, `ask` or `shadow`, not 'maybe'")
        expect(page.locator(".cm-lintRange-error")).to_have_text("pay: maybe")
        expect(page.get_by_role("button", name="Deploy", exact=True)).to_be_disabled()
        assert violations(page) == []
        visit.shot("agents-finding")
        write(page, front("helper", "{pay: act}"))
        page.get_by_text("rehearsal.yaml").click()
        write(page, 'replies:\n  - call: [{tool: pay, args: {amount: 3}}]\n  - say: "It would be paid."\n')
        expect(page.get_by_text("Nothing is wrong.")).to_be_visible()
        page.get_by_role("complementary").get_by_text("Try", exact=True).click()
        page.get_by_label("A task to try").fill("Pay three")
        page.get_by_role("button", name="Try in shadow").click()
        result = page.get_by_role("region", name="What came of the trial")
        expect(result.get_by_role("list", name="Its steps")).to_contain_text("Would do")
        expect(result).to_contain_text("It would be paid.")
        expect(result).to_contain_text("1 effect was proposed, and did not happen.")
        assert not (server.folder / "paid.txt").exists(), "nothing outside happened"
        assert not (server.folder / "agents" / "helper").exists(), "nothing is written before it is deployed"
        visit.shot("agents-try")
        deploy(page)
        expect(page).to_have_url(re.compile("/agents/helper$"))
        expect(page.get_by_text("acts by itself")).to_be_visible()
        assert (server.folder / "agents" / "helper" / "rehearsal.yaml").is_file()
        assert deputy(server, "run", "helper", "Pay", "--as", "member")["state"] == "done"
        assert (server.folder / "paid.txt").read_text() == "3\n"
        expect(page.get_by_text("Counted over 1 run.")).to_be_visible()
        expect(page.get_by_text("1 more only tried.")).to_be_visible()


def test_what_widens_is_said_before_it_is_in_force_and_can_be_taken_back(server: Server, browser: Browser):
    with visiting(browser, server.address) as visit:
        page = enter(visit, server, "builder", "/agents/payer/edit")
        write(page, front("payer", "{pay: act}"))
        expect(page.get_by_role("status").filter(has_text="Widens")).to_be_visible()
        page.get_by_role("button", name="Deploy", exact=True).click()
        dialog = page.get_by_role("dialog")
        changes = dialog.get_by_role("list", name="Changes")
        expect(changes).to_contain_text("pay: Acts; before: Asks")
        expect(changes).to_contain_text("amount of pay at most: no limit; before: 100")
        sure = dialog.get_by_role("button", name="Deploy and widen")
        expect(sure).to_be_disabled()
        assert violations(page) == []
        visit.shot("agents-widens")
        dialog.get_by_role("checkbox").check()
        sure.click()
        expect(dialog).to_be_hidden()
        page.get_by_role("tab", name="Versions").click()
        versions = page.get_by_role("list", name="Versions").get_by_role("listitem")
        newest = versions.filter(has=page.get_by_text("In force", exact=True))
        expect(newest).to_contain_text("Widens")
        expect(newest).to_contain_text("builder")
        visit.shot("agents-versions")
        page.get_by_role("button", name="Roll back").first.click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("list", name="Changes")).to_contain_text("pay: Asks; before: Acts")
        dialog.get_by_role("button", name="Roll back").click()
        expect(dialog).to_be_hidden()
        expect(newest).to_contain_text("Narrows")
        assert "approvers: [person:lin]" in (server.folder / "agents" / "payer" / "AGENT.md").read_text()


def test_two_who_edit_at_once_are_told_and_lose_nothing(server: Server, browser: Browser):
    with visiting(browser, server.address) as one, visiting(browser, server.address) as other:
        mine = enter(one, server, "builder", "/agents/reader/edit")
        write(mine, front("reader", "{look: act, pay: ask}", "Mine."))
        expect(mine.get_by_role("button", name="Deploy", exact=True)).to_be_enabled()
        theirs = enter(other, server, "admin", "/agents/reader/edit")
        write(theirs, front("reader", "{look: act, pay: ask}", "Theirs."))
        deploy(theirs)
        alert = mine.get_by_role("alert").filter(has_text="Somebody changed these files meanwhile.")
        expect(alert).to_be_visible(timeout=15_000)
        expect(mine.get_by_role("button", name="Deploy", exact=True)).to_be_disabled()
        alert.get_by_role("button", name="Show theirs").click()
        expect(alert.locator(".added").filter(has_text="Theirs.")).to_be_visible()
        mine.mouse.move(0, 0)
        assert violations(mine) == []
        one.shot("agents-conflict")
        expect(written(mine)).to_contain_text("Mine.")
        alert.get_by_role("button", name="Keep mine over theirs").click()
        deploy(mine)
        assert "Mine." in (server.folder / "agents" / "reader" / "AGENT.md").read_text()


def test_a_frozen_agent_begins_nothing_and_everybody_sees_it(server: Server, browser: Browser):
    with visiting(browser, server.address) as visit:
        page = enter(visit, server, "owner", "/agents/clerk")
        expect(page.get_by_text("every 9d")).to_be_visible()
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_text("Paused")).to_be_visible()
        page.get_by_role("button", name="Freeze").click()
        visit.shot("agents-freeze")
        page.get_by_role("dialog").get_by_role("button", name="Freeze").click()
        expect(page.get_by_text("Frozen", exact=True).first).to_be_visible()
        page.get_by_role("button", name="Fire now").click()
        run = deputy(server, "run", "clerk", "Look", "--as", "member")
        assert (run["state"], run["effects"]) == ("waiting", []), "its next effect does not begin"
        page.get_by_role("button", name="Thaw").click()
        page.get_by_role("dialog").get_by_role("button", name="Thaw").click()
        expect(page.get_by_role("button", name="Freeze")).to_be_visible()
        page.get_by_role("button", name="Resume").click()
        expect(page.get_by_text("Paused")).to_be_hidden()


def test_an_auditor_sees_and_cannot_touch(server: Server, browser: Browser):
    with visiting(browser, server.address) as visit:
        page = enter(visit, server, "auditor", "/agents/clerk")
        expect(page.get_by_text("every 9d")).to_be_visible()
        page.get_by_role("tab", name="Files").click()
        expect(written(page)).to_have_attribute("aria-readonly", "true")
        for name in ("Freeze", "Deploy", "Fire now", "Pause"):
            expect(page.get_by_role("button", name=name)).to_have_count(0)


def test_what_agents_say_of_themselves_is_text_and_nothing_hides_in_it(server: Server, browser: Browser):
    folder = server.folder / "agents" / "evil"
    folder.mkdir()
    (folder / "rehearsal.yaml").write_text('replies:\n  - say: "ok"\n')
    said = json.dumps(EVIL.replace("\u202e", "").replace("\u200b", ""))
    text = front("evil", "{pay: ask}", EVIL + "x" * 500_000).replace("owner:", f"description: {said}\nowner:")
    (folder / "AGENT.md").write_text(text)
    with visiting(browser, server.address, viewport=PHONE, color_scheme="dark", locale="zh-CN") as visit:
        page = enter(visit, server, "builder", "/agents/evil")
        expect(page.get_by_text("<img src=x").first).to_be_visible()
        expect(page.get_by_text("⟨U+202E⟩").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert violations(page) == []
        visit.shot("agents-phone-dark-zh")
        page.get_by_role("tab", name="编辑").click()
        expect(page.locator(".cm-specialChar").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        visit.shot("agents-edit-phone-dark-zh")
        assert page.title() != "1"


def test_mandates_are_found_and_policy_answers_what_if(server: Server, browser: Browser):
    with visiting(browser, server.address) as visit:
        page = enter(visit, server, "owner", "/mandates")
        page.get_by_label("Agent, tool or person").fill("payer lin")
        expect(page.get_by_role("row")).to_have_count(2)
        expect(page.get_by_role("row").nth(1)).to_contain_text("asks person:lin first, never with more than amount 100")
        assert violations(page) == []
        visit.shot("mandates")
        page.get_by_role("tab", name="What if").click()
        page.get_by_role("combobox", name="Agent").fill("payer")
        page.locator(".ant-select-item-option").filter(has_text="payer").wait_for()
        page.keyboard.press("Enter")
        page.get_by_role("combobox", name="Tool").fill("pay")
        page.get_by_label("Arguments").fill('{"amount": 500}')
        page.get_by_role("button", name="What would policy answer?").click()
        expect(page.get_by_text("payer would be refused.")).to_be_visible()
        visit.shot("mandates-whatif")
        page.get_by_label("Arguments").fill("")
        page.get_by_role("button", name="What would policy answer?").click()
        expect(page.get_by_text("payer would wait for an approval, acting for owner.")).to_be_visible()
        page.get_by_role("tab", name="Secrets").click()
        page.get_by_role("button", name="Set a secret").click()
        page.get_by_label("Name").fill("ERP_KEY")
        page.get_by_label("Value").fill("correct horse battery")
        page.get_by_role("button", name="Keep").click()
        expect(page.get_by_role("row").filter(has_text="ERP_KEY")).to_contain_text("nothing refers to it")
        assert "correct horse" not in page.content()
        assert violations(page) == []
        visit.shot("secrets")
    with visiting(browser, server.address, viewport=PHONE) as visit:
        page = enter(visit, server, "member", "/mandates")
        expect(page.get_by_role("row").filter(has_text="payer")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
