"""Talking with an agent in the console: words as they come, what it does and asks inline, files in and out."""

import re
import threading
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from tests.adapters.model import server as models
from tests.adapters.model.server import STREAM, chunk, listening, sse, usage
from tests.browser.driving import PHONE, violations, visiting
from tests.cli.offices import DEPUTY, agent
from tests.web.served import Server, serving

TALKER = agent(
    "talker", tools="{files.*: act, person.ask: act, pay: {autonomy: ask, approvers: [person:lin]}}",
    replies=(
        "  - call: [{tool: files.read, args: {path: july.txt}}]\n"
        '  - call: [{tool: person.ask, args: {question: "Which colour?", options: [red, blue]}}]\n'
        '  - call: [{tool: files.write, args: {path: answer.md, content: "{{ results[-1] }} '
        '{{ results[0].content | default(0) }}"}}]\n'
        '  - say: "It is **written**:\\n\\n- colour and text"\n'
        '  - call: [{tool: pay, args: {amount: 5}}]\n'
        '  - say: "Then I leave it."\n'
    ),
)  # fmt: skip
HOSTILE = (
    '<img src="https://evil.example/a.png" onerror="window.taken=1"><script>window.taken=1</script> '
    "![logo](https://evil.example/b.png) [your bank](https://bank.example/login) "
    "[run](javascript:window.taken=1) pay\u202e001 \u200bnow\n\n<iframe src=https://evil.example></iframe>"
)


@pytest.fixture
def server(tmp_path: Path) -> Generator[Server]:
    with serving(tmp_path / "work", TALKER) as server:
        yield server


def wait_until_sent(page: Page) -> None:
    expect(page).to_have_url(re.compile(r"/chat/r"))


def write(page: Page, text: str) -> None:
    page.get_by_role("textbox", name="Message").fill(text)
    page.get_by_role("button", name="Send").click()


def tool(page: Page, name: str) -> Locator:
    return page.locator("details.chat-tool").filter(has_text=name)


def test_a_file_goes_in_a_question_is_answered_inline_a_file_comes_out_and_the_talk_goes_on(
    server: Server, browser: Browser, tmp_path: Path
):
    july = tmp_path / "july.txt"
    july.write_text("4711 euros")
    with visiting(browser, server.address, accept_downloads=True) as visit:
        page = visit.sign_in(server.sign_in)
        page.get_by_role("navigation").get_by_role("link", name="Chat").click()
        expect(page.get_by_role("radio", name="talker")).to_be_checked()
        assert violations(page) == []
        visit.shot("chat-begin")
        page.locator("input[type=file]").set_input_files(july)
        write(page, "Read july.txt and write it down.")
        wait_until_sent(page)
        expect(tool(page, "files.read")).to_contain_text("done")
        asked = page.get_by_role("group", name="Asks", exact=True)
        expect(asked).to_contain_text("Which colour?")
        visit.shot("chat-question")
        assert violations(page) == []
        asked.get_by_role("button", name="blue").click()
        expect(page.get_by_role("log").locator("strong", has_text="written")).to_be_visible()
        expect(page.get_by_role("group", name="Asks", exact=True)).to_have_count(0)
        tool(page, "files.write").locator("summary").click()
        with page.expect_download() as coming:
            tool(page, "files.write").get_by_role("link", name="Download answer.md").click()
        assert Path(coming.value.path()).read_text() == "blue 4711 euros"
        page.get_by_role("button", name="2 files").click()
        with page.expect_download() as coming:
            page.get_by_role("link", name="july.txt", exact=True).click()
        assert Path(coming.value.path()).read_text() == "4711 euros"
        write(page, "Now pay.")
        approval = page.get_by_role("group", name="Asks for consent")
        expect(approval).to_contain_text("Waits for lin")
        visit.shot("chat-approval")
        page.get_by_role("button", name=re.compile("Stop$")).click()
        expect(approval).to_have_count(0)
        expect(tool(page, "pay")).to_contain_text("denied")
        write(page, "Leave it, then.")
        expect(page.get_by_text("Then I leave it.")).to_be_visible()
        expect(page.get_by_role("complementary", name="Your conversations").get_by_role("link")).to_have_count(2)
        assert violations(page) == []
        visit.shot("chat-desktop")
        page.get_by_role("button", name="End the conversation").click()
        expect(page.get_by_text("This conversation is over.")).to_be_visible()
        expect(page.get_by_role("link", name="New conversation with talker")).to_be_visible()
        assert page.evaluate("fetch('/api/v1/audit').then(said => said.json())")["ok"]


def with_model(folder: Path, model: models.Server) -> dict[str, str]:
    route = f'[models.default]\nprovider = "openai"\nbase_url = "{model.url}"\nmodel = "qwen"\nserver = "vllm"\n'
    return {
        "deputy.toml": DEPUTY + route,
        "agents/clerk/AGENT.md": "---\nname: clerk\nowner: wei\ndescription: It answers.\n---\nBe kind.\n",
    }


def test_hostile_words_are_text_while_they_come_and_after_and_nothing_is_fetched(browser: Browser, tmp_path: Path):
    seen = threading.Event()

    def slowly() -> Iterator[bytes]:
        yield sse([chunk({"reasoning_content": HOSTILE}), chunk({"content": f"First. {HOSTILE}"})], done=False)
        assert seen.wait(30)
        yield sse([chunk({"content": " Last."}), chunk({}, finish="stop"), usage()])

    with listening(models.Answer(headers=STREAM, pieces=slowly())) as model:
        options = {"viewport": PHONE, "color_scheme": "dark", "locale": "zh-CN"}
        with (
            serving(tmp_path / "work", with_model(tmp_path, model)) as server,
            visiting(browser, server.address, **options) as visit,
        ):
            page = visit.sign_in(server.sign_in)
            page.goto(f"{server.address}/chat")
            page.get_by_role("textbox", name="消息").fill("你好")
            page.get_by_role("button", name="发送").click()
            wait_until_sent(page)
            coming = page.locator("[data-streaming]")
            expect(coming).to_contain_text("First.")
            safe(page, coming)
            visit.shot("chat-streaming-phone-dark-zh")
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
            seen.set()
            expect(page.get_by_role("log")).to_contain_text("Last.")
            expect(page.locator("[data-streaming]")).to_have_count(0)
            safe(page, page.get_by_role("log"))
            visit.shot("chat-phone-dark-zh")
            assert violations(page) == []


def safe(page: Page, place: Locator) -> None:
    expect(place).to_contain_text("<script>window.taken=1</script>")
    expect(place).to_contain_text("⟨U+202E⟩001")
    expect(place).to_contain_text("your bank (bank.example)")
    expect(place).to_contain_text("run (javascript:window.taken=1)")
    assert place.locator("img, script, iframe, a[href^=javascript]").count() == 0
    assert page.evaluate("window.taken") is None


def test_a_conversation_is_there_again_after_the_server_was_killed(server: Server, browser: Browser):
    with visiting(browser, server.address) as visit:
        page = visit.sign_in(server.sign_in)
        page.goto(f"{server.address}/chat")
        write(page, "Read it.")
        wait_until_sent(page)
        expect(page.get_by_role("group", name="Asks", exact=True)).to_be_visible()
        visit.away = True
        server.kill()
        port = server.address.rpartition(":")[2]
        server.start("--port", port)
        page.get_by_role("group", name="Asks", exact=True).get_by_role("button", name="red").click()
        expect(page.get_by_role("log").locator("strong", has_text="written")).to_be_visible()
