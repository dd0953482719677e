"""Take a picture of every page of the console, in both languages and both themes, of the workspace the demo leaves.

    make pictures                          into docs/images/console
    make pictures ARGS="--folder DIR"      of a workspace that is there already

They are looked at before they are kept: what annoys in them is a defect.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images" / "console"
BIN = Path(sys.executable).parent
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
LANGUAGES = {"en": "en-GB", "zh": "zh-CN"}
THEMES = ("light", "dark")
#: What is shown, by its name; `{…}` are filled with what the workspace has.
PAGES = {
    "overview": "/", "inbox": "/inbox", "item": "/inbox/{item}", "chat": "/chat", "runs": "/runs",
    "run": "/runs/{run}", "agents": "/agents", "agent": "/agents/payables", "mandates": "/mandates",
    "audit": "/audit", "people": "/people", "settings": "/settings", "doctor": "/doctor",
}  # fmt: skip
ON_PHONES = ("overview", "inbox", "item", "run")
CALM = 900  #: ms in which charts and counts come to rest


def deputy(folder: Path, *words: str) -> Any:
    """What a command prints for programs."""
    command = [BIN / "deputy", *words, "--json", "--workspace", folder]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@contextmanager
def served(folder: Path) -> Generator[dict[str, Any]]:
    """The workspace, served; yields what `deputy up` says."""
    command = [BIN / "deputy", "up", "--port", "0", "--json", "--workspace", folder]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def shown(browser: Browser, told: dict[str, Any], language: str, theme: str, paths: dict[str, str], state: Any) -> Any:
    """Take the pictures of one language and one theme; returns how the browser stays signed in."""
    context = browser.new_context(
        viewport=DESKTOP, locale=LANGUAGES[language], color_scheme=theme, reduced_motion="reduce", storage_state=state
    )
    page = context.new_page()
    if state is None:
        page.goto(told["sign_in"])
        page.get_by_role("navigation").first.wait_for()
    for name, path in paths.items():
        page.set_viewport_size(DESKTOP)
        take(page, told["listening"] + path, f"{name}-{language}-{theme}")
        if name in ON_PHONES:
            page.set_viewport_size(PHONE)
            take(page, told["listening"] + path, f"{name}-phone-{language}-{theme}")
    kept = context.storage_state()
    context.close()
    return kept


def take(page: Page, address: str, name: str) -> None:
    """One picture, once the page is calm."""
    page.goto(address)
    page.get_by_role("heading", level=1).first.wait_for()
    page.wait_for_timeout(CALM)
    page.screenshot(path=IMAGES / f"{name}.png")


def told(folder: Path) -> Path:
    """A workspace in which the demo was told, and more waits."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    subprocess.run([sys.executable, ROOT / "examples/acme/demo.py", folder], check=True, env=environment)
    for _ in range(2):
        task = "Process the invoices of the folder ./invoices."
        subprocess.run([BIN / "deputy", "run", "payables", task, "--workspace", folder], check=False)
    return folder


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--folder", type=Path, help="a workspace; without one the demo makes it")
    wanted = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("Install a browser first: `apt-get install chromium`.")
    IMAGES.mkdir(parents=True, exist_ok=True)
    folder: Path = wanted.folder or told(Path(tempfile.mkdtemp()) / "acme")
    runs, items = deputy(folder, "ps", "--all"), deputy(folder, "inbox")
    known = {"run": next((one["id"] for one in runs if one["agent"] == "payables"), "")}
    known["item"] = items[0]["id"] if items else ""
    paths = {name: path.format(**known) for name, path in PAGES.items() if not path.endswith("{item}") or items}
    with served(folder) as said, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        state = None
        for language in LANGUAGES:
            for theme in THEMES:
                state = shown(browser, said, language, theme, paths, state)
        browser.close()
    print(f"{len(list(IMAGES.glob('*.png')))} pictures are in {IMAGES.relative_to(ROOT)}.")


if __name__ == "__main__":
    main()
