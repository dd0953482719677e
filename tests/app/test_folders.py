"""Files that come into a folder: each once, whole, and in the hands of its run; and what the ends of runs set off."""

import os
from pathlib import Path
from typing import Any

import pytest
from tests.cli.offices import agent, make
from tests.web.served import clerk, said

from deputy.adapters.folder import QUIET, SETTLE, FolderWatch, Unreadable
from deputy.app.config import load
from deputy.base.errors import ConfigError

OLD = 1_000_000.0  #: seconds since 1970 at which the files of these tests were written


def put(folder: Path, name: str, content: bytes, at: float = OLD) -> Path:
    """A file that was written then."""
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_bytes(content)
    os.utime(file, (at, at))
    return file


def names(watch: FolderWatch, boot: float = 0.0, now: float = OLD + 100) -> list[str]:
    return [file.name for file in watch.look(boot, now).new]


def test_a_file_is_taken_once_until_its_content_is_another(tmp_path: Path):
    watch = FolderWatch(tmp_path, "*.xml", 1000)
    put(tmp_path, "a.xml", b"one")
    put(tmp_path, "b.txt", b"no")
    put(tmp_path, ".c.xml", b"hidden")
    (file,) = watch.look(0, OLD + 100).new
    assert (file.name, file.content) == ("a.xml", b"one")
    assert names(watch) == []
    put(tmp_path, "a.xml", b"two", OLD + 1)
    (other,) = watch.look(0, OLD + 100).new
    assert other.id != file.id
    again = FolderWatch(tmp_path, "*.xml", 1000).look(0, OLD + 100)
    assert ([f.id for f in again.new], again.present) == ([other.id], (other.id,))


def test_a_file_that_is_being_written_is_not_taken(tmp_path: Path):
    watch = FolderWatch(tmp_path, "*", 1000)
    put(tmp_path, "a", b"ha")
    assert names(watch, 0, OLD + QUIET - 1) == []
    put(tmp_path, "a", b"half", OLD + 4)
    assert names(watch, SETTLE, OLD + QUIET) == [], "it has grown"
    assert names(watch, SETTLE + 1, OLD + QUIET + 1) == []
    assert names(watch, 2 * SETTLE, OLD + QUIET + 2) == ["a"], "two looks saw the same"


def test_links_pipes_and_folders_are_left_alone(tmp_path: Path):
    inbox = tmp_path / "in"
    secret = put(tmp_path, "secret", b"x")
    inbox.mkdir()
    (inbox / "link").symlink_to(secret)
    (inbox / "sub").mkdir()
    os.mkfifo(inbox / "pipe")
    assert names(FolderWatch(inbox, "*", 1000)) == []


def test_what_is_too_large_is_said_and_not_read(tmp_path: Path):
    put(tmp_path, "big", b"x" * 1001)
    (file,) = FolderWatch(tmp_path, "*", 1000).look(0, OLD + 100).new
    assert (file.size, file.content) == (1001, None)


def test_a_folder_that_is_not_there_cannot_be_read(tmp_path: Path):
    with pytest.raises(Unreadable):
        FolderWatch(tmp_path / "none", "*", 1000).look(0, 0)


# -- with runs


class Shell:
    """Commands in one workspace of these files."""

    def __init__(self, folder: Path, files: dict[str, str]) -> None:
        self.folder = make(folder, files)

    def __call__(self, *words: str) -> Any:
        return said(self.folder, *words)


def events(shell: Shell, run: str) -> list[dict[str, Any]]:
    return shell("show", run)["events"]


def test_a_file_starts_one_run_that_has_it_in_its_folder(tmp_path: Path):
    shell = Shell(tmp_path, clerk("  - folder: inbox/*.xml\n    name: invoices\n    task: Book it.\n"))
    put(tmp_path / "inbox", "inv-7.xml", b"<invoice>7</invoice>")
    for _ in range(2):
        shell("worker", "--until-idle")
    shell("worker", "--until-idle")
    (run,) = shell("ps", "--all")
    started = events(shell, run["id"])[0]
    occasion = started["occasion"]
    assert (started["task"], started["trigger"], occasion["title"]) == ("Book it.", "folder", "inbox/inv-7.xml")
    assert occasion["label"] == {"source": "file inbox/inv-7.xml"}
    assert [file["name"] for file in occasion["files"]] == ["inv-7.xml"]
    kept = tmp_path / ".deputy" / "runs" / run["id"] / "files" / "inv-7.xml"
    assert kept.read_bytes() == b"<invoice>7</invoice>"
    assert shell("show", run["id"])["answer"] == "It says <invoice>7</invoice>."
    assert shell("audit", "verify")["ok"]


def test_a_file_too_large_is_known_and_no_run_comes_of_it(tmp_path: Path):
    files = clerk("  - folder: {path: inbox/*, max_bytes: 10}\n    name: in\n    task: t\n")
    shell = Shell(tmp_path, files)
    put(tmp_path / "inbox", "big.xml", b"x" * 11)
    shell("worker", "--until-idle")
    shell("worker", "--until-idle")
    assert shell("ps", "--all") == []
    last = shell("triggers")[0]["last"]
    assert (last["state"], last["run"]) == ("skipped", None)
    assert "larger" in last["reason"]


def test_the_end_of_a_run_starts_those_that_wait_for_it_and_no_others(tmp_path: Path):
    files = clerk(
        "  - run: talker\n    name: after\n    task: Sum up.\n"
        "  - run: {agent: talker, state: failed}\n    name: trouble\n    task: Look into it.\n"
        "  - run: {agent: clerk2, state: [done, failed]}\n    name: other\n    task: x\n"
    )
    files |= agent("talker", replies='  - if: "{{ task == \'good\' }}"\n    say: "All {{ task }}."')
    files |= agent("clerk2", replies='  - say: "never run"')
    shell = Shell(tmp_path, files)
    for task in ("good", "bad"):
        shell("run", "talker", task)
    shell("worker", "--until-idle")
    found = {run["agent"]: run for run in shell("ps", "--all")}
    begun = [events(shell, run["id"])[0] for run in shell("ps", "--all") if run["agent"] == "clerk"]
    assert sorted(event["task"] for event in begun) == ["Look into it.", "Sum up."]
    good = next(event for event in begun if event["task"] == "Sum up.")
    assert (good["trigger"], good["occasion"]["text"]) == ("run", "All good.")
    assert good["occasion"]["id"] in {run["id"] for run in shell("ps", "--all")}
    assert found["talker"]["state"] in ("done", "failed")
    assert shell("audit", "verify")["ok"]


@pytest.mark.parametrize(
    ("triggers", "says"),
    [
        ("  - run: clerk\n    task: t\n", "for ever"),
        ("  - run: nobody\n    task: t\n", "There is no agent 'nobody'"),
        ("  - folder: ../other/*\n    task: t\n", "must lie in the workspace"),
        ("  - folder: in*/x\n    task: t\n", "must name one folder"),
        ("  - webhook: orders\n    task: t\n", "lacks `secret`"),
        ("  - webhook: {path: Or ders, secret: env:X}\n    task: t\n", "`path`"),
        ("  - webhook: {path: a, secret: hunter2}\n    task: t\n", "a reference to a secret"),
        ("  - schedule: '61 * * * *'\n    task: t\n", "the minute is none"),
        ("  - schedule: '0 0 30 2 *'\n    task: t\n", "cron expression"),
        ("  - every: 500\n    timezone: Mars/Olympus\n    task: t\n", "a time zone"),
        ("  - at: tomorrow\n    task: t\n", "a date and a time"),
        ("  - every: 0.5s\n    task: t\n", "at least one second"),
        ("  - every: 5m\n    task: t\n  - every: 5m\n    task: u\n", "the same source"),
        ("  - webhook: {path: a, secret: env:X}\n    overlap: skip\n    task: t\n", "`queue` or `allow`"),
        ("  - webhook: {path: a, secret: env:X}\n    missed: skip\n    task: t\n", "unknown key `missed`"),
    ],
)
def test_a_declaration_that_cannot_hold_is_refused_with_its_place(tmp_path: Path, triggers: str, says: str):
    with pytest.raises(ConfigError) as error:
        load(make(tmp_path, clerk(triggers)))
    assert says in error.value.message
    assert error.value.file == "agents/clerk/AGENT.md"
    assert error.value.line
    assert "hunter2" not in error.value.message


def test_two_agents_that_would_start_each_other_for_ever_are_refused(tmp_path: Path):
    other = agent("other", replies='  - say: "x"')
    front = other["agents/other/AGENT.md"]
    other["agents/other/AGENT.md"] = front.replace(
        "model: rehearsal\n", "model: rehearsal\ntriggers:\n  - run: clerk\n    task: t\n"
    )
    with pytest.raises(ConfigError, match="start each other for ever"):
        load(make(tmp_path, clerk("  - run: other\n    task: t\n") | other))
