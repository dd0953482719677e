"""Whatever is wrong: one sentence with a remedy on stderr, or one object on stdout; never a trace."""

import json
from pathlib import Path

import pytest
from tests.cli.offices import Shell, make

from deputy.app import commands
from deputy.base.errors import LeaseLost, StoreFull
from deputy.cli.main import main

WRONG = [
    ("usage", ("run",)),
    ("usage", ("run", "greeter")),
    ("usage", ("bake",)),
    ("usage", ("ps", "--every")),
    ("usage", ("policy",)),
    ("usage", ("settle", "abcd", "perhaps")),
    ("usage", ("deny", "abcd")),
    ("not_found", ("run", "greeterr", "Ada")),
    ("not_found", ("run", "greeter", "Ada", "--as", "nobody")),
    ("not_found", ("show", "rzzzz")),
    ("not_found", ("show", "rzzzz", "--follow")),
    ("not_found", ("cancel", "rzzzz")),
    ("not_found", ("approve", "rzzzz")),
    ("not_found", ("deny", "rzzzz", "--reason", "No.")),
    ("not_found", ("answer", "rzzzz", "Yes.")),
    ("not_found", ("settle", "rzzzz", "happened")),
    ("not_found", ("inbox", "--as", "nobody")),
    ("not_found", ("freeze", "nobody")),
    ("not_found", ("policy", "check", "nobody", "pay")),
    ("not_found", ("policy", "check", "payer", "payy")),
    ("usage", ("policy", "check", "payer", "pay", "--args", "{")),
    ("usage", ("policy", "check", "payer", "pay", "--args", "[1]")),
    ("conflict", ("thaw", "greeter")),
    ("forbidden", ("freeze", "greeter", "--as", "kim")),
]


@pytest.mark.parametrize(("code", "args"), WRONG, ids=[" ".join(args) for _, args in WRONG])
def test_a_mistake_is_one_sentence_and_one_object(shell: Shell, code: str, args: tuple[str, ...]):
    said = shell(*args)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("deputy: ")
    assert said.err.count("\n") == 1
    said = shell(*args, "--json")
    assert (said.code, said.err) == (2, "")
    assert set(said.json) == {"error"}
    assert set(said.error) == {"code", "message", "remedy"}
    assert said.error["code"] == code
    assert said.error["message"]
    assert said.error["remedy"]


@pytest.mark.parametrize(
    "args", [("ps",), ("inbox",), ("budget",), ("doctor",), ("worker", "--until-idle"), ("run", "a", "b")]
)
def test_a_wrong_file_is_named_with_its_line(shell: Shell, args: tuple[str, ...]):
    make(shell.folder, {}, deputy="[workspace]\nname = 7\n")
    said = shell(*args)
    assert said.code == 2
    assert "deputy.toml:2" in said.out + said.err
    assert "Traceback" not in said.out + said.err


def test_a_misspelt_command_and_agent_are_suggested(shell: Shell):
    assert "Did you mean 'show'" in shell("shwo").err
    assert "greeter" in shell("run", "greetr", "Ada").err


def test_text_of_the_user_has_no_effect_on_the_terminal(shell: Shell):
    assert "\x1b" not in shell("run", "a\x1b[31m\nb", "-").err


def test_who_may_not_answer_learns_who_may(shell: Shell):
    shell.run("payer", "7")
    (item,) = shell.inbox()
    said = shell("approve", item["id"], "--json")
    assert (said.code, said.error["code"]) == (2, "forbidden")
    assert "lin" in said.error["remedy"]


def test_the_second_answer_learns_of_the_first(shell: Shell):
    shell.run("payer", "7")
    (item,) = shell.inbox()
    assert shell("approve", item["id"], "--as", "lin").code == 0
    said = shell("deny", item["id"], "--reason", "No.", "--as", "lin", "--json")
    assert (said.code, said.error["code"]) == (2, "conflict")
    assert "lin approved it" in said.error["message"]


@pytest.mark.parametrize("edit", ["{", "7", "[]", '{"amount": NaN}', '{"amount": "many"}', '{"amount": 7000}'])
def test_an_edit_that_cannot_be_leaves_the_item_open(shell: Shell, edit: str):
    shell.run("payer", "7")
    (item,) = shell.inbox()
    assert shell("approve", item["id"], "--edit", edit, "--as", "lin").code == 2
    assert shell.inbox() == [item]


def test_a_database_of_somebody_else_is_a_sentence(shell: Shell):
    (shell.folder / ".deputy").mkdir()
    (shell.folder / ".deputy/deputy.db").write_bytes(b"what is this" * 1000)
    said = shell("ps", "--json")
    assert (said.code, said.error["code"]) == (2, "store_damaged")
    assert shell("doctor").code == 2


# -- defects


def broken(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    async def start(*_: object, **__: object) -> str:
        raise error

    monkeypatch.setattr(commands, "start", start)


@pytest.mark.parametrize("error", [ZeroDivisionError("by zero"), LeaseLost("it is gone"), KeyError()])
def test_a_defect_is_1_and_leaves_its_trace_in_a_file(shell: Shell, monkeypatch: pytest.MonkeyPatch, error: Exception):
    broken(error, monkeypatch)
    said = shell("run", "greeter", "Ada")
    assert said.code == 1
    assert said.err.startswith("deputy: This is a defect of Deputy: ")
    assert "Traceback" not in said.err
    (file,) = (shell.folder / ".deputy").glob("crash-*.txt")
    assert str(file) in said.err
    assert type(error).__name__ in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    said = shell("run", "greeter", "Ada", "--json")
    assert (said.code, said.error["code"]) == (1, "bug")


def test_a_full_disk_is_no_defect(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    broken(StoreFull("the disk is full", "Free some space."), monkeypatch)
    said = shell("run", "greeter", "Ada", "--json")
    assert (said.code, said.error["code"]) == (2, "store_full")


def test_an_error_in_a_group_is_told_as_itself(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    broken(ExceptionGroup("several", [StoreFull("the disk is full"), StoreFull("still full")]), monkeypatch)
    assert shell("run", "greeter", "Ada").err == "deputy: the disk is full.\n"


def test_ctrl_c_is_130_and_quiet(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    broken(KeyboardInterrupt(), monkeypatch)  # pyright: ignore[reportArgumentType]
    said = shell("run", "greeter", "Ada")
    assert (said.code, said.out, said.err) == (130, "", "")


# -- init


def test_init_writes_nothing_over_anything(shell: Shell, tmp_path: Path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new/people.toml").write_text("mine")
    assert shell.bare("init", str(tmp_path / "new")).code == 2
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["people.toml"]


def test_an_unknown_example_names_those_that_are(shell: Shell, tmp_path: Path):
    said = shell.bare("init", str(tmp_path / "new"), "--example", "acne", "--json")
    assert (said.code, said.error["code"]) == (2, "not_found")
    assert "acme" in said.error["remedy"]
    assert not (tmp_path / "new").exists()


def test_a_new_workspace_is_made_in_none(shell: Shell, tmp_path: Path):
    said = shell.bare("init", str(tmp_path / "new"), "--workspace", str(tmp_path), "--json")
    assert said.code == 2
    assert said.json["error"]["remedy"] == "Name the new folder alone, without --workspace."
    assert not (tmp_path / "new").exists()


def test_json_after_two_dashes_is_an_argument(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    assert main(["--workspace", str(tmp_path), "run", "a", "--", "--json"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert json.dumps("no workspace") not in printed.err
    assert "no workspace" in printed.err
