"""A briefing as Markdown. Adds what no model is asked for: who says what, the passages, and that it is no advice."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tools.article import Article
from tools.briefing_rules import Checked, Kind
from tools.standing import UNATTRIBUTED

__all__ = ["DISCLAIMER", "Briefing", "page"]

DISCLAIMER = (
    "This briefing is no investment advice. It repeats what one article says, sentence by sentence; nobody has checked"
    " whether it is true."
)
_HEADINGS: dict[Kind, str] = {
    "reported": "What the article reports",
    "claimed": "What is claimed, and by whom",
    "opinion": "Opinions",
    "our_reading": "Our reading",
}
_SAYS = {"claimed": "Claimed by", "opinion": "Opinion of"}


class Briefing(NamedTuple):
    """A briefing of which every sentence was checked."""

    file: str
    sha256: str
    article: Article
    news: tuple[Checked, ...]
    bull: tuple[Checked, ...]
    bear: tuple[Checked, ...]
    contradictions: tuple[Checked, ...]


def page(briefing: Briefing, filed_as: str) -> str:
    """The whole page."""
    return "\n".join(_lines(briefing, filed_as)).rstrip() + "\n"


def _lines(briefing: Briefing, filed_as: str) -> Iterator[str]:
    article = briefing.article
    yield from (f"# {_plain(article.title)}", "", f"*{DISCLAIMER}*", "")
    yield f"Source: `{briefing.file.replace('`', '')}`, SHA-256 {briefing.sha256}."
    yield "Numbers in brackets are passages of it."
    for kind, heading in _HEADINGS.items():
        if kind != "our_reading":
            yield from _section(article, heading, [c for c in briefing.news if c.sentence.kind == kind], "")
    yield from _section(article, "The bull case", briefing.bull, "The article makes none that could be cited.")
    yield from _section(article, "The bear case", briefing.bear, "The article makes none that could be cited.")
    yield from _section(article, "What contradicts", briefing.contradictions, "Nothing was found in this article.")
    ours = [c for c in briefing.news if c.sentence.kind == "our_reading"]
    yield from _section(article, _HEADINGS["our_reading"], ours, "")
    kinds = [left.why for left in article.left_out]
    counted = [f"{kinds.count(why)} of {why}" for why in dict.fromkeys(kinds)]
    yield from ("", f"Left out of the article: {', '.join(counted) or 'nothing'}.", "", f"Filed as {filed_as}.")


def _section(article: Article, heading: str, sentences: Sequence[Checked], nothing: str) -> Iterator[str]:
    if not sentences and not nothing:
        return
    yield from ("", f"## {heading}", "")
    if not sentences:
        yield nothing
    texts = {passage.id: passage.text for passage in article.passages}
    for number, one in enumerate(sentences):
        if number:
            yield ""
        places = ", ".join((*one.cites, *one.against))
        yield f"- {_who(one)}{_plain(one.sentence.text.strip())} [{places}]"
        yield f"  > {_plain(' '.join(texts[place] for place in one.cites))}"
        if one.against:
            yield from ("", f"  > against: {_plain(' '.join(texts[place] for place in one.against))}")


def _who(one: Checked) -> str:
    kind, who = one.sentence.kind, one.sentence.who
    if kind == "our_reading":
        return "**Our reading:** "
    if kind == "reported":
        return ""
    if who.casefold() == UNATTRIBUTED:
        return f"**{'Claimed' if kind == 'claimed' else 'An opinion'}, the article does not say by whom:** "
    return f"**{_SAYS[kind]} {_plain(who)}:** "


def _plain(text: str) -> str:
    """Text in which nothing is Markdown or HTML."""
    return "".join(
        f"\\{character}" if character in "\\`*_[]<>#|!" else character for character in " ".join(text.split())
    )
