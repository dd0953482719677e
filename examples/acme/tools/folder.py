"""Opens files that strangers put into a folder: regular files of that folder alone, in bounded memory.

Knows nothing of invoices. A name never leads out of the folder, a link is not followed, a pipe does not block, and a
file that grows while it is read is noticed.
"""

import hashlib
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tools.refusal import Refused
from tools.wording import shown

__all__ = ["MAX_BYTES", "MAX_FILES", "Entry", "Folder", "Paper"]

MAX_BYTES = 10 * 1024 * 1024
MAX_FILES = 2000
_CHUNK = 64 * 1024


class Entry(NamedTuple):
    """One name in the folder; `sha256` only where it is a regular file small enough to be read."""

    name: str
    size: int
    sha256: str | None


class Paper(NamedTuple):
    """The content of one file, as it was in one reading."""

    name: str
    data: bytes
    sha256: str


@dataclass(frozen=True)
class Folder:
    """A folder below a root that is trusted."""

    root: Path
    path: str

    def entries(self) -> list[Entry]:
        """Everything in the folder but hidden names, in the order of their names."""
        with self._opened() as handle, os.scandir(handle) as found:
            names: list[str] = []
            for entry in found:
                if entry.name.startswith("."):
                    continue
                if len(names) >= MAX_FILES:
                    why = f"The folder {shown(self.path)!r} holds over {MAX_FILES:,} files; move the old ones away."
                    raise Refused("too-many-files", why)
                names.append(entry.name)
            return [_entry(handle, name) for name in sorted(names)]

    def read(self, name: str) -> Paper:
        """One regular file of this folder, whole, or not at all."""
        _check_name(name)
        with self._opened() as handle, _regular_file(handle, name) as file:
            if os.fstat(file).st_size > MAX_BYTES:
                raise Refused("too-big", _too_big(name))
            data = bytearray()
            while chunk := os.read(file, min(_CHUNK, MAX_BYTES + 1 - len(data))):
                data += chunk
                if len(data) > MAX_BYTES:
                    raise Refused("too-big", _too_big(name))
        if not data:
            raise Refused("empty", f"The file {shown(name)!r} is empty.")
        return Paper(name, bytes(data), hashlib.sha256(data).hexdigest())

    @contextmanager
    def _opened(self) -> Generator[int, None, None]:
        handle = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in self.path.split("/"):
                _check_name(part)
                try:
                    inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle)
                except OSError as error:
                    why = f"The folder {shown(self.path)!r} cannot be opened: it must be a folder, not a link."
                    raise Refused("folder", why) from error
                os.close(handle)
                handle = inner
            yield handle
        finally:
            os.close(handle)


def _check_name(name: str) -> None:
    if not name or name in (".", "..") or "/" in name or "\0" in name or len(os.fsencode(name)) > 255:
        raise Refused("name", f"The name {shown(name)!r} is not the name of a file in this folder.")


def _too_big(name: str) -> str:
    return f"The file {shown(name)!r} is larger than {MAX_BYTES // 1024 // 1024} MB; invoices are smaller."


@contextmanager
def _regular_file(folder: int, name: str) -> Generator[int, None, None]:
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError as error:
        raise Refused("missing", f"There is no file {shown(name)!r} in this folder.") from error
    except OSError as error:
        why = f"The file {shown(name)!r} cannot be opened: it must be a readable file, not a link or a device."
        raise Refused("not-a-file", why) from error
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise Refused("not-a-file", f"{shown(name)!r} is not a file but a folder, a pipe or a device.")
        yield file
    finally:
        os.close(file)


def _entry(folder: int, name: str) -> Entry:
    printable = os.fsencode(name).decode("utf-8", "replace")
    try:
        with _regular_file(folder, name) as file:
            size = os.fstat(file).st_size
            return Entry(printable, size, _digest(file) if size <= MAX_BYTES else None)
    except Refused:
        return Entry(printable, 0, None)


def _digest(file: int) -> str | None:
    digest, left = hashlib.sha256(), MAX_BYTES + 1
    while left > 0 and (chunk := os.read(file, min(_CHUNK, left))):
        digest.update(chunk)
        left -= len(chunk)
    return digest.hexdigest() if left > 0 else None
