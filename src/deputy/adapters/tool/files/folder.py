"""One run's folder on the disk: contents by digest, a history that only grows, and a copy for people to look at.

    <root>/<run>/versions/<sha256>   every content there ever was
    <root>/<run>/history.jsonl       one line a change, oldest first: this is what is true
    <root>/<run>/files/<path>        the latest versions, as copies

A change is made by the one write that appends its line; before it nothing has changed, after it the copy follows. A
line that was cut short was never made. Whoever changes the folder holds its lock, and follows no symbolic link.
"""

import contextlib
import fcntl
import os
import stat
from collections.abc import Generator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from deputy.base.canonical import canonical, digest

__all__ = ["Damaged", "Folder", "Held", "Misplaced", "OverQuota", "Quota", "Version", "opened"]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe that somebody put there must not hold us up
_HISTORY, _VERSIONS, _FILES, _NEW = "history.jsonl", "versions", "files", "new"


class Quota(NamedTuple):
    """The most that a run may keep: bytes of one file, bytes of all contents, changes, files at a time."""

    file: int = 4 * 1024 * 1024
    total: int = 64 * 1024 * 1024
    changes: int = 2_000
    files: int = 1_000


class Version(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one effect made of one file; `digest` is empty where it deleted it."""

    path: str
    version: int  #: 1, 2, … for each path
    effect: str
    at: datetime
    digest: str = ""
    size: int = 0


class Held(Exception):
    """Somebody else has the folder locked."""


class Damaged(Exception):
    """What lies in the folder is not what was written there; its text says what, in one sentence."""


class Misplaced(Exception):
    """The path cannot be had beside what is there; its text says why, in one sentence."""


class OverQuota(Exception):
    """The run keeps too much already; its text says of what, in one sentence."""


@contextlib.contextmanager
def opened(root: Path, run: str, *, make: bool) -> Generator["Folder | None"]:
    """A run's folder, locked; None where there is none and it is not to be made. Raises Held and OSError."""
    with contextlib.ExitStack() as stack:
        if make:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            above = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            yield None
            return
        stack.callback(os.close, above)
        try:
            home = _enter(above, run, make=make)
        except FileNotFoundError:
            yield None
            return
        stack.callback(os.close, home)
        try:
            fcntl.flock(home, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Held from None
        yield Folder(home)


class Folder:
    """The folder behind a descriptor, which belongs to whoever opened it."""

    def __init__(self, home: int) -> None:
        self._home = home
        self._end = 0  # bytes of the history that are whole lines
        self.changes: Sequence[Version] = self._read_history()

    def current(self) -> dict[str, Version]:
        """The latest version of every file that is there, by path."""
        latest = {change.path: change for change in self.changes}
        return {path: change for path, change in latest.items() if change.digest}

    def history(self, path: str) -> list[Version]:
        """Everything that was done to a path, oldest first."""
        return [change for change in self.changes if change.path == path]

    def made_by(self, effect: str) -> Version | None:
        """What this effect changed, if it has."""
        return next((change for change in self.changes if change.effect == effect), None)

    def content(self, version: Version) -> bytes:
        """The bytes of a version; raises Damaged."""
        try:
            with _entered(self._home, _VERSIONS) as versions:
                content = _read(versions, version.digest)
        except FileNotFoundError:
            content = b""
        if digest(content) != version.digest:
            raise Damaged(f"Version {version.version} of `{version.path}` is not what was written.")
        return content

    # -- changes

    def check_room(self, parts: tuple[str, ...], content: bytes, quota: Quota) -> None:
        """Raise OverQuota or Misplaced where a file cannot be written."""
        path, current = "/".join(parts), self.current()
        kept = {change.digest: change.size for change in self.changes}
        if len(content) > quota.file:
            raise OverQuota(f"The file has {len(content)} bytes, and may have {quota.file}.")
        if digest(content) not in kept and sum(kept.values()) + len(content) > quota.total:
            raise OverQuota(f"All versions together may have {quota.total} bytes; deleting a file keeps its versions.")
        if len(self.changes) >= quota.changes:
            raise OverQuota(f"The run has changed its files {quota.changes} times already.")
        if path not in current and len(current) >= quota.files:
            raise OverQuota(f"The run has {quota.files} files already.")
        for other in current:
            if path.startswith(other + "/"):
                raise Misplaced(f"`{other}` is a file, so nothing can lie below it.")
            if other.startswith(path + "/"):
                raise Misplaced(f"`{path}` is a folder, since `{other}` lies in it.")
        self._check_place(parts)

    def keep(self, content: bytes) -> None:
        """Store a content under its digest."""
        versions = _enter(self._home, _VERSIONS, make=True)
        try:
            self._put(content, versions, digest(content))
        finally:
            os.close(versions)

    def append(self, change: Version) -> None:
        """Make a change: durable on return. Where this raises, it may be made or not."""
        line = canonical(change) + b"\n"
        handle = os.open(_HISTORY, os.O_WRONLY | os.O_CREAT | _FILE, 0o600, dir_fd=self._home)
        try:
            os.ftruncate(handle, self._end)  # what follows was cut short, and never made
            os.lseek(handle, self._end, os.SEEK_SET)
            _write(handle, line)
            os.fsync(handle)
        finally:
            os.close(handle)
        os.fsync(self._home)
        self._end += len(line)
        self.changes = [*self.changes, change]

    def confirm(self) -> None:
        """Make sure that the last change is durable: whoever made it may have died before it was."""
        handle = os.open(_HISTORY, os.O_RDONLY | _FILE, dir_fd=self._home)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        os.fsync(self._home)

    def follow(self) -> None:
        """Let the copy show the last change, if it does not yet."""
        if not self.changes:
            return
        last = self.changes[-1]
        parts = tuple(last.path.split("/"))
        with contextlib.suppress(OSError, Damaged):  # what is true is kept; the next change lets the copy follow again
            if last.digest:
                self._show(parts, last)
            else:
                self._hide(parts)

    # -- inside

    def _read_history(self) -> list[Version]:
        try:
            whole, _, _ = _read(self._home, _HISTORY).rpartition(b"\n")
        except FileNotFoundError:
            return []
        self._end = len(whole) + 1 if whole else 0
        try:
            return [_decoder.decode(line) for line in whole.splitlines()]
        except msgspec.MsgspecError as exc:
            raise Damaged(f"The history of this run's files cannot be read: {exc}.") from None

    def _check_place(self, parts: tuple[str, ...]) -> None:
        """Raise Misplaced where something stands in the copy's way that is not ours to move."""
        where = os.dup(self._home)
        try:
            for name in (_FILES, *parts[:-1]):
                deeper = os.open(name, _FOLDER, dir_fd=where)
                os.close(where)
                where = deeper
            if stat.S_ISDIR(os.lstat(parts[-1], dir_fd=where).st_mode):
                os.rmdir(parts[-1], dir_fd=where)
        except FileNotFoundError:
            pass
        except OSError:
            path = "/".join((_FILES, *parts))
            raise Misplaced(f"Something stands in the way of `{path}` that this run did not put there.") from None
        finally:
            os.close(where)

    def _show(self, parts: tuple[str, ...], version: Version) -> None:
        with _entered(self._home, _FILES, *parts[:-1], make=True) as folder:
            try:
                if digest(_read(folder, parts[-1], version.size + 1)) == version.digest:
                    return
            except OSError:
                pass  # it is not there, or no file
            self._put(self.content(version), folder, parts[-1])

    def _hide(self, parts: tuple[str, ...]) -> None:
        with _entered(self._home, _FILES, *parts[:-1]) as folder:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(parts[-1], dir_fd=folder)
            os.fsync(folder)
        for depth in range(len(parts) - 1, 0, -1):
            with _entered(self._home, _FILES, *parts[: depth - 1]) as folder:
                os.rmdir(parts[depth - 1], dir_fd=folder)

    def _put(self, content: bytes, folder: int, name: str) -> None:
        """Let a file have this content, wholly or not at all."""
        handle = os.open(_NEW, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _FILE, 0o600, dir_fd=self._home)
        try:
            _write(handle, content)
            os.fsync(handle)
        finally:
            os.close(handle)
        os.replace(_NEW, name, src_dir_fd=self._home, dst_dir_fd=folder)
        os.fsync(folder)


_decoder = msgspec.json.Decoder(Version)


def _enter(above: int, name: str, *, make: bool) -> int:
    """Open a folder below another, never through a link."""
    if make:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=above)
            os.fsync(above)
    return os.open(name, _FOLDER, dir_fd=above)


@contextlib.contextmanager
def _entered(above: int, *names: str, make: bool = False) -> Generator[int]:
    where = os.dup(above)
    try:
        for name in names:
            deeper = _enter(where, name, make=make)
            os.close(where)
            where = deeper
        yield where
    finally:
        os.close(where)


def _read(folder: int, name: str, most: int = -1) -> bytes:
    handle = os.open(name, os.O_RDONLY | _FILE, dir_fd=folder)
    with open(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise FileNotFoundError(name)
        return file.read(most)


def _write(handle: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(handle, view) :]
