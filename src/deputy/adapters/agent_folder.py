"""Put an agent's files in place, all of them or none; nothing outside its folder is ever written.

One file is replaced by a rename. Several are changed in a copy of the folder, which then changes places with it in one
step of the file system, so that no crash leaves half of a change; who reads several files holds the same lock. No link
is followed on the way.
"""

import asyncio
import contextlib
import ctypes
import errno
import fcntl
import os
import re
import shutil
import stat
import tempfile
from collections.abc import AsyncGenerator, Generator, Mapping
from pathlib import Path

from deputy.base.clock import Clock
from deputy.base.errors import UsageError

__all__ = ["NAME", "at_once", "held", "put", "writable"]

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}(?:/[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}){0,4}")
_TEXTS = (".md", ".yaml", ".yml", ".txt", ".json", ".csv", ".j2")
_EXCHANGE, _HERE = 2, -100
_PART = ".deputy-"  # begins the name of a file that is being written
_LOOK, _PATIENCE = 0.05, 10.0  # seconds


def writable(path: str) -> bool:
    """Whether a file of an agent's folder may be written from here: texts, and never code."""
    return NAME.fullmatch(path) is not None and not path.endswith("~") and path.lower().endswith(_TEXTS)


@contextlib.asynccontextmanager
async def held(workspace: Path, clock: Clock) -> AsyncGenerator[None]:
    """Hold the lock that all know who write agents' files or note what they say; it falls with the process."""
    until = clock.boot() + _PATIENCE
    while True:
        with at_once(workspace) as mine:
            if mine:
                yield
                return
        if clock.boot() > until:
            raise UsageError("Somebody else is writing agents' files.", "Try again in a moment.")
        await clock.sleep(_LOOK)


@contextlib.contextmanager
def at_once(workspace: Path) -> Generator[bool]:
    """The same lock, if nobody has it now; whether it was had."""
    with (workspace / ".deputy" / "agents.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


async def put(workspace: Path, name: str, files: Mapping[str, str | None]) -> None:
    """Write files (or, None, remove them) below `agents/NAME`, all or none; raises UsageError."""
    try:
        await asyncio.to_thread(_put, workspace / "agents", name, dict(files))
    except OSError as exc:
        message = f"The files of `{name}` cannot be written: {os.strerror(exc.errno or errno.EIO)}."
        raise UsageError(message, "Nothing was changed; look at the folder and its disk.") from None


def _put(agents: Path, name: str, files: dict[str, str | None]) -> None:
    folder = agents / name
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UsageError(f"agents/{name} is not a folder of its own.", "Put a folder in its place.")
    for path in files:
        _refuse_links(folder, path)
    _sweep(agents, name)
    if folder.is_dir() and len(files) == 1:
        ((path, text),) = files.items()
        if text is not None and (folder / path).parent.is_dir():
            _replace(folder / path, text)
            return
    agents.mkdir(exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=agents))
    try:
        copy = staged / name
        if folder.is_dir():
            shutil.copytree(folder, copy, symlinks=True)
        else:
            copy.mkdir()
        for path, text in files.items():
            if text is None:
                (copy / path).unlink(missing_ok=True)
            else:
                (copy / path).parent.mkdir(parents=True, exist_ok=True)
                _replace(copy / path, text)
        _sync(copy)
        if folder.is_dir():
            _exchange(copy, folder)
        else:
            copy.rename(folder)
        _sync(agents)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _sweep(agents: Path, name: str) -> None:
    """Take away what somebody left who was killed on the way; whoever holds the lock is alone."""
    for left in agents.glob(f".{name}.{'?' * 8}"):
        shutil.rmtree(left, ignore_errors=True)
    for left in agents.joinpath(name).rglob(f"{_PART}*~"):
        left.unlink(missing_ok=True)


def _refuse_links(folder: Path, path: str) -> None:
    if not NAME.fullmatch(path):
        raise UsageError(f"{path!r} is no name of a file here.", "Use letters, digits, `_`, `-`, `.` and `/`.")
    place = folder
    for part in path.split("/"):
        place = place / part
        if place.is_symlink():
            raise UsageError(f"`{path}` is a link.", "Edit it where it lies.")
    if place.exists() and not place.is_file():
        raise UsageError(f"`{path}` is not a file.", "Give the file another name.")


def _replace(file: Path, text: str) -> None:
    """Write beside it, make that durable, and let it take the place."""
    mode = stat.S_IMODE(file.stat().st_mode) if file.exists() else 0o644
    handle, other = tempfile.mkstemp(prefix=_PART, suffix="~", dir=file.parent)
    try:
        with open(handle, "wb") as stream:
            stream.write(text.encode())
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        os.replace(other, file)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(other)
        raise
    _sync(file.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _exchange(one: Path, other: Path) -> None:
    """Let two folders change places in one step."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        rename = None
    if rename is None or rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE):
        number = ctypes.get_errno() if rename is not None else errno.ENOSYS
        if number in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
            message = "Several files cannot be changed in one step on this file system."
            raise UsageError(message, "Change one file at a time, or edit them on disk.")
        raise OSError(number, os.strerror(number))
