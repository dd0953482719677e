"""Everything an auditor needs, as lines of JSON that stand by themselves: journals, contents, pending answers, seals.

Line by line, each an object with a `kind`:

- `export`, first: `format` (1).
- `seal`: `n`, `at`, `body`, `link`.
- `run`: a row of the table of runs; first `workspace`, whose journal is the workspace's own. Its events follow.
- `event`: `run`, `seq`, `link`, `body`. `link` = SHA-256(link before ‖ run NUL seq NUL body), the first after 32 zero
  bytes; a seal's link is made just so, with `seal` for the run and `n` for the seq.
- `blob`: `digest`, `body`; once, before the first event that names it, or at the end.
- `inbox`: an answer or message that its run has not taken yet.
- `end`, last: how many lines of each kind came before, and `digest`, the SHA-256 of all of them.

`body` is the text of the stored bytes, `base64` stands in its place where they are none. Nothing is checked here.
"""

import base64
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from hashlib import sha256

from deputy.app.audit.stored import UNREADABLE, Marks, StoredInbound, StoredRun, StoredSeal, names
from deputy.base.canonical import canonical
from deputy.domain.event import event_from
from deputy.domain.stow import blobs_of
from deputy.ports.store import AuditableStore, Snapshot

__all__ = ["FORMAT", "KINDS", "export"]

FORMAT = 1
KINDS = ("seal", "run", "event", "blob", "inbox")


async def export(store: AuditableStore, write: Callable[[bytes], None]) -> dict[str, int]:
    """Write everything, as it is at this moment, line by line; returns how many lines of each kind there are."""
    async with store.snapshot() as snapshot:
        return await _Export(snapshot, write).all()


#: columns that say nothing of what happened, or repeat what the events say
LEFT_OUT = ("key", "owner", "epoch", "money", "told")


class _Export:
    def __init__(self, snapshot: Snapshot, write: Callable[[bytes], None]) -> None:
        self._snapshot, self._write = snapshot, write
        self._counts: Counter[str] = Counter()
        self._digest = sha256()
        self._blobs = Marks()

    async def all(self) -> dict[str, int]:
        self._line("export", {"format": FORMAT})
        async for values in self._snapshot.rows("seals"):
            seal = StoredSeal(*values)
            self._line("seal", {"n": seal.n, "at": seal.at, "link": seal.link.hex()}, seal.body)
        async for values in self._snapshot.rows("runs"):
            await self._run(StoredRun(*values))
        async for key, name, body in self._snapshot.rows("blobs"):
            self._blob(key, name, body)
        async for values in self._snapshot.rows("inbox"):
            row = StoredInbound(*values)
            if row.taken == 0:
                said = {"id": row.id, "run": row.run, "sender": row.sender, "at": row.at, "check": row.check.hex()}
                self._line("inbox", said, row.body)
        counts = {kind: self._counts[kind] for kind in KINDS}
        self._line("end", {"counts": counts, "digest": self._digest.hexdigest()})
        return counts

    async def _run(self, row: StoredRun) -> None:
        about = {name: value for name, value in row._asdict().items() if name not in LEFT_OUT}
        self._line("run", about)
        async for _position, seq, link, body in self._snapshot.rows("events", row.key):
            async for key, name, content in self._named(body):
                self._blob(key, name, content)
            self._line("event", {"run": row.id, "seq": seq, "link": link.hex()}, body)

    async def _named(self, body: bytes) -> AsyncIterator[tuple[int, bytes, bytes]]:
        """The blobs that an event names and that were not written yet."""
        named = _blobs_in(body)
        if not named:
            return
        fresh = [
            name.hex() async for key, name in self._snapshot.rows("blob_keys", names(named)) if key not in self._blobs
        ]
        if fresh:
            async for found in self._snapshot.rows("blobs_named", names(fresh)):
                yield found[0], found[1], found[2]

    def _blob(self, key: int, name: bytes, body: bytes) -> None:
        if key not in self._blobs:
            self._blobs.add(key)
            self._line("blob", {"digest": name.hex()}, body)

    def _line(self, kind: str, members: Mapping[str, object], body: bytes | None = None) -> None:
        line = canonical({"kind": kind, **members, **({} if body is None else _shown(body))}) + b"\n"
        self._digest.update(line)
        self._counts[kind] += 1
        self._write(line)


def _shown(body: bytes) -> dict[str, str]:
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}


def _blobs_in(body: bytes) -> list[str]:
    try:
        return blobs_of(event_from(body))
    except UNREADABLE:
        return []
