"""Prices and context sizes of models, as dated data."""

from decimal import ROUND_CEILING, Decimal

import msgspec

from deputy.domain.cost import Cost
from deputy.domain.message import Usage

__all__ = ["FREE", "Price", "RateLimits", "Route", "Tier"]


class Tier(msgspec.Struct, frozen=True, kw_only=True):
    """Prices per million tokens, in the workspace's currency, for calls whose input is at most `upto` tokens."""

    upto: int | None = None
    input: Decimal = Decimal(0)
    output: Decimal = Decimal(0)
    cached: Decimal | None = None  #: for input read from a cache; as `input` where it is not given
    hit: Decimal | None = None  #: the same where the request carried markers; as `cached` where it is not given
    written: Decimal | None = None  #: for input that a marker let the server keep; as `input` where it is not given


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What a model route costs; tiers by input length, shortest first."""

    tiers: tuple[Tier, ...] = (Tier(),)

    def of(self, usage: Usage, *, marked: bool = False) -> int:
        """The price of this usage in micros, rounded up; `marked` where the request carried cache markers."""
        tier = next((t for t in self.tiers if t.upto is None or usage.input <= t.upto), self.tiers[-1])
        cached = tier.hit if marked and tier.hit is not None else tier.cached
        known = (tier.input if cached is None else cached) * usage.cached
        kept = (tier.input if tier.written is None else tier.written) * usage.written
        money = tier.input * (usage.input - usage.cached - usage.written) + known + kept + tier.output * usage.output
        return int(money.to_integral_value(ROUND_CEILING))  # per million tokens, so already micros

    def worst(self, input_tokens: int, output_tokens: int) -> int:
        """The most a call can cost: nothing read from a cache, all of the reply used, the dearest tier it can reach."""
        most = Decimal(0)
        for tier in self.tiers:
            most = max(most, max(tier.input, tier.written or tier.input) * input_tokens + tier.output * output_tokens)
            if tier.upto is not None and input_tokens <= tier.upto:
                break  # a shorter input may fall into a tier before this one, and never into one after it
        return int(most.to_integral_value(ROUND_CEILING))


FREE = Price()


class RateLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a server of models admits: calls at once, requests and tokens a minute; None where it does not say."""

    concurrency: int | None = None
    requests: int | None = None
    tokens: int | None = None

    def divided(self, processes: int) -> "RateLimits":
        """The part of one of several processes; at least one of each."""
        if processes < 2:
            return self
        given = {"concurrency": self.concurrency, "requests": self.requests, "tokens": self.tokens}
        return RateLimits(**{name: max(1, most // processes) for name, most in given.items() if most is not None})


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A model route as the kernel needs it: what a call may cost and how long it may take (seconds)."""

    name: str
    price: Price = FREE
    max_tokens: int = 4096
    deadline: float = 300.0
    context: int = 131_072  #: tokens that prompt and reply share
    thinking: int = 0  #: tokens that a reply may take beyond its limit, for thinking that is counted apart
    limits: RateLimits = RateLimits()  #: what its server admits

    def worst(self, input_tokens: int, max_tokens: int) -> Cost:
        """The most money and tokens that a call can take."""
        output = max_tokens + self.thinking
        return Cost(money=self.price.worst(input_tokens, output), tokens=input_tokens + output)
