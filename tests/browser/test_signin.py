"""Signing in: by a link, by the provider, after a session has ended; and what lets one in, in the settings."""

import json
import re
import subprocess
from pathlib import Path

from playwright.sync_api import Browser, Page, expect
from tests.browser.driving import PHONE, Visit, violations, visiting
from tests.cli.offices import ENTRY, agent
from tests.oidc.certified import ACCOUNTS, certified, free_port
from tests.web.served import Server, serving
from tests.web.test_oidc import PEOPLE, client, settings

FILES = {"people.toml": PEOPLE, **agent("clerk", replies='  - say: "Yes."')}
FONTS = "https://fonts.googleapis.com/"  # of the provider's own development pages


def by_provider(visit: Visit, account: str, issuer: str) -> None:
    """Press the button, and sign in at the provider's pages."""
    visit.context.route(f"{FONTS}**", lambda route: route.abort())
    page = visit.page
    page.get_by_role("button", name="Sign in with").click()
    page.wait_for_url(f"{issuer}/**")
    page.locator("[name=login]").fill(account)
    page.locator("[name=password]").fill("any")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()
    visit.abroad[:] = [url for url in visit.abroad if not url.startswith((issuer, FONTS))]


def signed_out_by_time(page: Page) -> None:
    """Forget the session, as time does."""
    page.context.clear_cookies()


def test_one_signs_in_by_the_provider_comes_back_to_where_one_was_and_signs_out_there_too(
    tmp_path: Path, browser: Browser
):
    port = free_port()
    with certified([client(port)]) as issuer:
        files = FILES | {"deputy.toml": settings(issuer, 'name = "Tiny Company"')}
        with serving(tmp_path, files, "--port", str(port)) as server, visiting(browser, server.address) as visit:
            page = visit.open("/doctor?of=it")
            expect(page).to_have_url(re.compile("/sign-in$"))
            expect(page.get_by_role("heading", level=1)).to_have_text("Sign in to Deputy")
            expect(page.get_by_role("button", name="Sign in with Tiny Company")).to_be_visible()
            assert violations(page) == []
            visit.shot("signin-provider")
            by_provider(visit, "kim", issuer)
            expect(page.get_by_role("alert")).to_contain_text("not verified")
            assert violations(page) == []
            visit.shot("signin-refused")
            visit.context.clear_cookies()
            visit.open("/doctor?of=it")
            by_provider(visit, "wei", issuer)
            expect(page).to_have_url(f"{server.address}/doctor?of=it")
            expect(page.get_by_role("button", name="Wei Chen")).to_be_visible()
            page.get_by_role("button", name="Wei Chen").click()
            page.get_by_text("Sign out").click()
            page.wait_for_url(f"{issuer}/session/end**")
            visit.abroad[:] = [url for url in visit.abroad if not url.startswith((issuer, FONTS))]
            visit.open("/doctor")
            expect(page).to_have_url(re.compile("/sign-in$"))
            visit.abroad[:] = [url for url in visit.abroad if not url.startswith((issuer, FONTS))]
    assert ACCOUNTS["kim"]["email_verified"] is False


def fresh(server: Server) -> str:
    """A link for Wei, by a process of its own: the browser's driver has this one's loop."""
    command = [*ENTRY, "sign-in", "--json", "--workspace", str(server.folder)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    return json.loads(told.stdout)["sign_in"]


def test_after_a_session_has_ended_a_link_leads_back_to_where_one_was(tmp_path: Path, browser: Browser):
    with serving(tmp_path, FILES) as server, visiting(browser, server.address) as visit:
        page = visit.sign_in(server.sign_in)
        visit.open("/settings")
        page.get_by_role("heading", name="Where you are signed in").wait_for()
        signed_out_by_time(page)
        page.get_by_role("navigation").get_by_text("Doctor").click()
        expect(page.get_by_role("status")).to_contain_text("Your session has ended")
        assert violations(page) == []
        visit.shot("signin-ended")
        page.goto(fresh(server))  # only what stands behind the # is another
        expect(page).to_have_url(f"{server.address}/doctor")
        page.get_by_role("button", name="Wei Chen").click()
        page.get_by_text("Sign out").click()
        expect(page.get_by_role("status")).to_contain_text("You are signed out")
        page.goto(server.sign_in)
        expect(page.get_by_role("alert")).to_contain_text("no longer good")
        page.reload()
        expect(page.get_by_role("alert")).to_have_count(0)
    with visiting(browser, server.address, viewport=PHONE, color_scheme="dark", locale="zh-CN") as visit:
        server.start()
        visit.address = server.address
        page = visit.open("/sign-in")
        expect(page.get_by_role("heading", level=1)).to_have_text("登录 Deputy")
        expect(page.get_by_text("deputy sign-in")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert violations(page) == []
        visit.shot("signin-phone-dark-zh")
        server.kill()


def test_one_sees_and_ends_ones_sessions_and_makes_and_revokes_tokens(tmp_path: Path, browser: Browser):
    with serving(tmp_path, FILES) as server:
        with visiting(browser, server.address) as other, visiting(browser, server.address) as visit:
            other.sign_in(server.sign_in)
            page = visit.sign_in(fresh(server))
            visit.open("/settings")
            rows = page.get_by_role("row").filter(has_text="with a link")
            expect(rows).to_have_count(2)
            expect(rows.filter(has_text="this one")).to_have_count(1)
            page.get_by_role("button", name="Sign out elsewhere").click()
            page.get_by_role("dialog").get_by_role("button", name="Sign out").click()
            expect(rows).to_have_count(1)
            other.open("/settings")
            expect(other.page).to_have_url(re.compile("/sign-in$"))
            page.get_by_role("button", name="New token").click()
            dialog = page.get_by_role("dialog")
            dialog.get_by_label("For", exact=True).fill("<b>orders</b>")
            visit.shot("access-new")
            dialog.get_by_role("button", name="Make it").click()
            token = dialog.get_by_text(re.compile("^dpt_")).inner_text().strip()
            assert violations(page) == []
            told = server.ask("/api/v1/me", None, {"Authorization": f"Bearer {token}"})
            assert (told.status, told.said["roles"]) == (200, ["member"])
            dialog.get_by_role("button", name="Done").click()
            row = page.get_by_role("row").filter(has_text="<b>orders</b>")
            expect(row).to_contain_text("Member")
            expect(page.get_by_text(token)).to_have_count(0)
            visit.shot("access-desktop")
            assert violations(page) == []
            row.get_by_role("button", name="Revoke").click()
            page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
            expect(row).to_have_count(0)
            assert server.ask("/api/v1/me", None, {"Authorization": f"Bearer {token}"}).status == 401
        with visiting(browser, server.address, viewport=PHONE, color_scheme="dark", locale="zh-CN") as visit:
            page = visit.sign_in(fresh(server))
            visit.open("/settings")
            page.get_by_role("heading", name="程序令牌").wait_for()
            page.get_by_text("当前", exact=True).wait_for()
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
            assert violations(page) == []
            visit.shot("access-phone-dark-zh")
