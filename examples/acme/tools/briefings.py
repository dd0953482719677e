"""The tools of whoever writes briefings: what news there is, what an article says, and filing what was made of it."""

import os
import re
from pathlib import Path
from typing import Any

import msgspec
from tools import article as articles
from tools.article import Article
from tools.briefing_page import Briefing, page
from tools.briefing_rules import Checked, Rules, Sentence
from tools.folder import Folder
from tools.refusal import Refused
from tools.standing import standings
from tools.wording import shown

import deputy

__all__ = ["BriefingRefused", "file_briefing", "filed_briefing", "list_news", "read_article"]

WORKSPACE = Path(__file__).resolve().parent.parent
NEWS, FILE = "news", "briefing.md"
MOST = 60  #: sentences of a briefing
MESSAGE = 1_700  #: characters of a refusal
_RUN = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class BriefingRefused(ValueError):
    """Nothing was filed; the message has each sentence that may not stand, and why."""


@deputy.tool(effect="read", repeat="safe", output="untrusted")
def list_news() -> list[dict[str, Any]]:
    """List the articles of the folder `news`: name, size, and SHA-256 (null for what is too big or no file)."""
    return [entry._asdict() for entry in Folder(WORKSPACE, NEWS).entries()]


@deputy.tool(effect="read", repeat="safe", output="untrusted")
def read_article(name: str) -> dict[str, Any]:
    """Read an article of the folder `news`, sentence by sentence.

    `standing` says whether the article states a sentence itself or passes on a claim; `case` is "bull" or "bear" where
    it calls the paragraph so. `left_out` is no part of it:
    advertisements, headings, and what speaks to machines.
    """
    found, sha256 = _article(name)
    standing = standings(found.passages)
    return {
        "name": name,
        "sha256": sha256,
        "title": found.title,
        "passages": [
            {"id": one.id, "standing": standing[one.id].how, "case": one.case, "text": one.text}
            for one in found.passages
        ],
        "left_out": msgspec.to_builtins(found.left_out),
    }


@deputy.tool(effect="write", repeat="keyed", authority=("article",), output="untrusted")
def file_briefing(
    article: str,
    news: list[Sentence],
    bull: list[Sentence],
    bear: list[Sentence],
    contradictions: list[Sentence],
    effect: deputy.EffectContext,
) -> dict[str, Any]:
    """File the briefing of one article if every sentence of it has its source; else say what is wrong and file nothing.

    Args:
        article: the name of the file in `news`
        news: what the article says that matters
        bull: what speaks for the company or its shares
        bear: what speaks against
        contradictions: what disagrees within the article; each cites a `passage` and the one `against` it
    """
    found, sha256 = _article(article)
    parts = {"news": news, "bull": bull, "bear": bear, "contradictions": contradictions}
    checked = _checked(found, parts)
    briefing = Briefing(
        file=article, sha256=sha256, article=found,
        **{name: tuple(sentences) for name, sentences in checked.items()},
    )  # fmt: skip
    text = page(briefing, effect.id)
    run = effect.id.rpartition(".")[0]
    _keep(_files(run), text, effect.id)
    return {"filed": True, "run": run, "file": FILE, "sentences": sum(map(len, checked.values())), "text": text}


@deputy.tool(effect="read", repeat="safe", output="untrusted")
def filed_briefing(run: str) -> dict[str, Any]:
    """Return the briefing that a run has filed."""
    try:
        return {"filed": True, "text": (_files(run) / FILE).read_text("utf-8")}
    except FileNotFoundError:
        return {"filed": False, "text": ""}


def _article(name: str) -> tuple[Article, str]:
    try:
        paper = Folder(WORKSPACE, NEWS).read(name)
        return articles.read(paper.data), paper.sha256
    except Refused as refused:
        raise ValueError(f"{shown(name)} cannot be read: {refused.why}") from None


def _checked(article: Article, parts: dict[str, list[Sentence]]) -> dict[str, list[Checked]]:
    rules = Rules(article)
    count = sum(map(len, parts.values()))
    if not parts["news"] or count > MOST:
        why = f"A briefing has at least one sentence of news, and at most {MOST} in all; this one has {count}."
        raise BriefingRefused(why)
    checked = {
        name: [rules.check(sentence, contradiction=name == "contradictions") for sentence in sentences]
        for name, sentences in parts.items()
    }
    refused = [
        f"{name} {number}: {' '.join(one.reasons)}"
        for name, sentences in checked.items()
        for number, one in enumerate(sentences, start=1)
        if one.reasons
    ]
    if refused:
        raise BriefingRefused(_told(refused))
    return checked


def _told(refused: list[str]) -> str:
    """Each sentence with its reasons, as far as a message reaches."""
    lines = [f"Nothing was filed; {len(refused)} of the sentences may not stand."]
    for number, one in enumerate(refused):
        if sum(map(len, lines)) + len(one) > MESSAGE:
            lines.append(f"And {len(refused) - number} more.")
            break
        lines.append(one)
    return "\n".join(lines)


# --- the run's folder -------------------------------------------------------------------------------------------------


def _files(run: str) -> Path:
    if not _RUN.fullmatch(run):
        raise ValueError(f"{shown(run)} is no run.")
    return WORKSPACE / ".deputy" / "runs" / run / "files"


def _keep(folder: Path, text: str, effect: str) -> None:
    """Write the file once; the same effect may ask again, another one may not."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = folder.parent / f"briefing-{effect}"
    new.write_text(text, "utf-8")
    try:
        os.link(new, folder / FILE)
    except FileExistsError:
        if (folder / FILE).read_text("utf-8") != text:
            raise ValueError("This run has filed its briefing already; a new run can file another.") from None
    finally:
        new.unlink()
