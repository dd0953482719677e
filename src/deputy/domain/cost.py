"""Money, tokens, steps and time as exact whole numbers that add and compare.

Money is counted in millionths of the workspace's currency (micros); wall time in milliseconds.
"""

from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from typing import Literal

import msgspec

__all__ = ["NOTHING", "UNITS", "Cost", "Limits", "Unit", "format_money", "micros"]

Unit = Literal["money", "tokens", "steps", "wall"]
UNITS: tuple[Unit, ...] = ("money", "tokens", "steps", "wall")
MICRO = 1_000_000


class Cost(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What something consumes: micros of money, tokens, steps, milliseconds of wall time."""

    money: int = 0
    tokens: int = 0
    steps: int = 0
    wall: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.money + other.money, self.tokens + other.tokens, self.steps + other.steps, self.wall + other.wall
        )

    def __sub__(self, other: "Cost") -> "Cost":
        return Cost(
            self.money - other.money, self.tokens - other.tokens, self.steps - other.steps, self.wall - other.wall
        )

    def __neg__(self) -> "Cost":
        return Cost(-self.money, -self.tokens, -self.steps, -self.wall)

    def __bool__(self) -> bool:
        return bool(self.money or self.tokens or self.steps or self.wall)


NOTHING = Cost()


class Limits(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The most of each unit an account may consume; None where there is no limit."""

    money: int | None = None
    tokens: int | None = None
    steps: int | None = None
    wall: int | None = None

    def exceeded(self, total: Cost) -> Unit | None:
        """The first unit whose limit this total passes, or None."""
        if self.money is not None and total.money > self.money:
            return "money"
        if self.tokens is not None and total.tokens > self.tokens:
            return "tokens"
        if self.steps is not None and total.steps > self.steps:
            return "steps"
        if self.wall is not None and total.wall > self.wall:
            return "wall"
        return None

    def raised(self, by: Cost) -> "Limits":
        """These limits, each that exists raised by so much."""
        return Limits(
            None if self.money is None else self.money + by.money,
            None if self.tokens is None else self.tokens + by.tokens,
            None if self.steps is None else self.steps + by.steps,
            None if self.wall is None else self.wall + by.wall,
        )


def micros(amount: Decimal, *, up: bool = False) -> int:
    """This amount of money in micros: rounded half even, or up (for worst cases)."""
    return int((amount * MICRO).to_integral_value(ROUND_CEILING if up else ROUND_HALF_EVEN))


def format_money(amount: int) -> str:
    """Micros as a decimal text with at least two places: `0.50`, `12.345678`."""
    sign, whole, part = "-" * (amount < 0), abs(amount) // MICRO, f"{abs(amount) % MICRO:06d}".rstrip("0")
    return f"{sign}{whole}.{part.ljust(2, '0')}"
