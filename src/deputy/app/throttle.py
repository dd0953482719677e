"""How many may try something: each address its share, and all together theirs; in bounded memory."""

from collections import OrderedDict

from deputy.app.hooks import Bucket
from deputy.base.clock import Clock

__all__ = ["Throttle"]

KNOWN = 4_096  #: addresses that are told apart; who was not heard of for longest is forgotten first


class Throttle:
    """Tries a minute, of each and of all."""

    def __init__(self, clock: Clock, each: int, everybody: int) -> None:
        self._clock, self._each = clock, each
        self._all = Bucket(clock.boot(), everybody)
        self._known = OrderedDict[str, Bucket]()

    @property
    def known(self) -> int:
        """How many addresses are told apart now."""
        return len(self._known)

    def take(self, address: str) -> bool:
        """Whether one more may try from there now; who tries too often takes nothing from others."""
        now = self._clock.boot()
        bucket = self._known.get(address)
        if bucket is None:
            bucket = self._known[address] = Bucket(now, self._each)
            if len(self._known) > KNOWN:
                self._known.popitem(last=False)
        self._known.move_to_end(address)
        return bucket.take(now) and self._all.take(now)
