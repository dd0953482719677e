"""Put what came with an arrival into the folder of the run that begins with it, each file once."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from deputy.adapters.tool.files.folder import Damaged, Held, Misplaced, OverQuota, Quota, Version, opened
from deputy.adapters.tool.files.paths import PathRefused, parts_of
from deputy.base.canonical import digest
from deputy.base.errors import DeputyError

__all__ = ["InUse", "NotPlaced", "place"]


class NotPlaced(DeputyError):
    """A file that arrived cannot be put into the folder of its run."""

    code = "not_placed"


class InUse(NotPlaced):
    """Somebody else writes into the folder at this moment."""

    code = "not_placed"


def place(root: Path, run: str, files: Sequence[tuple[str, bytes]], at: datetime) -> None:
    """Write these files, as the run's effect 0, unless they are there already; raises NotPlaced."""
    try:
        with opened(root, run, make=True) as folder:
            assert folder is not None
            for name, content in files:
                parts = parts_of(name)
                path, named = "/".join(parts), digest(content)
                known = folder.current().get(path)
                if known is not None and known.digest == named:
                    continue
                folder.check_room(parts, content, Quota())
                folder.keep(content)
                version = len(folder.history(path)) + 1
                folder.append(Version(path=path, version=version, effect=f"{run}.0.{path}", at=at, digest=named,
                                      size=len(content)))  # fmt: skip
                folder.follow()
    except Held:
        raise InUse(f"the folder of run {run} is in use", "It is tried again.") from None
    except (Damaged, Misplaced, OverQuota, PathRefused) as exc:
        raise NotPlaced(f"what arrived does not fit into the folder of run {run} ({exc})", "Remove it.") from None
    except OSError as exc:
        raise NotPlaced(f"the folder of run {run} cannot be written ({exc.strerror})", "Check the disk.") from exc
