"""Any server of the OpenAI-compatible chat wire, asked once and always streaming; asking again is for the kernel.

What the server says is never trusted: its errors are told apart by status and code, its words are quoted shortened.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import msgspec

from deputy.adapters.egress import (
    Dispatch,
    Egress,
    EgressError,
    EgressRefused,
    Interrupted,
    ResponseTooLarge,
    dispatching,
    origin,
    reason,
    received,
)
from deputy.adapters.wire.chat import RESERVED, CutStream, ErrorChunk, Events, ReplyBuilder, WireError, request
from deputy.base.canonical import canonical
from deputy.base.errors import ConfigError, DeputyError
from deputy.domain.catalogue import FREE, Price
from deputy.domain.cost import NOTHING, Cost
from deputy.domain.effect import Done, Failed, Intent, Result, Unknown
from deputy.domain.message import Prompt, Usage

if TYPE_CHECKING:
    import openai

__all__ = ["Endpoint", "OpenAIChat"]

DRAIN = 0.1  #: seconds to wait for the end of a stream that is done
QUOTED = 400  #: characters of a server's own words in an error

_OVERFLOW = re.compile(
    r"context[ _]?(?:length|size|window)|input length|prompt is too long|longer than the model|exceed_context", re.I
)
_UNPAID = re.compile(r"arrearage|good standing|insufficient balance", re.I)
_STREAM = "text/event-stream"


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of `[models]`: which model of which server, what it costs, and what else its server wants to be told."""

    name: str
    base_url: str
    model: str
    price: Price = FREE
    parallel: bool = True  #: whether one reply may hold several tool calls
    extra: Mapping[str, object] = {}  #: more of the request's body, such as `enable_thinking`


class OpenAIChat:
    """One endpoint; `key` lends the API key for one call, where the server wants one; `egress` stays its owner's."""

    def __init__(self, endpoint: Endpoint, egress: Egress, key: Callable[[], str] | None = None) -> None:
        taken = sorted(RESERVED.intersection(endpoint.extra))
        if taken:
            names = ", ".join(f"`{name}`" for name in taken)
            raise ConfigError(f"`extra` of the model `{endpoint.name}` sets {names}.", "Leave that to Deputy.")
        if "://" not in endpoint.base_url:
            raise ConfigError(f"`base_url` of the model `{endpoint.name}` has no scheme.", "Begin it with https://.")
        origin(endpoint.base_url)  # refuses what is no address
        self._endpoint, self._egress, self._lend = endpoint, egress, key
        self._client: openai.AsyncOpenAI | None = None

    async def complete(self, intent: Intent) -> Result:
        """Ask once, within the intent's deadline."""
        prompt = intent.request
        if not isinstance(prompt, Prompt):
            raise TypeError(f"{prompt.spec.name!r} is a tool; a model is asked with a `Prompt`")
        try:
            key = self._key()
        except DeputyError as error:
            return self._failed("model_unauthorized", error.message)
        try:
            body = canonical(
                request(
                    prompt, model=self._endpoint.model, parallel=self._endpoint.parallel, extra=self._endpoint.extra
                )
            )
            builder = ReplyBuilder(prompt, sent=len(body))
        except DeputyError as error:
            return self._failed("model_bad_request", error.message)
        with dispatching() as dispatch:
            try:
                async with asyncio.timeout(intent.deadline):
                    await self._converse(body, key, builder)
            except TimeoutError:
                return self._broken(f"no complete answer within {intent.deadline:g} s", dispatch, builder)
            except _Gone as gone:
                return self._broken(str(gone), dispatch, builder)
            except _Refusal as refusal:
                cost = self._cost(builder)
                if refusal.retry and cost:  # it broke off in the middle, and what it had said may be on the bill
                    return Unknown(self._says(str(refusal)))
                return self._failed(refusal.kind, str(refusal), cost, retry=refusal.retry)
        return self._done(builder)

    async def close(self) -> None:
        """Forget the client; the connections are the egress's."""
        self._client = None

    def _key(self) -> str:
        """The key as a header can carry it; the library that writes headers would quote a wrong one in its error."""
        key = self._lend().strip() if self._lend else ""
        if self._lend and not (key and all("!" <= letter <= "~" for letter in key)):
            raise ConfigError("The API key is empty, or has characters that a key cannot have.")
        return key

    async def _converse(self, body: bytes, key: str, builder: ReplyBuilder) -> None:
        """Send the request and feed the builder; raises `_Gone` or `_Refusal`, and no error of a library."""
        if self._client is None:
            self._client = await asyncio.to_thread(_client, self._endpoint.base_url, self._egress)
        import openai

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
                content=body,
                options={"headers": headers},
                stream=True,
                stream_cls=openai.AsyncStream[object],
            )
            async with stream:
                kind = stream.response.headers.get("content-type", "nothing")
                if kind.split(";")[0].strip().lower() != _STREAM:
                    raise _Refusal("model_bad_response", f"it answered with {_quoted(kind, key)}, not with a stream")
                async with aclosing(received(stream.response)) as parts:
                    await _read(parts, builder)
        except openai.APIStatusError as error:
            raise self._refusal(key, error.status_code, error.body, error.response.headers) from None
        except (openai.APITimeoutError, openai.APIConnectionError) as error:
            raise _Gone(reason(error)) from None
        except Interrupted as error:
            raise _Gone(error.message) from None
        except ErrorChunk as error:
            raise self._refusal(key, 0, error.body, {}) from None
        except WireError as error:
            raise _Refusal(error.code, error.message) from None
        except EgressRefused as error:
            raise _Refusal("model_unreachable", error.message) from None
        except ResponseTooLarge as error:
            raise _Refusal("model_reply_too_large", error.message) from None
        except EgressError as error:
            raise _Refusal("model_bad_response", error.message) from None

    def _done(self, builder: ReplyBuilder) -> Result:
        try:
            return Done(builder.reply(), self._cost(builder))
        except CutStream as error:
            return Unknown(self._says(error.message))

    def _broken(self, why: str, dispatch: Dispatch, builder: ReplyBuilder) -> Result:
        """What a broken line means: nothing, if nothing was sent; and nothing, if all had been said."""
        if builder.finished:
            return self._done(builder)
        if dispatch.begun:
            return Unknown(self._says(why))
        return self._failed("model_unreachable", f"it cannot be reached: {why}", retry=True)

    def _refusal(self, key: str, status: int, body: object, headers: Mapping[str, str]) -> "_Refusal":
        said, code = _words(body, key)
        status = status or (int(code) if re.fullmatch(r"[45]\d\d", code) else 0)
        kind, retry = _kind(status, f"{code} {said}")
        target, wait = _quoted(headers.get("location", ""), key), headers.get("retry-after", "")
        parts = [_meaning(kind, status, self._endpoint), said]
        parts += [f"it redirects to {target}"] if target else []
        parts += [f"it asks to wait {wait} s"] if wait.isdigit() else []
        return _Refusal(kind, "; ".join(part for part in parts if part), retry=retry)

    def _failed(self, code: str, said: str, cost: Cost = NOTHING, *, retry: bool = False) -> Failed:
        return Failed(code, self._says(said), cost, retry)

    def _says(self, what: str) -> str:
        host = urlsplit(self._endpoint.base_url).hostname
        text = " ".join(what.split())
        text = text if len(text) <= QUOTED * 2 else text[: QUOTED * 2] + "…"
        end = "" if text.endswith((".", "!", "?", "…")) else "."
        return f"Model `{self._endpoint.name}` ({self._endpoint.model} at {host}): {text}{end}"

    def _cost(self, builder: ReplyBuilder) -> Cost:
        usage = builder.usage if builder.begun else Usage()
        return Cost(money=self._endpoint.price.of(usage), tokens=usage.input + usage.output)


class _Gone(Exception):
    """The line broke."""


class _Refusal(Exception):
    """What came is no reply."""

    def __init__(self, kind: str, said: str, *, retry: bool = False) -> None:
        super().__init__(said)
        self.kind, self.retry = kind, retry


async def _read(parts: AsyncGenerator[bytes], builder: ReplyBuilder) -> None:
    """Feed the builder until the server says that it is done, or its stream ends."""
    events = Events()
    async for part in parts:
        for chunk in events.feed(part):
            builder.add(chunk)
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


def _words(body: object, key: str) -> tuple[str, str]:
    """What a server says in an error, quoted, and its code for it."""
    if not isinstance(body, Mapping):
        return _quoted(body or "", key), ""
    members = cast("Mapping[str, object]", body)
    if isinstance(members.get("error"), Mapping):
        return _words(members["error"], key)
    text = next((members[name] for name in ("message", "detail", "error") if members.get(name)), "")
    code = next((members[name] for name in ("code", "type") if members.get(name)), "")
    return _quoted(text, key), _quoted(code, key)


def _quoted(text: object, key: str) -> str:
    """A server's words without the key, on one line, and not too many; a page for people is left out."""
    said = " ".join(str(text).split())
    said = said.replace(key, "[key]") if key else said
    if said.startswith("<"):
        return ""
    return said if len(said) <= QUOTED else said[: QUOTED - 1] + "…"


def _kind(status: int, said: str) -> tuple[str, bool]:
    """The stable code of a refusal, and whether a moment later it may be another."""
    if status in (0, 400, 413, 422, 500) and _OVERFLOW.search(said):
        return "model_context_overflow", False
    if status in (401, 402, 403) or _UNPAID.search(said):
        return "model_unauthorized", False
    if status == 404 or "model_not_found" in said:
        return "model_not_found", False
    if status == 429 or (not status and re.search(r"rate.?limit|throttl", said, re.I)):
        return "model_rate_limited", True
    if status in (408, 409, 425, 503, 529) or (not status and re.search(r"overload|unavailable", said, re.I)):
        return "model_overloaded", True
    if not status or status >= 500:
        return "model_server_error", True
    return "model_bad_request", False


def _meaning(kind: str, status: int, endpoint: Endpoint) -> str:
    number = f" ({status})" if status else ""
    match kind:
        case "model_unauthorized":
            return f"it refuses the API key{number}; a key belongs to one region and one plan, as `base_url` does"
        case "model_not_found":
            return f"it knows no model {endpoint.model!r}, or `base_url` is not where its wire begins{number}"
        case "model_rate_limited":
            return f"it wants fewer requests{number}"
        case "model_context_overflow":
            return f"the conversation is too long for it{number}"
        case "model_overloaded":
            return f"it is overloaded{number}"
        case "model_server_error":
            return f"it broke down{number}"
        case _:
            return f"it refuses the request{number}"
