"""Keep the trace of a defect where whoever repairs it finds it, and no terminal has to show it."""

import tempfile
import traceback
from datetime import UTC
from pathlib import Path

from deputy.base.clock import Clock, SystemClock

__all__ = ["record"]


def record(exc: BaseException, workspace: Path | None = None, clock: Clock | None = None) -> Path | None:
    """Write the trace of an error (no values of variables, so no secrets) and return the file, if one can be written.

    It lies in the workspace's `.deputy`, or with the machine's temporary files where no workspace is open.
    """
    at = (clock or SystemClock()).now().astimezone(UTC)
    folder = (workspace or Path.cwd()) / ".deputy"
    text = "".join(traceback.format_exception(exc))
    for place in (folder, Path(tempfile.gettempdir())):
        file = place / f"crash-{at:%Y%m%dT%H%M%S}-{at.microsecond:06d}.txt"
        try:
            if not place.is_dir():
                continue
            file.touch(0o600, exist_ok=False)
            file.write_text(text, "utf-8")
        except OSError:
            continue
        return file
    return None
