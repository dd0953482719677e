"""What stands in an article, and what stands around it."""

import pytest
from tests.examples.conftest import ACME
from tools import article
from tools.refusal import Refused
from tools.standing import standings

TAKEOVER = (ACME / "news" / "2026-11-16_quillon-software-takeover.txt").read_bytes()
BATTERY = (ACME / "news" / "2026-11-12_helionwerk-battery-order.txt").read_bytes()


def read(text: str) -> article.Article:
    return article.read(text.encode())


def left_out(found: article.Article, why: str) -> list[str]:
    return [left.text for left in found.left_out if left.why == why]


def test_what_stands_below_the_word_advertisement_is_none_of_the_article():
    found = read("Ships sail.\n\nAd\n\nOur three favourites double your money.\n\nSecond line.")
    assert [passage.text for passage in found.passages] == ["Ships sail."]
    assert len(left_out(found, "advertisement")) == 3


def test_the_article_goes_on_where_the_advertisement_ends():
    found = read("Ships sail.\n\nAnzeige\nA tip.\n\nArticle continues below\n\nTrains run.")
    assert [passage.text for passage in found.passages] == ["Ships sail.", "Trains run."]


@pytest.mark.parametrize(
    "line",
    [
        "Should investors sell immediately? Or is it worth buying Quillon?",
        "Quillon: Buy or sell? Read more here...",
        "The latest figures speak for themselves: Urgent action needed for shareholders.",
        "Find out what to do now in the current free analysis.",
        "Subscribe to our newsletter.",
    ],
)
def test_a_line_that_urges_readers_to_trade_or_to_click_is_an_advertisement(line: str):
    found = read(f"Ships sail.\n\n{line}\n\nTrains run.")
    assert left_out(found, "advertisement") == [line]
    assert len(found.passages) == 2


def test_what_somebody_is_quoted_with_is_news_even_if_it_is_advice():
    found = read('The analyst Priya Raman says: "Investors should sell into this rally."')
    assert len(found.passages) == 1


def test_words_for_machines_are_no_part_of_the_article():
    found = article.read(TAKEOVER)
    assert "900 pence" in left_out(found, "addressed to machines")[0]
    assert not any("900" in passage.text for passage in found.passages)


def test_headings_dates_and_codes_are_no_sentences():
    found = article.read(BATTERY)
    assert found.title == "Helionwerk Bets on Sodium: A Large Order, and Many Questions"
    assert "12.11.2026 - 08:15:00" in left_out(found, "heading or navigation")


def test_abbreviations_and_decimals_end_no_sentence():
    found = article.sentences("Revenue of Acme Inc. rose by 1.5 percent in the U.S. market. Mr. Lin left! Did he? Yes.")
    assert len(found) == 4


def test_an_article_knows_its_own_claims():
    found = read(
        "Acme is reportedly building a plant. This order is large. It employs 40 people.\n\nThe deal is new.\n\n"
        "The Bear Case: Costs are high."
    )
    standing = standings(found.passages)
    assert [standing[passage.id].how for passage in found.passages] == [
        "claimed",
        "claimed",
        "stated",
        "claimed",
        "claimed",
    ]


def test_this_order_is_no_claim_before_anything_was_claimed():
    found = read("Acme won this order in May. It is large.")
    assert {one.how for one in standings(found.passages).values()} == {"stated"}


@pytest.mark.parametrize("data", [b"\xff\xfe", b"a\0b.", b"", b"Ad\n\nShips sail.", b"x." * 200_001])
def test_what_is_no_article_is_refused(data: bytes):
    with pytest.raises(Refused):
        article.read(data)
