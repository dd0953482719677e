"""What a model route is to the client that speaks to it."""

from collections.abc import Mapping

import msgspec

from deputy.adapters.egress import origin
from deputy.adapters.wire.chat import PLAIN, RESERVED, Dialect
from deputy.base.errors import ConfigError
from deputy.domain.capability import Cache, Plan
from deputy.domain.catalogue import FREE, Price

__all__ = ["Endpoint"]


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of `[models]`: which model of which server, what it costs, and what else its server wants to be told.

    `first_token` and `between` are seconds: until the first piece of a reply, and from one piece to the next.
    """

    name: str
    base_url: str
    model: str
    price: Price = FREE
    dialect: Dialect = PLAIN
    extra: Mapping[str, object] = {}  #: more of the request's body, as the operator says
    cache: Cache | None = None  #: how its provider bills prefixes that it knows
    plan: Plan | None = None  #: how its address is billed
    elsewhere: tuple[Plan, ...] = ()  #: the same plan in other regions
    unusable: str = ""  #: why it may not be asked at all, such as a price that nobody knows
    first_token: float | None = None
    between: float | None = None

    def check(self) -> None:
        """Raise ConfigError for what can never work."""
        taken = sorted(RESERVED.intersection(self.extra))
        if taken:
            names = ", ".join(f"`{name}`" for name in taken)
            raise ConfigError(f"`extra` of the model `{self.name}` sets {names}.", "Leave that to Deputy.")
        if "://" not in self.base_url:
            raise ConfigError(f"`base_url` of the model `{self.name}` has no scheme.", "Begin it with https://.")
        origin(self.base_url)  # refuses what is no address
