"""The files of a run's folder: which there are, and what they hold; read only, and never through a link."""

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from deputy.adapters.tool.files.folder import Damaged, Folder, Held, Version, opened
from deputy.adapters.tool.files.paths import PathRefused, parts_of
from deputy.app.bootstrap import Office
from deputy.app.runs.looking import seen
from deputy.app.views import moment
from deputy.base.errors import NotFound, StoreDamaged, UsageError
from deputy.domain.principal import Person

__all__ = ["Content", "content", "files"]

T = TypeVar("T")
TRIES, PAUSE = 250, 0.02


class Content(NamedTuple):
    """What a file holds; its name is the last part of its path."""

    name: str
    body: bytes


async def files(office: Office, person: Person, name: str) -> list[dict[str, Any]]:
    """The files of a run's folder, by path."""
    row = await seen(office, person, name)
    current = await _in_folder(office, row.id, lambda folder: folder.current() if folder is not None else {})
    return [
        {
            "path": path, "size": version.size, "version": version.version, "digest": version.digest,
            "changed": moment(version.at), "effect": version.effect,
        }
        for path, version in sorted(current.items())
    ]  # fmt: skip


async def content(office: Office, person: Person, name: str, path: str, version: int = 0) -> Content:
    """A file of a run's folder, as it is now or was in a version."""
    row = await seen(office, person, name)
    try:
        parts = parts_of(path)
    except PathRefused as exc:
        raise UsageError(str(exc), "Name a path that the list of files has.") from None

    def read(folder: Folder | None) -> bytes | None:
        history: list[Version] = [] if folder is None else folder.history("/".join(parts))
        wanted = [one for one in history if one.digest and version in (0, one.version)]
        if folder is None or not wanted or (not version and not history[-1].digest):
            return None
        return folder.content(wanted[-1])

    try:
        body = await _in_folder(office, row.id, read)
    except Damaged as exc:
        raise StoreDamaged(str(exc), "Restore the run's folder from a backup.") from None
    if body is None:
        raise NotFound(f"Run {row.id} has no such file.", "List its files.")
    return Content(parts[-1], body)


async def _in_folder(office: Office, run: str, work: Callable[[Folder | None], T]) -> T:
    """Do something with a run's folder while nobody writes to it, away from the event loop."""
    root = office.settings.folder / ".deputy" / "runs"

    def locked() -> T:
        with opened(root, run, make=False) as folder:
            return work(folder)

    for _ in range(TRIES):
        try:
            return await asyncio.to_thread(locked)
        except Held:
            await asyncio.sleep(PAUSE)
        except Damaged as exc:
            raise StoreDamaged(str(exc), "Restore the run's folder from a backup.") from None
        except OSError as exc:
            raise StoreDamaged(f"the folder of run {run} cannot be read ({exc.strerror})", "Check the disk.") from None
    raise StoreDamaged(f"the folder of run {run} is in use for long", "Try again.")
