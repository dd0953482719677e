"""From the first start to the first paid invoice, as the tour leads: in a fresh example company, in two windows."""

import re
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.browser.driving import PHONE, violations, visiting
from tests.browser.test_board import deputy, link
from tests.cli.offices import ENTRY
from tests.web.served import Server

LONG = 30_000  #: ms for an agent to read five invoices, on a busy machine


@pytest.fixture
def server(tmp_path: Path) -> Generator[Server]:
    folder = tmp_path / "acme"
    subprocess.run([*ENTRY, "init", str(folder), "--example", "acme"], check=True, capture_output=True)
    declared = folder / "agents" / "payables" / "AGENT.md"
    text = declared.read_text("utf-8")
    declared.write_text(re.sub(r"^triggers:\n(  .*\n)+", "", text, flags=re.M), "utf-8")  # it begins by hand alone
    server = Server(folder)
    yield server
    if server.process.poll() is None:
        server.kill()


def step(page: Page) -> str:
    """The heading of the step that one is at."""
    return page.get_by_role("region", name="Your first run").locator("li[aria-current=step] strong").inner_text()


def test_the_tour_leads_to_the_first_paid_invoice_and_knows_each_step_by_what_happened(
    server: Server, browser: Browser
):
    with visiting(browser, server.address) as visit:
        page = visit.sign_in(server.sign_in)
        page.goto(f"{server.address}/overview")
        tour = page.get_by_role("region", name="Your first run")
        expect(tour).to_be_visible()
        assert step(page) == "Run payables"
        visit.shot("tour-begin")
        assert violations(page) == []
        tour.get_by_role("button", name="Run payables").press("Enter")
        expect(tour.locator("li[aria-current=step]")).to_contain_text("Approve what it asks")
        expect(tour).to_contain_text("nobody approves their own request", timeout=LONG)
        expect(tour).to_contain_text("deputy sign-in --as lin")
        visit.shot("tour-approve")
        assert violations(page) == []
        with visiting(browser, server.address, viewport=PHONE) as lin:
            there = lin.sign_in(link(server, "lin"))
            asking = "fetch('/api/v1/inbox').then(said => said.json()).then(said => said.items ?? said)"
            items: list[Any] = there.evaluate(asking)
            approval = next(one for one in items if one["kind"] == "approval")
            there.goto(f"{server.address}/chat/{approval['run']}")
            there.get_by_role("group", name="Asks for consent").first.get_by_role("button", name="Approve").click()
            expect(there.get_by_role("button", name="Approve")).to_have_count(len(items) - 1, timeout=LONG)
            lin.shot("tour-approving-phone")
            assert violations(there) == []
        for _ in range(3):  # payables asks all it wants to ask before it goes on
            for one in deputy(server, "inbox"):
                if one["kind"] == "approval":
                    deputy(server, "approve", one["id"], "--as", "lin")
                else:
                    deputy(server, "answer", one["id"], one["options"][0])
        expect(page.get_by_role("region", name="That was the whole of it")).to_be_visible(timeout=LONG)
        assert page.get_by_text("(done)").count() == 3
        visit.shot("tour-done")
        assert violations(page) == []
        page.reload()
        expect(page.get_by_role("region", name="That was the whole of it")).to_be_visible()
        page.get_by_role("button", name="Dismiss the tour").press("Enter")
        expect(page.get_by_role("region", name="That was the whole of it")).to_have_count(0)
        page.reload()
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.get_by_role("region", name="That was the whole of it")).to_have_count(0)
