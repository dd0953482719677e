"""What a version may do that another may not: by what governs each tool, and never by how it is written."""

from pathlib import Path
from typing import Any

import pytest

from deputy.app.authority import changes, compare, direction_of, in_words
from deputy.app.config import Deployed, Settings
from deputy.app.config.agents import deployed_from_bundle
from deputy.domain.agent import Bundle

SETTINGS = Settings(folder=Path(), name="tiny")
TEXT = "---\nname: one\nowner: {owner}\ntools: {tools}\n{more}---\n\n{text}\n"


def version(tools: str = "{}", more: str = "", owner: str = "wei", text: str = "Do it.", **files: str) -> Deployed:
    made = {"agents/one/AGENT.md": TEXT.format(owner=owner, tools=tools, more=more, text=text)} | files
    return deployed_from_bundle(Bundle(name="one", files=made), SETTINGS)


def told(before: Deployed, after: Deployed) -> list[tuple[Any, ...]]:
    return [(c.kind, c.direction, c.subject, c.part, c.before, c.after) for c in changes(before, after)]


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("{}", "{pay: act}", ("tool_added", "widens", "pay", "", "", "act")),
        ("{}", "{pay: shadow}", ("tool_added", "widens", "pay", "", "", "shadow")),
        ("{pay: ask}", "{}", ("tool_removed", "narrows", "pay", "", "ask", "")),
        ("{pay: ask}", "{pay: act}", ("autonomy", "widens", "pay", "", "ask", "act")),
        ("{pay: shadow}", "{pay: ask}", ("autonomy", "widens", "pay", "", "shadow", "ask")),
        ("{pay: ask}", "{pay: {ask_above: {a: 5}}}", ("autonomy", "widens", "pay", "", "ask", "ask_above")),
        ("{pay: act}", "{pay: {ask_above: {a: 5}}}", ("autonomy", "narrows", "pay", "", "act", "ask_above")),
        ("{pay: {ask_above: {a: 5}}}", "{pay: {ask_above: {a: 50}}}", ("ask_above", "widens", "pay", "a", "5", "50")),
        ("{pay: {limit: {a: 5}}}", "{pay: {limit: {a: 5.5}}}", ("limit", "widens", "pay", "a", "5", "5.5")),
        ("{pay: {limit: {a: 5}}}", "{pay: ask}", ("limit", "widens", "pay", "a", "5", "")),
        ("{pay: ask}", "{pay: {limit: {a: 5}}}", ("limit", "narrows", "pay", "a", "", "5")),
        ("{pay: ask}", "{pay: {expires: 1d}}", ("expires", "narrows", "pay", "", "7d", "1d")),
        # wording alone is no change, and a grant that goes while a broader one stays may widen
        ("{pay: ask}", "{pay: {autonomy: ask}}", None),
        ("{erp.pay: ask, erp.*: act}", "{erp.*: act}", ("autonomy", "widens", "erp.pay", "", "ask", "act")),
        ("{erp.*: act}", "{erp.*: act, erp.pay: ask}", ("autonomy", "narrows", "erp.pay", "", "act", "ask")),
        ("{erp.*: act}", "{erp.*: act, erp.get: act}", None),
        ("{a.b: act}", "{a.*: act}", ("tool_added", "widens", "a.*", "", "", "act")),
    ],
)
def test_a_change_of_a_grant_says_what_it_does(before: str, after: str, found: tuple[Any, ...] | None):
    assert told(version(before), version(after)) == ([] if found is None else [found])


def test_approvers_widen_narrow_or_change_and_matter_only_where_somebody_is_asked():
    def grant(*approvers: str) -> Deployed:
        return version(f"{{pay: {{autonomy: ask, approvers: [{', '.join(approvers)}]}}}}")

    assert direction_of(changes(grant("person:lin"), grant("person:lin", "person:wei"))) == "widens"
    assert direction_of(changes(grant("person:lin", "person:wei"), grant("person:lin"))) == "narrows"
    assert direction_of(changes(grant("person:lin"), grant("person:wei"))) == "changes"
    assert changes(grant("person:lin", "person:wei"), grant("person:wei", "person:lin")) == []
    assert [c.kind for c in changes(grant("person:lin"), version("{pay: act}"))] == ["autonomy"]


def test_budgets_triggers_proofs_and_owners_are_authority_too():
    before = version(
        more="budget: {run: 1, wall: 1h}\ntriggers: [{every: 1h, task: t, name: a}]\n"
        "done: [{tool: r, expect: {a: 1}}]\n"
    )
    after = version(
        more="budget: {run: 2.5}\ntriggers: [{every: 2h, task: t, name: a}, {every: 1d, task: t, name: b}]\n",
        owner="lin",
    )
    assert told(before, after) == [
        ("budget", "widens", "run", "money", "1.00", "2.50"),
        ("budget", "widens", "run", "wall", "1h", ""),
        ("trigger", "changes", "a", "", "every 1h", "every 2h"),
        ("trigger_added", "widens", "b", "", "", "every 1d"),
        ("owner", "changes", "", "", "wei", "lin"),
        ("done", "widens", "", "", "1", "0"),
    ]
    assert [c.direction for c in changes(after, before) if c.kind in ("budget", "trigger_removed", "done")] == [
        "narrows"
    ] * 4


def test_other_words_and_code_give_no_leave_but_are_told():
    before, after = version(text="Do it."), version(text="Do it well.", **{"agents/one/procedure.py": "x = 1\n"})
    found = compare(before, after)
    assert [(c.kind, c.direction) for c in found.changes] == [
        ("driver", "changes"), ("instructions", "changes"), ("code", "changes")
    ]  # fmt: skip
    assert found.direction == "changes"
    assert "+Do it well." in found.diffs["agents/one/AGENT.md"]
    narrower = compare(version("{pay: act}"), version("{pay: ask}", text="Other."))
    assert narrower.direction == "narrows"


def test_the_journal_has_the_widening_first_and_a_bounded_text():
    words = in_words(changes(version("{pay: act, look: act}"), version("{pay: ask, tell: act}")))
    assert words.startswith("widens: May use `tell`: acts by itself. narrows: ")
    many = in_words(changes(version(), version("{" + ", ".join(f"tool{n}: act" for n in range(500)) + "}")))
    assert len(many) == 1500
    assert compare(None, version("{pay: act}")).direction == "widens", "more than nothing"
