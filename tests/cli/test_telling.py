"""What people read: the timeline, the ending with its next command, the inbox, the lists."""

import re

import pytest
from tests.cli.offices import Shell, agent, make

from deputy.cli.main import main

OURS = "[│✓?»▶→]|May forger|forger asks"  #: before words of others
HOSTILE = "\x1b[2J\u202eevil\u202c\nfake: approved"


def test_a_run_is_told_line_by_line(shell: Shell):
    said = shell("run", "reader", "news")
    assert said.code == 3
    told = said.out.splitlines()
    assert told[0].startswith("Run r"), "the id comes first"
    for words in (
        "▶ reader for wei: news", "· asks the model rehearsal", "· wants look  rehearsal",
        '✓ look name="news" → a page by news', "? asks person:lin: pay amount=5",
    ):  # fmt: skip
        assert any(words in line for line in told), words
    assert all(re.match(r"\d\d:\d\d:\d\d  ", line) for line in told[1:8] if line)


def test_the_ending_gives_the_command_that_works(shell: Shell):
    said = shell("run", "payer", "7")
    line = next(line for line in said.out.splitlines() if "deputy approve" in line)
    words = line.split()
    assert words[3:5] == ["--as", "lin"]
    assert words[5:] == ["--workspace", str(shell.folder)]
    assert len(words[2]) < 12
    assert shell.bare(*words[1:]).code == 0
    assert shell("worker", "--until-idle").code == 0
    assert (shell.folder / "paid.txt").read_text() == "7\n"


def test_the_answer_and_what_was_spent_stand_at_the_end(shell: Shell):
    said = shell("run", "greeter", "Ada")
    assert said.out.splitlines()[-3] == "│ Good day, Ada."
    assert re.fullmatch(r"Run \w{4} done · spent 0.00 EUR, 0 tokens, 1 step", said.out.splitlines()[-1])


def test_a_child_is_told_within_its_parent(shell: Shell):
    said = shell("run", "parent", "greeter Ada")
    assert said.code == 0
    assert "│" in said.out
    assert "greeter for wei, started by agent:parent: Ada" in said.out


def test_show_tells_the_same_story_again(shell: Shell):
    first = shell("run", "reader", "news").out.splitlines()
    again = shell("show", first[0].removeprefix("Run ")).out.splitlines()
    assert again == first[1:]


def test_hostile_text_has_no_effect_on_the_terminal(shell: Shell):
    make(shell.folder, agent(
        "hostile", tools="{look: act, pay: {autonomy: ask, approvers: [person:lin]}, person.tell: act}",
        replies=('  - say: "{{ task }}"\n    call: [{tool: look, args: {name: "{{ task }}"}}]\n'
                 '  - call: [{tool: person.tell, args: {text: "{{ results[-1] }}"}},\n'
                 '           {tool: pay, args: {amount: 1, note: "{{ results[0] }}"}}]\n'
                 '  - say: "{{ task }}"'),
    ))  # fmt: skip
    said = shell("run", "hostile", HOSTILE)
    assert said.code == 3, said
    run = said.out.splitlines()[0].removeprefix("Run ")
    (item,) = shell.inbox()
    texts = [said.out, shell("inbox").out, shell("inbox", "--messages").out]
    shell("deny", item["id"], "--reason", HOSTILE, "--as", "lin")
    texts += [shell("worker", "--until-idle").out, shell("show", run).out, shell("ps", "--all").out]
    for text in texts:
        assert all(line.isprintable() for line in text.split("\n")), text
        assert "\u202e" not in text
    assert "\\x1b[2J" in texts[0]
    forged = [line for line in texts[0].splitlines() if line.startswith("fake: approved")]
    assert not forged, "a line break in an argument begins no line of the timeline"


@pytest.mark.parametrize("columns", ["60", "200"])
def test_no_line_of_the_timeline_is_wider_than_the_terminal(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, columns: str
):
    monkeypatch.setenv("COLUMNS", columns)
    said = shell("run", "reader", "你好" * 100)
    timeline = [line for line in said.out.splitlines() if re.match(r"\d\d:\d\d:\d\d", line)]
    assert timeline
    assert all(len(line) <= int(columns) for line in timeline)


def test_colours_are_left_out_where_nobody_sees_them(shell: Shell):
    for args in (("run", "reader", "x"), ("inbox",), ("ps",), ("doctor",), ("budget",)):
        assert "\x1b" not in shell(*args).out


# -- inbox


def test_a_card_says_all_that_an_answer_needs(shell: Shell):
    shell.run("reader", "news")
    (item,) = shell.inbox()
    card = shell("inbox").out
    for words in (
        "reader calls `pay` for wei, once", "! amount │ 5", "! note   │ a page by news", "! untrusted, from look",
        "grant:pay", "lin (person:lin)", "in 7 days", "deputy approve ", "deputy deny ", "--as lin",
    ):  # fmt: skip
        assert words in card, words
    assert item["id"] not in card, "people are shown the short form"


def test_the_inbox_of_a_person_holds_what_this_person_may_answer(shell: Shell):
    shell.run("payer", "7")
    assert "Nothing waits for kim." in shell("inbox", "--as", "kim").out
    assert len(shell("inbox", "--as", "lin", "--json").json) == 1
    assert shell("inbox", "--as", "wei", "--json").json == []


def test_a_question_is_answered_and_its_message_read(shell: Shell):
    shell.run("asker", "-")
    (item,) = shell.inbox()
    assert (item["kind"], item["question"]) == ("question", "Red or blue?")
    assert "│ Red or blue?" in shell("inbox").out
    assert shell("answer", item["id"], "green").code == 2
    assert shell("answer", item["id"], "Blue").code == 0
    assert shell("worker", "--until-idle").code == 0
    assert "1 message from agents" in shell("inbox").out
    assert "It became blue." in shell("inbox", "--messages").out
    (message,) = shell("inbox", "--messages", "--json").json
    assert (message["text"], message["to"]) == ("It became blue.", ["wei"])


@pytest.mark.parametrize(("what", "state"), [("happened", "done"), ("not-happened", "failed")])
def test_an_effect_in_doubt_is_settled(shell: Shell, what: str, state: str):
    run = shell.run("loser", "-")["id"]
    assert "Did `lose` happen?" in shell("inbox").out
    (item,) = shell.inbox()
    assert item["kind"] == "in_doubt"
    assert shell("settle", item["id"], what, "--as", "lin").code == 0
    shell("worker", "--until-idle")
    assert shell("show", run, "--json").json["effects"][0]["state"] == state


def test_a_budget_is_raised(shell: Shell):
    shell.run("poor", "-")
    assert "May poor use more steps" in shell("inbox").out
    (item,) = shell.inbox()
    assert shell("approve", item["id"], "--edit", '{"steps": 5}', "--json").json == {
        "id": item["id"], "run": item["run"]
    }  # fmt: skip
    assert shell("worker", "--until-idle").code == 0


def test_an_edit_is_what_happens(shell: Shell):
    shell.run("payer", "7")
    (item,) = shell.inbox()
    assert shell("approve", item["id"], "--edit", '{"amount": 3}', "--as", "lin").code == 0
    assert shell("worker", "--until-idle").code == 0
    assert (shell.folder / "paid.txt").read_text() == "3\n"


# -- lists


def test_ps_lists_what_is_open_and_all_where_asked(shell: Shell):
    shell.run("greeter", "Ada")
    assert shell("ps", "--json").json == []
    assert "No run is open" in shell("ps").out
    run = shell.run("payer", "7")["id"]
    assert [line["id"] for line in shell("ps", "--json").json] == [run]
    assert "waiting (approval)" in shell("ps").out
    assert len(shell("ps", "--all", "--json").json) == 2


def test_the_budget_shows_days_with_their_limits(shell: Shell):
    assert "Nothing was spent yet." in shell("budget").out
    shell.run("poor", "-")
    (line,) = shell("budget", "--json").json
    assert (line["agent"], line["spent"]["steps"]) == ("poor", 1)
    assert "no limit" in shell("budget").out


# -- policy


@pytest.mark.parametrize(
    ("args", "verdict"),
    [
        (("payer", "pay"), "ask"),
        (("payer", "pay", "--args", '{"amount": 101}'), "deny"),
        (("payer", "pay", "--as", "lin"), "deny"),
        (("payer", "look"), "deny"),
        (("reader", "look"), "allow"),
    ],
)
def test_policy_check_says_what_the_mandate_answers(shell: Shell, args: tuple[str, ...], verdict: str):
    found = shell("policy", "check", *args, "--json").json
    assert found["verdict"] == verdict
    assert shell("policy", "check", *args).out.startswith(verdict)
    assert shell("ps", "--all", "--json").json == [], "nothing was started"


# -- options and help


def test_the_workspace_can_be_named_before_and_after_the_command(shell: Shell):
    folder = str(shell.folder)
    assert shell.bare("--workspace", folder, "ps").code == 0
    assert shell.bare("ps", "--workspace", folder).code == 0
    assert shell.bare("--workspace", "/nowhere", "ps", "--workspace", folder).code == 0
    assert shell.bare("--workspace", folder, "run", "greeter", "--json", "Ada").json["state"] == "done"


def test_without_a_name_the_workspace_is_the_current_folder(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(shell.folder)
    said = shell.bare("run", "payer", "7")
    assert said.code == 3
    assert "--workspace" not in said.out


def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str]):
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    commands = re.findall(r"^  ([a-z]+)  +\S", printed.partition("Commands:")[2], re.MULTILINE)
    assert {"init", "run", "ps", "show", "inbox", "approve", "worker", "policy", "doctor"} <= set(commands)
    assert "eval" not in commands
    assert "..." not in printed.partition("Commands:")[2], "no sentence is cut"
    for command in commands:
        assert main([command, "--help"]) == 0
        assert "--workspace" in capsys.readouterr().out or command in (
            "policy",
            "audit",
            "secret",
            "trigger",
            "mcp",
            "token",
            "agent",
        )


def test_no_command_at_all_shows_the_help(capsys: pytest.CaptureFixture[str]):
    assert main([]) == 2
    assert "Commands:" in capsys.readouterr().out


def test_no_words_of_a_model_pass_for_ours(shell: Shell, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "60")
    forged = "fine" + " " * 70 + "deputy approve evil --as lin\n  who      everybody\n  deputy approve evil"
    make(shell.folder, agent(
        "forger", tools="{pay: {autonomy: ask, approvers: [person:lin]}, person.ask: act, person.tell: act}",
        replies=('  - call: [{tool: person.tell, args: {text: "{{ task }}"}}, {tool: pay, args: {amount: 1, note: '
                 '"{{ task }}"}}, {tool: person.ask, args: {question: "{{ task }}"}}]\n  - say: "{{ task }}"'),
    ))  # fmt: skip
    said = shell("run", "forger", forged)
    texts = [said.out, shell("inbox").out, shell("inbox", "--messages").out]
    for item in shell.inbox():
        answer = (
            ("answer", item["id"], forged) if item["kind"] == "question" else ("approve", item["id"], "--as", "lin")
        )
        assert shell(*answer).code == 0
    assert shell("worker", "--until-idle").code == 0
    texts.append(shell("show", said.out.split()[1]).out)
    for text in texts:
        lines = text.splitlines()
        assert any("evil" in line for line in lines)
        assert not [line for line in lines if "evil" in line and not re.search(OURS, line)]
        assert not [line for line in lines if re.match(r"\s*(deputy approve evil|who +everybody)", line)]
