"""Read text files of a workspace: regular, of bounded size, UTF-8; anything else is a ConfigError, never a hang."""

import os
import stat
from pathlib import Path

from deputy.app.config.document import cleaned
from deputy.base.errors import ConfigError

__all__ = ["MOST_BYTES", "entries", "read_bytes", "read_text", "shown_path", "to_text"]

MOST_BYTES = 1 << 20  #: of one file
_MOST_ENTRIES = 10_000  #: of one folder
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def shown_path(path: str) -> str:
    """A path as messages show it: what is not printable in a name is spelled out."""
    return "/".join(cleaned(part) for part in path.split("/"))


def _cause(error: OSError | ValueError) -> str:
    return (os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)).rstrip(".")


def read_bytes(path: Path, file: str) -> bytes:
    """The bytes of a regular file, MOST_BYTES and one more at most; never waits for a pipe or a device."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise ConfigError("The file is missing.", "Create it, or restore it.", file=file) from None
    except (OSError, ValueError) as error:
        message = f"The file cannot be read: {_cause(error)}."
        raise ConfigError(message, "Check the file and its permissions.", file=file) from None
    try:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
            raise ConfigError(f"This is {kind}, not a file.", "Put a regular file in its place.", file=file)
        with open(handle, "rb", closefd=False) as stream:
            return stream.read(MOST_BYTES + 1)
    except OSError as error:
        message = f"The file cannot be read: {_cause(error)}."
        raise ConfigError(message, "Check the file and its disk.", file=file) from None
    finally:
        os.close(handle)


def to_text(data: bytes, file: str) -> str:
    """These bytes as text; refuses what is too long, not UTF-8, marked as another encoding, or holds a NUL."""
    if len(data) > MOST_BYTES:
        message = f"The file is larger than {MOST_BYTES >> 20} MiB."
        raise ConfigError(message, "Keep data of this size outside of the configuration.", file=file)
    if data.startswith(_MARKS):
        message = "The file starts with a byte order mark."
        raise ConfigError(message, "Save it as UTF-8 without a byte order mark.", file=file, line=1)
    wrong = data.find(b"\0")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        wrong, text = error.start, ""
        line = data.count(b"\n", 0, wrong) + 1
        raise ConfigError("The file is not UTF-8 text.", "Save it as UTF-8.", file=file, line=line) from None
    if wrong >= 0:
        line = data.count(b"\n", 0, wrong) + 1
        raise ConfigError("The file holds a NUL byte.", "Remove it, or save the text anew.", file=file, line=line)
    return text


def read_text(path: Path, file: str) -> str:
    """The text of a file, exactly as it is."""
    return to_text(read_bytes(path, file), file)


def entries(folder: Path, file: str) -> list[os.DirEntry[str]]:
    """What lies in a folder, sorted by name, without hidden things; an absent folder is empty."""
    found: list[os.DirEntry[str]] = []
    try:
        with os.scandir(folder) as listing:
            for entry in listing:
                if not entry.name.startswith("."):
                    found.append(entry)
                if len(found) > _MOST_ENTRIES:
                    message = f"The folder holds more than {_MOST_ENTRIES} entries."
                    raise ConfigError(message, "Keep data outside of the configuration.", file=file)
    except FileNotFoundError:
        if os.path.lexists(folder):
            message = "This is a link to nothing."
            raise ConfigError(message, "Put a folder in its place, or remove it.", file=file) from None
    except NotADirectoryError:
        raise ConfigError("This is a file, not a folder.", "Put a folder in its place.", file=file) from None
    except OSError as error:
        message = f"The folder cannot be read: {_cause(error)}."
        raise ConfigError(message, "Check the folder and its permissions.", file=file) from None
    return sorted(found, key=lambda entry: entry.name)
