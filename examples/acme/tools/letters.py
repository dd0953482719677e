"""The tool with which a run takes a letter, so that no other run answers it too."""

import os
import re
from pathlib import Path

import deputy

__all__ = ["take_letter"]

WORKSPACE = Path(__file__).resolve().parent.parent
_NAME = re.compile(r"[^/\x00-\x1f]{1,200}")


@deputy.tool(effect="write", repeat="keyed", authority=("letter",), output="trusted")
def take_letter(letter: str, effect: deputy.EffectContext) -> dict[str, bool]:
    """Take a letter of the mailbox, by its name; `taken` is false where another effect has taken it before."""
    if not _NAME.fullmatch(letter) or letter in (".", ".."):
        raise ValueError("That is no letter's name.")
    folder = WORKSPACE / ".deputy" / "letters"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = folder / f".{effect.id}"
    new.write_text(effect.id, "utf-8")
    try:
        os.link(new, folder / letter)
    except FileExistsError:
        return {"taken": (folder / letter).read_text("utf-8") == effect.id}
    finally:
        new.unlink()
    return {"taken": True}
