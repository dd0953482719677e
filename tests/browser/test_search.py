"""Search in the console, by the keys alone: pages, what the server finds, and hostile names as text."""

import re
from collections.abc import Generator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.browser.driving import PHONE, violations, visiting
from tests.browser.test_board import deputy
from tests.cli.offices import GREETER, PAYER
from tests.web.served import Server, serving


@pytest.fixture
def server(tmp_path: Path) -> Generator[Server]:
    with serving(tmp_path / "work", GREETER | PAYER) as server:
        deputy(server, "run", "greeter", '<img src="https://evil.example/x.png"> rent\u202eylgu')
        yield server


def test_one_key_finds_and_another_goes_there(server: Server, browser: Browser):
    with visiting(browser, server.address) as visit:
        page = visit.sign_in(server.sign_in)
        expect(page.get_by_role("button", name="Search")).to_be_visible()
        page.keyboard.press("Control+k")
        words = page.get_by_role("combobox", name="Search runs, agents, people, pages…")
        expect(words).to_be_focused()
        expect(page.get_by_role("group", name="Pages")).to_contain_text("Doctor")
        page.keyboard.type("rent")
        option = page.get_by_role("option", selected=True)
        expect(option).to_contain_text('<img src="https://evil.example/x.png"> rent⟨U+202E⟩ylgu')
        expect(option).to_contain_text("Done")
        visit.shot("search-desktop")
        assert violations(page) == []
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("/runs/r"))
        page.keyboard.press("/")
        words.fill("greeter")
        expect(page.get_by_role("option", name="New conversation with greeter")).to_be_visible()
        expect(page.get_by_role("status").filter(has_text="results")).to_have_count(1)
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(r"/chat\?agent=greeter"))
        expect(page.get_by_role("radio", name="greeter")).to_be_checked()
        page.keyboard.press("Control+k")
        page.keyboard.type("nothing has this")
        expect(page.get_by_text("Nothing fits.")).to_be_visible()
        page.keyboard.press("Escape")
        expect(words).to_have_count(0)
        expect(page.get_by_role("button", name="Search")).to_be_focused()


def test_search_is_there_on_a_phone(server: Server, browser: Browser):
    with visiting(browser, server.address, viewport=PHONE, color_scheme="dark", locale="zh-CN") as visit:
        page = visit.sign_in(server.sign_in)
        page.get_by_role("button", name="搜索").click()
        page.get_by_role("dialog").get_by_role("combobox").fill("pay")
        expect(page.get_by_role("group", name="智能体")).to_contain_text("payer")
        visit.shot("search-phone-dark-zh")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert violations(page) == []
