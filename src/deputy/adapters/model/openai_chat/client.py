"""One call of the chat wire, from a journaled intent to what came of it."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from deputy.adapters.egress import (
    Dispatch,
    Egress,
    EgressError,
    EgressRefused,
    Interrupted,
    ResponseTooLarge,
    dispatching,
    reason,
    received,
)
from deputy.adapters.model.openai_chat.endpoint import Endpoint
from deputy.adapters.model.openai_chat.listing import listing
from deputy.adapters.model.openai_chat.marking import Marking
from deputy.adapters.model.openai_chat.refusals import QUOTED, Refusal, filtered, quoted, refusal
from deputy.adapters.wire.calls import UnparsedToolCall
from deputy.adapters.wire.chat import CutStream, ErrorChunk, Events, ReplyBuilder, WireError, encoded, places
from deputy.base.errors import ConfigError, DeputyError
from deputy.domain.cost import NOTHING, Cost
from deputy.domain.effect import Aloud, Done, Failed, Intent, Result, Unknown
from deputy.domain.message import Prompt, Usage

if TYPE_CHECKING:
    import openai

__all__ = ["OpenAIChat"]

DRAIN = 0.1  #: seconds to wait for the end of a stream that is done

_STREAM = "text/event-stream"


class OpenAIChat:
    """One endpoint; `key` lends the API key for one call, where the server wants one; `egress` stays its owner's.

    With `settle` the server is asked once who it is, and the endpoint becomes what `settle` makes of that.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        egress: Egress,
        key: Callable[[], str] | None = None,
        *,
        settle: Callable[[str], Endpoint] | None = None,
    ) -> None:
        endpoint.check()
        self._endpoint, self._egress, self._lend, self._settle = endpoint, egress, key, settle
        self._marking, self._settling = Marking(endpoint.cache), asyncio.Lock()
        self._client: openai.AsyncOpenAI | None = None

    async def complete(self, intent: Intent) -> Result:
        """Ask once, within the intent's deadline."""
        prompt = intent.request
        if not isinstance(prompt, Prompt):
            raise TypeError(f"{prompt.spec.name!r} is a tool; a model is asked with a `Prompt`")
        return await self.ask(prompt, intent.deadline, aloud=intent.aloud)

    async def ask(
        self,
        prompt: Prompt,
        deadline: float,
        *,
        also: Mapping[str, object] | None = None,
        began: Callable[[], None] | None = None,
        aloud: Aloud | None = None,
    ) -> Result:
        """Ask once; for runs through `complete` alone, by itself only for a person who examines the route.

        `also` is said beside what the route says; `began` is told when the reply begins, `aloud` what it says as it
        comes.
        """
        if self._endpoint.unusable:
            return self._failed("model_price_unknown", self._endpoint.unusable)
        try:
            key = self._key()
        except DeputyError as error:
            return self._failed("model_unauthorized", error.message)
        if self._settle is not None:
            await self._ask_who(key)
        try:
            body, marked = self._request(prompt, also or {})
            asking = _Asking(body, key, ReplyBuilder(prompt, sent=len(body), aloud=aloud), marked, began)
        except DeputyError as error:
            return self._failed("model_bad_request", error.message)
        result = await self._asked(asking, deadline)
        if asking.builder.counted and isinstance(result, Done):
            self._marking.learn(prompt, asking.builder.usage, marked=marked)
        return result

    async def _ask_who(self, key: str) -> None:
        """Learn once what kind of server this is; calls that come meanwhile wait for it."""
        async with self._settling:
            if self._settle is not None:
                told = await listing(self._egress, self._endpoint.base_url, self._endpoint.model, key)
                self._endpoint, self._settle = self._settle(told.owner), None

    def _request(self, prompt: Prompt, also: Mapping[str, object]) -> tuple[bytes, bool]:
        """The bytes to send, and whether they carry markers."""
        route = self._endpoint
        extra = {**route.extra, **also}
        body = encoded(prompt, model=route.model, dialect=route.dialect, extra=extra)
        if not self._marking.pays(prompt, len(body)):
            return body, False
        marked = places(prompt, self._marking.most)
        return encoded(prompt, model=route.model, dialect=route.dialect, extra=extra, marked=marked), True

    async def _asked(self, asking: "_Asking", deadline: float) -> Result:
        with dispatching() as dispatch:
            try:
                async with asyncio.timeout(deadline):
                    await self._patiently(asking)
            except TimeoutError:
                return self._broken(f"no complete answer within {deadline:g} s", dispatch, asking)
            except _Gone as gone:
                return self._broken(str(gone), dispatch, asking)
            except Refusal as refusal:
                cost = self._cost(asking)
                if refusal.retry and cost:  # it broke off in the middle, and what it had said may be on the bill
                    return Unknown(self._says(str(refusal)))
                return self._failed(refusal.kind, str(refusal), cost, retry=refusal.retry, wait=refusal.wait)
        return self._done(asking)

    async def close(self) -> None:
        """Forget the client; the connections are the egress's."""
        self._client = None

    def _key(self) -> str:
        """The key as a header can carry it; the library that writes headers would quote a wrong one in its error."""
        key = self._lend().strip() if self._lend else ""
        if self._lend and not (key and all("!" <= letter <= "~" for letter in key)):
            raise ConfigError("The API key is empty, or has characters that a key cannot have.")
        return key

    async def _patiently(self, asking: "_Asking") -> None:
        """Converse, as long as pieces of the reply keep coming; a comment that keeps the line alive is no piece."""
        route, loop = self._endpoint, asyncio.get_running_loop()
        patience = asyncio.timeout(route.first_token)
        begun = False

        def heard() -> None:
            nonlocal begun
            if not begun and asking.began is not None:
                asking.began()
            begun = True
            if route.first_token is not None or route.between is not None:
                patience.reschedule(None if route.between is None else loop.time() + route.between)

        try:
            async with patience:
                await self._converse(asking, heard)
        except TimeoutError:
            if begun:
                raise _Gone(f"it fell silent for {route.between:g} s in the middle of its reply") from None
            raise _Gone(f"it did not begin to answer within {route.first_token:g} s") from None

    async def _converse(self, asking: "_Asking", heard: Callable[[], None]) -> None:
        """Send the request and feed the builder; raises `_Gone` or `Refusal`, and no error of a library."""
        if self._client is None:
            self._client = await asyncio.to_thread(_client, self._endpoint.base_url, self._egress)
        import openai

        key = asking.key
        omit = openai.Omit()
        headers = {
            "Authorization": f"Bearer {key}" if key else omit,
            "x-stainless-retry-count": omit,
            "x-stainless-read-timeout": omit,
        }
        try:
            stream = await self._client.post(
                "/chat/completions",
                cast_to=object,
                content=asking.body,
                options={"headers": headers},
                stream=True,
                stream_cls=openai.AsyncStream[object],
            )
            async with stream:
                kind = stream.response.headers.get("content-type", "nothing")
                if kind.split(";")[0].strip().lower() != _STREAM:
                    raise Refusal("model_bad_response", f"it answered with {quoted(kind, key)}, not with a stream")
                async with aclosing(received(stream.response)) as parts:
                    await _read(parts, asking.builder, heard)
        except openai.APIStatusError as error:
            raise refusal(self._endpoint, key, error.status_code, error.body, error.response.headers) from None
        except (openai.APITimeoutError, openai.APIConnectionError) as error:
            raise _Gone(reason(error)) from None
        except Interrupted as error:
            raise _Gone(error.message) from None
        except ErrorChunk as error:
            raise refusal(self._endpoint, key, 0, error.body, {}) from None
        except WireError as error:
            raise Refusal(error.code, error.message) from None
        except EgressRefused as error:
            raise Refusal("model_unreachable", error.message) from None
        except ResponseTooLarge as error:
            raise Refusal("model_reply_too_large", error.message) from None
        except EgressError as error:
            raise Refusal("model_bad_response", error.message) from None

    def _done(self, asking: "_Asking") -> Result:
        try:
            reply = asking.builder.reply()
        except CutStream as error:
            return Unknown(self._says(error.message))
        except UnparsedToolCall as error:
            return Failed(error.code, error.message, self._cost(asking))
        if reply.finish == "content_filter":
            broken = filtered()
            return self._failed(broken.kind, str(broken), self._cost(asking))
        return Done(reply, self._cost(asking))

    def _broken(self, why: str, dispatch: Dispatch, asking: "_Asking") -> Result:
        """What a broken line means: nothing, if nothing was sent; and nothing, if all had been said."""
        if asking.builder.finished:
            return self._done(asking)
        if dispatch.begun:
            return Unknown(self._says(why))
        return self._failed("model_unreachable", f"it cannot be reached: {why}", retry=True)

    def _failed(self, code: str, said: str, cost: Cost = NOTHING, *, retry: bool = False, wait: float = 0.0) -> Failed:
        return Failed(code, self._says(said), cost, retry, wait)

    def _says(self, what: str) -> str:
        host = urlsplit(self._endpoint.base_url).hostname
        text = " ".join(what.split())
        text = text if len(text) <= QUOTED * 2 else text[: QUOTED * 2] + "…"
        end = "" if text.endswith((".", "!", "?", "…")) else "."
        return f"Model `{self._endpoint.name}` ({self._endpoint.model} at {host}): {text}{end}"

    def _cost(self, asking: "_Asking") -> Cost:
        usage = asking.builder.usage if asking.builder.begun else Usage()
        return Cost(money=self._endpoint.price.of(usage, marked=asking.marked), tokens=usage.input + usage.output)


class _Asking(NamedTuple):
    """One request, and what becomes of it."""

    body: bytes
    key: str
    builder: ReplyBuilder
    marked: bool
    began: Callable[[], None] | None


class _Gone(Exception):
    """The line broke."""


async def _read(parts: AsyncGenerator[bytes], builder: ReplyBuilder, heard: Callable[[], None]) -> None:
    """Feed the builder until the server says that it is done, or its stream ends."""
    events = Events()
    async for part in parts:
        chunks = events.feed(part)
        for chunk in chunks:
            builder.add(chunk)
        if chunks:
            heard()
        if events.done:
            break
    try:
        async with asyncio.timeout(DRAIN):  # a connection read to its end can be used again
            async for _ in parts:
                pass
    except (TimeoutError, EgressError):
        pass  # the reply is complete without it


def _client(base_url: str, egress: Egress) -> "openai.AsyncOpenAI":
    """The vendor's client over ours: it retries nothing, and what the environment holds for it changes no request."""
    import openai

    class Plain(openai.AsyncOpenAI):
        @property
        def default_headers(self) -> dict[str, str | openai.Omit]:
            return {"Accept": _STREAM, "Content-Type": "application/json", "User-Agent": "deputy"}

    # The key is lent with each call; without a word here the library would look for one in the environment.
    return Plain(api_key="lent-per-call", base_url=base_url, http_client=egress.client(), max_retries=0)
