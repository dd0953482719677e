"""Secrets by command; and canaries, lent everywhere, that must be found nowhere."""

import asyncio
import io
import json
import os
import pty
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.adapters.model.server import Answer, chunk, refusal, serving, streamed, usage
from tests.cli.offices import DEPUTY, Said, Shell, agent, make

CANARIES = {"MODEL_KEY": "canary-model/4711+x", "ERP_KEY": "canary-erp:0815=y", "BANK_KEY": "canary-bank?42&z"}

SERVER = '''\
"""Gives its key away in every way it can."""
import json, os, sys

def send(message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)

names = ["result", "error", "text", "last_words", "length", "nothing"]
key = os.environ.get("ERP_KEY", "none")
sys.stderr.write(f"starting with {key}\\n")
for line in sys.stdin:
    message = json.loads(line)
    number, method = message.get("id"), message["method"]
    if method == "initialize":
        about = {"protocolVersion": "2025-06-18", "capabilities": {}, "serverInfo": {"name": key}}
        send({"id": number, "result": about})
    elif method == "tools/list":
        tools = [{"name": n, "description": f"My key is {key}", "inputSchema": {"type": "object"}} for n in names]
        send({"id": number, "result": {"tools": tools}})
    elif method == "tools/call":
        name = message["params"]["name"]
        if name == "result":
            send({"id": number, "result": {"content": [], "structuredContent": {"environment": dict(os.environ)}}})
        elif name == "text":
            send({"id": number, "result": {"content": [{"type": "text", "text": f"key {key}"}], "isError": True}})
        elif name == "error":
            send({"id": number, "error": {"code": -32603, "message": f"no {key}", "data": {"key": key}}})
        elif name == "last_words":
            sys.stderr.write(f"dying with {key}\\n")
            sys.stderr.flush()
            os._exit(3)
        elif name == "length":
            send({"id": number, "result": {"content": [], "structuredContent": {"length": len(key)}}})
        else:
            send({"id": number, "result": {"content": [{"type": "text", "text": key}]}})
    elif number is not None:
        send({"id": number, "error": {"code": -32601, "message": f"unknown to {key}"}})
'''

TOOLS = '''\
from pathlib import Path

import deputy

LENT = {"key": "secret:BANK_KEY"}


@deputy.tool(effect="read", repeat="safe", secrets=LENT)
def tells(context: deputy.EffectContext) -> dict[str, object]:
    """Return the key."""
    return {"key": context.secrets["key"], "in": [f"a={context.secrets['key']}"]}


@deputy.tool(effect="read", repeat="safe", secrets=LENT)
def raises(context: deputy.EffectContext) -> str:
    """Raise the key."""
    try:
        raise KeyError(context.secrets["key"])
    except KeyError as exc:
        raise ValueError(f"bad key {context.secrets['key']}") from exc


@deputy.tool(effect="read", repeat="safe")
def looks() -> list[str]:
    """Which processes below this one have a secret in their arguments or their environment."""
    import os

    found, below = [], {os.getpid()}
    for _ in range(4):
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                if int(status.read_text().rpartition(")")[2].split()[1]) in below:
                    below.add(int(status.parent.name))
            except OSError:
                pass
    for pid in sorted(below):
        for kind in ("cmdline", "environ"):
            try:
                if b"yranac"[::-1] in (data := Path(f"/proc/{pid}/{kind}").read_bytes()):
                    program = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\\0")
                    found.append(f"{kind} of {'keeper' if 'keeper' in str(program) else program[-2]}")
            except OSError:
                pass
    return found
'''

CHANGE = '''\
import subprocess
import sys
from pathlib import Path

import deputy


@deputy.tool(effect="write", repeat="safe")
def change(value: str) -> str:
    """Set the key anew, as somebody does in another process."""
    workspace = Path(__file__).resolve().parents[1]
    command = [sys.executable, "-m", "deputy", "secret", "set", "ERP_KEY"]
    subprocess.run(command, cwd=workspace, input=value, text=True, check=True, stdout=subprocess.DEVNULL)
    return "changed"
'''

PROCEDURE = """answers = []
    for tool in ("erp.result", "erp.text", "erp.error", "erp.last_words", "erp.nothing", "plain.result", "tells",
                 "raises", "looks"):
        try:
            answers.append({tool: await desk.call(tool)})
        except deputy.ToolFailed as exc:
            answers.append({tool: f"{exc.code}: {exc}"})
    for question in ("once", "twice"):
        try:
            answers.append({question: await desk.ask_model(question)})
        except deputy.ToolFailed as exc:
            answers.append({question: str(exc)})
    return __import__("json").dumps(answers)"""


@contextmanager
def chat_server(*answers: Answer) -> Generator[str]:
    """A server of models in a thread, by its address."""
    address: list[str] = []
    ready, end = threading.Event(), threading.Event()

    async def serve() -> None:
        async with serving(*answers) as server:
            address.append(server.url)
            ready.set()
            while not end.is_set():
                await asyncio.sleep(0.01)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield address[0]
    finally:
        end.set()
        thread.join(10)


class Given:
    """Puts text on a command's standard input."""

    def __init__(self, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shell, self._monkeypatch = shell, monkeypatch

    def __call__(self, text: str, *args: str) -> Said:
        self._monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        return self.shell(*args)


@pytest.fixture
def given(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Given:
    return Given(shell, monkeypatch)


def test_canaries_lent_everywhere_are_found_nowhere(given: Given, tmp_path: Path):
    model_key = CANARIES["MODEL_KEY"]
    spoken = streamed(chunk({"content": f"your key is {model_key}"}, finish="stop"), usage())
    bad = refusal(400, {"error": {"message": f"bad key {model_key}", "code": model_key}}, location=f"/?k={model_key}")
    said: list[str] = []
    with chat_server(bad, spoken) as url:
        files = agent(
            "leaker", tools='{"*": act}', procedure=PROCEDURE
        ) | {"erp.py": SERVER, "tools/tiny.py": TOOLS}  # fmt: skip
        files["agents/leaker/AGENT.md"] = files["agents/leaker/AGENT.md"].replace("model: rehearsal", "model: default")
        make(given.shell.folder, files, DEPUTY + (
            f'[models.default]\nprovider = "openai"\nbase_url = "{url}"\nmodel = "m"\napi_key = "secret:MODEL_KEY"\n'
            f'[mcp.erp]\ncommand = ["{sys.executable}", "-I", "-S", "erp.py"]\nenv = {{ERP_KEY = "secret:ERP_KEY"}}\n'
            f'[mcp.plain]\ncommand = ["{sys.executable}", "-I", "-S", "erp.py"]\n'
            + "".join(f'[mcp.{server}.tools."*"]\neffect = "read"\n' for server in ("erp", "plain"))
        ))  # fmt: skip
        for name, value in CANARIES.items():
            set_it = given(value + "\n", "secret", "set", name)
            assert set_it.code == 0, set_it
            said += [set_it.out, set_it.err]
        ran = given.shell("run", "leaker", "go", "--json")
        assert ran.code == 0, ran
        run = ran.json["id"]
        for command in (
            ["show", run], ["show", run, "--json"], ["ps", "--all"], ["doctor"], ["doctor", "--json"],
            ["secret", "list"], ["secret", "list", "--json"], ["audit", "verify"], ["inbox", "--json"],
            ["audit", "export", "--out", str(tmp_path / "export.jsonl")],
        ):  # fmt: skip
            answer = given.shell(*command)
            said += [answer.out, answer.err]
    answers = {name: value for one in json.loads(ran.json["answer"]) for name, value in one.items()}
    assert answers["erp.result"]["environment"]["ERP_KEY"] == "[secret:ERP_KEY]"
    assert "ERP_KEY" not in answers["plain.result"]["environment"]
    assert answers["erp.text"] == "tool_error: erp.text: key [secret:ERP_KEY]"
    assert "no [secret:ERP_KEY]" in answers["erp.error"]
    assert answers["erp.nothing"] == "[secret:ERP_KEY]"
    assert answers["tells"] == {"key": "[secret:BANK_KEY]", "in": ["a=[secret:BANK_KEY]"]}
    assert answers["raises"] == "tool_error: raises: ValueError: bad key [secret:BANK_KEY]"
    assert answers["twice"] == "your key is [secret:MODEL_KEY]"
    assert "model_bad_request" in answers["once"] or "Model `default`" in answers["once"]
    assert answers["looks"] == ["environ of erp.py"]  # the one that needs it
    for text in said:
        assert "canary" not in text
    looked_at = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert {"deputy.db", "export.jsonl", "identity.txt", "ERP_KEY.age"} <= {file.name for file in looked_at}
    for file in looked_at:
        assert b"canary" not in file.read_bytes(), file


def test_a_changed_secret_reaches_the_next_call(given: Given):
    """A server that runs already is asked no more; the next call asks one that was given the new value."""
    procedure = """before = await desk.call("erp.length")
    await desk.call("change", value="a longer value")
    return f"{before['length']} {(await desk.call('erp.length'))['length']}\""""
    files = agent("asker", tools='{"*": act}', procedure=procedure) | {"erp.py": SERVER, "tools/tiny.py": CHANGE}
    make(given.shell.folder, files, DEPUTY + (
        f'[mcp.erp]\ncommand = ["{sys.executable}", "-I", "-S", "erp.py"]\nenv = {{ERP_KEY = "secret:ERP_KEY"}}\n'
        '[mcp.erp.tools."*"]\neffect = "read"\n'
    ))  # fmt: skip
    missing = given.shell("run", "asker", "go", "--json")
    assert missing.code == 4 and "deputy secret set ERP_KEY" in missing.out
    given("first", "secret", "set", "ERP_KEY")
    assert given.shell.run("asker", "go")["answer"] == "5 14"


def test_a_secret_is_listed_with_everything_but_its_value(given: Given):
    deputy = DEPUTY + (
        '[models.default]\nprovider = "openai"\nbase_url = "https://models.example/v1"\nmodel = "m"\n'
        'api_key = "secret:MODEL_KEY"\n'
    )
    make(given.shell.folder, {}, deputy)
    (missing,) = given.shell("secret", "list", "--json").json
    assert (missing["name"], missing["set"], missing["used_by"]) == (
        "MODEL_KEY", False, ["`api_key` in [models.default]"]
    )  # fmt: skip
    done = given("hunter2-canary\n", "secret", "set", "MODEL_KEY", "--json")
    assert done.json["by"] == "person:wei" and "hunter2" not in done.out + done.err
    assert given("spare", "secret", "set", "SPARE").code == 0
    listed = given.shell("secret", "list")
    assert "MODEL_KEY" in listed.out and "wei" in listed.out and "nothing" in listed.out
    assert "hunter2" not in listed.out + listed.err
    doctor = given.shell("doctor", "--json")
    said = [finding["message"] for finding in doctor.json if finding["check"] == "secrets"]
    assert said == ["`secret:MODEL_KEY` is set.", "Nothing refers to `secret:SPARE`."]


def test_who_set_and_removed_a_secret_stands_in_the_workspaces_journal(given: Given, tmp_path: Path):
    given("canary", "secret", "set", "ERP_KEY")
    assert given.shell("secret", "remove", "ERP_KEY").code == 0
    export = tmp_path / "out.jsonl"
    assert given.shell("audit", "export", "--out", str(export)).code == 0
    told = export.read_text()
    assert "secret_set" in told and "secret_removed" in told and "canary" not in told
    assert given.shell("audit", "verify").code == 0


def test_only_an_owner_or_admin_sets_secrets(given: Given):
    refused = given("value", "secret", "set", "ERP_KEY", "--as", "kim", "--json")
    assert (refused.code, refused.error["code"]) == (2, "forbidden")
    assert given.shell("secret", "list", "--json").json == []


@pytest.mark.parametrize(("text", "says"), [("", "empty"), ("\n", "empty"), ("a\0b", "control character")])
def test_what_cannot_be_a_secret_is_refused(given: Given, text: str, says: str):
    refused = given(text, "secret", "set", "ERP_KEY")
    assert refused.code == 2 and says in refused.err


def test_removing_what_is_needed_says_so(given: Given):
    make(given.shell.folder, {"tools/tiny.py": TOOLS})
    given("value", "secret", "set", "BANK_KEY")
    removed = given.shell("secret", "remove", "BANK_KEY")
    assert removed.code == 0 and "still referred to: `key` of the function `tells`" in " ".join(removed.out.split())
    again = given.shell("secret", "remove", "BANK_KEY")
    assert again.code == 2 and "There is no secret 'BANK_KEY'" in again.err


def test_a_value_is_never_taken_from_the_command_line(given: Given):
    assert given.shell("secret", "set", "ERP_KEY", "canary").code == 2
    assert given.shell("secret", "list", "--json").json == []


def test_a_value_is_asked_for_and_not_shown(shell: Shell):
    """On a real terminal: what is typed is not echoed."""
    pid, terminal = pty.fork()
    if not pid:
        os.chdir(shell.folder)
        os.execv(sys.executable, [sys.executable, "-m", "deputy", "secret", "set", "ERP_KEY"])
    shown, typed = b"", False
    while True:
        try:
            data = os.read(terminal, 1024)
        except OSError:
            break
        if not data:
            break
        shown += data
        if not typed and b"not shown" in shown:
            os.write(terminal, b"typed-canary\n")
            typed = True
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert typed and b"typed-canary" not in shown and b"is set" in shown
    assert b"typed-canary" not in b"".join(f.read_bytes() for f in shell.folder.rglob("*") if f.is_file())


def test_secrets_set_by_two_commands_at_once_are_both_kept(shell: Shell):
    import subprocess

    commands = [
        subprocess.Popen(
            [sys.executable, "-m", "deputy", "secret", "set", name], cwd=shell.folder, stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for name in ("ONE", "TWO")
    ]  # fmt: skip
    for command in commands:
        _, err = command.communicate("value", timeout=60)
        assert command.returncode == 0, err
    assert [secret["name"] for secret in shell("secret", "list", "--json").json] == ["ONE", "TWO"]
