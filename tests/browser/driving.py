"""A browser that a person might have: Debian's Chromium, driven by Playwright, and kept to the pages of one server."""

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright
from tests.cli.offices import ENTRY
from tests.web.served import Server

__all__ = ["DESKTOP", "PHONE", "Visit", "deputy", "launched", "link", "until", "violations", "visiting"]

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "console" / "node_modules" / "axe-core" / "axe.min.js"
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}
PATIENCE = 15_000  #: ms
expect.set_options(timeout=PATIENCE)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def found() -> str:
    """Where the browser is; skips the test where there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if (path := shutil.which(name)) is not None:
            return path
    pytest.skip("No browser: `make test` installs Debian's Chromium where it may.")


@contextlib.contextmanager
def launched() -> Generator[Browser]:
    """A browser."""
    path = found()
    with sync_playwright() as playwright:
        arguments = ["--disable-dev-shm-usage", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """A person's window on the console, and what went wrong in it."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.context, self.address = context, address
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.abroad: list[str] = []
        self.errors: list[str] = []
        self.away = False  #: while the server is meant to be
        context.on("request", self._requested)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, path: str) -> Page:
        """Go to a page of the console."""
        self.page.goto(self.address + path)
        return self.page

    def sign_in(self, link: str) -> Page:
        """Open a link that signs in, and wait for the console."""
        self.page.goto(link)
        self.page.get_by_role("navigation").or_(self.page.get_by_role("banner")).first.wait_for()
        return self.page

    def shot(self, name: str) -> None:
        """A picture of the whole page, where `DEPUTY_SHOTS` names a folder for them."""
        if folder := os.environ.get("DEPUTY_SHOTS"):
            self.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    def _requested(self, request: Request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.abroad.append(request.url)

    def _said(self, message: ConsoleMessage) -> None:
        refused = "Failed to load resource" in message.text
        if message.type in ("error", "warning") and not refused and not (self.away and "ERR_" in message.text):
            self.errors.append(message.text)


@contextlib.contextmanager
def visiting(browser: Browser, address: str, **options: Any) -> Generator[Visit]:
    """A window of its own, with cookies of its own; at its end nothing was fetched abroad, and nothing went wrong."""
    options = {"viewport": DESKTOP, "locale": "en-GB", "reduced_motion": "reduce"} | options
    context = browser.new_context(**options)
    visit = Visit(context, address)
    try:
        yield visit
    finally:
        context.close()
    assert not visit.abroad, visit.abroad
    assert not visit.errors, visit.errors


def violations(page: Page) -> list[str]:
    """What axe finds wrong with the page as it stands, by the rules of WCAG 2.2 A and AA."""
    page.evaluate(AXE.read_text("utf-8"))
    told = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)
    return [
        f"{one['id']}: {one['help']}: {json.dumps([node['html'][:200] for node in one['nodes'][:3]])}"
        for one in told["violations"]
    ]


def deputy(server: Server, *words: str) -> Any:
    """What a command prints for programs, given in a process of its own."""
    command = [*ENTRY, *words, "--json", "--workspace", str(server.folder)]
    said = subprocess.run(command, capture_output=True, text=True, check=False, cwd=server.folder).stdout
    return json.loads(said) if said else None


def link(server: Server, who: str = "wei") -> str:
    """A link that signs somebody in."""
    return deputy(server, "sign-in", "--as", who)["sign_in"]


def until(server: Server, run: str, state: str) -> Any:
    """The run, once it is in this state."""
    end = time.monotonic() + 45
    while (shown := deputy(server, "show", run))["state"] != state and time.monotonic() < end:
        time.sleep(0.2)
    return shown
