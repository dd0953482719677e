"""Whether a sentence of a briefing may stand: it cites a whole passage, and says no more than that passage.

Pure rules over the article; they know no files. Passages are compared whole, with white space and quotation marks made
alike and in no other way. Whether a sentence *means* what its passage means, rules cannot tell: readers can, because
the passage stands below it.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec
from tools.article import Article, Passage, normal, sentences
from tools.phrases import ADVICE, NEGATIONS, words
from tools.standing import UNATTRIBUTED, standings
from tools.wording import hidden_characters, mixed_scripts, shown

__all__ = ["Checked", "Kind", "Rules", "Sentence", "stems"]

Kind = Literal["reported", "claimed", "opinion", "our_reading"]
LONGEST = 500

_MARKUP = re.compile(r"https?:|www\.|[<>\[\]`|*#\\_]|!\[", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+(?:[-'.&][^\W_]+)*")
_NUMBER = re.compile(
    r"(?P<sign>[-\u2212+]?[$€£¥]?\s?)(?P<figure>\d[\d.,]*\d|\d)(?P<after>\s?(?:%|percent|per cent))?", re.IGNORECASE
)
_QUOTED = re.compile(r'"([^"]{1,400})"')
_NUMBER_WORDS = words(
    "two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty sixty seventy eighty ninety"
    " hundred thousand million billion trillion dozen double twice triple half third quarter"
)
# Words with which a sentence may begin although its passage does not have them.
_STARTERS = words(
    "a about according accordingly after all also although among an and another any as at because before besides beyond"
    " both but by despite during each either even for from further furthermore given he her here his how however if in"
    " instead into it its just later less like many meanwhile more moreover most much neither new no nor not now of on"
    " once one only or other others our over per rather she since so some still such that the their then there these"
    " they this those though through to together two under until what when where whereas whether which while who whose"
    " why with within without yet"
)
# What carries no content of its own, beyond those.
_EMPTY = _STARTERS | words(
    "are be been being can could did do does had has have is may might must shall should was were will would article"
    " says said say saying states stated reports reported reportedly claims claimed them him us we you your out up down"
    " off"
)


class Sentence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One sentence of a briefing.

    `kind` is reported (the article states it), claimed or opinion (somebody else does: `who`, as the passage names
    them, or "unattributed"), or our_reading. `passage` repeats one sentence of the article, or several in a row, whole.
    `against` is the passage that contradicts it, in `contradictions` alone.
    """

    text: str
    kind: Kind
    passage: str
    who: str = ""
    against: str = ""


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence with the ids of what it cites, or with the reasons why it may not stand."""

    sentence: Sentence
    cites: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


class Rules:
    """The rules, for one article."""

    def __init__(self, article: Article) -> None:
        self._article = article
        self._standing = standings(article.passages)
        self._texts = {passage.id: passage.text for passage in article.passages}

    def check(self, sentence: Sentence, *, contradiction: bool = False) -> Checked:
        """Find what a sentence cites, and everything that is wrong with it."""
        cites, missing = self._cited(sentence.passage, "passage")
        against: tuple[str, ...] = ()
        reasons = list(missing)
        if contradiction:
            against, missing = self._cited(sentence.against, "against")
            reasons += missing
            if cites and cites == against:
                reasons.append("A passage does not contradict itself: cite the two that disagree.")
        elif sentence.against:
            reasons.append("`against` is for contradictions; leave it out here.")
        source = " ".join(self._texts[place] for place in (*cites, *against))
        reasons += _form(sentence.text)
        if cites and not missing:
            reasons += self._attribution(sentence, (*cites, *against))
            reasons += _content(sentence, source)
        return Checked(sentence=sentence, cites=cites, against=against, reasons=tuple(reasons))

    # -- the source

    def _cited(self, given: str, field: str) -> tuple[tuple[str, ...], list[str]]:
        """The ids of the sentences that a citation repeats, or why it cites nothing."""
        text = normal(given)
        if not text:
            return (), [f"It has no source: `{field}` is empty."]
        if found := _run(self._article.passages, text):
            return found, []
        for left in self._article.left_out:
            if text == left.text or (len(text) > 12 and (text in left.text or left.text in text)):
                return (), [f"It cites what is no part of the article ({left.why}): {shown(text)!r}."]
        hint = " Only a part of a sentence was cited." if any(text in p.text for p in self._article.passages) else ""
        return (), [f"The article has no passage {shown(text)!r}: repeat whole sentences, letter by letter.{hint}"]

    def _attribution(self, sentence: Sentence, places: Sequence[str]) -> Iterator[str]:
        who = normal(sentence.who)
        claimed = next((self._standing[p] for p in places if self._standing[p].how == "claimed"), None)
        if sentence.kind == "reported":
            if claimed is not None:
                yield (f"The article does not state this, it passes on a claim ({claimed.by!r}): make it `claimed` or"
                       " `opinion`, and say by whom.")  # fmt: skip
            if who and who.casefold() != "the article":
                yield "What is `reported` is the article's own statement: leave `who` out."
        elif sentence.kind in ("claimed", "opinion"):
            if sentence.kind == "claimed" or who.casefold() != "the article":
                yield from self._named(who, places, claimed=claimed is not None)
        elif who:
            yield "`our_reading` is ours: leave `who` out."

    def _named(self, who: str, places: Sequence[str], *, claimed: bool) -> Iterator[str]:
        source = " ".join(self._texts[place] for place in places)
        if not who:
            yield f"It does not say who claims it: name them as the passage does, or write `{UNATTRIBUTED}`."
        elif who.casefold() == "the article":
            yield f"The article reports, it does not claim: name who does, or write `{UNATTRIBUTED}`."
        elif who.casefold() == UNATTRIBUTED:
            if not claimed:
                yield "The article itself states this: make it `reported`, or an `opinion` of `the article`."
        elif not _whole(who, source) or not stems(who):
            yield f"The passage does not name {shown(who)!r}; if it names nobody, write `{UNATTRIBUTED}`."


def _run(passages: Sequence[Passage], text: str) -> tuple[str, ...]:
    """The sentences in a row, within one paragraph, that make up a text."""
    for start, first in enumerate(passages):
        if not text.startswith(first.text):
            continue
        joined, places = "", list[str]()
        for passage in passages[start:]:
            if passage.id.partition(".")[0] != first.id.partition(".")[0] or len(joined) > len(text):
                break
            joined = f"{joined} {passage.text}".strip()
            places.append(passage.id)
            if joined == text:
                return tuple(places)
    return ()


def _whole(part: str, text: str) -> bool:
    """Whether a text has another in it as whole words."""
    return re.search(rf"(?<!\w){re.escape(part.casefold())}(?!\w)", text.casefold()) is not None


# -- the words


def _form(text: str) -> Iterator[str]:
    plain = text.strip()
    if not plain:
        yield "It has no text."
        return
    if len(plain) > LONGEST:
        yield f"It has {len(plain)} characters; a sentence may have {LONGEST}."
    if "\n" in plain or len(sentences(normal(plain))) != 1 or normal(plain)[-1] not in ".!?。\"')":
        yield "It must be one whole sentence, on one line, with a full stop."
    if found := _MARKUP.search(plain):
        yield f"It contains markup or an address ({found[0]!r}): write plain words."
    if hidden := hidden_characters(plain):
        yield f"It contains hidden characters: {', '.join(hidden[:3])}."
    if scripts := mixed_scripts(plain):
        yield f"It mixes letters of several alphabets: {' and '.join(scripts)}."


def _content(sentence: Sentence, source: str) -> Iterator[str]:
    text = normal(sentence.text)
    for quote in _QUOTED.findall(text):
        if normal(quote).rstrip(".,") not in source:
            yield f"The passage does not have the words {shown(quote)!r} that it quotes."
    yield from _advice(sentence, text, source)
    if strange := [shown(number, 40) for number in _figures(text) if number not in set(_figures(source))]:
        yield f"The passage does not have the figure {', '.join(dict.fromkeys(strange))}."
    if strange := list(dict.fromkeys(_strange_names(text, source))):
        yield f"The passage does not name {', '.join(shown(name, 40) for name in strange[:5])}; cite the one that does."
    if sentence.kind != "our_reading" and bool(NEGATIONS.search(text)) != bool(NEGATIONS.search(source)):
        yield "One of the two says `not` (or the like), the sentence or its passage: say what the passage says."
    said, had = stems(text), set(stems(source))
    least = len(said) / (4 if sentence.kind == "our_reading" else 2)
    if sum(stem in had for stem in said) < least or not said:
        yield "Most of its words are not in its passage: stay closer to what the passage says."


def _advice(sentence: Sentence, text: str, source: str) -> Iterator[str]:
    named = sentence.kind in ("claimed", "opinion") and sentence.who.casefold() not in ("", UNATTRIBUTED, "the article")
    rest = _QUOTED.sub(lambda q: "" if named and normal(q[1]).rstrip(".,") in source else q[0], text)
    if found := ADVICE.search(rest):
        yield f"It gives advice, or sounds like it ({found[0]!r}): only a quoted claim of somebody named may."


def _figures(text: str) -> Iterator[str]:
    """Every figure of a text with its sign, currency and percent, and every number that is written as a word."""
    for found in _NUMBER.finditer(text):
        sign = "".join(found["sign"].split()).replace("\N{MINUS SIGN}", "-").replace("+", "")
        before = text[found.start() - 1] if found.start() else ""
        sign = sign if not before.isalnum() else sign.lstrip("-")  # the hyphen of a word, the dash of a range
        after = "%" if found["after"] else ""
        yield f"{sign}{found['figure'].replace(',', '')}{after}"
    for word in _WORD.findall(text):
        for part in word.casefold().split("-"):
            if part in _NUMBER_WORDS or part.rstrip("s") in _NUMBER_WORDS:
                yield part.rstrip("s") if part.rstrip("s") in _NUMBER_WORDS else part


def _strange_names(text: str, source: str) -> Iterator[str]:
    """Words written as names that the passage does not have, the first word of the sentence included."""
    for number, found in enumerate(_WORD.finditer(text)):
        word = re.sub(r"'s?$", "", found[0])
        capitals = sum(character.isupper() for character in word)
        if not capitals:
            continue
        if number == 0 and capitals == 1 and word.casefold() in _STARTERS:
            continue
        if not _whole(word, source):
            yield word


def stems(text: str) -> list[str]:
    """The words with content, each by its first letters: `acquire` and `acquisition` are one."""
    words = (re.sub(r"'s?$", "", word.casefold()) for word in _WORD.findall(text))
    return [word[:4] for word in words if word not in _EMPTY and len(word) > 2]
