"""Text from anywhere is shown on a terminal and does nothing to it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from deputy.cli.text import ago, brief, in_full, one_line, plain, shortened, within

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("pay \u202eevil\u202c", "pay \\u202eevil\\u202c"),
        ("\u2066a\u2069", "\\u2066a\\u2069"),
        ("a\u200bb", "a\\u200bb"),
        ("a\rb\n", "a\\rb\\n"),
        ("\x9b31m", "\\x9b31m"),
        ("\u2028", "\\u2028"),
        ("\udcff", "\\udcff"),
        ("Grüße 你好 €", "Grüße 你好 €"),
        ("", ""),
    ],
)
def test_what_is_invisible_is_shown(text: str, shown: str):
    assert one_line(text) == shown


@given(st.text(st.characters()), st.integers(8, 60))
def test_no_text_is_wider_than_its_room_or_leaves_its_line(text: str, width: int):
    line = shortened(text, width)
    assert cell_len(line) <= width
    assert line.isprintable()
    assert len(line) <= 4 * width + 1


@given(st.text(st.characters()))
def test_plain_text_keeps_its_lines_and_nothing_else_that_moves_a_cursor(text: str):
    assert all(line.isprintable() for line in plain(text).split("\n"))


@settings(max_examples=30)
@given(st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.text())), st.integers(20, 100))
def test_arguments_fit_into_a_line(args: dict[str, object], width: int):
    assert brief(args, width).isprintable()
    assert within(args, width).isprintable()


def test_every_argument_gets_a_share_of_the_line():
    line = brief({"note": "x" * 500, "amount": 7}, 60)
    assert line.endswith("… amount=7")
    assert line.startswith('note="xxx')


def test_a_value_in_full_is_whole():
    value = {"lines": [{"text": "y" * 100, "n": n} for n in range(5)]}
    assert in_full(value).count("y") == 500
    assert in_full("two\nlines") == "two\nlines"
    assert in_full({"a": "\x1b"}).isprintable()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "now"), (-5, "5 seconds ago"), (-60, "1 minute ago"), (7200, "in 2 hours"), (7 * 86_400, "in 7 days")],
)
def test_times_are_said_in_relation_to_now(seconds: int, said: str):
    assert ago(NOW + timedelta(seconds=seconds), NOW) == said
