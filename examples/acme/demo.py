"""The whole story in one terminal: invoices come by mail, are matched, approved and paid through a kill -9, each once;
news is briefed with its sources, and the help desk is not talked into anything.

`make demo` runs it. Every step prints the command behind it, so that each can be typed again by hand; nothing here
reaches into Deputy other than by its commands. It ends with 0 only if the audit is clean and the bank counted right.
"""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
TASK = "Process the supplier invoices that came by mail."
ARTICLE = "2026-11-12_helionwerk-battery-order.txt"
WAITS, USAGE = 3, 2
FAST, SLOW = 'BANK_DB = "bank.db"', 'BANK_DB = "bank.db", BANK_DELAY_AFTER = "5"'
PATIENCE = 60.0  #: seconds for anything here to happen


class Story:
    """A workspace to tell the story in, and the words to tell it with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._step = 0
        self._colours = sys.stdout.isatty()

    def say(self, title: str, text: str = "") -> None:
        """Begin a step."""
        self._step += 1
        line = f"{self._step}. {title}"
        print(f"\n\033[1m{line}\033[0m" if self._colours else f"\n{line}")
        if text:
            print(text)

    def _show(self, arguments: tuple[str, ...], program: str) -> None:
        words = " ".join(f"'{a}'" if set(a) & set(" ;'") else a for a in (program, *arguments))
        print(f"\033[36m$ {words}\033[0m" if self._colours else f"$ {words}", flush=True)

    def deputy(self, *arguments: str, expect: int = 0) -> None:
        """Run a command of Deputy before everybody's eyes; end the demo if it does not end as it should."""
        self._show(arguments, "deputy")
        self._check(subprocess.run([BIN / "deputy", *arguments], cwd=self.folder, check=False).returncode, expect)

    def python(self, *arguments: str) -> None:
        """Run one of the example's own programs."""
        self._show(arguments, "python")
        self._check(subprocess.run([sys.executable, *arguments], cwd=self.folder, check=False).returncode, 0)

    def _check(self, code: int, expect: int) -> None:
        if code != expect:
            raise SystemExit(f"demo: that ended with {code}, and should have ended with {expect}.")

    def ask(self, *arguments: str) -> Any:
        """What a command says to a program."""
        found = subprocess.run(
            [BIN / "deputy", *arguments, "--json"], cwd=self.folder, check=False, capture_output=True, text=True
        )
        return json.loads(found.stdout)

    def quiet(self, *arguments: str, expect: int = 0) -> None:
        """Run a command of Deputy and print only its last lines; end the demo if it does not end as it should."""
        self._show(arguments, "deputy")
        done = subprocess.run(
            [BIN / "deputy", *arguments], cwd=self.folder, check=False, capture_output=True, text=True
        )
        print("\n".join(done.stdout.strip().splitlines()[-4:]))
        self._check(done.returncode, expect)

    def bank(self) -> tuple[int, int]:
        """How often the bank was asked to pay, and how often it paid: its own books, read at once."""
        book = self.folder / "bank.db"
        if not book.exists():
            return 0, 0
        with closing(sqlite3.connect(book)) as db:
            asked = db.execute("SELECT count(*) FROM requests WHERE tool = 'pay'").fetchone()[0]
            return asked, db.execute("SELECT count(*) FROM payments").fetchone()[0]

    def waiting(self) -> list[dict[str, Any]]:
        """What waits for people."""
        return self.ask("inbox")

    def print_file(self, pattern: str, lines: int) -> None:
        """Show the beginning of a file."""
        found = sorted(self.folder.glob(pattern))[-1]
        self._show(("-n", str(lines), str(found.relative_to(self.folder))), "head")
        print("\n".join(found.read_text("utf-8").splitlines()[:lines]))

    def worker(self) -> "subprocess.Popen[bytes]":
        """Start a worker that goes on until it is stopped."""
        self._show(("worker", "&"), "deputy")
        return subprocess.Popen([BIN / "deputy", "worker"], cwd=self.folder, stdout=subprocess.DEVNULL)


def until(happened: Any, what: str) -> None:
    """Wait until something has happened."""
    end = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > end:
            raise SystemExit(f"demo: {what} did not happen within {PATIENCE:.0f} seconds.")
        time.sleep(0.05)


def bank_is(folder: Path, pace: str) -> None:
    """Let the bank take its time after it has paid, so that there is a moment to pull the plug in; or not."""
    file = folder / "deputy.toml"
    text = file.read_text("utf-8")
    file.write_text(text.replace(SLOW, FAST).replace(FAST, pace), "utf-8")


def tell(story: Story) -> None:
    """Tell the story."""
    story.say("An example company: mailboxes, an ERP, a bank, accounts, a handbook, news, and agents that work there.")
    story.deputy("doctor")
    tell_payables(story)
    tell_briefing(story)
    tell_helpdesk(story)
    story.say("The record that proves it.")
    story.deputy("audit", "verify")


def tell_payables(story: Story) -> None:
    """Seven letters with five invoices, and one in the folder."""
    story.say(
        "Suppliers wrote. The agent reads their invoices and matches them with orders and receipts. Then it asks."
    )
    story.quiet("run", "payables", TASK, expect=WAITS)
    run = story.ask("ps")[0]["id"]

    story.say("Nobody approves their own request: wei, for whom the agent acts, may not let it pay.")
    payments = [item for item in story.waiting() if item["kind"] == "approval"]
    story.deputy("approve", payments[0]["id"], "--as", "wei", expect=USAGE)

    story.say("wei answers what does not match; lin approves each payment: this account, this amount, once.")
    for item in story.waiting():
        if item["kind"] == "question":
            story.deputy("answer", item["id"], "return to supplier")
        else:
            story.deputy("approve", item["id"], "--as", "lin")

    story.say("A worker pays. The moment the bank has paid, before it can say so, the worker is killed with -9.")
    worker = story.worker()
    until(lambda: story.bank()[1] >= 1, "a payment")
    print(f"$ kill -9 {worker.pid}")
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    requests, paid = story.bank()
    print(f"  The bank was asked {requests} times and has paid {paid} times. What was in flight, nobody here knows.")
    bank_is(story.folder, FAST)

    story.say("Another worker goes on: what was paid is recognised by its key, what was not is paid now.")
    story.deputy("worker", "--until-idle")
    print("\n".join(str(story.ask("show", run)["answer"]).splitlines()))
    story.python("servers/bank.py", "--statement")
    requests, paid = story.bank()
    if paid != len(payments) or requests <= paid:
        raise SystemExit(
            f"demo: the bank was asked {requests} times and paid {paid} times for {len(payments)} approvals."
        )
    print(f"{len(payments)} payments were approved. Asked {requests} times, the bank paid {paid} times: once each.")


def tell_briefing(story: Story) -> None:
    """A model writes; code decides which sentences are filed."""
    story.say(
        "An analyst wants an article briefed. The first draft has a claim as a fact, and a sentence from nowhere."
    )
    story.deputy("run", "newsdesk", f"Brief me on {ARTICLE}.", "--as", "noor")
    story.print_file(".deputy/runs/*/files/briefing.md", 22)


def tell_helpdesk(story: Story) -> None:
    """Five letters to the help desk; one of them is from a false chief executive."""
    story.say("The help desk's mail: somebody is locked out, somebody's VPN fails, and a 'CEO' is in a hurry.")
    story.quiet("run", "servicedesk", "See to the mail.", "--as", "ida", expect=WAITS)
    for item in story.waiting():
        if item["kind"] == "approval":
            story.deputy("approve", item["id"], "--as", "jonas")
        else:
            story.deputy("answer", item["id"], "I did not write it", "--as", "wei")
    story.deputy("worker", "--until-idle")
    story.python("servers/accounts.py", "--status")


def has_console() -> bool:
    """Whether the pages are there."""
    found = find_spec("deputy")
    places = (found.submodule_search_locations if found is not None else None) or []
    return any((Path(place) / "web" / "static" / "index.html").is_file() for place in places)


def main() -> None:
    """Make a workspace, tell the story there, and say where it is."""
    asked = sys.argv[1] if len(sys.argv) > 1 else ""
    folder = Path(asked) if asked else Path(tempfile.mkdtemp(prefix="deputy-demo-")) / "acme"
    if folder.exists():
        shutil.rmtree(folder)
    print(f"$ deputy init {folder} --example acme", flush=True)
    done = subprocess.run([BIN / "deputy", "init", folder, "--example", "acme"], check=False).returncode
    if done:
        raise SystemExit("demo: the example could not be copied.")
    bank_is(folder, SLOW)
    os.environ.setdefault("COLUMNS", "120")
    tell(Story(folder))
    program = BIN / "deputy"
    shown = program.relative_to(Path.cwd()) if program.is_relative_to(Path.cwd()) else program
    print(f"\nThe workspace is in {folder}: look around with `{shown} --workspace {folder} ps --all`.")
    print("See all of it in a browser: this prints a link that signs you in.")
    print(f"$ {shown} --workspace {folder} up")
    if not has_console():
        print("(In a clone, `make console` builds the pages first; an installed package has them.)")


if __name__ == "__main__":
    main()
