"""Look into a folder for files that came: each once by its name and content, and none that is still being written.

A file counts as whole when it was left alone for a while: nobody changed it for QUIET seconds, or two looks that lie
SETTLE seconds apart saw the same size, time and inode; and reading it changed nothing about that. Links are not
followed. Nothing in the folder is moved or changed.
"""

import fnmatch
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from deputy.base.canonical import digest
from deputy.base.errors import DeputyError

__all__ = ["FolderWatch", "File", "Glance", "Unreadable"]

QUIET, SETTLE = 5.0, 2.0
MOST_ENTRIES, MOST_FILES, MOST_BYTES = 10_000, 100, 32 << 20  #: of one look


class Unreadable(DeputyError):
    """A folder cannot be looked into."""

    code = "folder_unreadable"


class File(NamedTuple):
    """A file that came; `content` is None where it is larger than it may be."""

    name: str
    id: str
    size: int
    content: bytes | None


class Glance(NamedTuple):
    """What one look found: what is new since this process looks, the ids of what lies there and was read, and the names
    with which the ids of the rest begin."""

    new: tuple[File, ...]
    present: tuple[str, ...]
    unread: tuple[str, ...] = ()


class _Stamp(NamedTuple):
    size: int
    changed: int
    inode: int


class _Seen(NamedTuple):
    stamp: _Stamp
    since: float
    id: str  #: empty while it has not been taken


class FolderWatch:
    """One folder, and what this process has seen of it."""

    def __init__(self, folder: Path, pattern: str, most_bytes: int) -> None:
        self.folder, self._pattern, self._most = folder, pattern, most_bytes
        self._seen: dict[str, _Seen] = {}

    def look(self, boot: float, now: float, known: Callable[[str], bool] = lambda _: False) -> Glance:
        """What came; `boot` and `now` are the time in seconds, since the machine's start and since 1970."""
        stamps = self._stamps()
        self._seen = {name: seen for name, seen in self._seen.items() if name in stamps}
        new: list[File] = []
        room = MOST_BYTES
        for name, stamp in sorted(stamps.items(), key=lambda item: (item[1].changed, item[0])):
            seen = self._seen.get(name)
            if seen is None or seen.stamp != stamp:
                seen = self._seen[name] = _Seen(stamp, boot, "")
            quiet = now - stamp.changed / 1e9 >= QUIET or boot - seen.since >= SETTLE
            if seen.id or not quiet or len(new) >= MOST_FILES or stamp.size > max(room, self._most):
                continue
            file = self._take(name, stamp)
            if file is not None:
                room -= file.size if file.content is not None else 0
                self._seen[name] = seen._replace(id=file.id)
                if not known(file.id):
                    new.append(file)
                if room <= 0:
                    break
        unread = [name for name, seen in self._seen.items() if not seen.id]
        return Glance(
            tuple(new), tuple(seen.id for seen in self._seen.values() if seen.id),
            tuple(dict.fromkeys(shown for name in unread for shown in (name, ascii(name)))),
        )  # fmt: skip

    def _stamps(self) -> dict[str, _Stamp]:
        found: dict[str, _Stamp] = {}
        try:
            with os.scandir(self.folder) as entries:
                for count, entry in enumerate(entries):
                    if count >= MOST_ENTRIES:
                        raise Unreadable(f"`{self.folder.name}` holds more than {MOST_ENTRIES} entries",
                                         "Move away what was dealt with.")  # fmt: skip
                    if entry.name.startswith(".") or not fnmatch.fnmatchcase(entry.name, self._pattern):
                        continue
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode):
                        found[entry.name] = _stamp(status)
        except OSError as exc:
            raise Unreadable(f"`{self.folder.name}` cannot be read ({exc.strerror})", "Make the folder.") from exc
        return found

    def _take(self, name: str, stamp: _Stamp) -> File | None:
        """The content of a file, unless it is not what it was a moment ago."""
        if not name.isprintable() or stamp.size > self._most:
            return File(name, f"{name!a}:{stamp.size}:{stamp.changed}", stamp.size, None)
        try:
            handle = os.open(self.folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        with open(handle, "rb") as file:
            content = file.read(self._most + 1)
            if _stamp(os.fstat(handle)) != stamp or len(content) != stamp.size:
                return None
        return File(name, f"{name}:{digest(content)[:32]}", stamp.size, content)


def _stamp(status: os.stat_result) -> _Stamp:
    return _Stamp(status.st_size, status.st_mtime_ns, status.st_ino)
