"""Which names a run may give its files: relative, plain, and the same on every system. It touches no disk."""

import unicodedata

__all__ = ["DEEPEST", "LONGEST_NAME", "LONGEST_PATH", "PathRefused", "parts_of"]

LONGEST_NAME = 200  #: bytes of one name
LONGEST_PATH = 1_000  #: bytes of the whole
DEEPEST = 16  #: names in a path

_FORBIDDEN = frozenset('\\:*?"<>|')
_DEVICES = frozenset(
    ("con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³"))
)  # fmt: skip


class PathRefused(ValueError):
    """A path that a run may not use; its text says why, in one sentence."""


def parts_of(path: str) -> tuple[str, ...]:
    """The names that a path consists of; raises PathRefused. Nothing is repaired: one file has one path."""
    if not path:
        raise PathRefused("The path is empty.")
    if path.startswith("/"):
        raise PathRefused("The path is absolute; name it from the run's own folder on: `reports/july.md`.")
    if not path.isprintable():
        raise PathRefused("The path has characters that cannot be seen.")
    if len(path.encode()) > LONGEST_PATH:
        raise PathRefused(f"The path is longer than {LONGEST_PATH} bytes.")
    if not unicodedata.is_normalized("NFC", path):
        raise PathRefused("The path has accents as characters of their own; write it in Unicode's form NFC.")
    names = tuple(path.split("/"))
    if len(names) > DEEPEST:
        raise PathRefused(f"The path is nested more than {DEEPEST} levels deep.")
    for name in names:
        _check(name)
    return names


def _check(name: str) -> None:
    if not name:
        raise PathRefused("The path has an empty name in it (`//`, or `/` at its end).")
    if name in (".", ".."):
        raise PathRefused(f"The path has `{name}` in it; name the file directly.")
    if len(name.encode()) > LONGEST_NAME:
        raise PathRefused(f"A name in the path is longer than {LONGEST_NAME} bytes.")
    if found := _FORBIDDEN.intersection(name):
        raise PathRefused(f"The path has `{min(found)}` in it, which not every system can store.")
    if name.startswith(" ") or name.endswith((" ", ".")):
        raise PathRefused("A name in the path begins with a space, or ends with a space or a dot.")
    if name.partition(".")[0].rstrip().casefold() in _DEVICES:
        raise PathRefused(f"`{name}` is the name of a device on some systems.")
