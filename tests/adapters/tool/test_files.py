"""A run's own files: no path leaves the folder, no version is lost, no effect happens twice, wherever it is cut off."""

import asyncio
import base64
import fcntl
import os
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.adapters.tool.hosts import intent_of

from deputy.adapters.tool.files import FILES, FilesTools, Quota, folder
from deputy.adapters.tool.files.paths import LONGEST_NAME, LONGEST_PATH, PathRefused, parts_of
from deputy.adapters.wire.schema import Validator
from deputy.base.canonical import digest
from deputy.domain.effect import NOT_SENT, Done, Failed, Result, Unknown
from deputy.domain.label import untrusted_leaves

Json = Mapping[str, object]
SPECS = {spec.name: spec for spec in FILES}
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


class Ticking:
    """A clock that goes on by a second whenever it is read."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        self.seconds += 1
        return NOON + timedelta(seconds=self.seconds)

    def boot(self) -> float:
        return self.seconds

    def random(self) -> float:
        return 0.5

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class Desk:
    """Calls the tools of one host, each time as another effect unless told otherwise."""

    def __init__(self, root: Path, quota: Quota | None = None) -> None:
        self.root, self.quota, self.clock = root, quota, Ticking()
        self.effects = 0

    def __call__(self, tool: str, *, key: str = "", attempt: int = 1, deadline: float = 5.0, **args: object) -> Result:
        self.effects += 1
        intent = intent_of(SPECS[f"files.{tool}"], args, key=key or f"r1.{self.effects}", deadline=deadline)
        intent.attempt = attempt

        async def scenario() -> Result:
            host = FilesTools(self.root, self.clock, self.quota)
            try:
                return await host.invoke(intent)
            finally:
                await host.close()

        return asyncio.run(scenario())

    def done(self, tool: str, **args: Any) -> Any:
        result = self(tool, **args)
        assert isinstance(result, Done), result
        return result.value

    def refused(self, tool: str, **args: Any) -> str:
        result = self(tool, **args)
        assert isinstance(result, Failed), result
        return result.code

    def shown(self) -> dict[str, bytes]:
        """What a person finds in the folder."""
        top = self.root / "r1" / "files"
        return {p.relative_to(top).as_posix(): p.read_bytes() for p in top.rglob("*") if p.is_file()}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "runs")


# -- what the tools do


def test_what_is_written_is_read_back_and_lies_in_the_folder(desk: Desk):
    written = desk.done("write", path="reports/july.md", content="Grüße\n")
    assert written == {"version": 1, "size": 8, "digest": digest("Grüße\n".encode())}
    read = desk.done("read", path="reports/july.md")
    assert (read["content"], read["encoding"], read["digest"]) == ("Grüße\n", "utf-8", written["digest"])
    assert desk.shown() == {"reports/july.md": "Grüße\n".encode()}


def test_bytes_that_are_no_text_travel_as_base64(desk: Desk):
    content = bytes(range(256))
    desk.done("write", path="photo.png", content=base64.b64encode(content).decode(), encoding="base64")
    read = desk.done("read", path="photo.png")
    assert (read["encoding"], base64.b64decode(read["content"])) == ("base64", content)
    assert desk.refused("read", path="photo.png", encoding="utf-8") == "not_text"
    assert desk.shown() == {"photo.png": content}


def test_text_can_be_asked_for_as_base64(desk: Desk):
    desk.done("write", path="a.txt", content="abc")
    assert desk.done("read", path="a.txt", encoding="base64")["content"] == "YWJj"


@pytest.mark.parametrize(("content", "encoding"), [("?", "base64"), ("YQ", "base64"), ("\ud800", "utf-8")])
def test_content_that_is_not_what_it_says_is_refused(desk: Desk, content: str, encoding: str):
    assert desk.refused("write", path="a", content=content, encoding=encoding) == "invalid_arguments"
    assert desk.done("list") == {"files": []}


def test_every_change_keeps_what_was_there_before(desk: Desk):
    for text in ("one", "two"):
        desk.done("write", path="a", content=text)
    assert desk.done("delete", path="a") == {"version": 3, "deleted": True}
    assert desk.shown() == {}
    desk.done("write", path="a", content="four")
    history = desk.done("history", path="a")
    assert [(v["version"], v["effect"], v.get("size"), v.get("deleted", False)) for v in history["versions"]] == [
        (4, "r1.4", 4, False), (3, "r1.3", None, True), (2, "r1.2", 3, False), (1, "r1.1", 3, False),
    ]  # fmt: skip
    assert [v["at"] for v in history["versions"]] == sorted((v["at"] for v in history["versions"]), reverse=True)
    assert [desk.done("read", path="a", version=n)["content"] for n in (1, 2, 4)] == ["one", "two", "four"]
    assert desk.refused("read", path="a", version=3) == "not_found"
    assert desk.refused("read", path="a", version=5) == "not_found"


def test_a_long_history_shows_its_latest_part_and_counts_the_rest(desk: Desk):
    for n in range(103):
        desk.done("write", path="a", content=str(n))
    history = desk.done("history", path="a")
    assert (len(history["versions"]), history["versions"][0]["version"], history["older"]) == (100, 103, 3)


def test_a_list_shows_what_is_there_now_below_a_folder(desk: Desk):
    for path in ("b/2", "b/1", "bb", "a"):
        desk.done("write", path=path, content=path)
    desk.done("delete", path="b/2")
    assert [f["path"] for f in desk.done("list")["files"]] == ["a", "b/1", "bb"]
    (only,) = desk.done("list", folder="b")["files"]
    assert (only["path"], only["version"], only["size"], only["digest"]) == ("b/1", 1, 3, digest(b"b/1"))


def test_runs_do_not_see_each_others_files(desk: Desk):
    desk.done("write", path="a", content="mine")
    assert desk.done("list", key="r2.1") == {"files": []}
    assert desk.refused("read", path="a", key="r2.2") == "not_found"


def test_what_is_not_there_is_said_to_be_missing_and_nothing_is_made(desk: Desk):
    assert [desk.refused(tool, path="a") for tool in ("read", "delete", "history")] == ["not_found"] * 3
    assert desk.done("list") == {"files": []}
    assert not desk.root.exists()


def test_an_empty_file_is_a_file(desk: Desk):
    desk.done("write", path="a", content="")
    assert desk.done("read", path="a")["content"] == ""
    assert desk.shown() == {"a": b""}
    assert desk.done("delete", path="a")["deleted"]


def test_a_folder_goes_with_its_last_file_and_may_become_a_file(desk: Desk):
    desk.done("write", path="a/b/c", content="x")
    assert desk.refused("write", path="a/b", content="x") == "misplaced"
    assert desk.refused("write", path="a/b/c/d", content="x") == "misplaced"
    desk.done("delete", path="a/b/c")
    desk.done("write", path="a/b", content="y")
    assert desk.shown() == {"a/b": b"y"}


def test_the_declarations_are_what_the_gate_relies_on():
    assert {name: (s.effect, s.repeat) for name, s in SPECS.items()} == {
        "files.read": ("read", "safe"), "files.list": ("read", "safe"), "files.history": ("read", "safe"),
        "files.write": ("write", "keyed"), "files.delete": ("write", "keyed"),
    }  # fmt: skip
    assert asyncio.run(FilesTools(Path("nowhere"), Ticking()).catalogue()) == FILES
    for spec in FILES:
        check = Validator(spec.parameters).problem
        least: dict[str, Json] = {"files.list": {}, "files.write": {"path": "a", "content": "b"}}
        assert check(least.get(spec.name, {"path": "a"})) is None
        assert check({"surprise": 1}) is not None


def test_only_names_and_contents_are_an_outsiders(desk: Desk):
    def outside(tool: str, value: object) -> set[object]:
        return set(untrusted_leaves(value, SPECS[f"files.{tool}"].output))

    written = desk.done("write", path="p", content="c")
    assert outside("write", written) == set()
    assert outside("read", desk.done("read", path="p")) == {"p", "c", "utf-8"}
    assert outside("list", desk.done("list")) == {"p"}
    assert outside("history", desk.done("history", path="p")) == {"p", 0}
    assert outside("delete", desk.done("delete", path="p")) == set()


# -- hostile paths

HOSTILE = [
    "", "/", "/etc/passwd", "//etc", ".", "..", "../a", "a/../b", "a/./b", "a/..", "./a", "a//b", "a/", "a\0b", "a\nb",
    "a\u202eb", "a\u200bb", "\ufeffa", "a\\b", "C:\\a", "C:a", "con", "NUL.txt", "a/Aux", "com1", "LPT9.x", "COM¹",
    "nul .txt", "a.", "a ", " a", "a/ b", "a?", "a*", "a|b", 'a"b', "<a>", "e\u0301",
    "x" * (LONGEST_NAME + 1), "ü" * LONGEST_NAME, "a/" * 16 + "a", "/".join(["x" * 190] * 6),
    "a\x7f", "a\u2028b", "\ue000",
]  # fmt: skip


@pytest.mark.parametrize("path", HOSTILE)
def test_a_path_that_is_not_plain_is_refused_by_every_tool(desk: Desk, path: str):
    codes = {
        desk.refused("write", path=path, content="x"), desk.refused("read", path=path),
        desk.refused("delete", path=path), desk.refused("history", path=path), desk.refused("list", folder=path),
    }  # fmt: skip
    assert codes == {"invalid_path"}
    assert list(desk.root.rglob("*")) in ([], [desk.root / "r1"])


def test_half_a_character_is_no_path(desk: Desk):
    assert desk.refused("write", path="a\ud800", content="x") == "invalid_path"


@pytest.mark.parametrize(
    "path", ["...a", ".hidden", "a b", "ä/ü.txt", "con1", "日本語", "a.b.c", "x" * LONGEST_NAME, "~", "-"]
)
def test_plain_names_of_any_language_are_files(desk: Desk, path: str):
    desk.done("write", path=path, content="x")
    assert desk.shown() == {path: b"x"}


@given(st.text(max_size=40))
def test_a_path_either_names_one_place_below_the_folder_or_is_refused(path: str):
    try:
        parts = parts_of(path)
    except PathRefused as exc:
        assert str(exc).endswith((".", "NFC.", "`reports/july.md`."))
        return
    assert "/".join(parts) == path
    assert not Path(path).is_absolute()
    assert Path("/top", *parts).resolve().is_relative_to("/top")
    assert len(path.encode()) <= LONGEST_PATH


@pytest.mark.parametrize("key", ["../r1.1", "r1/..1", ".1", "r1", "r1.1.1", "..1"])
def test_an_effect_of_no_proper_run_has_no_folder(desk: Desk, key: str):
    assert desk.refused("write", path="a", content="x", key=key) == "invalid_arguments"
    assert not desk.root.exists()


def test_a_link_in_the_folder_leads_nowhere(desk: Desk, tmp_path: Path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    desk.done("write", path="a", content="x")
    files = desk.root / "r1" / "files"
    (files / "sub").symlink_to(outside)
    (files / "link").symlink_to(outside / "secret")
    assert desk.refused("write", path="sub/new", content="evil") == "misplaced"
    assert desk.refused("read", path="sub/secret") == "not_found"
    assert desk.refused("delete", path="sub/secret") == "not_found"
    assert desk.refused("read", path="link") == "not_found"
    desk.done("write", path="link", content="mine")  # takes the place of the link, not of what it names
    assert {p.name: p.read_text() for p in outside.iterdir()} == {"secret": "secret"}
    assert (files / "link").read_text() == "mine"


@pytest.mark.parametrize("name", ["r1", "r1/files", "r1/versions", "r1/history.jsonl", "r1/new"])
def test_no_part_of_the_folder_itself_may_be_a_link(desk: Desk, tmp_path: Path, name: str):
    outside = tmp_path / "outside"
    outside.mkdir()
    place = desk.root / name
    place.parent.mkdir(parents=True)
    place.symlink_to(outside / "file" if place.suffix or name == "r1/new" else outside)
    result = desk("write", path="a", content="x")
    assert not isinstance(result, Done)
    assert list(outside.iterdir()) == []


def test_a_copy_that_somebody_changed_by_hand_is_not_what_the_run_reads(desk: Desk):
    desk.done("write", path="a", content="mine")
    (desk.root / "r1/files/a").write_text("theirs")
    assert desk.done("read", path="a")["content"] == "mine"
    desk.done("write", path="b", content="x")
    assert desk.shown() == {"a": b"mine", "b": b"x"}


def test_a_folder_in_the_way_is_no_loss_for_anybody(desk: Desk):
    theirs = desk.root / "r1/files/a/theirs"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("x")
    assert desk.refused("write", path="a", content="mine") == "misplaced"
    assert desk.done("list") == {"files": []}
    assert theirs.read_text() == "x"


@pytest.mark.parametrize("where", ["versions", "history"])
def test_what_was_changed_behind_our_back_is_refused_and_not_passed_on(desk: Desk, where: str):
    desk.done("write", path="a", content="mine")
    home = desk.root / "r1"
    (file,) = (home / "versions").iterdir() if where == "versions" else [home / "history.jsonl"]
    file.write_bytes(b"theirs\n")
    assert desk.refused("read", path="a") == "damaged"


def test_a_pipe_in_the_folder_holds_nobody_up(desk: Desk):
    desk.done("write", path="a", content="x")
    for name in ("files/a", "history.jsonl"):
        (desk.root / "r1" / name).unlink()
        os.mkfifo(desk.root / "r1" / name)
    assert desk.done("list") == {"files": []}


# -- once


def test_a_repeated_write_changes_nothing_and_answers_the_same(desk: Desk):
    first = desk.done("write", key="r1.7", path="a", content="one")
    desk.done("write", key="r1.8", path="a", content="two")
    assert desk.done("write", key="r1.7", attempt=2, path="a", content="one") == first
    assert desk.done("read", path="a")["content"] == "two"
    assert len(desk.done("history", path="a")["versions"]) == 2


def test_a_repeated_deletion_changes_nothing_and_answers_the_same(desk: Desk):
    desk.done("write", path="a", content="one")
    first = desk.done("delete", key="r1.7", path="a")
    desk.done("write", key="r1.8", path="a", content="two")
    assert desk.done("delete", key="r1.7", attempt=2, path="a") == first
    assert desk.done("read", path="a")["content"] == "two"


def test_an_effects_id_serves_one_change_alone(desk: Desk):
    desk.done("write", key="r1.7", path="a", content="one")
    assert desk.refused("write", key="r1.7", path="a", content="two") == "key_reused"
    assert desk.refused("write", key="r1.7", path="b", content="one") == "key_reused"
    assert desk.refused("delete", key="r1.7", path="a") == "key_reused"
    assert desk.shown() == {"a": b"one"}


class Killed(BaseException):
    """The process dies here."""


class Mortal:
    """`os`, until its n-th call that touches the disk: then the process is dead, before it or after."""

    TOUCHES = frozenset(("open", "mkdir", "write", "fsync", "replace", "unlink", "rmdir", "ftruncate", "lseek"))

    def __init__(self, dies_at: int, *, after: bool) -> None:
        self.calls, self._dies_at, self._after = 0, dies_at, after

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        return self._dying(real) if name in self.TOUCHES else real

    def _dying(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            if self.calls == self._dies_at and not self._after:
                raise Killed
            dies = self.calls == self._dies_at
            try:
                value = real(*args, **kwargs)
            except OSError:
                if dies:
                    raise Killed from None
                raise
            if dies:
                if real is os.open:
                    os.close(value)
                raise Killed
            return value

        return call


CHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "a new file": ("write", {"path": "new/b", "content": "fresh"}),
    "a second version": ("write", {"path": "dir/a", "content": "second"}),
    "a deletion": ("delete", {"path": "dir/a"}),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_step_a_change_has_happened_wholly_or_not_at_all_and_its_repeat_happens_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str, after: bool
):
    tool, args = CHANGES[change]
    calm = Desk(tmp_path / "calm")
    calm.done("write", path="dir/a", content="first")
    answer = calm.done(tool, key="r1.2", **args)
    for step in range(1, 200):
        desk = Desk(tmp_path / f"{step}")
        desk.done("write", path="dir/a", content="first")
        mortal = Mortal(step, after=after)
        with monkeypatch.context() as patched:
            patched.setattr(folder, "os", mortal)
            try:
                desk(tool, key="r1.2", **args)
            except Killed:
                pass
            else:
                assert mortal.calls < step  # it got through
                assert step > 10
                return
        state = {f["path"]: desk.done("read", path=f["path"])["content"] for f in desk.done("list")["files"]}
        before = {"dir/a": "first"}
        wholly = {"write": before | {args["path"]: args.get("content")}, "delete": dict[str, object]()}[tool]
        assert state in (before, wholly)
        assert desk.done(tool, key="r1.2", attempt=2, **args) == answer
        assert desk.shown() == calm.shown()
        assert len((desk.root / "r1/history.jsonl").read_bytes().splitlines()) == 2
        desk.done("write", path="c", content="goes on")
        assert desk.done("read", path="dir/a", version=1)["content"] == "first"
    raise AssertionError("it never got through")


def test_a_line_that_was_cut_short_was_never_written(tmp_path: Path):
    whole = Desk(tmp_path / "whole")
    whole.done("write", path="a", content="one")
    kept = len((whole.root / "r1/history.jsonl").read_bytes())
    whole.done("write", path="a", content="two")
    line = (whole.root / "r1/history.jsonl").read_bytes()
    for cut in range(kept, len(line)):
        (whole.root / "r1/history.jsonl").write_bytes(line[:cut])
        assert whole.done("read", path="a")["content"] == "one"
    whole.done("write", path="a", content="three")
    assert [v["effect"] for v in whole.done("history", path="a")["versions"]][1] == "r1.1"


def test_a_disk_that_takes_a_few_bytes_at_a_time_gets_them_all(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, bytes(data)[:3]))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    desk.done("write", path="a", content="longer than three bytes")
    monkeypatch.undo()
    assert desk.done("read", path="a")["content"] == "longer than three bytes"


def failing(monkeypatch: pytest.MonkeyPatch, name: str, at: int) -> None:
    """Let the n-th call of a function of `os` fail as a full disk does."""
    real, calls = getattr(os, name), list[int]()

    def call(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        if len(calls) == at:
            raise OSError(28, "No space left on device")
        return real(*args, **kwargs)

    monkeypatch.setattr(os, name, call)


def test_a_full_disk_before_the_change_is_a_failure_and_nothing_happened(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    failing(monkeypatch, "write", 1)
    result = desk("write", key="r1.1", path="a", content="x")
    assert result == Failed("disk", "The run's folder could not be read or written: No space left on device.")
    assert desk.done("write", key="r1.1", attempt=2, path="a", content="x")["version"] == 1


def test_a_full_disk_while_the_change_is_made_is_unknown_and_its_repeat_knows(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    failing(monkeypatch, "write", 2)
    assert isinstance(desk("write", key="r1.1", path="a", content="x"), Unknown)
    assert desk.done("write", key="r1.1", attempt=2, path="a", content="x")["version"] == 1
    assert len(desk.done("history", path="a")["versions"]) == 1


def test_a_full_disk_for_the_copy_alone_is_no_failure_and_the_next_change_makes_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    failing(monkeypatch, "write", 3)
    assert desk.done("write", path="a", content="x")["version"] == 1
    monkeypatch.undo()
    assert desk.shown() == {}
    assert desk.done("read", path="a")["content"] == "x"
    desk.done("write", path="b", content="y")
    assert desk.shown() == {"a": b"x", "b": b"y"}


def test_nothing_is_changed_once_the_lease_has_run_out(desk: Desk):
    desk.clock.seconds = 100.0
    intent = intent_of(SPECS["files.write"], {"path": "a", "content": "x"}, dispatch_by=50.0)
    result = asyncio.run(FilesTools(desk.root, desk.clock).invoke(intent))
    assert isinstance(result, Failed)
    assert (result.code, result.retry) == (NOT_SENT, True)
    assert desk.done("list") == {"files": []}


def test_a_folder_that_another_process_holds_is_waited_for_and_then_reported(desk: Desk):
    desk.done("write", path="a", content="x")
    handle = os.open(desk.root / "r1", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    assert desk.refused("read", path="a", deadline=0.05) == "busy"
    assert desk.refused("write", path="a", content="y", deadline=0.05) == "busy"
    assert isinstance(desk("write", path="a", content="y", attempt=2, deadline=0.05), Unknown)
    threading.Timer(0.1, os.close, [handle]).start()
    assert desk.done("read", path="a")["content"] == "x"


def test_changes_at_the_same_time_all_happen(desk: Desk):
    async def scenario() -> list[Result]:
        host = FilesTools(desk.root, desk.clock)
        intents = [
            intent_of(SPECS["files.write"], {"path": f"{n % 3}", "content": f"{n}"}, key=f"r1.{n}") for n in range(20)
        ]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(host.invoke(intent)) for intent in intents]
        await host.close()
        return [task.result() for task in tasks]

    assert all(isinstance(result, Done) for result in asyncio.run(scenario()))
    assert sorted(v["version"] for v in desk.done("history", path="0")["versions"]) == [1, 2, 3, 4, 5, 6, 7]


def test_quiesce_returns_once_an_attempt_that_was_given_up_is_over(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    entered, go_on = threading.Event(), threading.Event()
    real = os.fsync

    def slow(handle: int) -> None:
        entered.set()
        assert go_on.wait(5)
        real(handle)

    monkeypatch.setattr(os, "fsync", slow)

    async def scenario() -> None:
        host = FilesTools(desk.root, desk.clock)
        intent = intent_of(SPECS["files.write"], {"path": "a", "content": "x"}, key="r1.1")
        attempt = asyncio.create_task(host.invoke(intent))
        await asyncio.to_thread(entered.wait, 5)
        attempt.cancel()
        await asyncio.wait([attempt])
        assert attempt.cancelled()
        quiescing = asyncio.create_task(host.quiesce("r1.1"))
        await asyncio.sleep(0.05)
        assert not quiescing.done()
        await host.quiesce("r1.2")
        go_on.set()
        await quiescing

    asyncio.run(scenario())
    monkeypatch.undo()
    assert desk.done("write", key="r1.1", attempt=2, path="a", content="x")["version"] == 1


# -- quotas


def test_a_file_may_be_as_large_as_allowed_and_not_a_byte_larger(tmp_path: Path):
    desk = Desk(tmp_path, Quota(file=10))
    desk.done("write", path="a", content="x" * 10)
    assert desk.refused("write", path="a", content="x" * 11) == "quota"
    assert desk.refused("write", path="b", content="ü" * 6) == "quota"


def test_all_versions_together_count_and_equal_contents_count_once(tmp_path: Path):
    desk = Desk(tmp_path, Quota(total=10))
    desk.done("write", path="a", content="12345")
    desk.done("write", path="b", content="12345")
    desk.done("write", path="a", content="67890")
    assert desk.refused("write", path="c", content="!") == "quota"
    desk.done("delete", path="a")
    assert desk.refused("write", path="c", content="!") == "quota"
    desk.done("write", path="c", content="67890")


def test_a_run_has_so_many_files_and_so_many_changes(tmp_path: Path):
    desk = Desk(tmp_path, Quota(files=2, changes=5))
    desk.done("write", path="a", content="1")
    desk.done("write", path="b", content="2")
    assert desk.refused("write", path="c", content="3") == "quota"
    desk.done("write", path="a", content="4")
    desk.done("delete", path="b")
    desk.done("write", path="c", content="5")
    assert desk.refused("write", path="c", content="6") == "quota"
    assert desk.done("write", key="r1.1", attempt=2, path="a", content="1")["version"] == 1  # it happened before


def test_a_run_at_its_limit_can_still_delete(tmp_path: Path):
    desk = Desk(tmp_path, Quota(changes=1))
    desk.done("write", path="a", content="1")
    assert desk.refused("write", path="a", content="2") == "quota"
    assert desk.done("delete", path="a")["deleted"]


# -- odd calls


@pytest.mark.parametrize(
    ("tool", "args"),
    [("read", {}), ("read", {"path": 1}), ("list", {"folder": 1}), ("write", {"path": "a", "content": "x", "mode": 1})],
)
def test_arguments_that_passed_no_schema_are_refused_here_too(desk: Desk, tool: str, args: dict[str, Any]):
    assert desk.refused(tool, **args) == "invalid_arguments"


def test_a_tool_of_another_name_is_unknown(desk: Desk):
    spec = msgspec.structs.replace(SPECS["files.read"], name="files.move")
    result = asyncio.run(FilesTools(desk.root, desk.clock).invoke(intent_of(spec, {"path": "a"})))
    assert isinstance(result, Failed) and result.code == "unknown_tool"
