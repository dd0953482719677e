"""The tools of the help desk: what the handbook says, and filing an answer that rests on it."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tools.briefing_rules import stems
from tools.wording import hidden_characters, shown

import deputy

__all__ = ["AnswerRefused", "file_answer", "filed_answer", "read_section", "search_handbook"]

WORKSPACE = Path(__file__).resolve().parent.parent
HANDBOOK, FILE = "handbook", "answer.json"
MOST, LONGEST = 4, 2000
_RUN = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_HEADING = re.compile(r"^## +([a-z0-9-]+) *$", re.MULTILINE)
_LINK = re.compile(r"https?:|www\.|[\w.+-]+@[\w-]+\.\w+|[<>]", re.IGNORECASE)


class Section(NamedTuple):
    """A section of the handbook; `id` is its file and heading, such as `passwords#locked-account`."""

    id: str
    text: str


class AnswerRefused(ValueError):
    """Nothing was filed; the message says why."""


@deputy.tool(effect="read", repeat="safe", output="trusted")
def search_handbook(question: str) -> list[dict[str, str]]:
    """Find the sections of the handbook that have most to do with a question, the best first; empty if none has."""
    asked = set(stems(question[:2000]))
    scored = [(len(asked & set(stems(f"{one.id} {one.text}"))), one) for one in _sections()]
    found = sorted((pair for pair in scored if pair[0]), key=lambda pair: (-pair[0], pair[1].id))
    return [one._asdict() for _, one in found[:MOST]]


@deputy.tool(effect="read", repeat="safe", output="trusted")
def read_section(section: str) -> dict[str, str]:
    """Return one section of the handbook by its id."""
    found = next((one for one in _sections() if one.id == section), None)
    if found is None:
        raise ValueError(f"The handbook has no section {shown(section)!r}; search_handbook gives their ids.")
    return found._asdict()


@deputy.tool(effect="write", repeat="keyed", authority=("text", "sections"), output="untrusted")
def file_answer(text: str, sections: list[str], effect: deputy.EffectContext) -> dict[str, Any]:
    """File the answer to a request. It must rest on the sections of the handbook that it names by their ids."""
    known = {one.id: one.text for one in _sections()}
    if not sections or not set(sections) <= set(known):
        strange = ", ".join(shown(one) for one in sections if one not in known) or "none is named"
        raise AnswerRefused(f"An answer names the sections that it rests on; the handbook has others ({strange}).")
    if not text.strip() or len(text) > LONGEST or hidden_characters(text):
        raise AnswerRefused(f"An answer has 1 to {LONGEST} visible characters.")
    if found := _LINK.search(text):
        raise AnswerRefused(f"An answer has no links, addresses or markup, and this one has {shown(found[0])!r}.")
    said, had = stems(text), {stem for one in sections for stem in stems(known[one])}
    if not said or 3 * sum(stem in had for stem in said) < len(said):
        raise AnswerRefused("Most of it does not stand in these sections. Say what they say, or hand the request over.")
    whole = f"{text.strip()}\n\nHandbook: {', '.join(dict.fromkeys(sections))}"
    run = effect.id.rpartition(".")[0]
    _keep(_files(run), {"text": whole, "effect": effect.id}, effect.id)
    return {"filed": True, "run": run, "text": whole}


@deputy.tool(effect="read", repeat="safe", output="untrusted")
def filed_answer(run: str) -> dict[str, Any]:
    """Return the answer that a run has filed."""
    try:
        return {"filed": True, "text": json.loads((_files(run) / FILE).read_text("utf-8"))["text"]}
    except FileNotFoundError:
        return {"filed": False, "text": ""}


def _sections() -> Iterator[Section]:
    for file in sorted((WORKSPACE / HANDBOOK).glob("*.md")):
        _, *parts = _HEADING.split(file.read_text("utf-8"))
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            yield Section(f"{file.stem}#{name}", " ".join(text.split()))


def _files(run: str) -> Path:
    if not _RUN.fullmatch(run):
        raise ValueError(f"{shown(run)} is no run.")
    return WORKSPACE / ".deputy" / "runs" / run / "files"


def _keep(folder: Path, answer: dict[str, str], effect: str) -> None:
    """Write the file once; the same effect may ask again, another one may not."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = folder.parent / f"answer-{effect}"
    new.write_text(json.dumps(answer, ensure_ascii=False), "utf-8")
    try:
        os.link(new, folder / FILE)
    except FileExistsError:
        if json.loads((folder / FILE).read_text("utf-8")) != answer:
            raise AnswerRefused("This run has filed its answer already.") from None
    finally:
        new.unlink()
