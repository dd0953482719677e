"""Where the processes of `deputy up` of a workspace can be reached: each says so in a file that it holds locked."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["announced", "announcing"]

_FOLDER = "serving"
_LONGEST = 2_000


@contextmanager
def announcing(folder: Path, address: str) -> Generator[None]:
    """Say that this process is reached there, while this lasts; the lock falls with the process."""
    home = folder / ".deputy" / _FOLDER
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = home / str(os.getpid())
    with path.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.write(address)
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def announced(folder: Path) -> str:
    """Where one of them is reached now; "" where none runs."""
    home = folder / ".deputy" / _FOLDER
    for path in sorted(home.iterdir(), key=lambda p: p.name) if home.is_dir() else ():
        try:
            with path.open(encoding="utf-8") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return file.read(_LONGEST)
                path.unlink(missing_ok=True)  # whoever wrote it is gone
        except OSError:
            continue
    return ""
