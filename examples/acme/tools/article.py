# ruff: noqa: RUF001 - it is about the marks that people write
"""What an article says, sentence by sentence, apart from what stands around it: advertisements, headings, navigation.

Knows nothing of briefings. What cannot be told from an advertisement counts as one: a sentence too few can be read in
the article, a sentence too many would be quoted as news.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tools.phrases import AD_ENDS, AD_MARKER, MACHINES, SOLICITS
from tools.refusal import Refused

__all__ = ["Article", "LeftOut", "Passage", "Why", "normal", "read", "sentences"]

MAX_CHARACTERS = 200_000
MAX_PASSAGES = 1_000
Why = Literal["advertisement", "heading or navigation", "addressed to machines"]

_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s|$)|[。！？]+[”’」』]*")
_ABBREVIATED = re.compile(
    r"(?:\b(?:[A-Za-z]\.)+|\b(?:Inc|Ltd|Co|Corp|Mr|Mrs|Ms|Dr|Prof|St|No|Nos|vs|etc|approx|ca|cf|Jan|Feb|Mar|Apr|Jun|Jul"
    r"|Aug|Sept?|Oct|Nov|Dec|Sr|Jr|Fig|Art|bn|mn)\.)$"
)
_FULL_STOP = re.compile(r"[.!?…。！？][\"'”’)\]」』]*$")
_MARKED = re.compile(r"^\s*(?:[•‣▪·*–—-]|\d{1,3}[.)])\s+")
_CASE = re.compile(r"^(?:the )?(?P<side>bull|bear)(?:ish)?(?: case)?:\s+", re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]{1,400}"')
_SAYS = re.compile(r"\b(?:said|says|told|tells|wrote|writes|according to|calls?|called)\b", re.IGNORECASE)
_QUOTES = str.maketrans(
    {"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "‚": "'", "`": "'", "´": "'"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """One sentence of the article; `id` is paragraph and sentence, such as `3.2`.

    `case` is `bull` or `bear` where the article calls the paragraph so.
    """

    id: str
    text: str
    case: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftOut:
    """What stands in the file and is no sentence of the article."""

    text: str
    why: Why


@dataclass(frozen=True, kw_only=True, slots=True)
class Article:
    """An article: its title, its sentences in order, and what was left out."""

    title: str
    passages: tuple[Passage, ...]
    left_out: tuple[LeftOut, ...]


def normal(text: str) -> str:
    """A text with its white space and quotation marks made alike, and nothing else changed."""
    return " ".join(unicodedata.normalize("NFC", text).translate(_QUOTES).split())


def sentences(text: str) -> list[str]:
    """The sentences of a paragraph."""
    found: list[str] = []
    start = 0
    for end in _END.finditer(text):
        cut = end.end()
        following = text[cut:].lstrip()
        ends_abbreviation = text[end.start()] == "." and _ABBREVIATED.search(text[start : end.start() + 1])
        if following and (ends_abbreviation or following[0].islower()):
            continue
        found.append(text[start:cut].strip())
        start = cut
    found.append(text[start:].strip())
    return [sentence for sentence in found if sentence]


def read(data: bytes) -> Article:
    """The article that a text file holds; raises Refused."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused("encoding", "The file is no text in UTF-8.") from error
    if "\0" in text or len(text) > MAX_CHARACTERS:
        raise Refused("no-article", f"The file is no text of at most {MAX_CHARACTERS:,} characters.")
    passages: list[Passage] = []
    left: list[LeftOut] = []
    title = ""
    for number, (block, promoted) in enumerate(_blocks(text), start=1):
        side = found["side"].lower() if (found := _CASE.match(block)) else ""
        parts = sentences(_CASE.sub("", block))
        if (why := "advertisement" if promoted else _why(block)) and (
            why != "heading or navigation" or len(parts) == 1
        ):
            left.append(LeftOut(text=normal(block), why=why))
            if why == "heading or navigation" and not passages:
                title = _better_title(title, normal(block))
            continue
        for place, sentence in enumerate(parts, start=1):
            if (why := _why(sentence)) is not None:
                left.append(LeftOut(text=normal(sentence), why=why))
            else:
                passages.append(Passage(id=f"{number}.{place}", text=normal(sentence), case=side))
        if len(passages) > MAX_PASSAGES:
            raise Refused("too-long", f"The article has over {MAX_PASSAGES:,} sentences.")
    if not passages:
        raise Refused("no-article", "The file holds no sentence that is not an advertisement.")
    return Article(title=title or passages[0].text[:120], passages=tuple(passages), left_out=tuple(left))


def _blocks(text: str) -> Iterator[tuple[str, bool]]:
    """Paragraphs and items of lists, each with whether it stands where advertisements do.

    An advertisement that nothing ends goes on to the end of the file.
    """
    promoted = False
    for chunk in re.split(r"\n\s*\n", text.replace("\r\n", "\n").replace("\r", "\n")):
        for block in _items(chunk):
            if AD_ENDS.fullmatch(block):
                yield block, True
                promoted = False
                continue
            promoted = promoted or AD_MARKER.fullmatch(block) is not None
            yield block, promoted


def _items(chunk: str) -> Iterator[str]:
    """The blocks of a chunk: items of a list and markers are one each, other lines a paragraph that was wrapped."""
    lines: list[str] = []
    for line in (line.strip() for line in chunk.splitlines()):
        marked = _MARKED.match(line) is not None
        alone = AD_MARKER.fullmatch(line) is not None or AD_ENDS.fullmatch(line) is not None
        if lines and (marked or alone or AD_MARKER.fullmatch(lines[-1]) is not None):
            yield " ".join(lines)
            lines = []
        if line:
            lines.append(_MARKED.sub("", line))
    if lines:
        yield " ".join(lines)


def _why(text: str) -> Why | None:
    """Why this is nothing the article says; what people are quoted with is theirs, be it advice."""
    plain = normal(text)
    said = _QUOTED.sub("", plain) if _SAYS.search(plain) else plain
    if AD_MARKER.fullmatch(plain) or SOLICITS.search(said):
        return "advertisement"
    if MACHINES.search(plain):
        return "addressed to machines"
    shouted = len(plain) < 120 and plain[-1:] in "?!" and len(sentences(plain)) == 1
    if shouted or _FULL_STOP.search(plain) is None or not any(character.isalpha() for character in plain):
        return "heading or navigation"
    return None


def _better_title(before: str, found: str) -> str:
    """The longest of the lines at the top is the title; dates and codes have few letters."""
    letters = sum(character.isalpha() for character in found)
    return found if letters > sum(character.isalpha() for character in before) else before
