"""A workspace that `deputy up` serves, in a process of its own, and requests to it."""

import contextlib
import hashlib
import hmac
import io
import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.cli.offices import ENTRY, agent, make

from deputy.cli.main import main

__all__ = ["SECRET", "Answer", "Server", "clerk", "said", "serving", "signature"]

SECRET = "a secret of forty characters, more or less"
PATIENCE = 30.0


def clerk(triggers: str, **files: str) -> dict[str, str]:
    """An agent that says what came, with these triggers (items of YAML)."""
    made = agent("clerk", replies='  - say: "It says {{ arrival }}."')
    front = made["agents/clerk/AGENT.md"]
    made["agents/clerk/AGENT.md"] = front.replace("model: rehearsal\n", f"model: rehearsal\ntriggers:\n{triggers}", 1)
    return made | files


class Answer(NamedTuple):
    status: int
    said: Any


def signature(body: bytes, secret: str = SECRET) -> str:
    """How GitHub signs."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def said(folder: Path, *words: str) -> Any:
    """What a command prints for programs, given in this process; None where it prints nothing."""
    printed = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with contextlib.redirect_stdout(printed):
        main([*words, "--json", "--workspace", str(folder)])
    printed.seek(0)
    text = printed.read()
    return json.loads(text) if text else None


class Server:
    """A running `deputy up`."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self._options = folder, options
        self.start()

    def start(self, *options: str) -> None:
        command = [*ENTRY, "up", "--port", "0", "--json", *self._options, *options]
        environment = {**os.environ, "HOOK": SECRET}
        self.process = subprocess.Popen(
            command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self.process.stdout is not None
        told = json.loads(self.process.stdout.readline())
        self.address, self.sign_in = told["listening"], told["sign_in"]

    def kill(self, number: int = signal.SIGKILL) -> int:
        """End it; its exit code."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def ask(self, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        """A request; POST where it has a body."""
        request = urllib.request.Request(self.address + path, data=body, headers=dict(headers or {}))
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return Answer(answer.status, json.loads(answer.read()))
        except urllib.error.HTTPError as refused:
            with refused:
                return Answer(refused.code, json.loads(refused.read()))

    def send(self, body: bytes, name: str, path: str = "orders") -> Answer:
        """A delivery as GitHub makes it."""
        return self.ask(f"/hooks/{path}", body, {"X-Hub-Signature-256": signature(body), "X-GitHub-Delivery": name})

    def deputy(self, *words: str) -> Any:
        """What another command prints."""
        return said(self.folder, *words)

    def runs(self, count: int, state: str = "done") -> list[Any]:
        """The runs, once so many are in this state."""
        end = time.monotonic() + PATIENCE
        while True:
            found = self.deputy("ps", "--all")
            if sum(run["state"] == state for run in found) >= count or time.monotonic() > end:
                return found
            time.sleep(0.1)


@contextlib.contextmanager
def serving(folder: Path, files: Mapping[str, str], *options: str) -> Generator[Server]:
    """A workspace of these files, served while this lasts."""
    make(folder, files)
    server = Server(folder, *options)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.kill()
