"""What an audit found: where, and in one sentence what; a bounded number of findings, and a count of the rest."""

from typing import Literal

import msgspec

__all__ = ["MOST", "Code", "Finding", "Findings", "Place", "Report", "short"]

MOST = 1_000  #: findings a report lists

Code = Literal[
    "database",  # the file, its indexes or its schema
    "dropped",  # a run, the end of a journal, seals
    "order",  # numbers that do not follow each other
    "link",  # an event that is not what was linked
    "event",  # bytes that are no event, or one that cannot stand where it does
    "blob",  # content that is missing or not what its name says
    "run", "item", "timer", "grant", "account", "inbox", "freeze", "lease",  # a table that its journal contradicts
    "arrival",  # what arrived, and what the run says that came of it
    "seal",  # the chain over all journals
    "anchor",  # the last seal as it is kept elsewhere
    "export",  # a file that is not a whole export
]  # fmt: skip


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where: an event of a run, a row of a table by its key, a seal, a line of an export."""

    run: str = ""
    seq: int = 0
    table: str = ""
    key: str = ""
    seal: int = 0
    line: int = 0

    def __str__(self) -> str:
        words = [
            self.run and f"run {self.run}", self.seq and f"event {self.seq}", self.table and f"table {self.table}",
            self.key, self.seal and f"seal {self.seal}", self.line and f"line {self.line}",
        ]  # fmt: skip
        return ", ".join(str(word) for word in words if word) or "the whole"


class Finding(msgspec.Struct, frozen=True):
    """One thing that is not as it was written, or (as a note) that a reader may want to know."""

    code: Code
    place: Place
    message: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at, and what was found; `more` findings are counted and not listed."""

    findings: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()
    more: int = 0
    runs: int = 0
    events: int = 0
    blobs: int = 0
    seals: int = 0
    seal: str = ""  #: link of the last seal, in hexadecimal: whoever keeps it elsewhere can name it next time

    @property
    def ok(self) -> bool:
        """Whether everything is as it was written."""
        return not self.findings


class Findings:
    """Collects findings, and what was counted on the way."""

    def __init__(self) -> None:
        self.runs = self.events = self.blobs = self.seals = self.more = 0
        self.seal = b""
        self._findings: list[Finding] = []
        self._notes: list[Finding] = []

    def add(self, code: Code, place: Place, message: str) -> None:
        """Something is not as it was written."""
        if len(self._findings) < MOST:
            self._findings.append(Finding(code, place, message))
        else:
            self.more += 1

    def note(self, code: Code, place: Place, message: str) -> None:
        """Something that is no fault."""
        if len(self._notes) < MOST:
            self._notes.append(Finding(code, place, message))

    def report(self) -> Report:
        """All of it."""
        return Report(
            findings=tuple(self._findings), notes=tuple(self._notes), more=self.more, runs=self.runs,
            events=self.events, blobs=self.blobs, seals=self.seals, seal=self.seal.hex(),
        )  # fmt: skip


def short(value: object) -> str:
    """A stored value fit for a sentence."""
    text = repr(value) if not isinstance(value, str) else f"`{value}`"
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:90])
    return clean if len(text) <= 80 else clean[:79] + "…"
