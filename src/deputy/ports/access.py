"""What those who come over the network need of the store: passes, answers that were given, and looking through runs.

Of a pass only the digest is kept: whoever reads the database cannot come in with it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from deputy.ports.listing import Counts, Found, Sought

__all__ = ["Access", "Claim", "Fed", "Looked", "Pass", "PassKind", "Told"]

PassKind = Literal["link", "session", "token"]


class Pass(NamedTuple):
    """What lets somebody in as a person; `digest` is the SHA-256 (in hex) of what was handed out."""

    id: str
    digest: str
    kind: PassKind
    person: str
    role: str  #: "" is every role that the person has; a session's are what its provider said, with commas
    note: str  #: what it is for, in its maker's words; of a session how it began, and with which program
    created: datetime
    expires: datetime
    used: datetime  #: when it last let somebody in, to the minute


class Claim(NamedTuple):
    """A write that was asked for under a key; `status` 0 until it was answered."""

    person: str
    key: str
    request: str  #: digest of what was asked
    at: datetime
    status: int = 0
    body: bytes = b""


class Fed(NamedTuple):
    """A stored event of any run, and its place in the order of commits."""

    position: int
    run: str
    seq: int
    body: bytes


class Told(NamedTuple):
    """A stored event of any run or of the workspace, with what its run's row says of whom it is about."""

    position: int
    run: str
    seq: int
    agent: str
    on_behalf_of: str
    link: bytes
    body: bytes


class Looked(NamedTuple):
    """Which stored events are looked for, newest first; what is empty does not matter.

    `holding` are bytes of which one stands in the event: a sieve, for whoever then reads what was found.
    """

    before: int = 1 << 62  #: only events at places before it
    look: int = 20_000  #: how many places are looked at, at most
    most: int = 50
    run: str = ""
    agent: str = ""
    person: str = ""  #: whom the run acts for, or whom the event names as a principal
    holding: Sequence[bytes] = ()
    also: bytes = b""  #: must stand in the event too


class Access(Protocol):
    """Passes, claims and looking through."""

    async def issue(self, granted: Pass) -> None:
        """Keep a pass, and forget those that ended before it was made."""
        ...

    async def redeem(self, digest: str, session: Pass) -> Pass | None:
        """Turn a link into this session, with the link's person and role; None where the link is not good (any more).

        Of many who try at once, one succeeds.
        """
        ...

    async def pass_of(self, digest: str) -> Pass | None:
        """The pass of this digest."""
        ...

    async def touch(self, digest: str, at: datetime) -> None:
        """A pass let somebody in."""
        ...

    async def passes(self, kind: PassKind) -> Sequence[Pass]:
        """The passes of a kind, oldest first."""
        ...

    async def withdraw(self, id: str) -> bool:
        """Forget a pass; False where there is none."""
        ...

    async def withdraw_all(self, person: str, kind: PassKind, but: str = "") -> int:
        """Forget a person's passes of a kind, but the one of this id; how many there were."""
        ...

    async def claim(self, claim: Claim, forget: datetime) -> Claim | None:
        """Keep a claim unless its person used its key before; what is there then. Those before `forget` may go."""
        ...

    async def answer(self, claim: Claim) -> None:
        """Keep the answer to a claim."""
        ...

    async def find(self, sought: Sought) -> Found:
        """Runs that fit, a page of them."""
        ...

    async def count(self, sought: Sought) -> Counts:
        """How many fit, whatever page is asked for."""
        ...

    async def counts(self) -> dict[str, int]:
        """How many runs there are, by state."""
        ...

    async def feed(self, after: int, most: int) -> Sequence[Fed]:
        """The events of runs after this position, in the order of commits."""
        ...

    async def position(self) -> int:
        """The last position that was given."""
        ...

    async def told(self, after: int, most: int) -> Sequence[Told]:
        """The events of runs and of the workspace after this position, in the order of commits."""
        ...

    async def looked(self, sought: Looked) -> tuple[Sequence[Told], int]:
        """Events that fit, newest first, and the place before which to look on; 0 where there is nothing more."""
        ...
