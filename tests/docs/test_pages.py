"""The pages that show how to do something are done, as they stand, against the real command."""

from base64 import b64decode
from pathlib import Path

import pytest
from tests.adapters.model.dialects import Twin
from tests.adapters.model.server import chunk, listening, streamed, usage
from tests.adapters.tool.oauth_server import Far
from tests.docs.snippets import DOCS, ROOT, Reader, blocks
from tests.oidc.certified import certified

#: a page is dozens of processes, which take their time where many tests run at once
pytestmark = pytest.mark.timeout(300)

HOW_TO = sorted(page.relative_to(DOCS).as_posix() for page in (DOCS / "how-to").glob("*.md"))
MODEL = "how-to/connect-a-model.md"
QWEN = "how-to/connect-your-qwen.md"
MCP = "how-to/connect-an-mcp-server.md"
SIGN_IN = "how-to/let-people-sign-in.md"


def test_the_readme_does_what_it_shows(tmp_path: Path):
    Reader(ROOT / "README.md", tmp_path).read()


def test_the_tutorial_does_what_it_shows(tmp_path: Path):
    Reader(DOCS / "tutorial.md", tmp_path).read()


@pytest.mark.parametrize("page", [page for page in HOW_TO if page not in (MODEL, QWEN, MCP, SIGN_IN)])
def test_a_how_to_page_does_what_it_shows(page: str, tmp_path: Path):
    Reader(DOCS / page, tmp_path).read()


def test_the_page_about_models_connects_one(tmp_path: Path):
    call = {"index": 0, "id": "c1", "function": {"name": "greet", "arguments": '{"name": "Ada"}'}}
    asks = streamed(chunk({"tool_calls": [call]}), chunk(finish="tool_calls"), usage())
    says = streamed(chunk({"content": "Hello, Ada!"}), chunk(finish="stop"), usage())
    with listening(asks, says) as server:
        Reader(DOCS / MODEL, tmp_path, replaced={"http://127.0.0.1:8000/v1": server.url}).read()
        asked = server.received[0]
        assert asked.headers["authorization"] == "Bearer sk-123"
        assert (asked.json["enable_thinking"], asked.json["max_tokens"]) == (False, 2000)


def test_the_page_about_qwen_proves_a_route_to_each_kind_of_server(tmp_path: Path):
    with (
        listening(Twin("dashscope", key="sk-123")) as studio,
        listening(Twin("vllm", model="Qwen/Qwen3.6-35B-A3B")) as vllm,
        listening(Twin("sglang", model="Qwen/Qwen3-32B")) as sglang,
        listening(Twin("llamacpp", model="qwen3-8b")) as llama,
        listening(Twin("ollama", model="qwen3:8b")) as ollama,
    ):
        replaced = {
            "https://dashscope-intl.aliyuncs.com/compatible-mode/v1": studio.url,
            "http://127.0.0.1:8000/v1": vllm.url,
            "http://127.0.0.1:30000/v1": sglang.url,
            "http://127.0.0.1:8080/v1": llama.url,
            # the port by which it is known is not ours to take
            'base_url = "http://127.0.0.1:11434/v1"': f'server = "ollama"\nbase_url = "{ollama.url}"',
        }
        Reader(DOCS / QWEN, tmp_path, replaced=replaced).read()
        asked = [received.json for received in studio.received if received.method == "POST"]
        assert all(body["thinking_budget"] == 1024 and body["preserve_thinking"] is True for body in asked)
        for server in (vllm, sglang, llama, ollama):
            assert sum(received.method == "POST" for received in server.received) == 9


def test_the_page_about_mcp_connects_a_server_by_key_and_by_login(tmp_path: Path):
    far = Far("Bearer erp-key")
    with listening(far.answer) as server:
        base = server.url.removesuffix("/v1")
        replaced = {"https://erp.acme.example": base, "https://login.acme.example": base}
        Reader(DOCS / MCP, tmp_path, replaced=replaced).read()
    assert [form["grant_type"] for form in far.forms] == ["client_credentials"]
    assert b64decode(far.authorizations[0].removeprefix("Basic ")) == b"deputy:erp-secret"


def test_the_page_about_signing_in_sends_people_to_a_certified_provider(tmp_path: Path):
    base, secret = "http://localhost:18790", "correct-horse-battery-staple-of-acme"
    client = {
        "client_id": "deputy", "client_secret": secret, "redirect_uris": [f"{base}/sign-in/callback"],
        "response_types": ["code"], "grant_types": ["authorization_code"],
    }  # fmt: skip
    with certified([client]) as issuer:
        Reader(DOCS / SIGN_IN, tmp_path, replaced={"https://login.acme.example": issuer}).read()


def test_the_readme_is_short_and_its_agent_has_fifteen_lines():
    readme = ROOT / "README.md"
    assert len(readme.read_text("utf-8").splitlines()) <= 150
    shown = [block for block in blocks(readme) if block.title in ("tools/bank.py", "agents/payer/AGENT.md")]
    assert sum(bool(line.strip()) for block in shown for line in block.text.splitlines()) == 15


def test_every_page_that_shows_commands_is_read_by_a_test():
    pages = {p for p in DOCS.rglob("*.md") if any(block.language == "console" for block in blocks(p))}
    read = {DOCS / page for page in (*HOW_TO, "tutorial.md")}
    assert {page.name for page in pages - read} == {"once.md", "budget.md"}, "use `sh` for what is not to be run"
