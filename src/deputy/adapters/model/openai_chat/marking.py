"""Whether cache markers pay on one route, from what its server has counted so far; holds a few numbers.

A provider reads a marked prefix at a tenth of its price, and asks a quarter more to keep it; what it keeps by itself it
reads at a fifth, if it finds it. So markers pay where conversations go on soon and the provider finds little by itself.
The first calls are made without markers, to learn what it finds; then the cheaper way is taken, and measured on.
"""

from deputy.domain.capability import Cache
from deputy.domain.message import Prompt, Usage

__all__ = ["Marking"]

ENOUGH = 4  #: calls that went on with a conversation before anything is concluded
REMEMBERED = 1000  #: conversations
FORGET = 0.8  #: weight of what was known, when something new is counted


class Marking:
    """The measured rule for the markers of one route."""

    def __init__(self, cache: Cache | None) -> None:
        self._cache = cache if cache is not None and cache.marks else None
        self._found = {False: 0.0, True: 1.0}  # share of a known prefix that is read from the cache, by marked
        self._counted = {False: 0, True: 0}
        self._prefix = self._added = 0.0  # tokens that were sent before, and new ones, of a call that goes on
        self._kept: dict[int, None] = {}  # conversations that were marked, the latest last

    @property
    def most(self) -> int:
        """How many markers a request may carry; 0 where there are none."""
        return self._cache.markers if self._cache is not None else 0

    def pays(self, prompt: Prompt, sent: int) -> bool:
        """Whether to mark this prompt, of so many bytes; only where it is long enough and is likely to go on."""
        cache = self._cache
        if cache is None or not prompt.tools or sent // 4 < cache.minimum or self._counted[False] < ENOUGH:
            return False
        return self._cost(cache, marked=True) < self._cost(cache, marked=False)

    def _cost(self, cache: Cache, *, marked: bool) -> float:
        """The expected price of a call's input, in tokens at full price."""
        found = self._found[marked]
        if marked:
            known = found * float(cache.hit) + (1 - found) * float(cache.write)
            return self._prefix * known + self._added * float(cache.write)
        return self._prefix * (1 - found * (1 - float(cache.implicit))) + self._added

    def learn(self, prompt: Prompt, usage: Usage, *, marked: bool) -> None:
        """Take what the server counted for a call; a first call of a conversation teaches nothing."""
        last = max((n for n, message in enumerate(prompt.messages) if message.role == "assistant"), default=0)
        if self._cache is None or not usage.input:
            return
        known = self._remember(prompt) if marked else False
        if not last:
            return
        sizes = [len(m.text) + len(m.reasoning) + sum(len(c.arguments) for c in m.calls) + 16 for m in prompt.messages]
        offered = sum(len(offer.description) + 200 for offer in prompt.tools)
        prefix = usage.input * (offered + sum(sizes[:last])) / (offered + sum(sizes))
        if prefix < self._cache.minimum:
            return
        if not marked or known:  # what was never marked cannot be found by its marker
            self._found[marked] = self._weighed(self._found[marked], min(1.0, usage.cached / prefix), marked=marked)
            self._counted[marked] += 1
        self._prefix = self._weighed(self._prefix, prefix, marked=False)
        self._added = self._weighed(self._added, usage.input - prefix, marked=False)

    def _weighed(self, before: float, now: float, *, marked: bool) -> float:
        return now if self._counted[marked] < 2 and not before else before * FORGET + now * (1 - FORGET)

    def _remember(self, prompt: Prompt) -> bool:
        """Note that a conversation was marked; whether it was before."""
        conversation = hash((prompt.agent, prompt.version, prompt.messages[:2]))
        known = conversation in self._kept
        self._kept.pop(conversation, None)
        self._kept[conversation] = None
        if len(self._kept) > REMEMBERED:
            del self._kept[next(iter(self._kept))]
        return known
