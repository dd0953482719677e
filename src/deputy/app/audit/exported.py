"""Check an export by itself, without a database: that it is whole, and that every digest in it holds.

What is remembered grows with the number of sealed heads and of contents, not with their size.
"""

import base64
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256

import msgspec

from deputy.app.audit.export import FORMAT, KINDS
from deputy.app.audit.journals import Chain
from deputy.app.audit.report import Findings, Place, Report, short
from deputy.app.audit.seals import SealBody
from deputy.app.audit.stored import UNREADABLE, StoredInbound
from deputy.base.canonical import digest
from deputy.domain.chain import GENESIS, seal_link
from deputy.domain.event import Ended, Event, Started, Workspace, event_from
from deputy.domain.stow import blobs_of
from deputy.ports.store import Anchor

__all__ = ["verify_export"]

WORKSPACE = "workspace"


class _Content(msgspec.Struct, kw_only=True):
    body: str | None = None
    base64: str | None = None

    @property
    def bytes(self) -> bytes:
        if self.body is not None and self.base64 is None:
            return self.body.encode()
        if self.body is None and self.base64 is not None:
            return base64.b64decode(self.base64, validate=True)
        raise ValueError("`body` or `base64`, not both")


class _Start(msgspec.Struct, tag_field="kind", tag="export", forbid_unknown_fields=True):
    format: int


class _Seal(_Content, tag_field="kind", tag="seal", forbid_unknown_fields=True, kw_only=True):
    n: int
    at: str
    link: str


class _Run(msgspec.Struct, tag_field="kind", tag="run", forbid_unknown_fields=True):
    id: str
    agent: str
    version: str
    driver: str
    on_behalf_of: str
    parent: str
    root: str
    state: str
    summary: str
    created: str
    changed: str


class _Event(_Content, tag_field="kind", tag="event", forbid_unknown_fields=True, kw_only=True):
    run: str
    seq: int
    link: str


class _Blob(_Content, tag_field="kind", tag="blob", forbid_unknown_fields=True, kw_only=True):
    digest: str


class _Inbox(_Content, tag_field="kind", tag="inbox", forbid_unknown_fields=True, kw_only=True):
    id: str
    run: str | None
    sender: str
    at: str
    check: str


class _End(msgspec.Struct, tag_field="kind", tag="end", forbid_unknown_fields=True):
    counts: dict[str, int]
    digest: str


_Line = _Start | _Seal | _Run | _Event | _Blob | _Inbox | _End
_decoder = msgspec.json.Decoder(_Line)


def verify_export(lines: Iterable[bytes], *, anchor: Anchor | None = None) -> Report:
    """Check an export, line by line; `anchor` is a seal that was kept elsewhere."""
    checking = _Export(anchor)
    for number, line in enumerate(lines, start=1):
        checking.line(number, line)
    return checking.end()


class _Export:
    def __init__(self, anchor: Anchor | None) -> None:
        self._findings = Findings()
        self._anchor = anchor
        self._digest = sha256()
        self._counts: Counter[str] = Counter()
        self._number = 0
        self._ended = False
        self._seal = (0, GENESIS)
        self._heads: dict[str, dict[int, str]] = {}  # links that seals name and that were not met yet, by run and seq
        self._chain: Chain | None = None
        self._runs: set[str] = set()
        self._state = ("", 0)  # of the run whose events come now, and how many ended it
        self._blobs: set[bytes] = set()

    def line(self, number: int, line: bytes) -> None:
        """Take in the next line."""
        self._number = number
        if self._ended:
            self._wrong("There is something after the end.")
            return
        if not line.endswith(b"\n"):
            self._wrong("The line is cut short.")
        try:
            read = _decoder.decode(line)
            if (number == 1) != isinstance(read, _Start):
                self._wrong("An export begins with a line of kind `export`, and has no other.")
            self._take(read)
        except UNREADABLE as exc:
            self._wrong(f"The line cannot be read: {short(str(exc))}.")
        self._digest.update(line)

    def end(self) -> Report:
        """What was found."""
        findings = self._findings
        if not self._ended:
            place = Place(line=self._number + 1)
            findings.add("export", place, "The export has no line that ends it: it was cut short.")
        self._end_run()
        for run, heads in self._heads.items():
            place = Place(run=run, seq=max(heads))
            message = f"A seal names event {max(heads)} of run {run}, which the export does not have."
            findings.add("dropped", place, message)
        n, link = self._seal
        if self._anchor is not None and self._anchor.n > n:
            message = f"The chain of seals ends at {n}, and a seal {self._anchor.n} was kept elsewhere."
            findings.add("dropped", Place(seal=self._anchor.n), message)
        findings.seal = link if n else b""
        return findings.report()

    def _wrong(self, message: str) -> None:
        self._findings.add("export", Place(line=self._number), message)

    def _take(self, line: _Line) -> None:
        match line:
            case _Start(format):
                if format != FORMAT:
                    self._wrong(f"The export has format {format}, which this Deputy does not know.")
            case _Seal():
                self._counts["seal"] += 1
                self._take_seal(line)
            case _Run():
                self._counts["run"] += 1
                self._take_run(line)
            case _Event():
                self._counts["event"] += 1
                self._take_event(line)
            case _Blob():
                self._counts["blob"] += 1
                self._take_blob(line)
            case _Inbox():
                self._counts["inbox"] += 1
                self._take_inbox(line)
            case _End():
                self._take_end(line)

    def _take_seal(self, line: _Seal) -> None:
        findings, (n, before) = self._findings, self._seal
        findings.seals += 1
        body, place = line.bytes, Place(seal=line.n, line=self._number)
        if line.n != n + 1:
            findings.add("dropped", place, f"Seal {n + 1} is missing.")
        elif line.link != seal_link(before, line.n, body).hex():
            findings.add("seal", place, f"Seal {line.n} is not what was linked.")
        self._seal = (line.n, bytes.fromhex(line.link))
        if self._anchor is not None and self._anchor == (line.n, self._seal[1]):
            self._anchor = None
        elif self._anchor is not None and self._anchor.n == line.n:
            findings.add("anchor", place, f"Seal {line.n} is not the one that was kept elsewhere.")
        said = msgspec.json.decode(body, type=SealBody)
        if (said.n, said.at) != (line.n, line.at):
            findings.add("seal", place, f"Seal {line.n} of {line.at} says that it is seal {said.n} of {said.at}.")
        for run, seq, link in said.heads:
            if self._heads.setdefault(run, {}).setdefault(seq, link) != link:
                findings.add("seal", place, f"Seals name event {seq} of run {short(run)} with different links.")

    def _take_run(self, line: _Run) -> None:
        self._end_run()
        if line.id in self._runs:
            self._wrong(f"Run {short(line.id)} is there twice.")
        self._runs.add(line.id)
        self._findings.runs += line.id != WORKSPACE
        self._chain, self._state = Chain(line.id, self._findings), (line.state, 0)

    def _end_run(self) -> None:
        if self._chain is None:
            return
        run, (state, ended) = self._chain.run, self._state
        if (state in ("done", "failed", "cancelled")) != bool(ended):
            message = f"Run {run} is {state}, and its journal has {'an' if ended else 'no'} end."
            self._findings.add("run", Place(run=run), message)
        self._chain = None

    def _take_event(self, line: _Event) -> None:
        findings, chain = self._findings, self._chain
        findings.events += 1
        place = Place(run=line.run, seq=line.seq, line=self._number)
        if chain is None or chain.run != line.run:
            findings.add("export", place, f"An event of run {short(line.run)} does not stand with its run.")
            return
        body = line.bytes
        chain.follow(chain.seq + 1, line.seq, bytes.fromhex(line.link), body)
        sealed = self._heads.get(line.run, {})
        if sealed.pop(line.seq, line.link) != line.link:
            findings.add("seal", place, f"Event {line.seq} of run {line.run} is not the one that a seal names.")
        if not sealed:
            self._heads.pop(line.run, None)
        try:
            event = event_from(body)
        except UNREADABLE as exc:
            findings.add("event", place, f"Event {line.seq} of run {line.run} cannot be read: {short(str(exc))}.")
            return
        self._check_event(line, event, place)

    def _check_event(self, line: _Event, event: Event, place: Place) -> None:
        state, ended = self._state
        if line.run == WORKSPACE:
            wrong = not isinstance(event, Workspace)
        else:
            wrong = isinstance(event, Workspace) or isinstance(event, Started) != (line.seq == 1) or ended > 0
        if wrong:
            message = f"Event {line.seq} of run {line.run} cannot stand where it does."
            self._findings.add("event", place, message)
        if isinstance(event, Ended):
            self._state = (state, ended + 1)
            if event.state != state:
                message = f"Run {line.run} is {state}, and its journal ends with {event.state}."
                self._findings.add("run", place, message)
        for name in blobs_of(event):
            if bytes.fromhex(name) not in self._blobs:
                message = f"Event {line.seq} of run {line.run} names blob {name[:12]}, which is missing."
                self._findings.add("blob", place, message)

    def _take_blob(self, line: _Blob) -> None:
        self._findings.blobs += 1
        if digest(line.bytes) != line.digest:
            place = Place(table="blobs", key=line.digest, line=self._number)
            message = f"Blob {line.digest[:12]} is not the content its name promises."
            self._findings.add("blob", place, message)
        self._blobs.add(bytes.fromhex(line.digest))

    def _take_inbox(self, line: _Inbox) -> None:
        check = bytes.fromhex(line.check)
        row = StoredInbound(0, line.id, line.run, line.sender, line.at, line.bytes, check, 0)
        if not row.intact:
            place = Place(run=line.run or "", table="inbox", key=line.id, line=self._number)
            self._findings.add("inbox", place, f"Inbox row {short(line.id)} was changed after it arrived.")

    def _take_end(self, line: _End) -> None:
        self._ended = True
        counts = {kind: self._counts[kind] for kind in KINDS}
        if line.counts != counts:
            wrong = ", ".join(f"{line.counts.get(k, 0)} of {k}" for k in KINDS if line.counts.get(k, 0) != counts[k])
            self._wrong(f"The export says that it has other lines than it has: {wrong}.")
        if line.digest != self._digest.hexdigest():
            self._wrong("The lines are not those that were written: some were changed or put in another order.")
