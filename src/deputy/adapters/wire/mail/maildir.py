"""A Maildir on this machine: one file a letter, folders beside each other as `.Name`, every change one rename.

What flags a letter has stands in its file's name after `:2,`; what stands before is the letter's own name, which stays.
It knows files, not what is in them.
"""

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["INBOX", "Maildir", "Stored", "is_folder_name", "looked_at", "sync_folder", "write_durably"]

INBOX = "INBOX"
_FILE = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe that somebody put there must not hold us up
_NAME = re.compile(r"[^\s/:\x00-\x20][^/:\x00-\x1f\x7f]{0,200}")
_FOLDER = re.compile(r"[^./\x00-\x1f\x7f][^/\x00-\x1f\x7f]{0,100}")
_MOST = 500_000  # files of one folder that are looked at


class Stored(NamedTuple):
    """A letter's file: its own name, its flags in order, whether it lies in `new`, and when it came, in seconds."""

    name: str
    flags: str
    new: bool
    path: Path
    came: float = 0.0
    size: int = 0

    @property
    def seen(self) -> bool:
        """Whether somebody has marked it as read."""
        return "S" in self.flags


def is_folder_name(name: str) -> bool:
    """Whether this may be a folder's name."""
    return name == INBOX or (_FOLDER.fullmatch(name) is not None and ".." not in name and not name.endswith("."))


class Maildir:
    """The Maildir at a path; `folder` is `INBOX` or the name of one beside it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def exists(self) -> bool:
        """Whether there is a Maildir."""
        return all((self.root / part).is_dir() for part in ("cur", "new", "tmp"))

    def where(self, folder: str) -> Path:
        """A folder's path; raises FileNotFoundError for a name that can be none."""
        if not is_folder_name(folder):
            raise FileNotFoundError(folder)
        return self.root if folder == INBOX else self.root / f".{folder}"

    def make(self, folder: str) -> None:
        """Let a folder be there."""
        where = self.where(folder)
        for part in ("tmp", "new", "cur"):
            (where / part).mkdir(mode=0o700, parents=True, exist_ok=True)

    def folders(self) -> list[str]:
        """The names of all folders."""
        with contextlib.suppress(OSError), os.scandir(self.root) as entries:
            found = [e.name[1:] for e in entries if e.name.startswith(".") and e.is_dir(follow_symlinks=False)]
            return [
                INBOX,
                *sorted(name for name in found if is_folder_name(name) and (self.where(name) / "cur").is_dir()),
            ]
        return [INBOX]

    def letters(self, folder: str) -> Iterator[Stored]:
        """Every letter of a folder, in no order, without time and size. Raises OSError."""
        left = _MOST
        for part in ("new", "cur"):
            with os.scandir(self.where(folder) / part) as entries:
                for entry in entries:
                    name, _, info = entry.name.partition(":2,")
                    if name.startswith(".") or not _NAME.fullmatch(name):
                        continue
                    yield Stored(name, info, part == "new", Path(entry.path))
                    left -= 1
                    if left <= 0:
                        return

    def find(self, folder: str, name: str) -> Stored | None:
        """The letter of this name, wherever in the folder it lies. Raises OSError."""
        if not _NAME.fullmatch(name):
            return None
        for one in self.letters(folder):
            if one.name == name:
                return looked_at(one)
        return None

    def read(self, stored: Stored, most: int) -> bytes:
        """The first bytes of a letter; raises FileNotFoundError where it is gone, or is no file."""
        handle = os.open(stored.path, os.O_RDONLY | _FILE)
        with open(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise FileNotFoundError(stored.path)
            return file.read(most)

    def put(self, folder: str, name: str, raw: bytes, flags: str) -> None:
        """Let a letter be there, whole and durable, under a name of its own that no other has."""
        self.make(folder)
        where = self.where(folder)
        draft = where / "tmp" / name
        write_durably(draft, raw)
        os.replace(draft, where / "cur" / f"{name}:2,{flags}")
        sync_folder(where / "cur")

    def mark(self, folder: str, name: str, *, add: str = "", remove: str = "") -> bool:
        """Change a letter's flags; False if there is no such letter."""
        stored = self.find(folder, name)
        if stored is None:
            return False
        flags = "".join(sorted((set(stored.flags) | set(add)) - set(remove)))
        target = self.where(folder) / "cur" / f"{name}:2,{flags}"
        if target != stored.path:
            os.rename(stored.path, target)
            sync_folder(target.parent)
        return True

    def move(self, folder: str, name: str, to: str) -> bool:
        """Move a letter to another folder, where it keeps its name; False if there is no such letter."""
        stored = self.find(folder, name)
        if stored is None:
            return self.find(to, name) is not None  # it was moved before
        there = self.find(to, name)
        if there is not None and there.path != stored.path:
            raise FileExistsError(errno.EEXIST, "another letter of this name is there")
        target = self.where(to) / "cur" / f"{name}:2,{stored.flags}"
        os.rename(stored.path, target)
        sync_folder(target.parent)
        sync_folder(stored.path.parent)
        return True

    def drop(self, folder: str, name: str) -> None:
        """Remove a letter for good."""
        stored = self.find(folder, name)
        if stored is not None:
            stored.path.unlink(missing_ok=True)
            sync_folder(stored.path.parent)


def looked_at(stored: Stored) -> Stored | None:
    """A letter with its time and size; None if it is gone."""
    try:
        found = os.lstat(stored.path)
    except OSError:
        return None
    return stored._replace(came=found.st_mtime, size=found.st_size) if stat.S_ISREG(found.st_mode) else None


def write_durably(path: Path, raw: bytes) -> None:
    """Write a file that is there after a power cut."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _FILE, 0o600)
    with open(handle, "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(handle)


def sync_folder(path: Path) -> None:
    """Make names in a folder durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
