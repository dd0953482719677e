"""A table of models may leave the choice to an environment variable."""

from pathlib import Path

import pytest
from tests.cli.offices import DEPUTY, GREETER, Shell, make

from deputy.app.config import load
from deputy.base.errors import ConfigError

CHOOSING = (
    DEPUTY
    + """
[models.default]
use = "env:TINY_MODEL"

[models.far]
provider = "openai"
base_url = "http://127.0.0.1:1/v1"
model = "qwen"
api_key = "env:TINY_KEY"
"""
)


def office(tmp_path: Path, deputy: str = CHOOSING) -> Path:
    files = {path: text.replace("model: rehearsal", "model: default") for path, text in GREETER.items()}
    return make(tmp_path / "tiny", files, deputy)


def test_without_the_variable_it_is_what_stands_there_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("TINY_MODEL", raising=False)
    route = load(office(tmp_path)).models["default"]
    assert (route.name, route.provider) == ("default", "rehearsal")


def test_the_variable_names_another_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TINY_MODEL", "far")
    route = load(office(tmp_path)).models["default"]
    assert (route.name, route.model, route.api_key) == ("default", "qwen", "env:TINY_KEY")


@pytest.mark.parametrize("word", ["near", "default", "http://evil.example", "\x1b[31m"])
def test_a_name_that_is_no_table_is_an_error(word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TINY_MODEL", word)
    with pytest.raises(ConfigError) as caught:
        load(office(tmp_path))
    assert "TINY_MODEL" in caught.value.message
    assert "`far`, `rehearsal`" in caught.value.remedy
    assert "\x1b" not in caught.value.message


@pytest.mark.parametrize("line", ['use = "TINY_MODEL"', 'use = "secret:MODEL"', 'use = "env:X"\nprovider = "openai"'])
def test_what_chooses_is_a_variable_and_nothing_else(line: str, tmp_path: Path):
    with pytest.raises(ConfigError):
        load(office(tmp_path, CHOOSING.replace('use = "env:TINY_MODEL"', line)))


def test_the_key_of_a_model_that_was_not_chosen_need_not_be_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("TINY_KEY", raising=False)
    monkeypatch.delenv("TINY_MODEL", raising=False)
    shell = Shell(office(tmp_path), capsys)
    assert "TINY_KEY" not in shell("doctor").out
    monkeypatch.setenv("TINY_MODEL", "far")
    assert "TINY_KEY" in shell("doctor").out
