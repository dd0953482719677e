"""A disk that fails as disks do, for SQLite: it loses what was not synced, tears writes, fills up, cannot be read.

`Disk` is a layer (an SQLite VFS) over the real file system: open a store with `vfs=disk.name`. It watches the files of
its own process only; whoever crashes processes kills them.
"""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

import apsw

__all__ = ["Disk", "Step", "put_files"]

SECTOR = 512  #: bytes that a disk writes wholly or not at all


class Step(NamedTuple):
    """What is about to happen to a file."""

    kind: Literal["write", "truncate", "sync", "delete"]
    file: str  #: its name without the folder


class _Write(NamedTuple):
    offset: int
    data: bytes

    def apply(self, content: bytearray) -> None:
        if len(content) < self.offset:
            content.extend(bytes(self.offset - len(content)))
        content[self.offset : self.offset + len(self.data)] = self.data


class _Cut(NamedTuple):
    size: int

    def apply(self, content: bytearray) -> None:
        del content[self.size :]


class _Traced:
    """What of one file would survive, and what has been asked of it since the last sync."""

    def __init__(self, content: bytes, *, named: bool) -> None:
        self.content = bytearray(content)
        self.named = named  #: whether the folder's entry would survive too
        self.gone = False  #: deleted, as far as anybody knows before the folder is synced
        self.pending: list[_Write | _Cut] = []

    def settle(self) -> None:
        for change in self.pending:
            change.apply(self.content)
        self.pending.clear()
        self.named = True


class Disk:
    """A named VFS whose faults are attributes; leaving the context takes it out of SQLite again."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.honest = True  #: False: a sync is answered, and keeps nothing
        self.room: int | None = None  #: how many writes still fit, where there is an end to them
        self.readable = True
        self.step: Callable[[Step], None] = lambda _: None  #: called before anything happens to a file
        self._lock = threading.RLock()
        self._files: dict[str, _Traced] = {}
        self._layer = _Layer(name, self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._layer.unregister()

    def after_power_cut(self, chance: Callable[[], float] | None = None) -> Mapping[str, bytes]:
        """What the files would hold if power were cut now, by name.

        Nothing that was not synced, or, with `chance` (numbers from 0 to 1), any part of it: some writes and not
        others, in any order, the last one torn at a sector.
        """
        with self._lock:
            return {
                Path(path).name: _survivor(file, chance)
                for path, file in self._files.items()
                if file.named or (chance is not None and chance() < 0.5)
            }

    # -- what the files report

    def opened(self, path: str, *, fresh: bool) -> None:
        """A file is in use; what it holds by then is safe."""
        with self._lock:
            if fresh or path not in self._files:
                self._files[path] = _Traced(b"" if fresh else Path(path).read_bytes(), named=not fresh)

    def writes(self, path: str, data: bytes, offset: int) -> bytes:
        """What of a write fits: half of it, where nothing is left.

        What a log moves into its database always fits: SQLite does without, in silence, and this layer has no way to
        fail in silence.
        """
        with self._lock:
            self.step(Step("write", Path(path).name))
            log = self._files.get(f"{path}-wal")
            if self.room is not None and (log is None or log.gone):
                data = data if self.room else data[: len(data) // 2]
                self.room = max(self.room - 1, 0)
            if path in self._files:
                self._files[path].pending.append(_Write(offset, bytes(data)))
            return data

    def truncates(self, path: str, size: int) -> None:
        """A file is cut to a size."""
        with self._lock:
            self.step(Step("truncate", Path(path).name))
            if path in self._files:
                self._files[path].pending.append(_Cut(size))

    def syncs(self, path: str) -> None:
        """All that was written to a file is to be kept."""
        with self._lock:
            self.step(Step("sync", Path(path).name))
            if self.honest and (file := self._files.get(path)) is not None:
                if not file.named:  # SQLite syncs the folder with a new file
                    self._files = {name: other for name, other in self._files.items() if not other.gone}
                file.settle()

    def deletes(self, path: str, *, synced: bool) -> None:
        """A file's entry goes; without a sync of the folder it may come back."""
        with self._lock:
            self.step(Step("delete", Path(path).name))
            if synced and self.honest:
                self._files.pop(path, None)
            elif path in self._files:
                self._files[path].gone = True


class _Layer(apsw.VFS):
    """The file system as SQLite sees it."""

    def __init__(self, name: str, disk: Disk) -> None:
        super().__init__(name, "")
        self._disk = disk

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> "_File":
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        fresh = path is not None and not Path(path).exists()
        file = _File(name, flags, self._disk, path)
        if path is not None and Path(path).exists():
            self._disk.opened(path, fresh=fresh)
        return file

    def xDelete(self, filename: str, syncdir: bool) -> None:
        self._disk.deletes(filename, synced=syncdir)
        super().xDelete(filename, syncdir)


class _File(apsw.VFSFile):
    """One open file; a temporary one has no path and cannot be lost."""

    def __init__(self, name: Any, flags: list[int], disk: Disk, path: str | None) -> None:
        super().__init__("", name, flags)
        self._disk, self._path = disk, path

    def xRead(self, amount: int, offset: int) -> bytes:
        if not self._disk.readable:
            raise apsw.IOError("the disk cannot be read")
        return super().xRead(amount, offset)

    def xWrite(self, data: bytes, offset: int) -> None:
        fits = data if self._path is None else self._disk.writes(self._path, data, offset)
        super().xWrite(fits, offset)  # pyright: ignore[reportUnknownMemberType] - apsw's stub names no type for buffers
        if len(fits) < len(data):
            raise apsw.FullError("the disk is full")

    def xTruncate(self, newsize: int) -> None:
        if self._path is not None:
            self._disk.truncates(self._path, newsize)
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        if self._path is not None:
            self._disk.syncs(self._path)


def _survivor(file: _Traced, chance: Callable[[], float] | None) -> bytes:
    content = bytearray(file.content)
    if chance is not None:
        kept = [change for change in file.pending if chance() < 0.5]
        for change in kept[:-1]:
            change.apply(content)
        if kept:
            _torn(kept[-1], chance()).apply(content)
    return bytes(content)


def _torn(change: _Write | _Cut, share: float) -> _Write | _Cut:
    if isinstance(change, _Cut):
        return change
    return change._replace(data=change.data[: int(len(change.data) * share) // SECTOR * SECTOR])


def put_files(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Lay files out in a folder, made where it does not exist; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder
