"""`deputy mcp login`: as a person does it, against servers of tools and of authorization that check what they get."""

import base64
import io
import json
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast
from urllib.parse import parse_qsl, urlsplit

import pytest
from tests.adapters.model.server import Answer, Received, listening
from tests.adapters.tool.http_server import JSON, Peer, Told, answered
from tests.adapters.tool.oauth_server import Far
from tests.cli.offices import DEPUTY, Said, Shell, agent, make, started

CLERK = agent("clerk", tools="{erp.*: act}", replies='  - call: [{tool: erp.pay}]\n  - say: "{{ results[-1] }}"')


class Browser(io.StringIO):
    """What a command remarks; a person opens the address that they read there."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = list[str]()
        self.pages = list[str]()
        self._hands = ThreadPoolExecutor(1)

    def write(self, text: str) -> int:
        """Read along."""
        for word in text.split():
            if "/authorize?" in word:
                self.opened.append(word)
                self._hands.submit(self.open, word)
        return super().write(text)

    def open(self, address: str) -> None:
        """Open it, as browsers do: following where it leads."""
        with urllib.request.urlopen(address, timeout=10) as page:
            self.pages.append(page.read().decode())

    def close(self) -> None:
        """Close the window."""
        self._hands.shutdown()
        super().close()


class Attended(Shell):
    """A shell before a person who reads what is remarked."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[str], browser: Browser) -> None:
        super().__init__(folder, capture)
        self._browser = browser

    def __call__(self, *args: str) -> Said:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stderr", self._browser)
            return super().__call__(*args)


class Office:
    """A workspace whose server asks for a login."""

    def __init__(self, shell: Shell, far: Far, url: str, browser: Browser, patch: pytest.MonkeyPatch) -> None:
        self.shell, self.far, self.url, self.browser, self._patch = shell, far, url, browser, patch
        self.configure("")

    @property
    def issuer(self) -> str:
        """The authorization server."""
        return self.url.removesuffix("/mcp")

    def configure(self, more: str) -> None:
        """Write deputy.toml."""
        make(self.shell.folder, CLERK, DEPUTY + f'[mcp.erp]\nurl = "{self.url}"\n{more}')

    def secret(self, name: str, value: str) -> None:
        """Keep a secret."""
        self._patch.setattr(sys, "stdin", io.StringIO(value))
        assert self.shell("secret", "set", name).code == 0

    def pays(self) -> bool:
        """Whether an agent can call the tool."""
        run = self.shell.run("clerk", "x")
        return [effect["state"] for effect in run["effects"] if effect["tool"] == "erp.pay"] == ["done"]

    def kept(self) -> bool:
        """Whether a login is kept."""
        return "mcp.erp.login" in [secret["name"] for secret in self.shell("secret", "list", "--json").json]

    def files(self) -> bytes:
        """Everything that lies in the workspace, but for the operator's own files."""
        return b"".join(file.read_bytes() for file in (self.shell.folder / ".deputy").rglob("*") if file.is_file())


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Generator[Office]:
    monkeypatch.setenv("COLUMNS", "60")
    far, browser = Far(), Browser()
    with listening(far.answer) as server:
        office = Office(
            Attended(tmp_path, capsys, browser), far, server.url.replace("/v1", "/mcp"), browser, monkeypatch
        )
        yield office
        browser.close()


def test_somebody_logs_in_and_agents_call_with_tokens_that_renew_themselves(office: Office):
    office.far.lasts = 1
    before = office.shell("doctor", "--json")
    assert "deputy mcp login erp" in before.out
    done = office.shell("mcp", "login", "erp", "--json")
    assert (done.code, done.json["server"], done.json["issuer"].rstrip("/")) == (0, "erp", office.issuer)
    assert office.far.registered and office.far.asked["scope"] == "pay"
    assert "You can close this page" in office.browser.pages[0]
    assert office.pays() and office.pays()
    grants = [form["grant_type"] for form in office.far.forms]
    assert grants[0] == "authorization_code" and set(grants[1:]) == {"refresh_token"}  # each was near its end
    kept = office.files()
    assert office.kept() and b"access-" not in kept and b"refresh-" not in kept
    out = office.shell.folder / "export.jsonl"
    assert office.shell("audit", "export", "--out", str(out)).code == 0
    shown = office.shell("secret", "list").out + out.read_text()
    assert "access-" not in shown and "refresh-" not in shown and "logged_in" in shown


def test_only_an_owner_or_an_admin_logs_in(office: Office):
    refused = office.shell("mcp", "login", "erp", "--as", "kim", "--json")
    assert (refused.code, refused.error["code"]) == (2, "forbidden")
    assert not office.browser.opened


@pytest.mark.parametrize(("consent", "says"), [("no", "access_denied: Wei said no."), ("wrong state", "State")])
def test_a_refused_consent_and_a_wrong_state_keep_nothing(office: Office, consent: str, says: str):
    office.far.consent = consent
    refused = office.shell("mcp", "login", "erp", "--json")
    assert (refused.code, refused.error["code"]) == (2, "login")
    assert says in refused.error["message"]
    assert "Traceback" not in office.browser.getvalue()
    assert not office.far.forms and not office.kept()


def test_a_port_in_use_is_said(office: Office):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = office.shell("mcp", "login", "erp", "--with", f"port={port}", "--json")
    assert (refused.code, refused.error["code"]) == (2, "login")
    assert f"port {port}" in refused.error["message"] and "--with port" in refused.error["remedy"]
    assert not office.browser.opened


def test_what_is_no_answer_to_the_login_does_not_end_it(office: Office, monkeypatch: pytest.MonkeyPatch):
    opened = office.browser.open

    def stray(address: str) -> None:
        back = urlsplit(dict(parse_qsl(urlsplit(address).query))["redirect_uri"])
        for path in ("/", "/callback", "/favicon.ico?code=x"):
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(f"http://{back.netloc}{path}", timeout=10)
        with socket.create_connection(("127.0.0.1", back.port or 0)) as line:
            line.sendall(b"x" * 50_000 + b"\r\n\r\n")
        opened(address)

    monkeypatch.setattr(office.browser, "open", stray)
    assert office.shell("mcp", "login", "erp").code == 0
    assert office.kept()


def test_a_client_of_deputy_toml_logs_in_and_options_count_before_it(office: Office):
    office.configure(
        '[mcp.erp.oauth]\nclient_id = "ours"\nclient_secret = "secret:ERP_CLIENT"\nscope = "pay look"\n'
        f'issuer = "{office.issuer}"\n'
    )
    missing = office.shell("mcp", "login", "erp", "--json")
    assert missing.code != 0 and "secret set ERP_CLIENT" in missing.out
    office.secret("ERP_CLIENT", "hush-hush")
    assert office.shell("mcp", "login", "erp").code == 0
    assert (office.far.asked["client_id"], office.far.registered) == ("ours", False)
    assert base64.b64decode(office.far.authorizations[0].removeprefix("Basic ")) == b"ours:hush-hush"
    assert office.pays()
    office.far.number += 1  # what it gave is worth nothing any more
    office.far.refreshable = {"refresh-1"}
    assert office.pays()
    assert base64.b64decode(office.far.authorizations[-1].removeprefix("Basic ")) == b"ours:hush-hush"
    assert office.shell("mcp", "login", "erp", "--with", "client_id=theirs").code == 0
    assert office.far.asked["client_id"] == "theirs"
    assert office.far.forms[-1]["client_id"] == "theirs" and not office.far.authorizations[-1]  # not with our secret
    assert b"hush-hush" not in office.files()


def test_a_client_logs_in_as_itself(office: Office):
    office.secret("ERP_CLIENT", "hush-hush")
    office.configure(
        '[mcp.erp.oauth]\ngrant = "client_credentials"\nclient_id = "ours"\nclient_secret = "secret:ERP_CLIENT"\n'
        f'issuer = "{office.issuer}"\n'
    )
    assert office.shell("mcp", "login", "erp").code == 0
    assert not office.browser.opened
    assert office.pays()
    office.far.number += 1
    assert office.pays()
    assert [form["grant_type"] for form in office.far.forms] == ["client_credentials"] * 2
    office.far.consent = "no"


@pytest.mark.parametrize("grant", ["authorization_code", "client_credentials"])
def test_a_clients_secret_is_told_to_nobody_but_its_issuer(office: Office, grant: str):
    office.secret("ERP_CLIENT", "hush-hush")
    office.configure(
        f'[mcp.erp.oauth]\ngrant = "{grant}"\nclient_id = "ours"\nclient_secret = "secret:ERP_CLIENT"\n'
        'issuer = "https://login.acme.example"\n'
    )
    refused = office.shell("mcp", "login", "erp", "--json")
    assert (refused.code, refused.error["code"]) == (2, "login")
    assert "https://login.acme.example" in refused.error["message"]
    assert not office.far.forms and not office.browser.opened and not office.kept()


@pytest.mark.parametrize(("given", "says"), [
    ("colour=red", "says nothing about a login"), ("port=99999", "is no port"), ("grant=password", "no grant"),
    ("client_secret=hush", "by reference"), ("client_secret=secret:A", "no `client_id`"),
    ("grant=client_credentials", "an id and a secret"),
    ("client_id=a client_secret=secret:A", "none is named"),
])  # fmt: skip
def test_an_option_that_means_nothing_is_refused(office: Office, given: str, says: str):
    refused = office.shell("mcp", "login", "erp", *(f"--with={one}" for one in given.split()), "--json")
    assert (refused.code, refused.error["code"]) == (2, "usage")
    assert says in refused.error["message"] and "hush" not in refused.out


@pytest.mark.parametrize(("table", "says"), [
    ('client_secret = "hush"', "reference"), ("colour = 1", "unknown key"), ('grant = "password"', "grant"),
    ("port = 70000", "no port"),
])  # fmt: skip
def test_a_table_that_means_nothing_is_refused(office: Office, table: str, says: str):
    office.configure(f"[mcp.erp.oauth]\n{table}\n")
    refused = office.shell("mcp", "login", "erp", "--json")
    assert refused.error["code"] == "configuration" and says in refused.error["message"]
    assert "hush" not in refused.out


def test_a_login_that_somebody_spoilt_asks_for_another(office: Office):
    office.secret("mcp.erp.login", "not ours")
    run = office.shell("doctor", "--json")
    assert "deputy mcp login" in run.out and "Traceback" not in run.err
    assert office.shell("mcp", "login", "erp").code == 0
    assert office.pays()


def test_an_interrupted_login_keeps_nothing(office: Office):
    waiting = started("mcp", "login", "erp", folder=office.shell.folder)
    assert waiting.stderr is not None
    said = ""
    while "/authorize?" not in said:
        line = waiting.stderr.readline()
        assert line, said
        said += line
    waiting.send_signal(signal.SIGINT)
    out, err = waiting.communicate(timeout=30)
    assert waiting.returncode == 130, err
    assert "Traceback" not in err and not out
    assert not office.kept()


def test_a_process_that_is_killed_while_it_renews_loses_no_login(office: Office):
    assert office.shell("mcp", "login", "erp").code == 0
    assert office.pays()
    office.far.number, office.far.mute = 2, True  # the first token is worth nothing any more
    office.far.refreshable = {"refresh-1"}
    doomed = started("run", "clerk", "x", folder=office.shell.folder)
    try:
        while len(office.far.forms) < 2:
            assert doomed.poll() is None
            time.sleep(0.02)
        office.far.mute = False
        threading.Timer(0.3, doomed.kill).start()  # it holds the lock; we wait for that
        assert office.pays()
    finally:
        doomed.kill()
        doomed.communicate()
    assert [form.get("refresh_token") for form in office.far.forms[1:]] == ["refresh-1"] * 2
    assert office.kept() and office.pays()


LEAKS = ["headers", "text", "error", "broken", "stranger"]
LEAKER = """answers = {}
    for tool in ("headers", "text", "error", "broken", "stranger"):
        try:
            answers[tool] = await desk.call(f"erp.{tool}")
        except deputy.ToolFailed as exc:
            answers[tool] = f"{exc.code}: {exc}"
    return __import__("json").dumps(answers)"""


def leaking(far: Far) -> Told:
    """Gives away in every way what it was sent, and what it gave."""

    def told(_peer: Peer, received: Received) -> Answer | None:
        words = f"key {received.headers['x-api-key']}, tokens {far.access} and {far.refresh}, client canary-client"
        if received.json.get("method") == "tools/list":
            schema = {"type": "object", "properties": {"a": {"description": words}}}
            tools = [{"name": name, "description": words, "inputSchema": schema} for name in LEAKS]
            return answered(received, {"tools": tools, "resultType": "complete"})
        if received.json.get("method") != "tools/call":
            return None
        params = received.json["params"]
        match cast("dict[str, str]", params)["name"]:
            case "headers":
                return answered(received, {"content": [], "structuredContent": dict(received.headers)})
            case "text":
                return answered(received, {"content": [{"type": "text", "text": words}], "isError": True})
            case "error":
                body = {"jsonrpc": "2.0", "id": received.json["id"], "error": {"code": -32602, "message": words}}
                return Answer(headers={**JSON, "X-Said": words}, pieces=[json.dumps(body).encode()])
            case "broken":
                return Answer(status=400, headers={**JSON, "Location": words}, pieces=[words.encode()])
            case _:
                return Answer(status=401, headers={"WWW-Authenticate": f'Bearer error="{words}"'})

    return told


def test_canaries_in_headers_and_logins_are_found_nowhere(office: Office, tmp_path: Path):
    office.far.mark, office.far.told = "canary-", leaking(office.far)
    office.secret("ERP_KEY", "canary-key")
    office.secret("ERP_CLIENT", "canary-client")
    office.configure(
        'headers = {X-Api-Key = "secret:ERP_KEY"}\n[mcp.erp.tools."*"]\neffect = "read"\n'
        '[mcp.erp.oauth]\nclient_id = "ours"\nclient_secret = "secret:ERP_CLIENT"\n'
        f'issuer = "{office.issuer}"\n'
    )
    make(office.shell.folder, agent("leaker", tools="{erp.*: act}", procedure=LEAKER),
         (office.shell.folder / "deputy.toml").read_text())  # fmt: skip
    said = [office.shell("mcp", "login", "erp", "--json")]
    assert said[0].code == 0
    ran = office.shell("run", "leaker", "x", "--json")
    told = json.loads(ran.json["answer"])
    assert told["headers"]["x-api-key"] == "[secret:ERP_KEY]"
    assert told["headers"]["authorization"] == "Bearer [secret:mcp.erp.login]"
    assert "[secret:ERP_KEY]" in told["text"] and "[secret:mcp.erp.login]" in told["error"]
    assert told["stranger"].startswith("unauthorized")
    office.far.consent = "wrong state"
    said += [ran, office.shell("mcp", "login", "erp"), office.shell("mcp", "accept", "erp", "--json")]
    run = ran.json["id"]
    for command in (
        ["show", run], ["show", run, "--json"], ["doctor"], ["doctor", "--json"], ["secret", "list", "--json"],
        ["audit", "export", "--out", str(tmp_path / "export.jsonl")],
    ):  # fmt: skip
        said.append(office.shell(*command))
    assert not [one for one in said if "canary" in one.out + one.err]
    assert "canary" not in office.browser.getvalue()
    assert b"canary" not in office.files() + (tmp_path / "export.jsonl").read_bytes()
