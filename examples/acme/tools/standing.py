"""Whether an article states a sentence as its own, or only says that somebody claims it.

Decides by the words that journalists mark claims with. Where a sentence speaks of something as given that the article
only claimed before ("this order"), it is a claim too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tools.article import Passage
from tools.phrases import AS_GIVEN, CLAIMED

__all__ = ["UNATTRIBUTED", "Standing", "standings"]

UNATTRIBUTED = "unattributed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How the article stands to a sentence: `stated` as its own, or `claimed`; `by` is the word that says so."""

    how: Literal["stated", "claimed"]
    by: str = ""


def standings(passages: Sequence[Passage]) -> dict[str, Standing]:
    """The standing of every sentence, by its id."""
    found: dict[str, Standing] = {}
    claimed_before = False
    for passage in passages:
        marked = CLAIMED.search(passage.text)
        given = AS_GIVEN.search(passage.text) if claimed_before else None
        word = marked[0] if marked else given[0] if given else f"{passage.case} case" if passage.case else ""
        found[passage.id] = Standing(how="claimed", by=word) if word else Standing(how="stated")
        claimed_before = claimed_before or marked is not None
    return found
