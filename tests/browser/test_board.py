"""The pages of whoever runs the workspace: figures as the commands tell them, the switch, the record, who may what."""

import json
import re
import sqlite3
import subprocess
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from tests.browser.driving import PHONE, Visit, violations, visiting
from tests.cli.offices import ENTRY, agent
from tests.web.served import Server, serving

HOSTILE = "<img src=x onerror=alert(1)> ![x](https://evil.example/x.png) \u202egnp.exe <script>alert(2)</script>"
PEOPLE = """\
[people.wei]
name = "Wei Chen"
roles = ["owner"]
groups = ["finance"]
manager = "lin"
[people.lin]
name = "Lin Hao"
roles = ["approver"]
groups = ["finance"]
limits = {approve = 500}
[people.ada]
name = "Ada"
roles = ["auditor"]
[people.kim]
name = "Kim"
[groups.finance]
name = "Finance leads"
"""
PAYER = agent(
    "payer", tools="{look: act, pay: {autonomy: ask, approvers: [person:lin], limit: {amount: 100}}}",
    replies='  - call: [{tool: pay, args: {amount: 5, note: "{{ task }}"}}]\n  - say: "Paid for {{ task }}."',
    budget="{run: 1, day: 20}",
)  # fmt: skip
GREETER = agent("greeter", replies='  - say: "Good day, {{ task }}."')
SILENT = agent("silent", replies='  - if: "{{ false }}"\n    say: "never"')
MODELS = '[models.cloud]\nprovider = "openai"\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "qwen3.7-plus"\n'
TOML = f'[workspace]\nname = "tiny"\ncurrency = "EUR"\n{MODELS}price = {{input = 1, output = 2}}\n'
FILES = PAYER | GREETER | SILENT | {"people.toml": PEOPLE, "deputy.toml": TOML}


def deputy(server: Server, *words: str) -> Any:
    """What a command prints for programs, given in a process of its own: the browser's driver has this one's loop."""
    command = [*ENTRY, *words, "--json", "--workspace", str(server.folder)]
    said = subprocess.run(command, capture_output=True, text=True, check=False, cwd=server.folder).stdout
    return json.loads(said) if said else None


def until(server: Server, count: int, state: str) -> None:
    """Wait until so many runs are in this state."""
    end = time.monotonic() + 30
    while sum(run["state"] == state for run in deputy(server, "ps", "--all")) < count and time.monotonic() < end:
        time.sleep(0.2)


def link(server: Server, who: str) -> str:
    """A link that signs somebody in."""
    return deputy(server, "sign-in", "--as", who)["sign_in"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    with serving(tmp_path_factory.mktemp("board"), FILES) as made:
        greeter = made.folder / "agents/greeter/AGENT.md"
        greeter.write_text(greeter.read_text().replace("model: rehearsal\n", "model: rehearsal\nsaves_minutes: 3\n"))
        for task in ("rent", "paper", HOSTILE):
            deputy(made, "run", "payer", task, "--as", "kim", "--detach")
        for task in ("Ada", "Bo"):
            deputy(made, "run", "greeter", task, "--detach")
        deputy(made, "run", "silent", "say nothing", "--detach")
        until(made, 3, "waiting")
        until(made, 2, "done")
        until(made, 1, "failed")
        oldest = deputy(made, "inbox")[0]
        deputy(made, "approve", oldest["id"], "--as", "lin")
        until(made, 3, "done")
        yield made


def shots(visit: Visit, name: str) -> None:
    """Pictures on a desktop in the light, and on a phone in the dark, in both languages."""
    page = visit.page
    visit.shot(f"{name}-desktop")
    page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    page.emulate_media(color_scheme="dark")
    page.evaluate("localStorage.setItem('deputy.language', 'zh')")
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    visit.shot(f"{name}-phone-dark-zh")
    page.evaluate("localStorage.setItem('deputy.language', 'en')")
    page.emulate_media(color_scheme="light")


def number(page: Page, name: str) -> Locator:
    return page.locator(".board-number").filter(has=page.locator("dt", has_text=re.compile(f"^{name}")))


def test_the_overview_says_what_the_commands_say(server: Server, browser: Browser):
    with visiting(browser, server.address) as visit:
        page = visit.sign_in(link(server, "wei"))
        visit.open("/overview")
        total = deputy(server, "stats")["total"]
        assert (total["begun"], total["done"], total["failed"]) == (6, 3, 1)
        expect(number(page, "Runs begun")).to_contain_text(str(total["begun"]))
        expect(number(page, "Runs begun")).to_contain_text(f"{total['done']} done · {total['failed']} failed")
        expect(number(page, "Approvals")).to_contain_text("1 approved · 0 refused")
        expect(number(page, "Incidents")).to_contain_text(str(total["incidents"]))
        expect(number(page, "Minutes saved")).to_contain_text("6")
        row = page.get_by_role("row").filter(has_text="payer")
        expect(row).to_contain_text("finance")
        expect(page.get_by_role("img", name=re.compile("^Runs that ended, as bars"))).to_be_visible()
        page.get_by_role("button", name="As a table").last.click()
        expect(page.get_by_role("columnheader", name="When")).to_be_visible()
        assert violations(page) == []
        page.get_by_role("button", name="As a chart").click()
        shots(visit, "overview")


def test_freezing_from_the_overview_is_asked_about_and_holds_for_everybody_at_once(server: Server, browser: Browser):
    with visiting(browser, server.address) as visit:
        page = visit.sign_in(link(server, "lin"))
        visit.open("/overview")
        expect(page.get_by_text(re.compile(r"Needs you now \(2\)"))).to_be_visible()
        page.get_by_role("button", name="Freeze everything").click()
        page.get_by_role("dialog").get_by_text("From the next step on").wait_for()
        page.get_by_role("button", name="Leave it").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.get_by_text("Agents may act.")).to_be_visible()
        page.get_by_role("button", name="Freeze everything").click()
        page.get_by_role("button", name="Freeze now").click()
        expect(page.get_by_text("Everything is frozen.")).to_be_visible()
        findings = deputy(server, "doctor")
        assert any(one["check"] == "frozen" and "Everything" in one["message"] for one in findings)
        expect(page.get_by_text("lin froze it")).to_be_visible()
        assert violations(page) == []
        visit.shot("overview-frozen")
        deputy(server, "run", "greeter", "Cid", "--detach")
        begun = time.monotonic()
        deputy(server, "thaw")
        expect(page.get_by_text("Agents may act.")).to_be_visible()
        assert time.monotonic() - begun < 10
        until(server, 4, "done")


def test_an_auditor_sees_all_of_it_and_cannot_touch_anything(server: Server, browser: Browser):
    with visiting(browser, server.address) as visit:
        page = visit.sign_in(link(server, "ada"))
        for path in ("/overview", "/audit", "/people", "/settings", "/doctor"):
            visit.open(path)
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            page.locator(".ant-skeleton").first.wait_for(state="detached")
            for name in ("Freeze", "Thaw", "Prove", "Approve", "Deny"):
                expect(page.get_by_role("button", name=re.compile(f"^{name}"))).to_have_count(0)
        said = page.evaluate(
            """async () => (await fetch('/api/v1/freeze', {method: 'POST', body: '{}', headers: {
                'X-Deputy': '1', 'Idempotency-Key': 'k', 'Content-Type': 'application/json'}})).status"""
        )
        assert said == 403


def test_the_record_is_sifted_and_followed_to_its_run_and_nothing_hostile_acts(server: Server, browser: Browser):
    with visiting(browser, server.address) as visit:
        page = visit.sign_in(link(server, "ada"))
        visit.open("/audit?kind=Started&agent=payer")
        rows = page.locator("tr.ant-table-row")
        expect(rows).to_have_count(3)
        expect(rows.first).to_contain_text("<img src=x onerror=alert(1)>")
        expect(rows.first).to_contain_text("⟨U+202E⟩gnp.exe")
        assert page.locator("img[src='x']").count() == 0
        rows.first.get_by_role("button", name=re.compile("expand", re.IGNORECASE)).click()
        expect(page.get_by_text("Digest", exact=True)).to_be_visible()
        assert violations(page) == []
        shots(visit, "audit")
        page.set_viewport_size({"width": 1280, "height": 800})
        page.reload()
        page.get_by_role("textbox", name="Tool").fill("pay")
        page.get_by_role("button", name="Clear filters").click()
        page.get_by_role("textbox", name="Tool").fill("pay")
        page.keyboard.press("Enter")
        expect(rows.first).to_contain_text("pay")
        assert re.search(r"tool=pay", page.url)
        href = rows.first.get_by_role("link").last.get_attribute("href")
        assert href is not None and href.startswith("/runs/r")


def test_people_settings_and_doctor_say_what_the_files_say(server: Server, browser: Browser):
    with visiting(browser, server.address) as visit:
        page = visit.sign_in(link(server, "wei"))
        visit.open("/people")
        row = page.get_by_role("row", name=re.compile("^Lin Hao"))
        expect(row).to_contain_text("€500")
        expect(row).to_contain_text("payer")
        expect(page.get_by_text("Finance leads")).to_be_visible()
        assert violations(page) == []
        shots(visit, "people")
        page.set_viewport_size({"width": 1280, "height": 800})
        visit.open("/settings")
        row = page.get_by_role("row").filter(has_text="cloud")
        expect(row).to_contain_text("qwen3.7-plus")
        row.get_by_role("button", name="Prove").click()
        page.get_by_role("button", name="Prove it").click()
        expect(row).to_contain_text("Does not work")
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.evaluate("window.scrollTo(0, 0)")  # what the bar above covers in part is no target
        assert violations(page) == []
        shots(visit, "settings")
        page.set_viewport_size({"width": 1280, "height": 800})
        visit.open("/doctor")
        expect(page.get_by_role("status").filter(has_text=re.compile("well|look|wrong"))).to_be_visible()
        assert violations(page) == []
        shots(visit, "doctor")


def test_verifying_shows_where_a_byte_was_changed(tmp_path: Path, browser: Browser):
    with serving(tmp_path, FILES) as server, visiting(browser, server.address) as visit:
        run = deputy(server, "run", "payer", "rent", "--detach")["id"]
        until(server, 1, "waiting")
        page = visit.sign_in(link(server, "ada"))
        visit.open("/audit")
        page.get_by_role("button", name="Verify").click()
        expect(page.get_by_text("All is as it was written.")).to_be_visible()
        database = sqlite3.connect(tmp_path / ".deputy/deputy.db")
        with database:
            database.execute(
                "UPDATE journal SET body = CAST(replace(CAST(body AS TEXT), 'rent', 'tent') AS BLOB) WHERE seq = 1"
            )
        database.close()
        page.get_by_role("button", name="Verify again").click()
        expect(page.get_by_role("link", name=re.compile(f"Run {run}, event 1"))).to_be_visible()
        assert violations(page) == []
        visit.shot("audit-broken")
