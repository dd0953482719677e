"""`deputy init` writes a workspace that loads, and never writes over anything."""

import errno
import os
import runpy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.app.config.workspaces import SOUND, is_one_sentence, write

from deputy.app.config import load, write_workspace
from deputy.base.errors import UsageError


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_new_workspace_loads_at_once(tmp_path: Path):
    written = write_workspace(tmp_path / "a" / "corner shop", person="Wei Chen")
    settings = load(tmp_path / "a" / "corner shop")
    assert sorted(files(settings.folder)) == list(written)
    assert (settings.name, settings.self_approval) == ("corner shop", True)
    assert settings.directory.first_owner() == settings.directory.people["wei-chen"]
    assert settings.agent("hello").agent.model == "rehearsal"
    assert settings.references == ()


def test_self_approval_stands_visibly_under_a_comment(tmp_path: Path):
    write_workspace(tmp_path / "x", person="wei")
    lines = (tmp_path / "x/deputy.toml").read_text().splitlines()
    assert lines[lines.index("self_approval = true") - 1].startswith("# A workspace of one")


def test_its_tool_is_a_tool(tmp_path: Path):
    write_workspace(tmp_path, person="wei")
    assert runpy.run_path(str(tmp_path / "tools/hello.py"))["greet"](name="Ada") == "Hello, Ada!"


def test_its_state_is_not_committed(tmp_path: Path):
    write_workspace(tmp_path, person="wei")
    assert ".deputy/" in (tmp_path / ".gitignore").read_text().splitlines()


@pytest.mark.parametrize(
    "person", ["", "系统", "007", "system", "-", 'a"\\b', "José Ñ", "x" * 300, "a\nb\u202e", "no", "null"]
)
def test_any_name_makes_an_owner(tmp_path: Path, person: str):
    write_workspace(tmp_path, person=person)
    assert load(tmp_path).directory.first_owner() is not None


@given(person=st.text(), name=st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), max_size=50))
def test_any_name_of_a_folder_and_a_person_gives_a_workspace_that_loads(
    tmp_path_factory: pytest.TempPathFactory, person: str, name: str
):
    folder = tmp_path_factory.mktemp("w") / (name.strip(".") or "x")
    write_workspace(folder, person=person)
    assert load(folder).agent("hello").agent.owner


def test_nothing_is_written_where_anything_is_in_the_way(tmp_path: Path):
    write(tmp_path, {"people.toml": "mine", "tools/hello.py": "mine"})
    with pytest.raises(UsageError) as error:
        write_workspace(tmp_path, person="wei")
    assert error.value.message.endswith("already has people.toml, tools/hello.py.")
    assert is_one_sentence(error.value.message) and is_one_sentence(error.value.remedy)
    assert files(tmp_path) == {"people.toml": b"mine", "tools/hello.py": b"mine"}


def test_a_link_to_nothing_is_in_the_way_too(tmp_path: Path):
    (tmp_path / "deputy.toml").symlink_to("gone")
    with pytest.raises(UsageError, match=r"already has deputy.toml"):
        write_workspace(tmp_path, person="wei")
    assert not (tmp_path / "gone").exists()


def test_an_ignore_file_of_a_repository_stays_as_it_is(tmp_path: Path):
    write(tmp_path, {".gitignore": "mine"})
    assert ".gitignore" not in write_workspace(tmp_path, person="wei")
    assert (tmp_path / ".gitignore").read_text() == "mine"


@pytest.mark.parametrize("name", ["file", "file/below", "a\0b"])
def test_a_folder_that_cannot_be_is_refused(tmp_path: Path, name: str):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError):
        write_workspace(tmp_path / name, person="wei")
    assert files(tmp_path) == {"file": b"mine"}


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    real = Path.open

    def full(path: Path, *args: Any) -> Any:
        if path.name == "people.toml":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(path, *args)  # pyright: ignore[reportUnknownVariableType] - whatever open returns

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(UsageError, match="No space left"):
        write_workspace(tmp_path / "deep" / "w", person="wei")
    assert list(tmp_path.iterdir()) == []


def test_an_example_is_copied_without_what_running_it_left_behind(tmp_path: Path):
    example: dict[str, str] = {**SOUND, "servers/erp.py": "", ".deputy/deputy.db": "", "tools/__pycache__/x.pyc": ""}
    write(tmp_path / "example", example)
    written = write_workspace(tmp_path / "w", person="", example=tmp_path / "example")
    assert set(written) == {*SOUND, "servers/erp.py", ".gitignore"}
    assert load(tmp_path / "w").agent("payables")


def test_an_example_that_is_none_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match="There is no example"):
        write_workspace(tmp_path / "w", person="", example=tmp_path / "nothing")
    assert not (tmp_path / "w").exists()
