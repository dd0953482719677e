"""Secrets are lent from the environment, and an error names the variable, never a value."""

import pytest
from tests.app.config.workspaces import assert_says

from deputy.app.config import EnvSecrets, Reference, child_environment, is_reference, user_name
from deputy.base.errors import ConfigError

NEED = Reference("env:MODEL_KEY", "`api_key` in [models.default]", "deputy.toml", 10)


def test_a_variable_is_lent():
    assert EnvSecrets([NEED], {"MODEL_KEY": "hunter2"}).lend("env:MODEL_KEY") == "hunter2"


def test_without_another_environment_it_is_that_of_the_process(monkeypatch: pytest.MonkeyPatch):
    secrets = EnvSecrets()
    monkeypatch.setenv("MODEL_KEY", "hunter2")
    assert secrets.lend("env:MODEL_KEY") == "hunter2"


@pytest.mark.parametrize("environment", [{}, {"MODEL_KEY": ""}])
def test_a_missing_variable_says_who_needs_it(environment: dict[str, str]):
    with pytest.raises(ConfigError) as error:
        EnvSecrets([NEED], environment).lend("env:MODEL_KEY")
    says = r"variable MODEL_KEY, which is needed as `api_key` in \[models.default\], is not set"
    assert_says(error.value, "deputy.toml:10", says)


def test_a_missing_variable_that_nobody_declared_is_named():
    with pytest.raises(ConfigError, match=r"^The environment variable OTHER is not set\.$"):
        EnvSecrets([NEED], {}).lend("env:OTHER")


def test_a_value_that_would_break_a_header_is_refused_and_not_shown():
    with pytest.raises(ConfigError) as error:
        EnvSecrets([NEED], {"MODEL_KEY": "hunter2\r\nX: y"}).lend("env:MODEL_KEY")
    assert_says(error.value, "deputy.toml:10", "MODEL_KEY holds a line break")
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(("reference", "says"), [
    ("secret:vault", "no reference"), ("hunter2", "no reference"),
    ("env:", "no reference"), ("", "no reference"),
])  # fmt: skip
def test_what_cannot_be_lent_is_refused(reference: str, says: str):
    with pytest.raises(ConfigError, match=says) as error:
        EnvSecrets().lend(reference)
    assert "hunter2" not in str(error.value)


def test_a_child_sees_paths_and_no_secret(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "/bin")
    monkeypatch.setenv("MODEL_KEY", "hunter2")
    assert child_environment()["PATH"] == "/bin"
    assert "MODEL_KEY" not in child_environment()


def test_the_user_has_a_name_or_none(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("LOGNAME", raising=False)
    monkeypatch.setenv("USER", "wei")
    assert user_name() == "wei"
    monkeypatch.delenv("USER")
    assert user_name() == ""


def test_references_are_told_from_values():
    assert is_reference("env:X") and is_reference("secret:x")
    assert not is_reference("erp.db")
