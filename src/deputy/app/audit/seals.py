"""The chain over all journals: every seal follows the one before, and names just the heads that the journals had."""

import msgspec

from deputy.app.audit.report import Findings, Place, short
from deputy.app.audit.stored import UNREADABLE, StoredSeal
from deputy.base.canonical import canonical
from deputy.domain.chain import GENESIS, seal_link
from deputy.ports.store import Anchor, Snapshot

__all__ = ["SealBody", "check_seals", "read_anchor"]


class SealBody(msgspec.Struct, forbid_unknown_fields=True):
    """What a seal says: when, its number, and run, seq and link of every journal that had changed."""

    at: str
    heads: list[tuple[str, int, str]]
    n: int


class _Kept(msgspec.Struct):
    link: str
    n: int


def read_anchor(text: bytes) -> Anchor | None:
    """The seal that a file names; None if it names none."""
    try:
        kept = msgspec.json.decode(text, type=_Kept)
        return Anchor(kept.n, bytes.fromhex(kept.link))
    except UNREADABLE:
        return None


async def check_seals(snapshot: Snapshot, findings: Findings, anchors: list[Anchor]) -> None:
    """Check the whole chain, and that it has the seals that were kept elsewhere."""
    await _Seals(snapshot, findings, anchors).check()


class _Seals:
    def __init__(self, snapshot: Snapshot, findings: Findings, anchors: list[Anchor]) -> None:
        self._snapshot, self._findings, self._anchors = snapshot, findings, anchors

    async def check(self) -> None:
        n, upto, link = 0, 0, GENESIS
        async for values in self._snapshot.rows("seals"):
            seal = StoredSeal(*values)
            if seal.n != n + 1:
                self._missing(n + 1, seal.n - 1)
            elif seal.link != seal_link(link, seal.n, seal.body):
                self._add(seal.n, f"Seal {seal.n} is not what was linked: it was changed, or the one before it was.")
            await self._check_body(seal, upto)
            for anchor in self._anchors:
                if anchor.n == seal.n and anchor.link != seal.link:
                    message = f"Seal {seal.n} is not the one that was kept elsewhere: the chain was written anew."
                    self._findings.add("anchor", Place(seal=seal.n), message)
            n, upto, link = seal.n, max(seal.upto, upto), seal.link
            self._findings.seals += 1
        self._findings.seal = link if n else b""
        for anchor in self._anchors:
            if anchor.n > n:
                message = (
                    f"The chain of seals ends at {n}, and a seal {anchor.n} was kept elsewhere: what came after was"
                    " dropped, or an older database was put in its place."
                )
                self._findings.add("dropped", Place(table="seals", seal=anchor.n), message)
        async for (count,) in self._snapshot.rows("newer", upto):
            if count:
                message = f"{count} events are newer than the last seal: their end is not covered yet."
                self._findings.note("seal", Place(seal=n), message)

    def _missing(self, first: int, last: int) -> None:
        which = f"Seal {first} is" if first >= last else f"Seals {first} to {last} are"
        self._findings.add("dropped", Place(table="seals", seal=first), f"{which} missing.")

    def _add(self, n: int, message: str) -> None:
        self._findings.add("seal", Place(seal=n), message)

    async def _check_body(self, seal: StoredSeal, before: int) -> None:
        there = [(run, seq, link, at) async for run, seq, link, at in self._snapshot.rows("heads", before, seal.upto)]
        heads = [[run, seq, link] for run, seq, link, _ in there]
        last = there[-1][3] if there else before
        if heads and last == seal.upto and seal.body == canonical({"at": seal.at, "heads": heads, "n": seal.n}):
            return
        try:
            body = msgspec.json.decode(seal.body, type=SealBody)
        except UNREADABLE:
            self._add(seal.n, f"Seal {seal.n} cannot be read.")
            return
        if (body.n, body.at) != (seal.n, seal.at):
            self._add(seal.n, f"Seal {seal.n} of {short(seal.at)} says that it is seal {body.n} of {short(body.at)}.")
        wrong = [await self._check_head(seal.n, *head) for head in body.heads]
        if not any(wrong) and (last != seal.upto or [list(head) for head in body.heads] != heads):
            message = f"Seal {seal.n} does not name just the journals that changed up to row {seal.upto}."
            self._add(seal.n, message)

    async def _check_head(self, n: int, run: str, seq: int, link: str) -> bool:
        """Whether a head that a seal names is not as it was then."""
        if seq >= 1 << 63:
            self._add(n, f"Seal {n} names event {seq} of run {short(run)}, which cannot be.")
            return True
        async for _position, found in self._snapshot.rows("event", run, seq):
            if found.hex() == link:
                return False
            place = Place(run=run, seq=seq, seal=n)
            message = f"Event {seq} of run {run} is not the one that seal {n} names: the journal was written anew."
            self._findings.add("seal", place, message)
            return True
        async for (last,) in self._snapshot.rows("last", run):
            place = Place(run=run, seq=(last or 0) + 1, seal=n)
            message = f"Run {run} had {seq} events at seal {n}, and event {seq} is missing."
            if (last or 0) < seq:
                message = f"Run {run} had {seq} events at seal {n}, and ends at event {last or 0} now."
            self._findings.add("dropped", place, message)
            return True
        place = Place(run=run, seal=n)
        self._findings.add("dropped", place, f"Run {short(run)} had {seq} events at seal {n}, and is not there now.")
        return True
