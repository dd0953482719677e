"""How far was told, in a file; and a lock, so that of many processes one tells."""

import fcntl
import os
from pathlib import Path
from typing import Annotated

import msgspec

__all__ = ["Place"]


class _Kept(msgspec.Struct):
    position: Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
    link: str


class Place:
    """A place in a journal, kept in a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self._file, self._lock = folder / f"{name}.json", folder / f"{name}.lock"
        self._held: int | None = None

    def take(self) -> bool:
        """Become the one that tells; False where another process is."""
        if self._held is not None:
            return True
        handle = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return False
        self._held = handle
        return True

    def leave(self) -> None:
        """Be it no longer."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def read(self) -> tuple[int, str] | None:
        """The place and the link there; None where none is kept, or what is kept is none."""
        try:
            kept = msgspec.json.decode(self._file.read_bytes()[:1000], type=_Kept)
        except (OSError, msgspec.MsgspecError):
            return None
        return kept.position, kept.link

    def write(self, position: int, link: str) -> None:
        """Keep a place, wholly or not at all; raises OSError."""
        new = self._file.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(_Kept(position, link)))
        new.replace(self._file)
