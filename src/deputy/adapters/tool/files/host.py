"""Perform the `files.*` tools, each once: what an effect has done is known by its id, however often it is repeated."""

import asyncio
import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, cast

import msgspec

from deputy.adapters.tool.files.folder import Damaged, Folder, Held, Misplaced, OverQuota, Quota, Version, opened
from deputy.adapters.tool.files.paths import PathRefused, parts_of
from deputy.adapters.tool.files.specs import FILES
from deputy.base.canonical import digest
from deputy.base.clock import Clock
from deputy.domain.effect import NOT_SENT, Done, Failed, Intent, Result, ToolRequest, ToolSpec, Unknown

__all__ = ["FilesTools"]

_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_LISTED = 100  # versions of one file that a history shows
_PAUSE = 0.02  # seconds between looks at whether a folder is free
_BROKEN = "The run's folder could not be read or written"


class _Read(msgspec.Struct, forbid_unknown_fields=True):
    path: str
    version: int | None = None
    encoding: Literal["utf-8", "base64"] | None = None


class _Write(msgspec.Struct, forbid_unknown_fields=True):
    path: str
    content: str
    encoding: Literal["utf-8", "base64"] = "utf-8"


class _List(msgspec.Struct, forbid_unknown_fields=True):
    folder: str | None = None


class _Delete(msgspec.Struct, forbid_unknown_fields=True):
    path: str


class _History(msgspec.Struct, forbid_unknown_fields=True):
    path: str


_Arguments = _Read | _Write | _List | _Delete | _History
_ARGUMENTS: Mapping[str, type[_Arguments]] = {
    "files.read": _Read, "files.write": _Write, "files.list": _List, "files.delete": _Delete, "files.history": _History
}  # fmt: skip


class FilesTools:
    """The host of `files.*`; `root` is the folder that holds one for each run."""

    def __init__(self, root: Path, clock: Clock, quota: Quota | None = None) -> None:
        self._root, self._clock, self._quota = root, clock, quota or Quota()
        self._open: dict[asyncio.Future[Result | None], str] = {}  # what is under way, and for which effect

    async def catalogue(self) -> Sequence[ToolSpec]:
        """The tools there are."""
        return FILES

    async def invoke(self, intent: Intent) -> Result:
        """Perform what an intent asks for, away from the event loop."""
        request = intent.request
        form = _ARGUMENTS.get(request.spec.name) if isinstance(request, ToolRequest) else None
        if form is None or not isinstance(request, ToolRequest):
            return Failed("unknown_tool", "There is no such tool for files.")
        try:
            arguments = msgspec.convert(dict(request.args), form)
        except msgspec.ValidationError as exc:
            return Failed("invalid_arguments", f"{exc}.")
        return await self._go(intent, arguments)

    async def keep(self, intent: Intent, path: str, content: bytes) -> Result:
        """Write a file for an effect of another host, once, as `files.write` would."""
        return await self._go(intent, _Write(path, base64.b64encode(content).decode(), "base64"))

    async def content(self, intent: Intent, path: str, version: int) -> bytes | Failed:
        """The bytes of one version of a file of the run, for an effect of another host."""
        found = await self._go(intent, _Read(path, version, "base64"))
        if isinstance(found, Done):
            return base64.b64decode(cast("dict[str, str]", found.value)["content"])
        return found if isinstance(found, Failed) else Failed("disk", f"{_BROKEN}.")

    async def _go(self, intent: Intent, arguments: "_Arguments") -> Result:
        if not _RUN.fullmatch(intent.run) or intent.key.rpartition(".")[0] != intent.run:
            return Failed("invalid_arguments", "This effect belongs to no run that could have a folder.")
        loop = asyncio.get_running_loop()
        end = loop.time() + intent.deadline
        while True:
            running = loop.run_in_executor(None, self._attempt, intent, arguments)
            self._open[running] = intent.key
            running.add_done_callback(self._open.pop)
            if (result := await asyncio.shield(running)) is not None:
                return result
            if loop.time() + _PAUSE > end:
                return _held(intent, arguments)
            await asyncio.sleep(_PAUSE)

    async def quiesce(self, key: str) -> None:
        """Return once nothing is under way for this effect; a change that was begun takes a moment at most."""
        while still := [running for running, effect in self._open.items() if effect == key]:
            await asyncio.wait(still)

    async def close(self) -> None:
        """Return once nothing is under way."""
        while self._open:
            await asyncio.wait(list(self._open))

    # -- in a thread

    def _attempt(self, intent: Intent, arguments: _Arguments) -> Result | None:
        """One attempt; None where somebody else holds the folder."""
        changes = isinstance(arguments, _Write | _Delete)
        begun: list[str] = []
        try:
            with opened(self._root, intent.run, make=isinstance(arguments, _Write)) as folder:
                return self._perform(folder, intent, arguments, lambda: begun.append(intent.key))
        except Held:
            return None
        except PathRefused as exc:
            return Failed("invalid_path", str(exc))
        except Misplaced as exc:
            return Failed("misplaced", str(exc))
        except OverQuota as exc:
            return Failed("quota", str(exc))
        except Damaged as exc:
            return Failed("damaged", str(exc))
        except OSError as exc:
            message = f"{_BROKEN}: {exc.strerror or type(exc).__name__}."
            return Unknown(message) if changes and begun else Failed("disk", message)

    def _perform(
        self, folder: Folder | None, intent: Intent, arguments: _Arguments, begin: Callable[[], None]
    ) -> Result:
        match arguments:
            case _Read():
                return _read(folder, arguments)
            case _List():
                return _list(folder, arguments)
            case _History():
                return _history(folder, arguments)
            case _Write():
                return self._write(folder, intent, arguments, begin)
            case _Delete():
                return self._delete(folder, intent, arguments, begin)

    def _write(self, folder: Folder | None, intent: Intent, wanted: _Write, begin: Callable[[], None]) -> Result:
        assert folder is not None  # it was to be made
        parts = parts_of(wanted.path)
        content = _bytes_of(wanted)
        if isinstance(content, Failed):
            return content
        if (made := folder.made_by(intent.key)) is not None:
            return _again(folder, made, wanted.path, digest(content))
        folder.follow()
        folder.check_room(parts, content, self._quota)
        folder.keep(content)
        return self._change(folder, intent, wanted.path, content, begin)

    def _delete(self, folder: Folder | None, intent: Intent, wanted: _Delete, begin: Callable[[], None]) -> Result:
        parts_of(wanted.path)
        if folder is not None and (made := folder.made_by(intent.key)) is not None:
            return _again(folder, made, wanted.path, "")
        if folder is None or wanted.path not in folder.current():
            return _not_found(wanted.path)
        folder.follow()
        return self._change(folder, intent, wanted.path, None, begin)

    def _change(
        self, folder: Folder, intent: Intent, path: str, content: bytes | None, begin: Callable[[], None]
    ) -> Result:
        """Make one change; from `begin` on it may have happened."""
        change = Version(
            path=path, version=len(folder.history(path)) + 1, effect=intent.key, at=self._clock.now(),
            digest="" if content is None else digest(content), size=len(content or b""),
        )  # fmt: skip
        if self._clock.boot() >= intent.dispatch_by:
            return Failed(NOT_SENT, "The worker's lease ran out; nothing was changed.", retry=True)
        begin()
        folder.append(change)
        folder.follow()
        return Done(_made(change))


def _again(folder: Folder, made: Version, path: str, content: str) -> Result:
    """The answer to an effect that was performed before: the same."""
    if (made.path, made.digest) != (path, content):
        return Failed("key_reused", "This effect has changed another file, or written another content, before.")
    if made is folder.changes[-1]:
        folder.confirm()
        folder.follow()
    return Done(_made(made))


def _made(change: Version) -> dict[str, object]:
    if not change.digest:
        return {"version": change.version, "deleted": True}
    return {"version": change.version, "size": change.size, "digest": change.digest}


def _read(folder: Folder | None, wanted: _Read) -> Result:
    parts_of(wanted.path)
    versions = folder.history(wanted.path) if folder is not None else []
    if wanted.version is not None:
        versions = [version for version in versions if version.version == wanted.version]
    if folder is None or not versions or not versions[-1].digest:
        return _not_found(wanted.path, wanted.version)
    found = versions[-1]
    content = folder.content(found)
    text = None if wanted.encoding == "base64" else _text(content)
    if text is None and wanted.encoding == "utf-8":
        return Failed("not_text", f"`{wanted.path}` is not text; read it as base64.")
    value = {
        "path": found.path, "version": found.version, "size": found.size, "digest": found.digest,
        "at": found.at.isoformat(), "encoding": "base64" if text is None else "utf-8",
        "content": base64.b64encode(content).decode() if text is None else text,
    }  # fmt: skip
    return Done(value)


def _list(folder: Folder | None, wanted: _List) -> Result:
    below = "" if wanted.folder is None else "/".join(parts_of(wanted.folder)) + "/"
    current = folder.current() if folder is not None else {}
    files = [
        {"path": v.path, "version": v.version, "size": v.size, "digest": v.digest, "at": v.at.isoformat()}
        for path, v in sorted(current.items())
        if path.startswith(below)
    ]
    return Done({"files": files})


def _history(folder: Folder | None, wanted: _History) -> Result:
    parts_of(wanted.path)
    versions = folder.history(wanted.path) if folder is not None else []
    if not versions:
        return _not_found(wanted.path)
    latest = [
        {**_made(version), "effect": version.effect, "at": version.at.isoformat()}
        for version in reversed(versions[-_LISTED:])
    ]
    return Done({"path": wanted.path, "versions": latest, "older": len(versions) - len(latest)})


def _bytes_of(wanted: _Write) -> bytes | Failed:
    try:
        if wanted.encoding == "base64":
            return base64.b64decode(wanted.content, validate=True)
        return wanted.content.encode()
    except UnicodeEncodeError:
        return Failed("invalid_arguments", "`content` has half a character in it, which is no text.")
    except (binascii.Error, ValueError):
        return Failed("invalid_arguments", "`content` is not base64.")


def _text(content: bytes) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _not_found(path: str, version: int | None = None) -> Failed:
    which = f"`{path}`" if version is None else f"version {version} of `{path}`"
    return Failed("not_found", f"This run has no file {which}.")


def _held(intent: Intent, arguments: _Arguments) -> Result:
    """Nobody let go of the folder: on a later attempt that may be this effect's own first one, still under way."""
    message = "Another process holds the run's folder."
    if intent.attempt > 1 and isinstance(arguments, _Write | _Delete):
        return Unknown(message)
    return Failed("busy", message, retry=True)
