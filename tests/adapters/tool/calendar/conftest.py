"""A real CalDAV server, Radicale, for all tests of this folder that a process runs."""

import base64
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from pathlib import Path

import pytest

__all__ = ["Server"]


class Server:
    """A running server, with one user."""

    USER, PASSWORD = "wei", "s3cret-of-wei"

    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self._count = 0

    def send(self, method: str, path: str, body: str = "", **headers: str) -> tuple[int, str, str]:
        """A request as the user: status, etag and body."""
        token = base64.b64encode(f"{self.USER}:{self.PASSWORD}".encode()).decode()
        named = {"Authorization": f"Basic {token}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        request = urllib.request.Request(self.base + path, body.encode() or None, named, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.headers.get("ETag", ""), answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, "", error.read().decode()

    def calendar(self) -> str:
        """The path of a new, empty calendar."""
        self._count += 1
        path = f"/{self.USER}/calendar{self._count}/"
        assert self.send("MKCALENDAR", path)[0] == 201
        return path

    def put(self, path: str, lines: str, name: str = "event.ics") -> str:
        """Put an event there, as another client would; returns its place."""
        head = f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//x//x//EN\nBEGIN:VEVENT\nUID:{name}\nDTSTAMP:20260101T000000Z"
        text = f"{head}\n{lines.strip()}\nEND:VEVENT\nEND:VCALENDAR\n".replace("\n", "\r\n")
        status, _, said = self.send("PUT", path + name, text, Content_Type="text/calendar; charset=utf-8")
        assert status == 201, said
        return path + name


@pytest.fixture(scope="session")
def radicale() -> Generator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="deputy-radicale-"))
    (folder / "users").write_text(f"{Server.USER}:{Server.PASSWORD}\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "radicale", "--config", "", f"--server-hosts=127.0.0.1:{port}", "--auth-type=htpasswd",
        f"--auth-htpasswd-filename={folder / 'users'}", "--auth-htpasswd-encryption=plain", "--auth-delay=0",
        f"--storage-filesystem-folder={folder / 'data'}", "--logging-level=error",
    ]  # fmt: skip
    with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            for _ in range(600):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert process.poll() is None, (folder / "log").read_text()
                time.sleep(0.05)
            yield Server(port)
        finally:
            process.terminate()
    shutil.rmtree(folder, ignore_errors=True)
