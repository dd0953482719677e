"""What is known of models, of the servers that run them and of the plans that bill them; reads no file.

The data is dated (`qwen.toml` beside this file). What it does not know gets careful defaults, and says so.
"""

import datetime
import re
from collections.abc import Mapping
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Literal

import msgspec

from deputy.domain.catalogue import Price, Tier

__all__ = ["Cache", "Capabilities", "Known", "ModelEntry", "Plan", "ServerEntry", "ServerName", "Thinking"]

ServerName = Literal["dashscope", "vllm", "sglang", "llamacpp", "ollama"]
_ADDRESS = re.compile(r"[a-z]+://(?P<host>\[[^]]*\]|[^/:?#]*)(?::(?P<port>[0-9]+))?")

THOUGHTS = 16_384  #: tokens, where nobody says how long a model may think

Thinking = bool | int | None  #: on, off, on with so many tokens at most, or as the model has it


class Cache(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is billed for a prefix that the provider knows, as shares of the input price; `write` 0 without markers."""

    minimum: int
    implicit: Decimal
    write: Decimal = Decimal(0)
    hit: Decimal = Decimal(0)
    lookback: int = 20  #: content blocks
    markers: int = 4
    lifetime: float = 300.0
    checked: datetime.date | None = None
    source: str = ""

    @property
    def marks(self) -> bool:
        """Whether a request may carry markers."""
        return bool(self.write)


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A way to be billed, told by the host; `key` begins its keys, `listed` says whether list prices hold there."""

    host: str
    region: str
    plan: str
    base_url: str
    currency: str = ""  #: empty: tokens are not billed one by one
    key: str = ""
    listed: bool = False
    checked: datetime.date
    source: str

    def __str__(self) -> str:
        return f"{self.region}, {self.plan}"


class ServerEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a kind of server wants to be told things, and how it must be started."""

    switch: Literal["body", "template", "effort"]
    budget: bool  #: whether it can be told how many tokens thinking may take
    replay: Literal["reasoning_content", "reasoning"]
    parallel: bool  #: whether it takes `parallel_tool_calls`
    single_system: bool
    owner: str = ""  #: `owned_by` of its list of models
    port: int = 0
    counts: bool = True  #: whether its usage says what was read from a cache
    start: str = ""
    parsers: dict[str, str] = {}
    checked: datetime.date
    source: str


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a family of models can do."""

    names: tuple[str, ...]
    context: int
    output: int
    thinking: Literal["never", "always", "hybrid"]
    calls: Literal["json", "xml"]
    default: bool = False  #: whether a hybrid thinks when nothing is said
    switch: Literal["", "effort"] = ""  #: where the provider's own switch differs from the server's
    preserve: bool = False
    vision: bool = False
    cache: Literal["", "implicit", "explicit"] = ""
    prices: dict[str, tuple[Tier, ...]] = {}
    checked: datetime.date
    source: str


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the data says of one route; None where it says nothing."""

    name: ServerName | None
    server: ServerEntry | None
    plan: Plan | None
    model: ModelEntry | None
    cache: Cache | None

    def price(self, currency: str) -> Price | None:
        """The list price in this currency; free where tokens are not billed; None where nobody can say."""
        if self.name != "dashscope":
            return Price()
        if self.plan is not None and not self.plan.currency:
            return Price()
        tiers = self.model.prices.get(currency) if self.model and self.plan and self.plan.listed else None
        if tiers is None or self.plan is None or self.plan.currency != currency:
            return None
        return self.cached(Price(tiers=tiers), everything=True)

    def cached(self, price: Price, *, everything: bool = False) -> Price:
        """A price with what the cache's rules add to it; what is read without markers only for `everything`."""
        if self.cache is None:
            return price
        changed = [self._tier(tier, everything=everything) for tier in price.tiers]
        return Price(tiers=tuple(changed))

    def _tier(self, tier: Tier, *, everything: bool) -> Tier:
        assert self.cache is not None
        changes: dict[str, Decimal] = {}
        if everything and tier.cached is None:
            changes["cached"] = tier.input * self.cache.implicit
        if self.cache.marks:
            changes |= {"written": tier.input * self.cache.write, "hit": tier.input * self.cache.hit}
        return msgspec.structs.replace(tier, **changes)

    def body(self, thinking: Thinking) -> dict[str, object]:
        """What a request's body says about thinking."""
        if self.server is None:
            return {}
        fixed = self.model is not None and self.model.thinking != "hybrid"
        said: dict[str, object] = {}
        if thinking is not None and not (fixed and self.name == "dashscope"):
            said = self._switched(on=thinking is not False)
        if self.model is not None and self.model.preserve and thinking is not False:
            said |= self._told({"preserve_thinking": True}, said)
        limit = self.thought(thinking)
        return {**said, "thinking_budget": limit} if limit else said

    def thought(self, thinking: Thinking) -> int:
        """The tokens that thinking may take beyond `max_tokens`, where a server counts them apart: its limit."""
        if self.server is None or not self.server.budget or self.model is None:
            return 0
        on = thinking is not False if thinking is not None else self.model.default
        if self.model.thinking == "never" or (self.model.thinking == "hybrid" and not on):
            return 0
        return THOUGHTS if thinking is None or isinstance(thinking, bool) else thinking

    def _switched(self, *, on: bool) -> dict[str, object]:
        assert self.server is not None
        if self.server.switch == "effort":
            return {"think": on, "reasoning_effort": "medium" if on else "none"}
        if self.name == "dashscope" and self.model is not None and self.model.switch == "effort":
            return {} if on else {"reasoning_effort": "none"}
        return self._told({"enable_thinking": on}, {})

    def _told(self, words: dict[str, object], already: Mapping[str, object]) -> dict[str, object]:
        """The words where this kind of server looks for them."""
        assert self.server is not None
        match self.server.switch:
            case "body":
                return words
            case "template":
                template = already.get("chat_template_kwargs")
                return {"chat_template_kwargs": {**(template if isinstance(template, dict) else {}), **words}}
            case "effort":
                return {}


class Capabilities(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of the data."""

    sources: dict[str, str]
    plans: tuple[Plan, ...]
    servers: dict[ServerName, ServerEntry]
    caches: dict[Literal["implicit", "explicit"], Cache]
    models: tuple[ModelEntry, ...]

    def known(self, base_url: str, model: str, server: ServerName | None = None) -> Known:
        """Everything known of a route; the server is told by the address where nobody names it."""
        found = _ADDRESS.match(base_url)
        host, port = (found["host"].lower(), found["port"]) if found else ("", None)
        plan = next((plan for plan in self.plans if fnmatchcase(host, plan.host)), None)
        if server is None and plan is not None:
            server = "dashscope"
        if server is None:
            server = next((n for n, s in self.servers.items() if s.port and str(s.port) == port), None)
        entry = self.model(model)
        cache = self.caches[entry.cache] if server == "dashscope" and entry is not None and entry.cache else None
        return Known(name=server, server=self.servers[server] if server else None, plan=plan, model=entry, cache=cache)

    def model(self, name: str) -> ModelEntry | None:
        """The entry of a model, by the name that a server has for it."""
        bare = name.lower().rstrip("/").rpartition("/")[2]
        return next((one for one in self.models if any(fnmatchcase(bare, pattern) for pattern in one.names)), None)

    def owner(self, owned_by: str) -> ServerName | None:
        """The kind of server that signs its list of models so."""
        return next((name for name, server in self.servers.items() if server.owner and server.owner == owned_by), None)

    def other_regions(self, plan: Plan) -> tuple[Plan, ...]:
        """The same plan elsewhere."""
        return tuple(
            one for one in self.plans if one.plan == plan.plan and one.host != plan.host and "*" not in one.host
        )
