"""Numbers for the letters of a Maildir folder, in the order in which they were first seen; kept in a file of our own.

A letter's file may be renamed, come late or bear an old time: none of these tells which letters somebody has seen. So
each name gets the next number, once, and is remembered for as long as the letter is there.
"""

import contextlib
import fcntl
import os
from collections.abc import Generator, Iterable
from pathlib import Path

from deputy.adapters.wire.mail.maildir import sync_folder, write_durably

__all__ = ["Index"]

_SPARE = 10_000  # names of letters that are gone, beyond which the file is written anew


class Index:
    """The numbers of one folder's letters; several processes may hold one."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stamp: tuple[int, int, int] | None = None
        self.validity = ""  #: changes when all numbers are lost
        self.numbers: dict[str, int] = {}

    def take_in(self, names: Iterable[str], fresh: str) -> None:
        """Number the names that have none, in this order, durably; `fresh` is the validity if the file is lost."""
        names = list(names)
        with self._locked():
            self._load(fresh)
            new = [name for name in names if name not in self.numbers]
            if new:
                last = max(self.numbers.values(), default=self._base)
                with open(self._file, "ab") as file:
                    for number, name in enumerate(new, last + 1):
                        self.numbers[name] = number
                        file.write(f"{number} {name}\n".encode("utf-8", "surrogateescape"))
                    file.flush()
                    os.fsync(file.fileno())
            if len(self.numbers) > 2 * len(names) + _SPARE:
                self._compact(set(names))
            self._stamp = _stamp(self._file)

    # -- inside

    @contextlib.contextmanager
    def _locked(self) -> Generator[None]:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(self._file.with_suffix(".lock"), "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _load(self, fresh: str) -> None:
        stamp = _stamp(self._file)
        if stamp is not None and stamp == self._stamp:
            return
        self.validity, self._base, self.numbers = "", 0, {}
        with contextlib.suppress(OSError, ValueError):
            whole = self._file.read_bytes()
            kept = whole[: whole.rfind(b"\n") + 1]
            if len(kept) < len(whole):
                os.truncate(self._file, len(kept))  # a line that was cut short was never told to anybody
            lines = kept.decode("utf-8", "surrogateescape").splitlines()
            word, self.validity, base = lines[0].split(" ") if lines else ("", "", "0")
            self._base = int(base)
            entries = (line.partition(" ") for line in lines[1:])
            self.numbers = {name: int(number) for number, _, name in entries} if word == "deputy-index" else {}
            if word == "deputy-index":
                return
        self.validity, self._base, self.numbers = fresh, 0, {}
        self._write()

    def _compact(self, names: set[str]) -> None:
        self._base = max(self.numbers.values())
        self.numbers = {name: number for name, number in self.numbers.items() if name in names}
        self._write()

    def _write(self) -> None:
        lines = [f"deputy-index {self.validity} {self._base}", *(f"{n} {name}" for name, n in self.numbers.items())]
        new = self._file.with_suffix(".new")
        write_durably(new, ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape"))
        os.replace(new, self._file)
        sync_folder(self._file.parent)


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
