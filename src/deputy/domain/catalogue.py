"""Prices and context sizes of models, as dated data."""

from decimal import ROUND_CEILING, Decimal

import msgspec

from deputy.domain.message import Usage

__all__ = ["FREE", "Price", "Route", "Tier"]


class Tier(msgspec.Struct, frozen=True, kw_only=True):
    """Prices per million tokens, in the workspace's currency, for calls whose input is at most `upto` tokens."""

    upto: int | None = None
    input: Decimal = Decimal(0)
    output: Decimal = Decimal(0)
    cached: Decimal | None = None  #: for input read from a cache; as `input` where it is not given


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What a model route costs; tiers by input length, shortest first."""

    tiers: tuple[Tier, ...] = (Tier(),)

    def of(self, usage: Usage) -> int:
        """The price of this usage in micros, rounded up."""
        tier = next((t for t in self.tiers if t.upto is None or usage.input <= t.upto), self.tiers[-1])
        cached = tier.input if tier.cached is None else tier.cached
        money = tier.input * (usage.input - usage.cached) + cached * usage.cached + tier.output * usage.output
        return int(money.to_integral_value(ROUND_CEILING))  # per million tokens, so already micros

    def worst(self, input_tokens: int, output_tokens: int) -> int:
        """The most a call can cost: nothing cached, every token of the reply used, the dearest tier it can reach."""
        return max(
            int((t.input * input_tokens + t.output * output_tokens).to_integral_value(ROUND_CEILING))
            for t in self.tiers
            if t.upto is None or t is self.tiers[-1] or input_tokens <= t.upto
        )


FREE = Price()


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A model route as the kernel needs it: what a call may cost and how long it may take (seconds)."""

    name: str
    price: Price = FREE
    max_tokens: int = 4096
    deadline: float = 300.0
    context: int = 131_072  #: tokens that prompt and reply share
