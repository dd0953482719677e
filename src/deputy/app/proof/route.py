"""Ask a route everything that Deputy relies on, and say of each what was found and what to change."""

import re
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any, Literal, cast

import msgspec

from deputy.adapters.egress import Egress
from deputy.adapters.model.openai_chat import OpenAIChat, listing
from deputy.app.capabilities import capabilities
from deputy.app.config.settings import REHEARSAL, ModelRoute, Settings
from deputy.app.models import client_of
from deputy.app.proof import questions
from deputy.app.proof.questions import Question
from deputy.app.routes import Understood, understood
from deputy.base.clock import Clock
from deputy.base.errors import DeputyError, NotFound, UsageError
from deputy.domain.catalogue import FREE
from deputy.domain.cost import NOTHING, Cost, format_money
from deputy.domain.effect import Done, Failed
from deputy.domain.message import Reply

__all__ = ["Proof", "named_route", "prove"]

PATIENCE = 180.0  #: seconds for one call
CALLS = 9
CONFIGURATION = frozenset((
    "model_unauthorized", "model_forbidden", "model_unpaid", "model_quota_spent", "model_not_found",
    "model_price_unknown", "configuration", "egress_refused",
))  # fmt: skip
_OURS = re.compile(r"call_[0-9]+_[0-9]+_*")  # the id of a call that no server named
Level = Literal["ok", "warning", "error"]


class Proof(msgspec.Struct, frozen=True):
    """What one check found; `code` of what failed, `figures` for programs."""

    check: str
    level: Level
    message: str
    remedy: str = ""
    code: str = ""
    figures: dict[str, Any] = {}

    @property
    def misconfigured(self) -> bool:
        """Whether a file, a key or an account is wrong, rather than the server."""
        return self.code in CONFIGURATION

    @property
    def view(self) -> dict[str, Any]:
        """The same as `deputy doctor model --json` prints it."""
        return {"check": self.check, "ok": self.level != "error", "level": self.level, "message": self.message,
                "remedy": self.remedy, "code": self.code, "figures": self.figures}  # fmt: skip


def named_route(settings: Settings, name: str | None) -> ModelRoute:
    """The route to prove: the one named, or `default`, or the only one; raises UsageError."""
    real = {one.name: one for one in settings.models.values() if one.provider != REHEARSAL}
    if name is not None:
        if name in real:
            return real[name]
        if settings.route(name) is not None:
            raise UsageError(f"`{name}` is a rehearsal, which has no server to ask.", "Name a real model.")
        raise NotFound(f"There is no model {name!r} in deputy.toml.", f"It has {', '.join(real) or 'none'}.")
    if "default" in real or len(real) == 1:
        return real.get("default") or next(iter(real.values()))
    if not real:
        raise UsageError("deputy.toml has no model with a server.", "Add a table [models.default].")
    raise UsageError("deputy.toml has several models.", f"Name one: {', '.join(real)}.")


async def prove(
    route: ModelRoute, currency: str, lend: Callable[[str], str], clock: Clock, doing: Callable[[str], None]
) -> AsyncGenerator[Proof]:
    """Everything that is right or wrong with a route, as it is found."""
    egress = Egress([route.base_url])
    try:
        examination = _Examination(route, currency, egress, lend, clock)
        async for proof in examination.proofs(doing):
            yield proof
    finally:
        await egress.close()


class _Examination:
    def __init__(
        self, route: ModelRoute, currency: str, egress: Egress, lend: Callable[[str], str], clock: Clock
    ) -> None:
        self.route, self.currency, self.egress, self.lend, self.clock = route, currency, egress, lend, clock
        self.found = understood(route, currency)
        self.spent, self.asked = NOTHING, 0
        self.first: Failed | None = None  #: what stopped the examination

    async def proofs(self, doing: Callable[[str], None]) -> AsyncGenerator[Proof]:
        if self.found.unusable:
            message = f"{self.found.unusable[0].upper()}{self.found.unusable[1:]}"
            head, _, remedy = message.rpartition(". ")
            yield Proof("price", "error", f"{head}.", remedy, "model_price_unknown")
            return
        doing("the server")
        for proof in await self._server():
            yield proof
        for proof in _known(self.found):
            yield proof
        client = client_of(self.route, self.currency, self.egress, self.lend)
        yield self._beforehand()
        doing("a completion")
        answer = await self._ask(client, questions.PLAIN)
        yield self._plain(answer)
        if not isinstance(answer, Reply):
            return
        doing("tool calls")
        called = await self._ask(client, questions.TOOL)
        yield self._called(called)
        both = await self._ask(client, questions.PARALLEL)
        yield _parallel(both)
        doing("thinking")
        if isinstance(called, Reply) and called.calls:
            back = await self._ask(client, questions.again(questions.TOOL.prompt, called))
            yield self._thinking(called, back)
        doing("structured output")
        yield _shaped(await self._ask(client, questions.SHAPED))
        yield self._forced(await self._ask(client, questions.FORCED))
        doing("the prefix cache")
        hits = 0.0
        async for proof in self._cache(client):
            hits = proof.figures.get("hits", hits)
            yield proof
        yield self._price(hits)

    # -- what is known, and what it may cost

    async def _server(self) -> list[Proof]:
        try:
            key = self.lend(self.route.api_key) if self.route.api_key else ""
            told = await listing(self.egress, self.route.base_url, self.route.model, key)
        except DeputyError as error:
            return [Proof("server", "error", error.message, error.remedy, "configuration")]
        named = self.found.known.name
        owner = capabilities().owner(told.owner)
        found: list[Proof] = []
        if named is None and owner is not None:
            self.found = understood(self.route, self.currency, owner)
            found.append(Proof("server", "warning", f"It is {owner}, and the file does not say so.",
                               f'Write `server = "{owner}"` under [models.{self.route.name}].'))  # fmt: skip
        elif named is not None and owner is not None and owner != named:
            found.append(Proof("server", "warning", f"It says that it is {owner}, and the file says {named}.",
                               f'Write `server = "{owner}"` under [models.{self.route.name}].'))  # fmt: skip
        elif named is None:
            message = "What kind of server it is cannot be told, so it gets what every server understands."
            remedy = f"Say `server` under [models.{self.route.name}], if it is one of those Deputy knows."
            found.append(Proof("server", "warning", message, remedy))
        else:
            plan = self.found.known.plan
            found.append(Proof("server", "ok", f"It is {named}{f' ({plan})' if plan else ''}."))
        if told.context and self.route.context and self.route.context > told.context:
            message = f"It takes {told.context} tokens, and `context` says {self.route.context}."
            found.append(Proof("context", "error", message, f"Write `context = {told.context}`.", "configuration"))
        elif told.context and told.context < 131_072 and self.route.context is None:
            message = f"It takes {told.context} tokens, and the file does not say so."
            found.append(Proof("context", "warning", message, f"Write `context = {told.context}`."))
        return found

    def _beforehand(self) -> Proof:
        several = (questions.PLAIN, questions.TOOL, questions.PARALLEL, questions.TOOL, questions.SHAPED,
                   questions.FORCED, *questions.CACHED)  # fmt: skip
        most = sum((self._worst(question) for question in several), NOTHING)
        money = f" and {format_money(most.money)} {self.currency}" if most.money else ""
        message = f"This makes at most {CALLS} calls, of {most.tokens:,} tokens{money} at the very most."
        figures = {"calls": CALLS, "tokens": most.tokens, "money": format_money(most.money)}
        return Proof("cost", "ok", message, figures=figures)

    def _worst(self, question: Question) -> Cost:
        said = sum(len(message.text.encode()) for message in question.prompt.messages)
        limit = self.found.known.thought(self.route.thinking)
        output = question.prompt.max_tokens + min(limit, questions.THINKS)
        size = (said + 1200) // 2
        return Cost(money=(self.found.price or FREE).worst(size, output), tokens=size + output)

    async def _ask(
        self, client: OpenAIChat, question: Question, began: Callable[[], None] | None = None
    ) -> Reply | Failed:
        limit = self.found.known.thought(self.route.thinking)
        also = question.also if limit <= questions.THINKS else {"thinking_budget": questions.THINKS, **question.also}
        self.asked += 1
        result = await client.ask(question.prompt, PATIENCE, also=also, began=began)
        match result:
            case Done(Reply() as reply, cost):
                self.spent += cost
                return reply
            case Failed(cost=cost):
                self.spent += cost
                return result
            case _:
                return Failed("no_answer", getattr(result, "message", "It gave no answer."))

    # -- what was found

    def _plain(self, answer: Reply | Failed) -> Proof:
        if isinstance(answer, Failed):
            return _stopped("completion", answer)
        if not (answer.text.strip() or answer.reasoning):
            return Proof(
                "completion", "error", "It answered with nothing.", "Look at the server's own log.", "empty_reply"
            )
        said = f"It answers, as {answer.model or 'nobody in particular'}."
        return Proof("completion", "ok", said, figures={"model": answer.model, "tokens": answer.usage.output})

    def _called(self, answer: Reply | Failed) -> Proof:
        if isinstance(answer, Failed):
            return _stopped("tool_call", answer)
        good = [call for call in answer.calls if call.tool == "weather" and "city" in _object(call.arguments)]
        if good and any(_OURS.fullmatch(call.id) for call in good):
            message = "It leaves tool calls in its text, where Deputy finds them."
            return Proof("tool_call", "warning", message, self._start())
        if good:
            return Proof("tool_call", "ok", "It calls a tool with arguments that fit.")
        left = any(mark in answer.text + answer.reasoning for mark in ("<tool_call>", "<function="))
        what = "It left a tool call in its text." if left else "It answered without calling the tool."
        return Proof("tool_call", "error", what, self._start(), "no_tool_call")

    def _start(self) -> str:
        """How the server must be started to make tool calls of what the model writes."""
        server, model = self.found.known.server, self.found.known.model
        if server is None or not server.start:
            return "Start the server so that it turns tool calls into `tool_calls`, or take a model that makes them."
        parser = server.parsers.get(model.calls if model else "json", "")
        return f"Start the server with {server.start.format(parser=parser)}."

    def _thinking(self, called: Reply, back: Reply | Failed) -> Proof:
        if isinstance(back, Failed):
            return _stopped("thinking", back)
        model, wanted = self.found.known.model, self.route.thinking
        always = model is not None and model.thinking == "always"
        usual = model is not None and (model.default or always)
        expected = usual if wanted is None else wanted is not False
        if called.reasoning and wanted is False and not always:
            return Proof("thinking", "warning", "It thinks, though `thinking = false`.", "Say what `server` it is.")
        if not called.reasoning and expected and not (model and model.thinking == "never"):
            message = "It should think before a call, and nothing of it arrives apart from the answer."
            return Proof("thinking", "warning", message, self._start())
        if not (back.text.strip() or back.calls):
            message = "After a tool's result it says nothing."
            return Proof("thinking", "error", message, "Look at the server's chat template.", "empty_reply")
        what = (
            "What it thought goes back beside its call, and it goes on."
            if called.reasoning
            else "It goes on from a result."
        )
        return Proof("thinking", "ok", what, figures={"reasoning_tokens": called.usage.reasoning})

    def _forced(self, answer: Reply | Failed) -> Proof:
        can = isinstance(answer, Reply) and any(call.tool == "weather" for call in answer.calls)
        said = self.route.forced_tool_choice
        if can:
            message = "It can be made to call one tool."
            if said:
                return Proof("forced", "ok", message)
            return Proof("forced", "ok", f"{message} `forced_tool_choice = true` lets Deputy use that.")
        if said:
            return Proof(
                "forced",
                "error",
                "It cannot be made to call one tool.",
                "Remove `forced_tool_choice`.",
                "configuration",
            )
        return Proof("forced", "ok", "It cannot be made to call one tool, and Deputy does not try.")

    async def _cache(self, client: OpenAIChat) -> AsyncGenerator[Proof]:
        waits: list[float] = []
        replies: list[Reply] = []
        for question in questions.CACHED:
            begun, heard = self.clock.boot(), list[float]()
            answer = await self._ask(client, question, began=lambda: heard.append(self.clock.boot()))  # noqa: B023
            if isinstance(answer, Failed):
                yield _stopped("cache", answer)
                return
            waits.append((heard[0] if heard else self.clock.boot()) - begun)
            replies.append(answer)
        later = replies[1:]
        total = sum(reply.usage.input for reply in later)
        hits = sum(reply.usage.cached for reply in later) / total if total else 0.0
        times = ", ".join(f"{wait * 1000:.0f}" for wait in waits)
        message = f"It reads {int(hits * 100)} % of what it saw before from its cache; first words after {times} ms."
        figures = {"hits": round(hits, 3), "first_token_ms": [round(wait * 1000) for wait in waits]}
        if hits:
            yield Proof("cache", "ok", message, figures=figures)
            return
        if self.found.known.server is not None and not self.found.known.server.counts:
            message = f"It does not count what it reads from a cache; first words after {times} ms."
            yield Proof("cache", "ok", message, figures=figures)
            return
        remedy = "Start vLLM with --enable-prefix-caching; for hybrid models see its --mamba-cache-mode."
        if self.found.known.name != "vllm":
            remedy = "Every call pays for the whole conversation; see whether the server has a prefix cache."
        yield Proof("cache", "warning", message, remedy, figures=figures)

    def _price(self, hits: float) -> Proof:
        spent = f"This examination: {self.asked} calls, {self.spent.tokens:,} tokens"
        spent += f", {format_money(self.spent.money)} {self.currency}." if self.spent.money else "."
        price = self.found.price or FREE
        money = questions.thousand(price, hits)
        took = {"calls": self.asked, "tokens": self.spent.tokens, "money": format_money(self.spent.money)}
        figures = {"runs": 1000, "money": format_money(money), "currency": self.currency, "spent": took}
        if not money:
            return Proof("price", "ok", f"Its tokens are not billed. {spent}", figures=figures)
        whole = f"{format_money(money)} {self.currency} for a thousand typical runs ({questions.TYPICAL})."
        return Proof("price", "ok", f"{whole} {spent}", figures=figures)


def _known(found: Understood) -> Iterator[Proof]:
    """What the dated data has, or does not have, on the model."""
    model, route = found.known.model, found.route
    if model is None:
        message = f"Nothing is known of a model {route.model!r}; it gets careful defaults."
        remedy = "Set `context`, `max_tokens` and `thinking` to what its provider says."
        yield Proof("model", "warning", message, remedy)
        return
    thinks = {"never": "does not think", "always": "always thinks", "hybrid": "thinks when asked to"}[model.thinking]
    message = f"{route.model} {thinks}, takes {model.context:,} tokens; checked on {model.checked.isoformat()}."
    yield Proof("model", "ok", message, figures={"context": model.context, "thinking": model.thinking})
    server = found.known.server
    if isinstance(route.thinking, int) and not isinstance(route.thinking, bool) and server and not server.budget:
        message = f"`thinking = {route.thinking}` only means that it thinks: this server takes no limit."
        yield Proof("thinking", "warning", message, "`max_tokens` bounds thought and answer together.")


def _parallel(answer: Reply | Failed) -> Proof:
    if isinstance(answer, Failed):
        return _stopped("parallel", answer)
    count = len({call.arguments for call in answer.calls})
    if count > 1:
        return Proof("parallel", "ok", f"It makes {count} calls in one reply.", figures={"calls": count})
    message = "It makes one call at a time, where two were asked for."
    return Proof("parallel", "warning", message, "Runs work, with more model calls.", figures={"calls": count})


def _shaped(answer: Reply | Failed) -> Proof:
    fits = isinstance(answer, Reply) and {"city", "country"} <= set(_object(answer.text))
    message = (
        "It answers in a given JSON schema."
        if fits
        else "It keeps to no JSON schema; Deputy asks for a tool's arguments instead."
    )
    return Proof("structured", "ok", message, figures={"json_schema": fits})


def _stopped(check: str, failed: Failed) -> Proof:
    return Proof(check, "error", failed.message, "", failed.code)


def _object(text: str) -> dict[str, object]:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return cast("dict[str, object]", found) if isinstance(found, dict) else {}
