"""What a server over stdio may do to us, and what the gate is told of it."""

import asyncio
import os
import signal
import sys
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import mcp_types
import pytest
from mcp_types import version as mcp_versions
from tests.adapters.tool.hosts import BASICS, alive, below, gone, intent_of, raw, serving, spec_of

from deputy.adapters.tool.mcp_stdio import McpStdio, StdioServer, Unavailable, session
from deputy.adapters.wire import mcp as wire
from deputy.base.clock import SystemClock
from deputy.base.errors import ConfigError, DeputyError
from deputy.domain.effect import NOT_SENT, Done, Failed, InputRequired, Result, ToolSpec, Unknown
from deputy.domain.elicitation import Form

SDK = Path(__file__).with_name("sdk_server.py")


def calling(tool: str, args: Mapping[str, object] | None = None, *, mode: str = "old", safe: bool = False) -> Result:
    """What comes of one call of a tool of the raw server, which answers another call afterwards."""

    async def scenario() -> Result:
        spec = spec_of(f"raw.{tool}", repeat="safe" if safe else "never")
        async with serving(raw(mode)) as host:
            result = await host.invoke(intent_of(spec, args))
            assert isinstance(await host.invoke(intent_of("raw.text")), Done)
            return result

    return asyncio.run(scenario())


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.01)


async def pid_of(host: McpStdio) -> int:
    result = await host.invoke(intent_of("raw.structured"))
    assert isinstance(result, Done)
    return cast("dict[str, int]", result.value)["pid"]


# --- both eras


@pytest.mark.parametrize("mode", ["old", "modern", "dies_at_discover", "pages"])
def test_a_server_of_either_era_is_asked_in_its_own_way(mode: str):
    async def scenario():
        async with serving(raw(mode)) as host:
            catalogue = await host.catalogue()
            assert "raw.text" in [spec.name for spec in catalogue]
            result = await host.invoke(intent_of("raw.structured", {"a": 1}, key="r7.3"))
            assert isinstance(result, Done)
            value = cast("dict[str, dict[str, object]]", result.value)
            assert value["args"] == {"a": 1}
            assert value["meta"]["deputy/effect-id"] == "r7.3"
            assert ("io.modelcontextprotocol/protocolVersion" in value["meta"]) == (mode == "modern")

    asyncio.run(scenario())


def test_a_server_that_ignores_what_it_does_not_know_is_asked_the_old_way(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(session, "_PROBE", 0.2)

    async def scenario():
        async with serving(raw("ignores_discover")) as host:
            assert isinstance(await host.invoke(intent_of("raw.text")), Done)

    asyncio.run(scenario())


def test_a_server_that_ended_once_while_it_was_discovered_is_not_taken_for_an_old_one(tmp_path: Path):
    async def scenario():
        async with serving(raw("modern_after_all", tmp_path / "calls")) as host:
            assert isinstance(await host.invoke(intent_of("raw.text")), Failed)
            assert isinstance(await host.invoke(intent_of("raw.text")), Done)

    asyncio.run(scenario())


@pytest.mark.parametrize("discover", [True, False])
def test_the_servers_of_the_sdk_are_spoken_to(discover: bool):
    async def scenario():
        server = StdioServer(name="sdk", command=(sys.executable, str(SDK)), cwd=SDK.parent)
        async with serving(server) as host:
            host._discover = discover  # pyright: ignore[reportPrivateUsage] # noqa: SLF001
            catalogue = {spec.name: spec for spec in await host.catalogue()}
            assert catalogue["sdk.add"].description == "Add two numbers."
            assert catalogue["sdk.add"].parameters["required"] == ["a"]
            assert await host.invoke(intent_of("sdk.add", {"a": 2})) == Done({"result": 3})
            assert await host.invoke(intent_of("sdk.invoice", {"number": "7"})) == Done(
                {"number": "7", "amount": "12.50"}
            )
            meta = await host.invoke(intent_of("sdk.meta", key="r9.1"))
            assert isinstance(meta, Done)
            assert cast("dict[str, object]", meta.value)["deputy/effect-id"] == "r9.1"
            broken = await host.invoke(intent_of("sdk.broken"))
            assert isinstance(broken, Failed)
            assert broken.code == "tool_error"
            async with asyncio.TaskGroup() as calls:
                slow = calls.create_task(host.invoke(intent_of("sdk.slow", key="r9.2", deadline=0.5)))
                quick = calls.create_task(host.invoke(intent_of("sdk.add", {"a": 4})))
            assert isinstance(slow.result(), Unknown)
            assert quick.result() == Done({"result": 5})

    asyncio.run(scenario())


def test_the_versions_and_keys_are_those_of_the_sdk():
    assert mcp_versions.MODERN_PROTOCOL_VERSIONS == (wire.MODERN_VERSION,)
    assert mcp_versions.HANDSHAKE_PROTOCOL_VERSIONS == wire.HANDSHAKE_VERSIONS
    assert mcp_types.UNSUPPORTED_PROTOCOL_VERSION == wire.UNSUPPORTED_VERSION
    assert mcp_types.PROTOCOL_VERSION_META_KEY == "io.modelcontextprotocol/protocolVersion"
    assert mcp_types.CLIENT_INFO_META_KEY == "io.modelcontextprotocol/clientInfo"
    assert mcp_types.CLIENT_CAPABILITIES_META_KEY == "io.modelcontextprotocol/clientCapabilities"


# --- values


def test_structured_content_is_the_value_and_otherwise_the_text_is():
    both = {"content": [{"type": "text", "text": "{}"}], "structuredContent": {"a": 1}}
    assert calling("answer", {"result": both}) == Done({"a": 1})
    assert calling("text", {"text": '{"a": 1}'}) == Done('{"a": 1}')
    two = {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}
    assert calling("answer", {"result": two}) == Done("a\nb")
    assert calling("nothing") == Done(None)


def test_bytes_are_noted_and_not_carried():
    assert calling("blocks") == Done(
        [
            "see",
            {"type": "image", "mimeType": "image/png", "bytes": 5},
            {"type": "resource", "uri": "file:///a.bin", "bytes": 6},
            {"type": "resource_link", "uri": "file:///b", "name": "b"},
            {"type": "unknown"},
        ]
    )


def test_an_error_of_the_tool_is_a_failure_with_its_text_cut():
    result = calling("error", {"text": "no such invoice\x1b[31m" + "x" * 10_000})
    assert isinstance(result, Failed)
    assert (result.code, len(result.message), result.message[:16]) == (
        "tool_error",
        2000,
        "no such invoice\N{REPLACEMENT CHARACTER}",
    )


@pytest.mark.parametrize(
    ("code", "safe", "kind"),
    [
        (-32602, False, Failed),
        (-32601, False, Failed),
        (-32603, False, Unknown),
        (0, False, Unknown),
        (-32603, True, Failed),
    ],
)
def test_an_error_of_the_protocol_is_a_failure_only_if_it_comes_before_the_call(
    code: int, safe: bool, kind: type[Result]
):
    assert type(calling("refuse", {"code": code}, safe=safe)) is kind


def test_a_server_that_asks_back_before_it_begins_has_done_nothing():
    result = calling("elicit", mode="modern")
    assert isinstance(result, InputRequired | Failed)


# --- misbehaviour


@pytest.mark.parametrize(
    ("tool", "value"),
    [("garbage", "after all"), ("looks_like_an_answer", "the real one"), ("repeat", "first"), ("old_id", "by a text")],
)
def test_lines_that_answer_nothing_are_passed_over(tool: str, value: str):
    assert calling(tool) == Done(value)


def test_what_a_server_asks_of_us_is_refused_and_a_ping_answered():
    result = calling("chatter")
    assert isinstance(result, Done)
    replies = cast("dict[str, dict[str, object]]", result.value)
    assert replies["mine-3"] == {}
    assert [replies[f"mine-{n}"]["code"] for n in (0, 1, 2, 4)] == [-32601, -32602, -32601, -32601]


FORM: dict[str, object] = {"type": "object", "properties": {"ok": {"type": "boolean"}}}
ASKS: dict[str, object] = {"params": {"message": "Sure?", "requestedSchema": FORM}}


def test_a_form_in_mid_call_is_put_to_the_person_of_the_call_and_answered():
    shown: list[tuple[str, Form]] = []

    async def ask(asker: str, form: Form) -> dict[str, object]:
        shown.append((asker, form))
        return {"action": "accept", "content": {"ok": True}}

    async def scenario():
        async with serving(raw()) as host:
            told = await host.invoke(intent_of("raw.asks", ASKS, ask=ask))
            assert told == Done([{"action": "accept", "content": {"ok": True}}])
            many = await host.invoke(intent_of("raw.asks", {**ASKS, "times": 12}, ask=ask))
            assert isinstance(many, Done)
            replies = cast("list[dict[str, object]]", many.value)
            assert sum(reply.get("code") == -32602 for reply in replies) == 2

    asyncio.run(scenario())
    assert shown == [("raw", Form(message="Sure?", schema=FORM))] * 11


def test_a_form_of_which_nobody_can_tell_the_call_is_shown_to_nobody():
    async def ask(_asker: str, _form: Form) -> dict[str, object]:
        raise AssertionError("somebody was asked")

    async def scenario():
        async with serving(raw()) as host, asyncio.TaskGroup() as calls:
            both = [
                calls.create_task(host.invoke(intent_of("raw.asks", {**ASKS, "after": True}, key=key, ask=ask)))
                for key in ("r1.1", "r2.1")
            ]
        for call in both:
            result = call.result()
            assert isinstance(result, Done)
            assert "for which call" in str(result.value)

    asyncio.run(scenario())


def test_a_form_that_nobody_answers_ends_with_the_calls_deadline_and_leaves_it_unknown():
    async def ask(_asker: str, _form: Form) -> dict[str, object]:
        await asyncio.sleep(60)
        return {}

    async def fails(_asker: str, _form: Form) -> dict[str, object]:
        raise DeputyError("The inbox is closed.")

    async def scenario():
        async with serving(raw()) as host:
            await host.catalogue()
            assert isinstance(await host.invoke(intent_of("raw.asks", ASKS, ask=ask, deadline=0.3)), Unknown)
            told = await host.invoke(intent_of("raw.asks", ASKS, ask=fails))
            assert isinstance(told, Unknown)
            assert "The inbox is closed." in told.message

    asyncio.run(scenario())


def test_answers_in_any_order_find_their_questions():
    async def scenario():
        async with serving(raw()) as host, asyncio.TaskGroup() as calls:
            asked = [calls.create_task(host.invoke(intent_of("raw.reorder", {"n": n, "of": 20}))) for n in range(20)]
        assert [call.result() for call in asked] == [Done(n) for n in range(20)]

    asyncio.run(scenario())


def test_an_answer_that_cannot_be_read_is_unknown_unless_the_call_is_safe():
    assert isinstance(calling("not_json"), Unknown)
    assert calling("not_json", safe=True) == Failed(
        "result_not_json", "The server 'raw' gave an answer that is not JSON."
    )


def test_fifty_megabytes_are_read_past_in_little_memory():
    async def scenario():
        async with serving(raw()) as host:
            assert isinstance(await host.invoke(intent_of("raw.text")), Done)
            tracemalloc.start()
            try:
                unsafe = await host.invoke(intent_of("raw.huge", {"mib": 50}))
                safe = await host.invoke(intent_of(spec_of("raw.huge", repeat="safe"), {"mib": 50}))
                assert tracemalloc.get_traced_memory()[1] < 24 << 20
            finally:
                tracemalloc.stop()
            assert isinstance(unsafe, Unknown)
            assert isinstance(safe, Failed)
            assert safe.code == "result_too_large"
            assert isinstance(await host.invoke(intent_of("raw.huge", {"mib": 5})), Done)

    asyncio.run(scenario())


def test_an_answer_nested_too_deep_is_not_kept_and_one_that_nobody_can_parse_not_read():
    deep: object = {}
    for _ in range(300):
        deep = [deep]
    done = calling("answer", {"result": {"content": [], "structuredContent": deep}})
    assert isinstance(done, Done)
    assert "not_kept" in cast("dict[str, object]", done.value)
    safe = calling("answer", {"result": {"content": [], "structuredContent": deep}}, safe=True)
    assert isinstance(safe, Failed)
    assert safe == Failed("result_too_large", "It ran, but its answer is nested more than 100 levels deep.")
    assert isinstance(calling("abyss"), Unknown)


def test_an_answer_of_more_values_than_anybody_needs_is_not_kept():
    for many in ([0] * 100_001, {str(n): 0 for n in range(100_001)}, [[0] * 1_000] * 101):
        safe = calling("answer", {"result": {"content": [], "structuredContent": many}}, safe=True)
        assert safe == Failed("result_too_large", "It ran, but its answer is of more than 100,000 values.")
    just = [0] * 100_000
    assert calling("answer", {"result": {"content": [], "structuredContent": just}}, safe=True) == Done(just)


def test_a_flood_on_stderr_blocks_nobody():
    assert calling("flood", {"mib": 50}) == Done("flooded")


def test_a_server_that_dies_in_a_call_leaves_it_unknown_and_is_started_again():
    for args in ({}, {"kill": True}):
        for safe in (False, True):
            result = calling("die", args, safe=safe)
            assert isinstance(result, Unknown)
            assert "the books are on fire" in result.message


def test_a_server_that_writes_without_end_is_ended(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(session, "_MAX_UNASKED", 5_000)

    async def scenario():
        async with serving(raw("floods")) as host:
            result = await host.invoke(intent_of("raw.text"))
            assert isinstance(result, Failed)
            assert "without end" in result.message

    asyncio.run(scenario())
    assert calling("notifications", {"count": 4_000}) == Done("done")


# --- starting


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("exits", "no licence"),
        ("silent", "did not answer within 0.5 s"),
        ("dies_at_initialize", "cannot open the books"),
        ("wrong_version", "1999-01-01"),
        ("stranger", "-32022"),
    ],
)
def test_a_server_that_does_not_begin_was_sent_nothing(mode: str, says: str, tmp_path: Path):
    async def scenario():
        file = tmp_path / "calls"
        async with serving(raw(mode, file, start_deadline=0.5 if mode == "silent" else 10.0)) as host:
            result = await host.invoke(intent_of("raw.text"))
            assert isinstance(result, Failed)
            assert result.code == "unavailable"
            assert says in result.message
            with pytest.raises(Unavailable, match=says):
                await host.catalogue()
        assert not file.exists()

    asyncio.run(scenario())


def test_a_command_or_folder_that_is_not_there_is_a_failure_that_names_it(tmp_path: Path):
    async def scenario():
        for server in (raw(command=("/nowhere/server",)), raw(cwd=tmp_path / "nowhere")):
            async with serving(server) as host:
                result = await host.invoke(intent_of("raw.text"))
                assert isinstance(result, Failed)
                assert "No such file or directory" in result.message

    asyncio.run(scenario())


def test_a_child_gets_the_basics_its_own_settings_and_no_secret_by_argument():
    async def scenario():
        server = raw(env={"BOOKS": "erp.db", "TOKEN": "env:ERP_TOKEN"})
        lent: list[str] = []

        def lend(reference: str) -> str:
            lent.append(reference)
            return "tok-123456"

        host = McpStdio(server, clock=SystemClock(), lend=lend, basics={"PATH": os.environ["PATH"]})
        try:
            result = await host.invoke(intent_of("raw.environment"))
            assert isinstance(result, Done)
            seen = cast("dict[str, str]", result.value)
            assert {name for name in seen if name not in ("PWD", "LC_CTYPE", "cwd")} == {"BOOKS", "PATH", "TOKEN"}
            assert (seen["BOOKS"], seen["TOKEN"], lent) == ("erp.db", "[secret:ERP_TOKEN]", ["env:ERP_TOKEN"])
            assert seen["cwd"] == str(Path(__file__).parent)
            told = await host.invoke(intent_of("raw.error", {"text": "wrong token tok-123456"}))
            assert told == Failed("tool_error", "wrong token [secret:ERP_TOKEN]")
            cut = await host.invoke(intent_of("raw.error", {"text": "x" * 1995 + "tok-123456"}))
            assert cut == Failed("tool_error", "x" * 1995 + "[sec…")
            for pid in below(os.getpid()):
                assert b"tok-123456" not in Path(f"/proc/{pid}/cmdline").read_bytes()
        finally:
            await host.close()

    asyncio.run(scenario())


def test_a_secret_that_cannot_be_lent_is_a_failure_before_anything_is_started():
    async def scenario():
        async with serving(raw(env={"TOKEN": "env:ERP_TOKEN"})) as host:
            before = below(os.getpid())
            result = await host.invoke(intent_of("raw.text"))
            assert result == Failed("configuration", "env:ERP_TOKEN is not set.")
            assert below(os.getpid()) == before
            with pytest.raises(ConfigError):
                await host.catalogue()

    asyncio.run(scenario())


def test_calls_at_once_share_one_child():
    async def scenario():
        async with serving(raw()) as host:
            async with asyncio.TaskGroup() as calls:
                asked = [calls.create_task(pid_of(host)) for _ in range(30)]
            assert len({call.result() for call in asked}) == 1

    asyncio.run(scenario())


# --- the catalogue


def test_every_tool_is_the_most_careful_until_the_workspace_says_otherwise():
    async def scenario():
        def settings(name: str, spec: ToolSpec) -> ToolSpec:
            return spec_of(spec.name, effect="read", repeat="safe") if name == "text" else spec

        host = McpStdio(raw("odd_tools", deadline=5.0), clock=SystemClock(), lend=str, basics=BASICS, settings=settings)
        try:
            catalogue = {spec.name: spec for spec in await host.catalogue()}
        finally:
            await host.close()
        hinted = catalogue["raw.hinted"]
        assert (hinted.effect, hinted.repeat, hinted.output.trust, hinted.deadline) == (
            "irreversible",
            "never",
            "untrusted",
            5.0,
        )
        structured = catalogue["raw.structured"]
        assert (structured.effect, structured.description) == ("irreversible", "Does structured.")
        assert "raw.text" not in catalogue  # listed twice

    asyncio.run(scenario())


def test_tools_that_cannot_be_offered_are_left_out_and_said_why():
    async def scenario():
        async with serving(raw("odd_tools")) as host:
            names = {spec.name for spec in await host.catalogue()}
            assert not names & {"raw.text", "raw.no type", "raw.remote", "raw.untyped", "raw.none"}
            assert "raw.structured" in names
            assert [problem.split(":")[0] for problem in host.problems] == [
                "It lists 'text' 2 times, so nobody can say which is meant.",
                "It lists a tool whose name is none",
                "The tool 'remote' cannot be offered",
                "The tool 'untyped' cannot be offered",
                "It lists a tool whose name is none",
                "It lists a tool whose name is none",
                "The tool 'none' cannot be offered",
            ]

    asyncio.run(scenario())


def test_the_catalogue_is_asked_for_once_until_the_server_says_that_it_changed():
    async def scenario():
        async with serving(raw()) as host:
            first = await host.catalogue()
            assert await host.catalogue() is first
            await host.invoke(intent_of("raw.chatter"))
            changed = await host.catalogue()
            assert changed is not first
            assert changed == first

    asyncio.run(scenario())


@pytest.mark.parametrize(("mode", "says"), [("endless_list", "without end"), ("list_hangs", "did not list its tools")])
def test_a_list_of_tools_that_does_not_end_is_an_error_and_the_child_is_ended(mode: str, says: str):
    async def scenario():
        async with serving(raw(mode, start_deadline=1.0)) as host:
            for _ in range(2):
                with pytest.raises(Unavailable, match=says):
                    await host.catalogue()
            assert await gone(*below(os.getpid()))

    asyncio.run(scenario())


# --- deadlines, doubt and certainty


def test_a_deadline_after_sending_is_unknown_unless_the_call_is_safe_and_the_child_is_gone_soon():
    async def scenario():
        async with serving(raw()) as host:
            first = await pid_of(host)
            result = await host.invoke(intent_of("raw.hang", deadline=0.3))
            assert isinstance(result, Unknown)
            second = await pid_of(host)
            assert second != first
            assert await gone(first)
            result = await host.invoke(intent_of(spec_of("raw.hang", repeat="safe"), deadline=0.3))
            assert isinstance(result, Failed)
            assert result.code == "deadline"
            assert await gone(second)

    asyncio.run(scenario())


def test_at_the_deadline_the_server_is_told_and_with_its_late_answer_the_attempt_is_over(tmp_path: Path):
    async def scenario():
        file = tmp_path / "calls"
        async with serving(raw("old", file)) as host, asyncio.TaskGroup() as calls:
            child = await pid_of(host)
            other = calls.create_task(host.invoke(intent_of("raw.ignore", key="r2.1")))
            await asyncio.sleep(0.1)
            assert isinstance(await host.invoke(intent_of("raw.late", key="r1.1", deadline=0.3)), Unknown)
            await asyncio.wait_for(until(lambda: "notifications/cancelled" in file.read_text()), 10.0)
            await asyncio.wait_for(host.quiesce("r1.1"), 10.0)
            assert alive(child)
            assert not other.done()
            other.cancel()

    asyncio.run(scenario())


def test_an_attempt_given_up_is_over_when_quiesce_returns_and_other_calls_were_let_finish():
    async def scenario():
        async with serving(raw()) as host:
            child = await pid_of(host)
            async with asyncio.TaskGroup() as calls:
                given_up = calls.create_task(host.invoke(intent_of("raw.ignore", key="r1.1", deadline=0.3)))
                other = calls.create_task(host.invoke(intent_of("raw.sleep", {"seconds": 1.0}, key="r2.1")))
                await asyncio.sleep(0.5)
                assert isinstance(given_up.result(), Unknown)
                assert alive(child)
                assert await pid_of(host) != child
                await host.quiesce("r1.1")
                assert not alive(child)
                assert other.done()
            assert other.result() == Done("slept")
            await host.quiesce("r1.1")
            await host.quiesce("never heard of")

    asyncio.run(scenario())


def test_a_server_that_neither_reads_nor_ends_is_killed_for_quiesce():
    async def scenario():
        async with serving(raw()) as host:
            child = await pid_of(host)
            assert isinstance(await host.invoke(intent_of("raw.deaf", key="r1.1", deadline=0.3)), Unknown)
            await host.quiesce("r1.1")
            assert not alive(child)

    asyncio.run(scenario())


def test_what_waits_behind_a_server_that_does_not_read_was_never_sent():
    async def scenario():
        async with serving(raw()) as host, asyncio.TaskGroup() as calls:
            await pid_of(host)
            calls.create_task(host.invoke(intent_of("raw.deaf", key="r1.1", deadline=2.0)))
            await asyncio.sleep(0.1)
            large = calls.create_task(
                host.invoke(intent_of("raw.text", {"text": "x" * (4 << 20)}, key="r1.2", deadline=1.0))
            )
            await asyncio.sleep(0.1)
            behind = calls.create_task(host.invoke(intent_of("raw.text", key="r1.3", deadline=0.5)))
        assert isinstance(large.result(), Unknown)  # some of it was taken
        result = behind.result()
        assert isinstance(result, Failed)
        assert result.code == "unavailable"

    asyncio.run(scenario())


def test_nothing_is_sent_after_the_lease_ran_out(tmp_path: Path):
    async def scenario():
        file = tmp_path / "calls"
        async with serving(raw("old", file)) as host:
            for late in (
                SystemClock().boot() - 0.001,
                SystemClock().boot() + 0.001,
            ):  # the second runs out at the start
                result = await host.invoke(intent_of("raw.text", key="late", dispatch_by=late))
                assert isinstance(result, Failed)
                assert result.code == NOT_SENT
            assert isinstance(await host.invoke(intent_of("raw.text", key="r1.2")), Done)
        assert file.read_text() == "text r1.2\n"

    asyncio.run(scenario())


def test_arguments_beyond_the_limit_are_not_sent(tmp_path: Path):
    async def scenario():
        file = tmp_path / "calls"
        async with serving(raw("old", file, limit=100_000)) as host:
            result = await host.invoke(intent_of("raw.text", {"text": "x" * 100_000}))
            assert isinstance(result, Failed)
            assert result.code == "arguments_too_large"
        assert not file.exists()

    asyncio.run(scenario())


@pytest.mark.parametrize("whom", ["server", "keeper"])
def test_a_server_killed_between_calls_costs_no_doubt(whom: str, tmp_path: Path):
    async def scenario():
        file = tmp_path / "calls"
        async with serving(raw("old", file)) as host:
            for n in range(20):
                child = await pid_of(host)
                keeper = int(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1])
                os.kill(child if whom == "server" else keeper, signal.SIGKILL)
                while alive(child):  # the loop does not run: nobody has been told
                    pass
                result = await host.invoke(intent_of("raw.text", key=f"r1.{n}"))
                assert isinstance(result, Done), n
        assert [line for line in file.read_text().splitlines() if line.startswith("text")] == [
            f"text r1.{n}" for n in range(20)
        ]

    asyncio.run(scenario())


def test_a_call_that_is_cancelled_ends_its_child():
    async def scenario():
        async with serving(raw()) as host:
            child = await pid_of(host)
            call = asyncio.create_task(host.invoke(intent_of("raw.hang", key="r1.1")))
            await asyncio.sleep(0.1)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await host.quiesce("r1.1")
            assert not alive(child)

    asyncio.run(scenario())


def test_children_of_one_server_are_few_whatever_hangs():
    async def scenario():
        async with serving(raw()) as host, asyncio.TaskGroup() as calls:
            for n in range(8):
                await pid_of(host)
                calls.create_task(host.invoke(intent_of("raw.ignore", key=f"held.{n}")))
                assert isinstance(await host.invoke(intent_of("raw.hang", key=f"hung.{n}", deadline=0.2)), Unknown)
            result = await host.invoke(intent_of("raw.text"))
            assert isinstance(result, Failed)
            assert "too many calls" in result.message
            await host.close()

    asyncio.run(scenario())


def test_closing_ends_calls_and_starts_and_refuses_new_ones():
    async def scenario():
        async with serving(raw()) as host:
            await pid_of(host)
            call = asyncio.create_task(host.invoke(intent_of("raw.hang")))
            await asyncio.sleep(0.1)
            await host.close()
            assert isinstance(await call, Unknown)
            assert isinstance(await host.invoke(intent_of("raw.text")), Failed)
        async with serving(raw("silent")) as host:
            call = asyncio.create_task(host.invoke(intent_of("raw.text")))
            await asyncio.sleep(0.1)
            await host.close()
            assert isinstance(await call, Failed)

    asyncio.run(scenario())
