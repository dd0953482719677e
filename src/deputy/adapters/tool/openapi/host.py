"""The host of an API's operations: the document read, the request made, and what its answer means."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import msgspec

from deputy.adapters.egress import Answer, Egress, EgressError, EgressRefused, ResponseTooLarge, Timeouts, Unreachable
from deputy.adapters.tool import excess, scrubbed, sentence
from deputy.adapters.tool.openapi.document import load
from deputy.adapters.tool.openapi.operations import Operation, operations_of
from deputy.adapters.tool.openapi.requests import wanted
from deputy.adapters.wire.schema import Validator
from deputy.base.canonical import is_json
from deputy.base.clock import Clock
from deputy.base.errors import ConfigError
from deputy.domain.effect import NOT_SENT, Done, Failed, Intent, Result, ToolRequest, ToolSpec, Unknown

__all__ = ["Api", "OpenApiTools"]

_REFERENCES = ("env:", "secret:")
_AGAIN = (408, 425, 429, 500, 502, 503, 504)
_SAID = 1_000  # characters of an error's body


class Api(msgspec.Struct, frozen=True, kw_only=True):
    """An API as the workspace configures it.

    Values of `headers`, `bearer` and `password` are references; times are seconds, `limit` bytes of one answer.
    """

    name: str
    document: Path
    base_url: str
    headers: dict[str, str] = {}
    bearer: str = ""
    user: str = ""
    password: str = ""
    key_header: str = "Idempotency-Key"
    deadline: float = 60.0
    limit: int = 1_000_000


class OpenApiTools:
    """A host of the operations of one API, named `api.operationId`.

    `settings` is given every tool, with the most careful settings, and returns it as the workspace has it.
    """

    def __init__(
        self,
        api: Api,
        clock: Clock,
        lend: Callable[[str], str],
        settings: Callable[[str, ToolSpec], ToolSpec] = lambda _, spec: spec,
    ) -> None:
        self._api, self._clock, self._lend, self._settings = api, clock, lend, settings
        self._egress = Egress([api.base_url], timeouts=Timeouts(read=86_400.0), limit=api.limit)
        self._operations: dict[str, Operation] = {}
        self._specs: tuple[ToolSpec, ...] = ()
        self._read: tuple[int, int] | None = None
        self._reading = asyncio.Lock()
        self.problems: tuple[str, ...] = ()  #: what is wrong with operations that were left out

    async def catalogue(self) -> Sequence[ToolSpec]:
        """The operations, as the document now lists them. Raises ConfigError."""
        async with self._reading:
            try:
                about = self._api.document.stat()
            except OSError as error:
                message = f"The OpenAPI document cannot be read: {error.strerror}."
                raise ConfigError(message, "Correct `document`.", file=self._api.document.name) from None
            stamp = (about.st_mtime_ns, about.st_size)
            if self._read != stamp:
                specs, operations, problems = await asyncio.to_thread(self._listed)
                self._specs, self._operations, self.problems, self._read = specs, operations, problems, stamp
        return self._specs

    async def invoke(self, intent: Intent) -> Result:
        """Ask for the operation that an intent names."""
        request = intent.request
        prefix = f"{self._api.name}."
        if not isinstance(request, ToolRequest) or not request.spec.name.startswith(prefix):
            return Failed("unknown_tool", f"The API {self._api.name!r} has no such operation.")
        spec = request.spec
        try:
            await self.catalogue()
            operation = self._operations.get(spec.name.removeprefix(prefix))
            if operation is None:
                return Failed("unknown_tool", f"The API {self._api.name!r} has no such operation any more.")
            asked = wanted(operation, request.args)
            own, secrets = self._credentials()
        except ConfigError as error:
            return Failed(error.code, error.message)
        except ValueError as error:
            return Failed("invalid_arguments", f"{error}.")
        keyed = {self._api.key_header: intent.key} if spec.repeat == "keyed" else {}
        headers = {"Accept": "application/json, text/*;q=0.5", **asked.headers, **keyed, **own}
        if self._clock.boot() > intent.dispatch_by:
            return Failed(NOT_SENT, "The worker's lease ran out; nothing was asked.", retry=True)
        url = self._api.base_url.rstrip("/") + asked.target
        safe = spec.repeat == "safe"
        try:
            async with asyncio.timeout(intent.deadline):
                answer = await self._egress.request(operation.method, url, headers=headers, content=asked.body)
        except TimeoutError:
            message = f"The API {self._api.name!r} did not answer within {intent.deadline:g} s."
            return Failed("deadline", message, retry=True) if safe else Unknown(message)
        except (Unreachable, EgressRefused) as error:
            return Failed(error.code, sentence(error.message, secrets), retry=True)
        except ResponseTooLarge as error:
            return _not_kept(error.code, error.message, safe=safe)
        except EgressError as error:
            message = sentence(error.message, secrets)
            return Failed(error.code, message, retry=True) if safe else Unknown(message)
        return self._result(answer, secrets, safe=safe)

    async def examine(self) -> AsyncGenerator[tuple[str, str]]:
        """Whether secrets travel in the open."""
        parts = urlsplit(self._api.base_url)
        local = (parts.hostname or "") in ("localhost", "127.0.0.1", "::1")
        secret = (
            self._api.bearer or self._api.password or any(v.startswith(_REFERENCES) for v in self._api.headers.values())
        )
        if parts.scheme == "http" and not local and secret:
            yield "Its secrets travel without encryption.", "Use https:// in `base_url`."

    async def quiesce(self, key: str) -> None:
        """Nothing to wait for: a request ends with whoever asked for it."""

    async def close(self) -> None:
        """Close every connection."""
        await self._egress.close()

    # -- parts

    def _listed(self) -> tuple[tuple[ToolSpec, ...], dict[str, Operation], tuple[str, ...]]:
        """Read the document, away from the event loop."""
        api = self._api
        operations, problems = operations_of(
            load(api.document), {name.lower() for name in (*api.headers, api.key_header)}
        )
        specs: list[ToolSpec] = []
        kept: dict[str, Operation] = {}
        for operation in operations:
            try:
                Validator(operation.schema)
            except ConfigError as error:
                problems.append(f"Its operation {operation.name!r} cannot be offered: {error.message}")
                continue
            reads = operation.method in ("GET", "HEAD")
            careful = ToolSpec(
                name=f"{api.name}.{operation.name}", description=operation.description, parameters=operation.schema,
                effect="read" if reads else "irreversible", repeat="safe" if reads else "never", deadline=api.deadline,
            )  # fmt: skip
            specs.append(self._settings(operation.name, careful))
            kept[operation.name] = operation
        return tuple(specs), kept, tuple(problems)

    def _credentials(self) -> tuple[dict[str, str], tuple[str, ...]]:
        """What every request carries, and which of it is secret."""
        api, secrets = self._api, list[str]()

        def lent(reference: str) -> str:
            secrets.append(self._lend(reference))
            return secrets[-1]

        headers = {name: lent(v) if v.startswith(_REFERENCES) else v for name, v in api.headers.items()}
        if api.bearer:
            headers["Authorization"] = f"Bearer {lent(api.bearer)}"
        elif api.password:
            secrets.append(base64.b64encode(f"{api.user}:{lent(api.password)}".encode()).decode())
            headers["Authorization"] = f"Basic {secrets[-1]}"
        return headers, tuple(secrets)

    def _result(self, answer: Answer, secrets: tuple[str, ...], *, safe: bool) -> Result:
        status = answer.status
        if 200 <= status < 300:
            return _value(answer, secrets, safe=safe)
        said = sentence(answer.body[: _SAID * 4].decode("utf-8", "replace"), secrets, limit=_SAID)
        message = f"The API {self._api.name!r} answers with status {status}{f': {said}' if said else '.'}"
        if 400 <= status < 500 or safe:
            return Failed(f"http_{status}", message, retry=safe and status in _AGAIN)
        return Unknown(message)


def _value(answer: Answer, secrets: tuple[str, ...], *, safe: bool) -> Result:
    """What a success says: JSON as it is, text as text, anything else counted."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not answer.body:
        return Done(None)
    if kind in ("application/json", "") or kind.endswith("+json"):
        try:
            value = json.loads(answer.body, parse_constant=lambda _: None)
        except (ValueError, RecursionError):
            return _not_kept("result_not_json", "Its answer is not JSON.", safe=safe)
        if too_much := excess(value):
            return _not_kept("result_too_large", f"Its answer is {too_much}.", safe=safe)
        if not is_json(value):
            return _not_kept("result_not_json", "Its answer is not JSON.", safe=safe)
        return Done(scrubbed(cast("object", value), secrets))
    if kind.startswith("text/"):
        return Done(scrubbed({"text": answer.body.decode("utf-8", "replace")}, secrets))
    return Done(cast("Mapping[str, object]", {"type": sentence(kind, limit=100), "bytes": len(answer.body)}))


def _not_kept(code: str, message: str, *, safe: bool) -> Result:
    if safe:
        return Failed(code, message)
    return Done({"not_kept": {"code": code, "message": message}})
