"""The ledger computed anew: what the journals did to every shared account, compared with what the accounts say.

A tree of runs is settled when it is complete; only the days of agents last as long as the audit. The limits of an
account are those of the mandate when it last moved, which no journal tells: only their form is checked.
"""

from collections.abc import Sequence

import msgspec

from deputy.app.audit.report import Findings, Place, short
from deputy.app.audit.stored import UNREADABLE, StoredAccount, names
from deputy.base.canonical import canonical
from deputy.domain.cost import NOTHING, UNITS, Cost, Limits
from deputy.ports.store import Move, Snapshot

__all__ = ["Ledger"]


class _Line:
    __slots__ = ("held", "raised", "spent")

    def __init__(self) -> None:
        self.held = self.spent = self.raised = NOTHING

    def move(self, move: Move) -> None:
        self.held, self.spent = self.held + move.hold, self.spent + move.spend
        self.raised = self.raised + move.raised


class Ledger:
    """Accounts as the journals make them."""

    def __init__(self, snapshot: Snapshot, findings: Findings) -> None:
        self._snapshot, self._findings = snapshot, findings
        self._days: dict[str, _Line] = {}
        self._tree: dict[str, _Line] = {}
        self._unsure: set[str] = set()  # agents with a run that cannot be read
        self._sure = True  # whether the tree can be read
        self._runs: list[str] = []

    def book(self, run: str, moves: Sequence[Move]) -> None:
        """Take in what a run's events did."""
        self._runs.append(run)
        for move in moves:
            lines = self._days if move.account.startswith("day:") else self._tree
            lines.setdefault(move.account, _Line()).move(move)

    def doubt(self, agent: str) -> None:
        """A run of this agent, in the present tree, cannot be read: what it did to accounts is not known."""
        self._unsure.add(agent)
        self._sure = False

    async def settle_tree(self) -> None:
        """Compare the accounts of the runs so far, which no later run can move."""
        for start in range(0, len(self._runs) if self._sure else 0, 500):
            some = [f"run:{run}" for run in self._runs[start : start + 500]]
            stored = {row[0]: _stored(row) async for row in self._snapshot.rows("accounts_named", names(some))}
            for name in some:
                self._compare(name, self._tree.pop(name, None), stored.get(name))
        for name in self._tree if self._sure else ():
            self._findings.add("account", _place(name), f"Account {name} is moved by runs that do not stand below it.")
        self._tree, self._runs, self._sure = {}, [], True

    async def settle_days(self) -> None:
        """Compare the accounts of days, once every run was booked."""
        async for row in self._snapshot.rows("accounts"):
            name = row[0]
            if name.startswith("day:") and name.split(":", 2)[-1] not in self._unsure:
                self._compare(name, self._days.pop(name, None), _stored(row))
        for name, line in self._days.items():
            if name.split(":", 2)[-1] not in self._unsure:
                self._compare(name, line, None)

    def _compare(self, name: str, line: _Line | None, stored: StoredAccount | None) -> None:
        if line is None:
            if stored is not None:
                self._findings.add("account", _place(name), f"Account {name} is there, and no journal ever moved it.")
            return
        if stored is None:
            self._findings.add("account", _place(name), f"Account {name} is missing; it should have moved.")
            return
        for word, told, there in (("holds", line.held, stored.held), ("has spent", line.spent, stored.spent)):
            for unit in UNITS:
                if getattr(told, unit) != getattr(there, unit):
                    message = (
                        f"Account {name} {word} {getattr(there, unit)} of {unit}, and the journals say"
                        f" {getattr(told, unit)}."
                    )
                    self._findings.add("account", _place(name), message)
        if stored.raised != canonical(line.raised).decode():
            message = f"Account {name} was raised by {short(stored.raised)}, and the journals say"
            self._findings.add("account", _place(name), f"{message} {canonical(line.raised).decode()}.")
        if not _is_limits(stored.limits):
            message = f"Account {name} has limits that Deputy did not write: {short(stored.limits)}."
            self._findings.add("account", _place(name), message)


def _stored(row: tuple[object, ...]) -> StoredAccount:
    name, *numbers, raised, limits = row
    values = [number for number in numbers if isinstance(number, int)]
    return StoredAccount(str(name), Cost(*values[:4]), Cost(*values[4:]), str(raised), str(limits))


def _is_limits(text: str) -> bool:
    try:
        limits = msgspec.json.decode(text, type=Limits)
    except UNREADABLE:
        return False
    return canonical(limits).decode() == text


def _place(name: str) -> Place:
    return Place(table="accounts", key=name)
