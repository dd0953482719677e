"""Functions as tools: what their signatures mean, and what comes of calling them."""

import asyncio
import dataclasses
import enum
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import msgspec
import pytest
from tests.adapters.tool.hosts import intent_of, lend_nothing

import deputy
from deputy.adapters.tool.function import FunctionTools
from deputy.adapters.wire.schema import Validator
from deputy.base.clock import SystemClock
from deputy.base.errors import ConfigError
from deputy.domain.effect import NOT_SENT, Done, Failed, Result, ToolSpec, Unknown

Json = Mapping[str, object]


def hosting(*functions: Callable[..., object], **options: Any) -> FunctionTools:
    named = {function.__name__: function for function in functions}
    defaults: dict[str, Any] = {"clock": SystemClock(), "lend": lend_nothing}
    return FunctionTools(named, **defaults | options)


def calling(
    function: Callable[..., object], args: Json | None = None, *, deadline: float = 5.0, **options: Any
) -> Result:
    async def scenario() -> Result:
        host = hosting(function, **options)
        (spec,) = await host.catalogue()
        try:
            return await host.invoke(intent_of(spec, args, deadline=deadline))
        finally:
            await host.close()

    return asyncio.run(scenario())


def spec_of(function: Callable[..., object]) -> ToolSpec:
    (spec,) = asyncio.run(hosting(function).catalogue())
    return spec


class Line(msgspec.Struct):
    text: str
    price: Decimal
    parts: list["Line"] = []


class Kind(enum.Enum):
    INVOICE = "invoice"
    NOTE = "note"


@dataclasses.dataclass
class Paid:
    amount: Decimal
    when: datetime


# --- signatures


def test_a_signature_and_its_docstring_become_schema_and_description():
    @deputy.tool(effect="read", output={"id": "trusted", "*": "untrusted"})
    def find(
        ctx: deputy.EffectContext,
        number: str,
        lines: list[Line],
        kind: Kind = Kind.INVOICE,
        since: date | None = None,
        how: Literal["fast", "slow"] = "fast",
        tags: list[str] = ["a"],  # noqa: B006
        anything: object = None,
        most: Annotated[int, msgspec.Meta(ge=1, description="At most so many.")] = 10,
    ) -> object:
        """Find an invoice.

        In the books.

        Args:
            number: The supplier's
                number.
            since (date): Not before.

        Returns what there is.
        """
        return [ctx.id, number, lines, kind, since, how, tags, anything, most]

    spec = spec_of(find)
    assert spec.name == "find"
    assert spec.description == "Find an invoice.\n\nIn the books.\n\nReturns what there is."
    assert (spec.effect, spec.repeat, spec.output.trust, spec.output.paths["id"]) == (
        "read",
        "safe",
        "untrusted",
        "trusted",
    )
    assert spec.parameters["additionalProperties"] is False
    assert spec.parameters["required"] == ["number", "lines"]
    properties: Any = spec.parameters["properties"]
    assert set(properties) == {"number", "lines", "kind", "since", "how", "tags", "anything", "most"}
    assert properties["number"] == {"type": "string", "description": "The supplier's number."}
    assert properties["since"]["description"] == "Not before."
    assert properties["most"]["description"] == "At most so many."
    assert properties["tags"]["default"] == ["a"]
    assert properties["kind"]["default"] == "invoice"
    schema = Validator(spec.parameters)
    args: Json = {"number": "7", "lines": [{"text": "x", "price": "1.5", "parts": [{"text": "y", "price": "1"}]}]}
    assert schema.problem(args) is None
    assert schema.problem({"number": "7", "lines": [{"text": 1, "price": "1"}]}) == "`lines[0].text` must be a string."
    result = calling(find, args)
    assert isinstance(result, Done)
    value = cast("list[object]", result.value)
    assert (value[:2], value[3:]) == (["r1.1", "7"], ["invoice", None, "fast", ["a"], None, 10])


def test_parameters_described_as_sphinx_does_are_described_too():
    @deputy.tool()
    def pay(iban: str) -> None:
        """Pay.

        :param str iban: Whom.
        """
        raise NotImplementedError(iban)

    spec = spec_of(pay)
    assert spec.description == "Pay."
    assert spec.parameters["properties"] == {"iban": {"type": "string", "description": "Whom."}}


def test_what_is_not_declared_is_the_most_careful():
    @deputy.tool()
    def undeclared() -> None: ...

    spec = spec_of(undeclared)
    assert (spec.effect, spec.repeat, spec.output.trust) == ("irreversible", "never", "untrusted")
    assert spec.parameters == {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


def positional(a: int, /) -> None: ...
def several(*a: int) -> None: ...
def named(**a: int) -> None: ...
def untyped(a) -> None: ...  # pyright: ignore
def custom(a: Path | threading.Thread) -> None: ...
def iterated(a: Iterator[int]) -> None: ...
def nowhere(a: "Nowhere") -> None: ...  # pyright: ignore # noqa: F821
def endless(a: float = float("nan")) -> None: ...
def strange(a: Any = threading) -> None: ...
def twice(a: deputy.EffectContext, b: deputy.EffectContext) -> None: ...
def yielding(a: int) -> Iterator[int]:
    yield a


UNFIT: list[tuple[Callable[..., object], str]] = [
    (positional, "by name"),
    (several, "by name"),
    (named, "by name"),
    (untyped, "of what type 'a' is"),
    (custom, "JSON cannot carry"),
    (iterated, "JSON cannot carry"),
    (nowhere, "cannot be read"),
    (endless, "not JSON"),
    (strange, "JSON cannot carry"),
    (twice, "two parameters"),
    (yielding, "yields"),
]


@pytest.mark.parametrize(("function", "says"), UNFIT)
def test_a_function_that_cannot_be_a_tool_says_where_it_stands_and_why(function: Callable[..., object], says: str):
    with pytest.raises(ConfigError, match=says) as caught:
        hosting(deputy.tool()(function))
    assert caught.value.file == __file__
    assert caught.value.line
    assert repr(function.__name__) in caught.value.message or repr(function.__name__) in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"authority": ("iban",)}, "'iban'"),
        ({"secrets": {"token": "env:TOKEN"}}, "lent"),
        ({"repeat": "keyed"}, "the key"),
        ({"deadline": -1}, "deadline"),
        ({"verify": "nobody"}, "no tool"),
        ({"verify": "pay"}, "no reader"),
    ],
)
def test_a_declaration_that_cannot_hold_is_refused(options: dict[str, Any], says: str):
    @deputy.tool(**options)
    def pay(amount: int) -> int:
        return amount

    with pytest.raises(ConfigError, match=says):
        hosting(pay)
    with pytest.raises(ConfigError, match="is no tool"):
        hosting(lambda: None)


# --- values


def test_values_are_what_the_journal_will_give_back():
    @deputy.tool()
    def pay() -> object:
        when = datetime(2026, 11, 23, tzinfo=UTC)
        return {"paid": Paid(Decimal("1.50"), when), 7: {1}, "line": Line("x", Decimal(1)), "pair": (1, 2)}

    assert calling(pay) == Done(
        {
            "paid": {"amount": "1.50", "when": "2026-11-23T00:00:00Z"},
            "7": [1],
            "line": {"text": "x", "price": "1", "parts": []},
            "pair": [1, 2],
        }
    )


def test_arguments_are_converted_strictly_and_never_repaired():
    @deputy.tool()
    def pay(amount: Decimal, when: date, count: int = 1) -> str:
        return f"{amount!r} {when!r} {count!r}"

    result = calling(pay, {"amount": "1.50", "when": "2026-11-23"})
    assert result == Done("Decimal('1.50') datetime.date(2026, 11, 23) 1")
    for args in (
        {"amount": "x", "when": "2026-11-23"},
        {"amount": "1"},
        {"amount": "1", "when": "2026-11-23", "count": "1"},
    ):
        refused = calling(pay, args)
        assert isinstance(refused, Failed)
        assert refused.code == "invalid_arguments"
    extra = calling(pay, {"amount": "1", "when": "2026-11-23", "more": 1})
    assert isinstance(extra, Failed)


@pytest.mark.parametrize("bad", [float("nan"), [float("inf")], object(), "\ud800", 1j])
def test_a_result_that_is_no_json_is_a_failure_of_a_reader_and_done_by_anybody_else(bad: object):
    @deputy.tool(effect="read")
    def look() -> object:
        return bad

    @deputy.tool()
    def pay() -> object:
        return bad

    failed = calling(look)
    assert isinstance(failed, Failed)
    assert failed.code == "result_not_json"
    done = calling(pay)
    assert isinstance(done, Done)
    assert cast("Any", done.value)["not_kept"]["code"] == "result_not_json"


def test_a_result_that_is_too_large_is_not_kept():
    @deputy.tool()
    async def pay() -> object:
        return "x" * 1000

    done = calling(pay, limit=1000)
    assert isinstance(done, Done)
    assert cast("Any", done.value)["not_kept"]["code"] == "result_too_large"
    assert calling(pay, limit=1002) == Done("x" * 1000)


def test_a_result_that_is_nested_too_deep_is_not_kept():
    deep: object = {}
    for _ in range(300):
        deep = [deep]

    @deputy.tool()
    def pay() -> object:
        return deep

    done = calling(pay)
    assert isinstance(done, Done)
    assert "not_kept" in cast("dict[str, object]", done.value)


def test_a_result_that_holds_itself_is_no_json():
    @deputy.tool(effect="read")
    def look() -> object:
        knot: list[object] = []
        knot.append(knot)
        return knot

    assert isinstance(calling(look), Failed)


# --- errors


def raising(error: BaseException, *, effect: Any = "irreversible", threaded: bool = True) -> Result:
    @deputy.tool(effect=effect)
    def in_thread() -> None:
        raise error

    @deputy.tool(effect=effect)
    async def awaited() -> None:
        raise error

    return calling(in_thread if threaded else awaited)


@pytest.mark.parametrize("threaded", [True, False])
def test_what_a_tool_raises_is_its_own_failure_in_few_words(threaded: bool):
    result = raising(ValueError("no such invoice " + "x" * 10_000), threaded=threaded)
    assert isinstance(result, Failed)
    assert result.code == "tool_error"
    assert result.message.startswith("ValueError: no such invoice")
    assert len(result.message) == 2000
    assert "Traceback" not in result.message
    assert isinstance(raising(SystemExit(3), threaded=threaded), Failed)


def caused(error: BaseException, *, by: BaseException | None) -> BaseException:
    error.__cause__ = by
    error.__suppress_context__ = True
    return error


@pytest.mark.parametrize("threaded", [True, False])
@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError("reset"),
        TimeoutError("too slow"),
        EOFError("cut"),
        caused(RuntimeError("bank"), by=ConnectionRefusedError("refused")),
        caused(RuntimeError("bank"), by=caused(ValueError("x"), by=TimeoutError())),
    ],
)
def test_a_cut_line_leaves_it_unknown_unless_it_only_reads(error: BaseException, threaded: bool):
    assert isinstance(raising(error, threaded=threaded), Unknown)
    read = raising(error, effect="read", threaded=threaded)
    assert isinstance(read, Failed)
    assert read.retry


def test_a_cut_line_is_known_by_the_names_libraries_give_it():
    transport = type("TransportError", (Exception,), {"__module__": "httpx2._exceptions"})
    protocol = type("RemoteProtocolError", (transport,), {"__module__": "httpx2._exceptions"})
    assert isinstance(raising(protocol("server disconnected")), Unknown)


def test_a_tool_that_knows_better_says_so_by_raising_from_none():
    @deputy.tool()
    def pay() -> None:
        try:
            raise ConnectionRefusedError
        except ConnectionRefusedError:
            raise RuntimeError("the bank is closed") from None

    assert calling(pay) == Failed("tool_error", "RuntimeError: the bank is closed")


def test_an_exception_whose_text_breaks_is_a_failure_still():
    class Broken(Exception):
        def __str__(self) -> str:
            raise ValueError

    assert raising(Broken()) == Failed("tool_error", "Broken")


# --- context and secrets


def test_a_tool_is_told_of_its_effect_and_lent_its_secrets_which_come_back_hidden():
    @deputy.tool(repeat="keyed", secrets={"token": "env:BANK"})
    async def pay(amount: int, ctx: deputy.EffectContext) -> object:
        assert ctx.secrets == {"token": "s3cr3t/+x"}
        assert 0 < ctx.deadline <= 5
        return {"key": ctx.id, ctx.secrets["token"]: [ctx.agent, "at ?t=s3cr3t%2F%2Bx"]}

    @deputy.tool(secrets={"token": "env:BANK"})
    def fail(ctx: deputy.EffectContext) -> None:
        raise ValueError(f"wrong token {ctx.secrets['token']}")

    lent: list[str] = []

    def lend(reference: str) -> str:
        lent.append(reference)
        return "s3cr3t/+x"

    assert calling(pay, {"amount": 1}, lend=lend) == Done(
        {"key": "r1.1", "[secret:BANK]": ["agent:payables", "at ?t=[secret:BANK]"]}
    )
    assert calling(fail, lend=lend) == Failed("tool_error", "ValueError: wrong token [secret:BANK]")
    assert lent == ["env:BANK"] * 2
    assert calling(pay, {"amount": 1}) == Failed("secret", "env:BANK is not set.")


# --- deadlines


def test_an_async_function_is_cancelled_at_its_deadline():
    ended: list[str] = []

    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("cancelled")

    assert isinstance(calling(deputy.tool()(slow), deadline=0.05), Unknown)
    late = calling(deputy.tool(effect="read")(slow), deadline=0.05)
    assert isinstance(late, Failed)
    assert late.code == "deadline"
    assert ended == ["cancelled"] * 2


def test_a_function_that_answers_while_it_is_cancelled_is_believed():
    @deputy.tool()
    async def pay() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "paid all the same"
        return ""

    assert calling(pay, deadline=0.05) == Done("paid all the same")


def test_a_thread_runs_on_after_its_deadline_and_quiesce_waits_for_it():
    async def scenario():
        done: list[str] = []

        @deputy.tool()
        def pay() -> None:
            time.sleep(0.5)
            done.append("paid")

        host = hosting(pay)
        result = await host.invoke(intent_of("pay", key="r1.1", deadline=0.05))
        assert isinstance(result, Unknown)
        assert "nothing can stop" in result.message
        await host.quiesce("r2.1")
        assert not done
        await host.quiesce("r1.1")
        assert done == ["paid"]
        await host.close()

    asyncio.run(scenario())


def test_a_function_that_ignores_being_cancelled_is_waited_for_by_quiesce():
    async def scenario():
        release = asyncio.Event()

        @deputy.tool()
        async def pay() -> None:
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    continue

        host = hosting(pay)
        began = time.monotonic()
        assert isinstance(await host.invoke(intent_of("pay", key="r1.1", deadline=0.05)), Unknown)
        assert time.monotonic() - began < 3
        quiet = asyncio.create_task(host.quiesce("r1.1"))
        await asyncio.sleep(0.05)
        assert not quiet.done()
        release.set()
        await asyncio.wait_for(quiet, 1)

    asyncio.run(scenario())


def test_threads_that_hang_are_few_and_what_finds_no_room_was_not_called():
    async def scenario():
        release, called = threading.Event(), list[int]()

        @deputy.tool()
        def pay(n: int) -> None:
            called.append(n)
            release.wait(5)

        host = hosting(pay, threads=2)
        async with asyncio.TaskGroup() as calls:
            asked = [calls.create_task(host.invoke(intent_of("pay", {"n": n}, deadline=0.1))) for n in range(5)]
        kinds = [type(call.result()) for call in asked]
        assert kinds == [Unknown, Unknown, Failed, Failed, Failed]
        assert called == [0, 1]
        release.set()
        await host.quiesce("r1.1")
        assert isinstance(await host.invoke(intent_of("pay", {"n": 9})), Done)

    asyncio.run(scenario())


def test_nothing_is_called_after_the_lease_ran_out():
    async def scenario():
        called: list[int] = []

        @deputy.tool()
        async def pay() -> None:
            called.append(1)

        host = hosting(pay)
        result = await host.invoke(intent_of("pay", dispatch_by=SystemClock().boot() - 0.001))
        assert isinstance(result, Failed)
        assert result.code == NOT_SENT
        assert not called

    asyncio.run(scenario())


def test_thousands_of_calls_leave_no_thread_task_or_descriptor():
    @deputy.tool()
    def in_thread(n: int) -> int:
        if n % 3 == 0:
            raise ValueError
        return n

    @deputy.tool()
    async def awaited(n: int) -> int:
        await asyncio.sleep(1 if n % 3 == 0 else 0)
        return n

    async def scenario():
        host = hosting(in_thread, awaited)

        async def cycle(n: int) -> None:
            await host.invoke(intent_of("in_thread", {"n": n}))
            await host.invoke(intent_of("awaited", {"n": n}, deadline=0.0005))

        def held() -> tuple[int, int, int]:
            return len(asyncio.all_tasks()), threading.active_count(), len(os.listdir("/proc/self/fd"))

        await cycle(0)
        await host.quiesce("r1.1")
        before = held()
        for n in range(1_000):
            await cycle(n)
        await host.quiesce("r1.1")
        await asyncio.sleep(0.05)
        assert held() == before

    asyncio.run(scenario())
