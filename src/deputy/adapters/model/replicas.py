"""One model that is served in several places: the calls of a run stay at one, whose prefix cache knows them.

A place that cannot be reached, is overloaded, broke down or fell silent is left out for a while, and its runs go on
elsewhere; when it is back, they return. Asking again is for the kernel: here every call is made once.
"""

import hashlib
from collections.abc import Mapping

from deputy.base.clock import Clock
from deputy.domain.effect import Failed, Intent, Result, Unknown
from deputy.ports.model import Model

__all__ = ["Replicas"]

AWAY = 15.0  #: seconds for which a place that failed is left out
_DOWN = frozenset(("model_unreachable", "model_overloaded", "model_server_error"))


class Replicas:
    """A model served at several addresses."""

    def __init__(self, places: Mapping[str, Model], clock: Clock) -> None:
        self._places, self._clock = dict(places), clock
        self._away: dict[str, float] = {}  # until when, on the boot clock

    async def complete(self, intent: Intent) -> Result:
        """Ask where the run's calls go now."""
        place = self._place(intent.run)
        result = await self._places[place].complete(intent)
        if isinstance(result, Unknown) or (isinstance(result, Failed) and result.code in _DOWN):
            self._away[place] = self._clock.boot() + AWAY
        else:
            self._away.pop(place, None)
        return result

    async def close(self) -> None:
        """Let go of connections."""
        for model in self._places.values():
            await model.close()

    def _place(self, run: str) -> str:
        """The first place of this run's own order that is not away; the one that is back first where all are."""
        ranked = sorted(self._places, key=lambda place: hashlib.sha256(f"{place}\n{run}".encode()).digest())
        now = self._clock.boot()
        here = [place for place in ranked if self._away.get(place, 0.0) <= now]
        return here[0] if here else min(ranked, key=lambda place: self._away[place])
