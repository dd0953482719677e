"""Do what is asked under a key once, however often it is sent: the first answer is kept and given again.

What was asked is claimed before it is done, and the answer is kept after. Where a process dies in between, the next try
does it again: a run and a message have an id that comes of the key, and an answer or a switch that is there already,
from the same person and not from before, is this one's.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import NamedTuple

from deputy.app.access import Caller
from deputy.app.bootstrap import Office
from deputy.app.commands import Asking
from deputy.base.canonical import digest
from deputy.base.errors import Conflict, UsageError
from deputy.domain.principal import person_principal
from deputy.ports.access import Claim

__all__ = ["KeyMissing", "KeyReused", "Once", "Told", "answered_by"]

KEPT = timedelta(hours=48)
LONGEST = 200


class KeyMissing(UsageError):
    """A write came without a key."""

    code = "no_key"


class KeyReused(UsageError):
    """The key was used for another request."""

    code = "key_reused"


class Told(NamedTuple):
    """An answer; `final` unless it may be another one a moment later."""

    status: int
    body: bytes
    final: bool = True
    known: bool = False  #: whether it was given before
    kept: bytes | None = None  #: what is kept of it, where that is not all: a secret is told once


class Once:
    """Requests of this process that are under way, and the answers of all."""

    def __init__(self, office: Office) -> None:
        self._office, self._under_way = office, set[tuple[str, str]]()

    async def do(self, caller: Caller, key: str, request: bytes, act: Callable[[Asking], Awaitable[Told]]) -> Told:
        """Do it, or give the answer that was given; raises UsageError."""
        if not 0 < len(key) <= LONGEST or not key.isascii() or not key.isprintable():
            remedy = f"Send `Idempotency-Key` with a text of your own, of at most {LONGEST} characters, new for each."
            raise KeyMissing("The write has no key.", remedy)
        person, now = caller.person.id, self._office.clock.now()
        if (person, key) in self._under_way:
            raise Conflict("This request is being done.", "Ask again in a moment.")
        self._under_way.add((person, key))
        try:
            claim = Claim(person, key, digest(request), now)
            known = await self._office.store.access.claim(claim, now - KEPT)
            if known is not None and known.request != claim.request:
                raise KeyReused("The key was used for another request.", "Use a new key.")
            if known is not None and known.status:
                return Told(known.status, known.body, known=True)
            first = claim if known is None else known
            told = await act(Asking(key, caller.granted.kind, first.at, known is not None))
            if told.final:
                await self._office.store.access.answer(
                    first._replace(status=told.status, body=told.body if told.kept is None else told.kept)
                )
            return told
        finally:
            self._under_way.discard((person, key))


async def answered_by(office: Office, item: str, caller: Caller, asking: Asking) -> bool:
    """Whether the answer that an item has is what this request gave before its process died."""
    given = await office.store.answer_of(item) if asking.again else None
    return given is not None and given.by == person_principal(caller.person.id) and given.at >= asking.at
