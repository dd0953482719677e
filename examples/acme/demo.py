"""The whole story in one terminal: invoices are read, matched, approved and paid, through a kill -9, each exactly once.

`make demo` runs it. Every step prints the command behind it, so that each can be typed again by hand; nothing here
reaches into Deputy other than by its commands. It ends with 0 only if the audit is clean and the bank counted right.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
TASK = "Process the supplier invoices in the folder."
WAITS, USAGE = 3, 2
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

    def bank(self) -> tuple[int, int]:
        """How often the bank was asked to pay, and how often it paid."""
        found = subprocess.run(
            [sys.executable, "servers/bank.py", "--statement", "--json"],
            cwd=self.folder, check=True, capture_output=True, text=True,
        )  # fmt: skip
        statement = json.loads(found.stdout)
        return statement["requests"], len(statement["payments"])

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


def slow_bank(folder: Path) -> None:
    """Make the bank take its time after it has paid, so that there is a moment to pull the plug in."""
    file = folder / "deputy.toml"
    text = file.read_text("utf-8")
    file.write_text(text.replace('BANK_DB = "bank.db"', 'BANK_DB = "bank.db", BANK_DELAY_AFTER = "2"'), "utf-8")


def tell(story: Story) -> None:
    """Tell the story."""
    story.say("An example company: an ERP, a bank, six invoices that came in, and an agent that pays them.")
    story.deputy("doctor")

    story.say("The agent reads the invoices and matches them with orders and receipts. Then it has to ask.")
    story.deputy("run", "payables", TASK, expect=WAITS)
    run = story.ask("ps")[0]["id"]

    story.say("Nobody approves their own request: wei, for whom the agent acts, may not let it pay.")
    payments = [item for item in story.ask("inbox") if item["kind"] == "approval"]
    story.deputy("approve", payments[0]["id"], "--as", "wei", expect=USAGE)

    story.say("wei answers what does not match; lin approves each payment: this account, this amount, once.")
    for item in story.ask("inbox"):
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

    story.say("Another worker goes on: what was paid is recognised by its key, what was not is paid now.")
    story.deputy("worker", "--until-idle")
    story.deputy("show", run)

    story.say("The bank's own count, and the record that proves it.")
    story.python("servers/bank.py", "--statement")
    story.deputy("audit", "verify")
    requests, paid = story.bank()
    if paid != len(payments) or requests <= paid:
        raise SystemExit(
            f"demo: the bank was asked {requests} times and paid {paid} times for {len(payments)} approvals."
        )
    print(f"\n{len(payments)} payments were approved. Asked {requests} times, the bank paid {paid} times: once each.")


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
    slow_bank(folder)
    os.environ.setdefault("COLUMNS", "120")
    tell(Story(folder))
    print(f"The workspace is in {folder}: look around with `deputy --workspace {folder} ps --all`.")


if __name__ == "__main__":
    main()
