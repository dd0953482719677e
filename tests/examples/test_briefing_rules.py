"""A sentence of a briefing stands on its passage, or it does not stand."""

from typing import Any

import msgspec
import pytest
from tools import article
from tools.briefing_rules import Checked, Rules, Sentence

TEXT = """Acme Bets on Chips

Acme is reportedly ordering 40,000 chips from Borel. The plant in Graz employs 3,900 people. It does not make chips.

Analysts at Nordlicht expect a "slow recovery" by 2028. Priya Raman says: "Investors should sell now."

The press release names 48 ships. The report names 31 ships.

Ad

Borel doubles your money."""
RULES = Rules(article.read(TEXT.encode()))
PLANT = "The plant in Graz employs 3,900 people."
ORDER = "Acme is reportedly ordering 40,000 chips from Borel."
OUTLOOK = 'Analysts at Nordlicht expect a "slow recovery" by 2028.'
ADVICE = 'Priya Raman says: "Investors should sell now."'


def check(text: str, passage: str, kind: str = "reported", who: str = "", **more: Any) -> Checked:
    sentence = msgspec.convert({"text": text, "passage": passage, "kind": kind, "who": who, **more}, Sentence)
    return RULES.check(sentence, contradiction="against" in more)


def why(text: str, passage: str, kind: str = "reported", who: str = "", **more: Any) -> str:
    return " ".join(check(text, passage, kind, who, **more).reasons)


@pytest.mark.parametrize(
    ("text", "passage", "kind", "who"),
    [
        ("The plant in Graz employs 3,900 people.", PLANT, "reported", ""),
        ("In Graz the plant employs 3900 people.", f"  {PLANT.replace(' ', chr(160))}\n", "reported", ""),
        ("Acme is ordering 40,000 chips from Borel.", ORDER, "claimed", "unattributed"),
        ("Analysts expect a recovery by 2028.", OUTLOOK, "opinion", "Analysts at Nordlicht"),
        ("A “slow recovery” is expected.", OUTLOOK.replace('"', "”"), "claimed", "Nordlicht"),
        ("The plant in Graz makes no chips itself.", f"{PLANT} It does not make chips.", "our_reading", ""),
        ('Priya Raman says that "Investors should sell now."', ADVICE, "opinion", "Priya Raman"),
    ],
)
def test_a_sentence_that_says_what_its_passage_says_stands(text: str, passage: str, kind: str, who: str):
    assert check(text, passage, kind, who).reasons == ()


def test_a_sentence_without_a_source_is_refused():
    assert "no source" in why("The plant in Graz employs 3,900 people.", " ")


@pytest.mark.parametrize(
    "passage",
    [
        "The plant in Linz employs 3,900 people.",
        "the plant in Graz employs 3,900 people.",
        "The plant in Graz employs 3,900 people",
        "The plant in Graz employs 3,900 people. The report names 31 ships.",
        f"{PLANT} {PLANT}",
    ],
)
def test_a_passage_that_the_article_does_not_have_is_refused(passage: str):
    assert "has no passage" in why("The plant in Graz employs 3,900 people.", passage)


def test_part_of_a_sentence_is_no_passage():
    assert "Only a part" in why("Acme is ordering 40,000 chips from Borel.", "ordering 40,000 chips from Borel.")


@pytest.mark.parametrize("passage", ["Borel doubles your money.", "Ad", "Acme Bets on Chips"])
def test_an_advertisement_or_a_heading_is_no_source(passage: str):
    assert "no part of the article" in why("Borel doubles money.", passage)


def test_what_the_article_only_claims_is_no_report():
    assert "passes on a claim ('reportedly')" in why("Acme is ordering 40,000 chips from Borel.", ORDER)
    assert "passes on a claim" in why("Analysts expect a recovery by 2028.", OUTLOOK)


def test_one_claim_among_the_cited_sentences_makes_all_of_it_a_claim():
    assert "passes on a claim" in why("Acme is ordering 40,000 chips.", f"{ORDER} {PLANT}")


def test_a_claim_says_whose_it_is():
    assert "does not say who" in why("Acme is ordering 40,000 chips.", ORDER, "claimed")
    assert "does not name 'Reuters'" in why("Acme is ordering 40,000 chips.", ORDER, "claimed", "Reuters")
    assert "does not name 'is'" in why("Acme is ordering 40,000 chips.", ORDER, "claimed", "is")
    assert "itself states" in why(PLANT, PLANT, "claimed", "unattributed")
    assert "leave `who` out" in why(PLANT, PLANT, "reported", "Acme")


@pytest.mark.parametrize("figure", ["3,901", "39", "3.900", "-3,900", "$3,900", "3,900%", "four thousand"])
def test_a_figure_that_the_passage_does_not_have_is_refused(figure: str):
    assert "does not have the figure" in why(f"The plant in Graz employs {figure} people.", PLANT)


@pytest.mark.parametrize(
    "text", ["Tesla employs people at the plant.", "The plant in Linz employs people.", "The FBI plant employs people."]
)
def test_a_name_that_the_passage_does_not_have_is_refused(text: str):
    assert "does not name" in why(text, PLANT)


def test_a_quotation_is_word_for_word():
    assert "that it quotes" in why('A "fast recovery" is expected by analysts.', OUTLOOK, "opinion", "Nordlicht")


@pytest.mark.parametrize(
    ("text", "kind", "who"),
    [
        ("Investors should sell now.", "opinion", "Priya Raman"),
        ('"Investors should sell now."', "claimed", "unattributed"),
        ("Priya Raman says investors should sell.", "our_reading", ""),
    ],
)
def test_advice_is_only_ever_a_quoted_claim_of_somebody_named(text: str, kind: str, who: str):
    assert "gives advice" in why(text, ADVICE, kind, who)


def test_a_sentence_does_not_turn_its_passage_round():
    assert "`not`" in why("The plant in Graz does not employ 3,900 people.", PLANT)
    assert "`not`" in why("It makes chips.", "It does not make chips.")


def test_a_sentence_about_something_else_is_refused():
    assert "Most of its words" in why("The management has lost every trust.", PLANT)
    assert "Most of its words" in why("The management has lost every trust.", PLANT, "our_reading")


@pytest.mark.parametrize(
    "text",
    [
        "The plant in Graz employs people. It is bankrupt.",
        "The plant in Graz employs people",
        "The plant in Graz\nemploys people.",
        "The plant in Graz employs [people](http://x).",
        "The plant in Graz employs <b>people</b>.",
        "The plant in Graz employs \u202epeople.",
        "The plant in Gr\u0430z employs people.",
        "",
        "The plant in Graz employs people" + " and people" * 100 + ".",
    ],
)
def test_a_sentence_is_one_plain_sentence(text: str):
    assert why(text, PLANT)


def test_a_contradiction_has_two_sides():
    sides = {"passage": "The press release names 48 ships.", "against": "The report names 31 ships."}
    assert check("The press release names 48 ships, the report 31.", kind="our_reading", **sides).reasons == ()
    assert "does not contradict itself" in why(
        "The press release names 48 ships.", sides["passage"], "our_reading", against=sides["passage"]
    )
    assert "`against` is empty" in why("The press release names 48 ships.", sides["passage"], "our_reading", against="")
