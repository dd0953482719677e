"""A real model, small and of random weights, served over HTTP and driven through the command."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.offices import DEPUTY, ENTRY

ROOT = Path(__file__).resolve().parents[2]
HAVE = all(importlib.util.find_spec(name) for name in ("torch", "transformers"))
pytestmark = [
    pytest.mark.skipif(
        not HAVE,
        reason="NO REAL MODEL IS TESTED: torch for processors alone was not found by `make setup` "
        "(it takes a torch-*+cpu wheel from a folder that pip's `find-links` names)",
    ),
    pytest.mark.timeout(180),
]

MODEL = "qwen3-small-random"
AGENT = """\
---
name: hello
owner: wei
model: default
tools:
  greet: act
budget: {run: 0.05, steps: 10, wall: 5m}
---
You greet people. Call `greet` with the name you are given, and answer with what it returns.
"""
TOOL = '''\
import deputy


@deputy.tool(effect="read", repeat="safe", output="trusted")
def greet(name: str) -> str:
    """Greet somebody."""
    return f"Hello, {name}!"
'''


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("small-qwen")
    command = [sys.executable, "-m", "tests.qwen.small", str(folder)]
    with (folder / "errors.txt").open("w") as errors:
        server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            assert url.startswith("http://"), (folder / "errors.txt").read_text()[-2000:]
            yield url, folder / "log.jsonl"
        finally:
            server.kill()
            server.wait()
            server.stdout.close() if server.stdout else None


def said(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_a_small_qwen_of_random_weights_does_a_run_from_end_to_end(served: tuple[str, Path], tmp_path: Path):
    url, log = served
    model = f'[models.default]\nprovider = "openai"\nserver = "vllm"\nbase_url = "{url}"\nmodel = "{MODEL}"\n'
    for name, text in (
        ("deputy.toml", DEPUTY + model + "price = {input = 1, output = 2, cached = 0.1}\ncontext = 8192\n"),
        ("people.toml", '[people.wei]\nname = "Wei Chen"\nroles = ["owner"]\n'),
        ("agents/hello/AGENT.md", AGENT),
        ("tools/greet.py", TOOL),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [*ENTRY, "run", "hello", "Ada", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    run = json.loads(done.stdout)
    first, second = said(log)

    # The call that the model wrote as text was made; its letters are the model's own choice.
    (effect,) = [effect for effect in run["effects"] if effect["tool"] == "greet"]
    written = json.loads(first["text"].removeprefix("<tool_call>\n").removesuffix("\n</tool_call>"))
    assert (effect["args"], effect["result"]) == (written["arguments"], f"Hello, {written['arguments']['name']}!")
    assert run["answer"] == second["text"]

    # Its second prompt begins with its first, and was read from the states that the model still had.
    assert second["prompt"].startswith(first["prompt"])
    assert effect["result"] in second["prompt"]
    assert second["cached"] >= first["prompt_tokens"]
    tokens = sum(one["prompt_tokens"] + one["tokens"] for one in (first, second))
    assert run["spent"]["tokens"] == tokens
    micros = sum(one["prompt_tokens"] - one["cached"] * 0.9 + one["tokens"] * 2 for one in (first, second))
    assert abs(float(run["spent"]["money"]["amount"]) * 1e6 - micros) <= 2  # rounded up, call by call
