"""Secrets in files of the workspace, each encrypted with age; whoever has the identity file beside them can read them.

One secret is one file, replaced as a whole, so that several processes lose nothing and the next call has the new one.
"""

import contextlib
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from deputy.base.canonical import canonical
from deputy.base.errors import ConfigError, NotFound, UsageError

if TYPE_CHECKING:
    from pyrage import x25519  # pyright: ignore[reportMissingModuleSource] - it is inside a binary

__all__ = ["LONGEST", "AgeSecrets", "Kept"]

LONGEST = 64 * 1024  #: bytes of one secret
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_ENDING = ".age"


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A secret as its file holds it. Its name is inside too, so that a file put in another's place is noticed."""

    name: str
    value: str
    by: str  #: principal who set it
    at: datetime

    def __repr__(self) -> str:
        return f"Kept(name={self.name!r})"


class _Read(NamedTuple):
    stamp: tuple[int, ...]
    kept: Kept


class AgeSecrets:
    """The secrets below a folder (`.deputy`): `keys/identity.txt` opens what lies in `secrets/`."""

    def __init__(self, home: Path) -> None:
        self._keys, self._folder = home / "keys", home / "secrets"
        self._read: dict[str, _Read] = {}

    @property
    def identity_file(self) -> Path:
        """What opens the secrets; without it they are lost."""
        return self._keys / "identity.txt"

    def lend(self, reference: str) -> str:
        """The value behind `secret:NAME`, as it is now; raises ConfigError naming the reference, never a value."""
        kind, _, name = reference.partition(":")
        if kind != "secret" or not _NAME.fullmatch(name):
            raise ConfigError("This is no reference to a secret.", "Write `secret:` and the name of a secret.")
        return self.kept(name).value

    def names(self) -> list[str]:
        """The names of all secrets; needs no key."""
        with contextlib.suppress(FileNotFoundError):
            found = (entry.removesuffix(_ENDING) for entry in os.listdir(self._folder) if entry.endswith(_ENDING))
            return sorted(name for name in found if _NAME.fullmatch(name))
        return []

    def kept(self, name: str) -> Kept:
        """One secret with what is known of it; raises ConfigError."""
        file = self._file(name)
        try:
            stamp = _stamp(os.stat(file, follow_symlinks=False))
            if (known := self._read.get(name)) is not None and known.stamp == stamp:
                return known.kept
            data = _bytes(file)
        except FileNotFoundError:
            self._read.pop(name, None)
            message, remedy = f"The secret `{name}` is not set.", f"Set it with `deputy secret set {name}`."
            raise ConfigError(message, remedy) from None
        except OSError as exc:
            remedy = f"See who owns {file}."
            raise ConfigError(f"The secret `{name}` cannot be read: {exc.strerror}.", remedy) from None
        kept = self._open(name, data)
        self._read[name] = _Read(stamp, kept)
        return kept

    def put(self, name: str, value: str, *, by: str, at: datetime) -> None:
        """Keep a secret from now on, in place of an older one of this name; raises UsageError."""
        file = self._file(name)
        if not value:
            raise UsageError("The secret is empty.", "Give its value on standard input, or at the prompt.")
        if len(value.encode(errors="replace")) > LONGEST:
            raise UsageError(f"The secret is longer than {LONGEST // 1024} KiB.", "Keep data elsewhere.")
        if _CONTROL.search(value):
            raise UsageError("The secret holds a control character.", "Give it without; lines and tabs may stay.")
        from pyrage import encrypt

        try:
            identity = self._identity(make=True)
            body = encrypt(canonical(Kept(name=name, value=value, by=by, at=at)), [identity.to_public()])
            _folder(self._folder)
            _replace(file, body)
        except OSError as exc:
            raise UsageError(f"The secret cannot be kept: {exc.strerror}.", f"See to {self._folder}.") from None
        self._read.pop(name, None)

    def remove(self, name: str) -> None:
        """Forget a secret; raises NotFound."""
        file = self._file(name)
        try:
            os.unlink(file)
            _sync(self._folder)
        except FileNotFoundError:
            known = ", ".join(self.names()[:20])
            remedy = f"Known are {known}." if known else "None is set."
            raise NotFound(f"There is no secret {name!r}.", remedy) from None
        except OSError as exc:
            raise UsageError(f"The secret cannot be removed: {exc.strerror}.", f"See to {self._folder}.") from None
        self._read.pop(name, None)

    def problems(self) -> Iterator[tuple[str, str]]:
        """What is wrong with folders, modes and files: a sentence and what to do, each."""
        for path, mode in ((self._keys, 0o700), (self._folder, 0o700), (self.identity_file, 0o600)):
            try:
                found = stat.S_IMODE(os.stat(path).st_mode)
            except OSError:
                continue
            if found & 0o077:
                message = f"{path} may be used by others than its owner (mode {found:04o})."
                yield message, f"Run `chmod {mode:o} {path}`, and set the secrets anew if others may have read them."
        for name in self.names():
            try:
                self.kept(name)
            except ConfigError as exc:
                yield exc.message, exc.remedy

    # -- inside

    def _file(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise UsageError("This is no name for a secret.", "Use at most 128 letters, digits, dots, _ and -.")
        return self._folder / f"{name}{_ENDING}"

    def _open(self, name: str, data: bytes) -> Kept:
        from pyrage import DecryptError, decrypt

        remedy = f"Set it anew with `deputy secret set {name}`."
        try:
            kept = msgspec.json.decode(decrypt(data, [self._identity(make=False)]), type=Kept)
        except (DecryptError, msgspec.MsgspecError, UnicodeError):
            raise ConfigError(f"The secret `{name}` does not open with this workspace's key.", remedy) from None
        if kept.name != name:
            raise ConfigError(f"The file of the secret `{name}` holds another one.", remedy)
        return kept

    def _identity(self, *, make: bool) -> "x25519.Identity":
        from pyrage import IdentityError, x25519  # pyright: ignore[reportMissingModuleSource] - as above

        if make:
            self._make_identity(str(x25519.Identity.generate()))
        try:
            lines = _bytes(self.identity_file).decode().split("\n")
            return x25519.Identity.from_str(next((text for text in lines if text.startswith("AGE-SECRET-KEY-")), ""))
        except FileNotFoundError:
            message = f"The key of this workspace's secrets, {self.identity_file}, is missing."
            raise ConfigError(message, "Put it back from a backup, or remove the secrets and set them anew.") from None
        except OSError as exc:
            raise ConfigError(f"{self.identity_file} cannot be read: {exc.strerror}.", "See who owns it.") from None
        except (IdentityError, UnicodeError):
            raise ConfigError(f"{self.identity_file} holds no key.", "Put it back from a backup.") from None

    def _make_identity(self, text: str) -> None:
        """Make the key if there is none; of several processes one makes it, and it appears whole or not at all."""
        if self.identity_file.exists() or self.names():
            return  # it is there; or secrets have lost theirs, and must not get another that does not open them
        _folder(self._keys)
        words = "# The key of this workspace's secrets: keep it private, and keep a copy elsewhere."
        made = _written(self._keys, f"{words}\n{text}\n".encode())
        try:
            os.link(made, self.identity_file)
        except FileExistsError:
            pass  # another process was first
        finally:
            os.unlink(made)
        _sync(self._keys)


def _stamp(found: os.stat_result) -> tuple[int, ...]:
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


def _bytes(file: Path) -> bytes:
    handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    with open(handle, "rb") as reader:
        return reader.read(2 * LONGEST)


def _folder(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def _written(folder: Path, body: bytes) -> str:
    """A new file with this content, on the disk, that its owner alone can use (made with O_EXCL and 0600)."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=".new-")
    with open(handle, "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    return name


def _replace(file: Path, body: bytes) -> None:
    new = _written(file.parent, body)
    try:
        os.replace(new, file)
    except OSError:
        os.unlink(new)
        raise
    _sync(file.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
