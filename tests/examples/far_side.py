"""The world that the payables procedure meets, in one process: a journal that survives crashes, the example's own ERP
and bank behind their MCP tools, and people who answer what they are told to."""

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import bank
import erp
import msgspec
from agents.payables.procedure import run
from bank_ledger import Ledger
from erp_books import Books
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult
from tools import invoices

import deputy
from deputy.domain.agent import Check
from deputy.kernel.answer import Shape
from deputy.kernel.desk import Suspend, enter
from deputy.kernel.proof import missing

LIMIT = Decimal(50000)
CONSEQUENTIAL = ("erp.register_invoice", "bank.pay", "erp.mark_paid", "erp.mark_refused")


class Crash(BaseException):
    """The process is gone."""


@dataclass
class World:
    """`approve` and `answer` stand for people: True or a text, False to refuse, None to leave it open.

    `edits` are what approvers change, `by_hand` the tools whose outcome a person settled without a result.
    """

    folder: Path
    approve: Callable[[dict[str, Any]], bool | None] = lambda args: True
    answer: Callable[[str], str | None] = lambda question: "hold"
    questions: list[str] = field(default_factory=list[str])
    failing: dict[str, str] = field(default_factory=dict[str, str])
    edits: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    by_hand: tuple[str, ...] = ()

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.folder / "bank.db")

    @property
    def books(self) -> Books:
        return Books(self.folder / "erp.db")

    def paid(self) -> dict[str, str]:
        """What the bank paid, by reference; fails if anything was paid twice."""
        payments = self.ledger.latest(1000)
        references = [payment.reference for payment in payments]
        assert len(set(references)) == len(references), f"paid twice: {references}"
        return {payment.reference: payment.amount for payment in payments}

    async def perform(self, tool: str, args: dict[str, Any], effect_id: str) -> Any:
        if tool in self.failing:
            raise deputy.ToolFailed(tool, "failed", self.failing[tool])
        if tool in self.by_hand:
            return None
        server, _, name = tool.rpartition(".")
        if tool == "mail.search":
            return {"letters": [], "more": False}
        if not server:
            return _json(getattr(invoices, name)(**args))
        args |= self.edits.get(tool, {})
        far: MCPServer[Any] = {"erp": erp.server, "bank": bank.server}[server]
        request = SimpleNamespace(meta={"deputy/effect-id": effect_id})
        try:
            result = await far.call_tool(name, args, Context[Any, Any](request_context=cast("Any", request)))
        except ToolError as error:
            raise deputy.ToolFailed(tool, "tool_error", str(error)) from error
        assert isinstance(result, CallToolResult)
        return _json(result.structured_content)


def _json(value: object) -> Any:
    return json.loads(msgspec.json.encode(value))


@contextmanager
def opened(folder: Path, monkeypatch: Any) -> Generator[World, None, None]:
    """A world whose books, bank and invoices lie in this folder."""
    monkeypatch.setenv("ERP_DB", str(folder / "erp.db"))
    monkeypatch.setenv("BANK_DB", str(folder / "bank.db"))
    monkeypatch.setattr(invoices, "WORKSPACE", folder)
    erp.books.cache_clear()
    bank.ledger.cache_clear()
    erp.books()
    bank.ledger()
    yield World(folder)
    erp.books.cache_clear()
    bank.ledger.cache_clear()


@dataclass
class Run:
    """One run with its journal. `crash_at` ends the process at the n-th point of a consequential call."""

    world: World
    name: str = "run-1"
    crash_at: int | None = None
    journal: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    points: int = 0
    pause: Callable[[], Any] | None = None

    async def go(self) -> str | None:
        """Run from the top; None if it waits for people."""
        self.points = 0
        try:
            return await enter(run("Process the invoices.", deputy.Desk(self)))
        except Suspend:
            return None

    # --- what stands behind the desk ----------------------------------------------------------------------------------

    def arrival(self) -> None:
        return None

    async def prove(self, place: str, check: Check) -> Any:
        found = await self.call(place, check.tool, check.args)
        if wrong := missing(check, found):
            raise deputy.ToolFailed(check.tool, "not_done", " ".join(wrong))
        return found

    async def call(self, place: str, tool: str, args: dict[str, object]) -> Any:
        entry = self.journal.get(place)
        if entry is None or "outcome" not in entry:
            entry = await self._perform(place, tool, _json(args))
        assert (entry["tool"], entry["args"]) == (tool, _json(args)), f"{place} is not what it was"
        match entry["outcome"]:
            case "done":
                return entry["value"]
            case "failed":
                raise deputy.ToolFailed(tool, "failed", entry["value"])
            case _:
                raise deputy.Denied(tool, entry["rule"], entry["value"])

    async def _perform(self, place: str, tool: str, args: dict[str, Any]) -> dict[str, Any]:
        entry: dict[str, Any] = {"tool": tool, "args": args}
        if self.pause is not None:
            await self.pause()
        if tool == "person.ask":
            return self._remember(place, entry, self._asked(args["question"]))
        if (refusal := self._refusal(tool, args)) is not None:
            return self._remember(place, entry, refusal)
        self._point(tool)
        self.journal.setdefault(place, entry)
        self._point(tool)
        try:
            value = await self.world.perform(tool, dict(args), f"{self.name}.{place}")
            outcome = {"outcome": "done", "value": value}
        except deputy.ToolFailed as failed:
            outcome = {"outcome": "failed", "value": failed.error}
        self._point(tool)
        found = self._remember(place, entry, outcome)
        self._point(tool)
        return found

    def _remember(self, place: str, entry: dict[str, Any], outcome: dict[str, Any]) -> dict[str, Any]:
        self.journal[place] = entry | outcome
        return self.journal[place]

    def _asked(self, question: str) -> dict[str, Any]:
        if question not in self.world.questions:
            self.world.questions.append(question)
        answer = self.world.answer(question)
        if answer is None:
            raise Suspend
        return {"outcome": "done", "value": answer}

    def _refusal(self, tool: str, args: dict[str, Any]) -> dict[str, Any] | None:
        if tool != "bank.pay":
            return None
        if Decimal(args["amount"]) > LIMIT:
            return {"outcome": "denied", "rule": "limit:amount", "value": f"`amount` may be at most {LIMIT}."}
        approved = self.world.approve(args)
        if approved is None:
            raise Suspend
        return None if approved else {"outcome": "denied", "rule": "grant:bank.pay", "value": "Lin said no."}

    def _point(self, tool: str) -> None:
        if tool in CONSEQUENTIAL:
            self.points += 1
        if self.crash_at is not None and self.points >= self.crash_at:
            raise Crash

    async def ask_model(self, place: str, question: str, shape: Shape | None) -> str:
        raise AssertionError("the procedure asks no model")

    async def sleep(self, place: str, duration: timedelta) -> None:
        raise AssertionError("the procedure does not sleep")

    def value(self, place: str, kind: str, given: object = None) -> Any:
        assert kind in ("now", "note"), kind
        return datetime(2026, 11, 23, 9, 0, tzinfo=UTC).isoformat()
