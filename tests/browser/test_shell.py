"""The frame of the console: signing in, finding one's way, languages and themes, and a server that goes and returns."""

import re
from collections.abc import Generator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.browser.driving import PHONE, violations, visiting
from tests.web.served import Server, clerk, serving


@pytest.fixture
def server(tmp_path: Path) -> Generator[Server]:
    with serving(tmp_path / "work", clerk("  - every: 9d\n    name: rare\n    task: Look\n")) as server:
        yield server


def test_a_link_signs_in_once_and_leaves_no_secret_in_the_address(server: Server, browser: Browser):
    with visiting(browser, server.address) as visit:
        page = visit.sign_in(server.sign_in)
        assert "dpl_" not in page.url
        assert violations(page) == []
        visit.shot("shell-desktop")
    with visiting(browser, server.address) as visit:
        page = visit.page
        page.goto(server.sign_in)
        expect(page.get_by_role("alert")).to_be_visible()
        assert violations(page) == []


def test_the_console_speaks_chinese_and_is_dark_where_one_asks_for_it(server: Server, browser: Browser):
    with visiting(browser, server.address, viewport=PHONE, color_scheme="dark", locale="zh-CN") as visit:
        page = visit.sign_in(server.sign_in)
        expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
        page.get_by_role("button", name="打开导航").click()
        page.get_by_role("navigation").get_by_text("诊断").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("诊断")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        visit.shot("shell-phone-dark-zh")
        assert violations(page) == []


def test_who_is_not_signed_in_is_led_to_the_sign_in(server: Server, browser: Browser):
    with visiting(browser, server.address) as visit:
        page = visit.open("/doctor")
        expect(page).to_have_url(re.compile("/sign-in$"))


def test_the_page_says_that_the_server_is_away_and_comes_back_by_itself(server: Server, browser: Browser):
    with visiting(browser, server.address) as visit:
        page = visit.sign_in(server.sign_in)
        page.get_by_role("heading", level=1).wait_for()
        visit.away = True
        server.kill()
        expect(page.get_by_role("status")).to_contain_text("does not answer")


def test_the_first_view_loads_less_than_500_kilobytes(server: Server, browser: Browser):
    with visiting(browser, server.address) as visit:
        page = visit.sign_in(server.sign_in)
        page.get_by_role("heading", level=1).wait_for()
        loaded = page.evaluate("performance.getEntriesByType('resource').map(one => [one.name, one.encodedBodySize])")
        assets = {name: size for name, size in loaded if "/assets/" in name}
        assert 100_000 < sum(assets.values()) < 500_000, assets
