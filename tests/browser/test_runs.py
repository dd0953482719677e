"""The pages about runs: a list that is live, a run as a timeline, where its values came from, and what one can do."""

import json
import os
import re
import socket
import subprocess
import urllib.request
from collections.abc import Generator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.browser.driving import PHONE, Visit, deputy, link, until, violations, visiting
from tests.cli.offices import ASKER, ENTRY, GREETER, LOSER, READER, SLOW, agent, make
from tests.web.served import Server

HOSTILE = "<img src=x onerror=alert(1)> ![x](https://evil.example/x.png) \u202egnp.exe <script>alert(2)</script>"
WRITER = agent(
    "writer", tools="{files.write: act}",
    replies='  - call: [{tool: files.write, args: {path: "reports/july.md", content: "All is well."}}]\n'
    '  - say: "Written."',
)  # fmt: skip
FILES = GREETER | READER | LOSER | ASKER | SLOW | WRITER


def port() -> str:
    """One that is free, and stays the same when the server is killed and started."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return str(line.getsockname()[1])


def shots(visit: Visit, name: str) -> None:
    """Pictures on a desktop in the light, and on a phone in the dark, in both languages."""
    page = visit.page
    if not os.environ.get("DEPUTY_SHOTS"):
        return
    for language, size, scheme in (
        ("en", {"width": 1280, "height": 800}, "light"), ("zh", PHONE, "dark"), ("en", PHONE, "light"),
        ("zh", {"width": 1280, "height": 800}, "dark"),
    ):  # fmt: skip
        page.emulate_media(color_scheme=scheme)  # pyright: ignore[reportArgumentType]
        page.set_viewport_size(size)  # pyright: ignore[reportArgumentType]
        page.evaluate("language => localStorage.setItem('deputy.language', language)", language)
        page.reload()
        page.get_by_role("heading", level=1).wait_for()
        page.wait_for_timeout(1200)
        visit.shot(f"{name}-{language}-{size['width']}-{scheme}")
    page.evaluate("localStorage.setItem('deputy.language', 'en')")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 800})
    page.reload()


def fits(page: Page) -> bool:
    """Whether nothing is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    folder = make(tmp_path_factory.mktemp("runs"), FILES)
    made = Server(folder, "--port", port())
    yield made
    if made.process.poll() is None:
        made.kill()


def test_runs_are_found_and_shown_as_they_happen(server: Server, browser: Browser):
    token = deputy(server, "token", "create", "--role", "owner")["token"]
    for number in range(120):
        head = {
            "Authorization": f"Bearer {token}",
            "Idempotency-Key": f"n-{number}",
            "Content-Type": "application/json",
        }
        body = json.dumps({"agent": "greeter", "task": f"Greet guest {number}"}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{server.address}/api/v1/runs", body, head), timeout=30).close()
    with visiting(browser, server.address) as visit:
        page = visit.sign_in(link(server))
        page.goto(f"{server.address}/runs")
        rows = page.get_by_role("list", name="Runs").get_by_role("listitem")
        expect(rows.first).to_contain_text("Greet guest 119")
        assert rows.count() < 60, "what is out of sight is not drawn"
        for most in ("100", "120"):
            expect(rows.last).to_have_attribute("aria-setsize", most)
            page.get_by_role("list", name="Runs").evaluate("list => list.scrollIntoView({block: 'end'})")
        expect(page.get_by_text("Greet guest 0", exact=True)).to_be_visible()
        page.get_by_label("Search in tasks, titles, agents and ids").fill("guest 77")
        expect(rows).to_have_count(1)
        expect(page).to_have_url(re.compile(r"text=guest\+77"))
        page.reload()
        expect(rows).to_have_count(1)
        rows.first.get_by_role("link").click()
        expect(page.get_by_role("region", name="Conversation")).to_contain_text("Good day, Greet guest 77.")
        page.goto(f"{server.address}/runs?text={'nothing like it'}")
        expect(page.get_by_text("No run fits these filters.")).to_be_visible()
        page.get_by_role("button", name="Clear the filters").click()
        started = deputy(server, "run", "greeter", "Ada from the command line", "--detach")["id"]
        expect(rows.first).to_contain_text("Ada from the command line", timeout=3_000)
        until(server, started, "done")
        expect(rows.first).to_contain_text("Done")
        page.get_by_role("button", name=re.compile("^Done")).click()
        expect(page).to_have_url(re.compile("state=done"))
        assert violations(page) == []
        shots(visit, "runs-list")
        page.set_viewport_size(PHONE)  # pyright: ignore[reportArgumentType]
        expect(rows.first).to_be_visible()
        assert fits(page)
        assert violations(page) == []


def test_a_run_goes_on_before_ones_eyes_though_everything_was_killed(server: Server, browser: Browser):
    with visiting(browser, server.address) as visit:
        page = visit.sign_in(link(server))
        run = deputy(server, "run", "slow", "4", "--detach")["id"]
        page.goto(f"{server.address}/runs/{run}")
        timeline = page.get_by_role("region", name="Timeline")
        expect(timeline.get_by_text("under way")).to_be_visible()
        page.evaluate("window.kept = 'not reloaded'")
        visit.away = True
        server.kill()
        expect(page.get_by_role("status")).to_contain_text("does not answer")
        server.start()
        expect(page.get_by_role("status")).not_to_be_visible(timeout=30_000)
        expect(page.get_by_role("region", name="Conversation")).to_contain_text("slept", timeout=30_000)
        expect(timeline.get_by_text("done", exact=True)).to_be_visible()
        assert page.evaluate("window.kept") == "not reloaded"
        timeline.locator("summary").last.click()
        expect(timeline.get_by_text(re.compile("No. 2"))).to_be_visible()


def test_what_waits_is_answered_settled_and_cancelled_on_the_page(server: Server, browser: Browser):
    asks = deputy(server, "run", "asker", "-", "--detach")["id"]
    lost = deputy(server, "run", "loser", "-", "--detach")["id"]
    stopped = deputy(server, "run", "asker", "-", "--detach")["id"]
    for run in (asks, lost, stopped):
        until(server, run, "waiting")
    with visiting(browser, server.address) as visit:
        page = visit.sign_in(link(server))
        page.goto(f"{server.address}/runs/{asks}")
        expect(page.get_by_text("Red or blue?").first).to_be_visible()
        deputy(server, "freeze", "asker")
        page.reload()
        expect(page.get_by_text("This agent is frozen.")).to_be_visible()
        deputy(server, "thaw", "asker")
        page.get_by_role("button", name="blue").click()
        expect(page.get_by_role("region", name="Conversation")).to_contain_text("wei answered")
        expect(page.get_by_text("Done", exact=True)).to_be_visible()
        page.goto(f"{server.address}/runs/{lost}")
        expect(page.get_by_role("alert").first).to_contain_text("nobody knows whether it happened")
        assert violations(page) == []
        shots(visit, "runs-doubt")
        page.get_by_role("button", name="It did not happen").click()
        page.get_by_role("button", name="Record it").click()
        timeline = page.get_by_role("region", name="Timeline")
        expect(timeline.get_by_text("failed", exact=True)).to_be_visible()
        assert deputy(server, "show", lost)["effects"][0]["state"] == "failed"
        page.goto(f"{server.address}/runs/{stopped}")
        page.get_by_role("button", name="Cancel run").click()
        page.get_by_label("Why (optional)").fill("Not needed")
        page.get_by_role("button", name="Cancel the run").click()
        expect(page.get_by_text("Cancelled", exact=True)).to_be_visible()


def test_what_outsiders_wrote_is_text_and_files_are_kept_not_opened(server: Server, browser: Browser):
    run = deputy(server, "run", "reader", HOSTILE, "--detach")["id"]
    wrote = deputy(server, "run", "writer", "-", "--detach")["id"]
    until(server, run, "waiting")
    until(server, wrote, "done")
    with visiting(browser, server.address, viewport=PHONE) as visit:
        page = visit.sign_in(link(server))
        page.goto(f"{server.address}/runs/{run}")
        expect(page.get_by_text("<script>alert(2)</script>").first).to_be_visible()
        expect(page.get_by_text("\u27e8U+202E\u27e9").first).to_be_visible()
        assert page.locator("main img[src=x]").count() == 0
        page.get_by_role("tabpanel").locator("summary").last.click()
        page.get_by_role("link", name="Where does this come from?").last.click()
        expect(page.get_by_role("list", name="List")).to_contain_text("<script>alert(2)</script>")
        assert fits(page)
        assert violations(page) == []
        page.goto(f"{server.address}/runs/{wrote}")
        page.get_by_role("tab", name="Files").click()
        with page.expect_download() as kept:
            page.get_by_role("button", name="Download reports/july.md").click()
        assert Path(kept.value.path()).read_text("utf-8") == "All is well."
        assert kept.value.suggested_filename == "july.md"


def test_a_payment_is_followed_back_to_the_invoice(tmp_path: Path, browser: Browser):
    folder = tmp_path / "acme"
    subprocess.run([*ENTRY, "init", str(folder), "--example", "acme"], check=True, capture_output=True)
    server = Server(folder, "--port", port())
    try:
        run = deputy(server, "run", "payables", "Process the invoices.", "--detach")["id"]
        until(server, run, "waiting")
        asked = next(one for one in deputy(server, "show", run)["effects"] if one["tool"] == "bank.pay")
        with visiting(browser, server.address) as visit:
            page = visit.sign_in(link(server))
            page.goto(f"{server.address}/runs/{run}/effects/{asked['id'].rpartition('.')[2]}/origins")
            steps = page.get_by_role("list", name="List")
            expect(steps).to_contain_text(asked["args"]["iban"])
            expect(steps).to_contain_text("erp.get_supplier")
            expect(steps).to_contain_text(re.compile("read_invoice|read_attached_invoice"))
            expect(steps).to_contain_text("mail.attachment")
            expect(steps).to_contain_text("Process the invoices.")
            assert violations(page) == []
            shots(visit, "runs-origins")
            page.get_by_text("Graph", exact=True).click()
            expect(page.locator(".react-flow__node").first).to_be_visible()
            visit.shot("runs-graph")
            page.goto(f"{server.address}/runs/{run}")
            expect(page.get_by_role("region", name="Timeline")).to_contain_text("bank.pay")
            assert violations(page) == []
            shots(visit, "runs-one")
            page.get_by_role("region", name="Timeline").locator("summary", has_text="bank.pay").first.click()
            visit.shot("runs-one-open")
    finally:
        server.kill()
