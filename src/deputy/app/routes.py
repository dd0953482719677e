"""What a model's table means: the operator's words, beside what is known of the model, its server and its plan."""

from typing import NamedTuple

import msgspec

from deputy.adapters.model.openai_chat import Endpoint
from deputy.adapters.wire.chat import Dialect
from deputy.app.capabilities import capabilities
from deputy.app.config.settings import REHEARSAL, ModelRoute
from deputy.domain.capability import Known, ServerName
from deputy.domain.catalogue import FREE, Price, Route

__all__ = ["Understood", "endpoint_of", "kernel_route", "understood"]


HOSTED = 120.0  #: seconds until a provider begins to answer; one's own server may read a long prompt for longer


class Understood(NamedTuple):
    """A route with everything known of it; `price` is None where nobody can say what a call costs."""

    route: ModelRoute
    known: Known
    price: Price | None
    currency: str

    @property
    def unusable(self) -> str:
        """Why it may not be asked; empty if it may."""
        if self.price is not None:
            return ""
        model, plan, currency = self.known.model, self.known.plan, self.currency
        add = f"Give `price` in {currency} per million tokens under [models.{self.route.name}]"
        if plan is not None and plan.currency and plan.currency != currency:
            listed = model.prices.get(plan.currency, ())[:1] if model and plan.listed else ()
            hint = "".join(f"; the list says {t.input} in and {t.output} out, in {plan.currency}" for t in listed)
            billed = f"{plan} bills in {plan.currency}, and the workspace counts {currency}"
            return f"its price is not known: {billed}, which is never converted silently. {add}{hint}."
        return f"its price is not known, so no budget could hold it. {add}."


def understood(route: ModelRoute, currency: str, server: ServerName | None = None) -> Understood:
    """A route of a workspace with this currency; `server` is what asking it found."""
    known = capabilities().known(route.base_url, route.model, route.server or server)
    price = known.cached(route.price) if route.price is not None else known.price(currency)
    return Understood(route, known, price, currency)


def kernel_route(route: ModelRoute, currency: str) -> Route:
    """What the kernel needs to know of a route."""
    plain = route.route()
    if route.provider == REHEARSAL:
        return plain
    found = understood(route, currency)
    context = plain.context
    if route.context is None and found.known.model is not None:
        hosted = found.known.name == "dashscope"  # one's own server may be started with less than a model can do
        context = found.known.model.context if hosted else min(context, found.known.model.context)
    thoughts = found.known.thought(route.thinking)
    return msgspec.structs.replace(plain, price=found.price or FREE, context=context, thinking=thoughts)


def endpoint_of(route: ModelRoute, currency: str, server: ServerName | None = None) -> Endpoint:
    """What the client needs to know of a route."""
    found = understood(route, currency, server)
    known = found.known
    dialect = Dialect(body=known.body(route.thinking), forced=route.forced_tool_choice)
    if known.server is not None:
        dialect = msgspec.structs.replace(
            dialect, replay=known.server.replay, parallel=True if known.server.parallel else None
        )
    return Endpoint(
        name=route.name, base_url=route.base_url, model=route.model, price=found.price or FREE, dialect=dialect,
        extra=route.extra, cache=known.cache, plan=known.plan, unusable=found.unusable,
        elsewhere=capabilities().other_regions(known.plan) if known.plan else (),
        first_token=route.first_token or (HOSTED if known.name == "dashscope" else None), between=route.between,
    )  # fmt: skip
