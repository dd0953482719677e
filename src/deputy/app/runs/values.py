"""Where in a run a value stands: an index over what tools answered and what people wrote, of bounded size."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import NamedTuple, cast

from deputy.domain.label import Label, Trust, path_matches

__all__ = ["Hit", "Places", "leaves", "sentence", "trust_at"]

MOST_LEAVES, MOST_TEXT = 50_000, 4 << 20  #: of one run
LONG = 24  #: characters from which on a text may hold a value among others
TELLING = 3  #: characters that a value needs to be looked for
HITS, IN_TEXTS = 60, 8  #: places of one value; those within texts
EXCERPT = 300
_SPLIT = re.compile(r"(?<=[.!?])\s+|\n+|(?<=[\u3002\uff01\uff1f])")  # the last: Chinese and Japanese full stops


class Hit(NamedTuple):
    """A place where a value stands: on its own, or within a text."""

    source: str  #: node of the graph
    path: str
    text: str  #: the sentence that it stands in
    whole: bool
    order: int = 0  #: when it stood there first


class _Text(NamedTuple):
    order: int
    source: str
    path: str
    text: str


class Places:
    """Values by where they stand; `order` says which came before which."""

    def __init__(self) -> None:
        self._values: dict[str, list[tuple[int, Hit]]] = {}
        self._texts: list[_Text] = []
        self._leaves = self._size = 0
        self.bounded = False  #: whether something was left out

    def add(self, order: int, source: str, value: object) -> None:
        """Take in what a source says."""
        for path, leaf in leaves(value):
            self._leaves += 1
            self._size += len(leaf)
            if self._leaves > MOST_LEAVES or self._size > MOST_TEXT:
                self.bounded = True
                return
            hit = Hit(source, path, leaf[:EXCERPT], True, order)
            self._values.setdefault(_normal(leaf[: EXCERPT * 4]), []).append((order, hit))
            if len(leaf) >= LONG:
                self._texts.append(_Text(order, source, path, leaf))

    def find(self, value: str, before: int) -> list[Hit]:
        """Where a value stood before: first where it stands alone, then within texts."""
        if len(value.strip()) < TELLING:
            return []
        found = [hit for order, hit in self._values.get(_normal(value[: EXCERPT * 4]), ()) if order < before]
        kept = {hit.source: hit for hit in found}  # the latest path of each source
        within: dict[str, Hit] = {}
        if len(value) <= EXCERPT:
            pattern = re.compile(rf"(?<![\w]){re.escape(value.strip())}(?![\w])", re.IGNORECASE)
            for one in self._texts:
                if len(within) >= IN_TEXTS:
                    break
                known = one.source in kept or one.source in within or one.order >= before
                if not known and (match := pattern.search(one.text)) is not None:
                    text = sentence(one.text, match.start(), match.end())
                    within[one.source] = Hit(one.source, one.path, text, False, one.order)
        return [*within.values(), *list(kept.values())[-HITS:]]


def _normal(text: str) -> str:
    """A value as it is compared: numbers by what they are worth."""
    text = text.strip()
    if len(text) <= 40 and text[:1] in "-+.0123456789":
        try:
            number = Decimal(text)
        except InvalidOperation:
            return text.casefold()
        if number.is_finite() and abs(number.adjusted()) < 40:
            return f"{number.normalize():f}"
    return text.casefold()


def sentence(text: str, start: int, end: int) -> str:
    """The sentence (or line) of a text that holds this part of it."""
    near = max(0, start - EXCERPT)
    window = text[near : end + EXCERPT]
    begin, at = 0, start - near
    for match in _SPLIT.finditer(window):
        if match.end() <= at:
            begin = match.end()
        elif match.start() >= at + (end - start):
            return window[begin : match.start()].strip()
    return window[begin:].strip()


def leaves(value: object, path: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """The texts and numbers in a value, and where in it they stand."""
    if depth > 40:
        return
    if isinstance(value, Mapping):
        for key, member in cast("Mapping[str, object]", value).items():
            yield from leaves(member, f"{path}.{key}" if path else key, depth + 1)
    elif isinstance(value, list | tuple):
        for place, member in enumerate(cast("list[object]", value)):
            yield from leaves(member, f"{path}[{place}]", depth + 1)
    elif value is not None and not isinstance(value, bool):
        yield path, str(value)


def trust_at(label: Label, path: str) -> Trust:
    """Whether outsiders could have written this place of a value (the longest declared path wins)."""
    plain = re.sub(r"\[\d+\]", "[]", path)
    matching = [one for one in label.paths if path_matches(one, plain)]
    return label.paths[max(matching, key=len)] if matching else label.paths.get("*", label.trust)
