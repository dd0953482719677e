"""OTLP over HTTP, as protobuf: OpenTelemetry's own encoding, through the one way out."""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from deputy.adapters.egress import Egress, EgressError, Timeouts
from deputy.base.errors import DeputyError
from deputy.ports.tracing import Handed, Span, Spot

__all__ = ["Otlp", "installed"]

PATIENCE = Timeouts(connect=5.0, read=10.0, write=10.0, pool=5.0)
ANSWER = 64_000  #: bytes of a collector's answer
LATER = frozenset((408, 425, 429, 500, 502, 503, 504))  #: statuses after which the same may be taken
SCOPE = "deputy"


def installed() -> bool:
    """Whether the libraries are there: they come with `deputy[otel]`."""
    try:
        return importlib.util.find_spec("opentelemetry.exporter.otlp.proto.common") is not None and (
            importlib.util.find_spec("opentelemetry.sdk.trace") is not None
        )
    except ModuleNotFoundError:
        return False


class Otlp:
    """A collector at an address; `headers` are asked for anew each time, as secrets may change."""

    def __init__(self, url: str, headers: Callable[[], Mapping[str, str]], resource: Mapping[str, str]) -> None:
        self._url, self._headers, self._resource = url, headers, resource
        self._egress = Egress([url], timeouts=PATIENCE, limit=ANSWER)
        self.problem = ""

    async def hand(self, spans: Sequence[Span]) -> Handed:
        """Hand them over: `refused` will not be taken later either, `away` may be."""
        try:
            sent = {"content-type": "application/x-protobuf", "user-agent": "deputy", **self._headers()}
            answer = await self._egress.request("POST", self._url, headers=sent, content=self._encoded(spans))
        except EgressError as exc:
            self.problem = exc.message
            return "away"
        except DeputyError as exc:  # a secret that cannot be had
            self.problem = f"{exc.message} {exc.remedy}"
            return "away"
        if 200 <= answer.status < 300:
            self.problem = ""
            return "taken"
        self.problem = f"The collector answers with status {answer.status}."
        return "away" if answer.status in LATER or answer.status in (401, 403) else "refused"

    async def close(self) -> None:
        """Let go of connections."""
        await self._egress.close()

    def _encoded(self, spans: Sequence[Span]) -> bytes:
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
        from opentelemetry.sdk.resources import Resource

        resource = Resource(dict(self._resource))
        return encode_spans([_readable(span, resource) for span in spans]).SerializeToString()


def _readable(span: Span, resource: Any) -> Any:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Link, SpanKind, Status, StatusCode

    status = Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.UNSET)
    return ReadableSpan(
        span.name, _context(span.spot), None if span.parent is None else _context(span.parent), resource,
        dict(span.attributes), links=[Link(_context(spot)) for spot in span.links],
        kind=SpanKind.CLIENT if span.kind == "client" else SpanKind.INTERNAL, status=status,
        start_time=span.begun, end_time=max(span.ended, span.begun),
        instrumentation_scope=InstrumentationScope(SCOPE),
    )  # fmt: skip


def _context(spot: Spot) -> Any:
    from opentelemetry.trace import SpanContext, TraceFlags

    return SpanContext(spot.trace, spot.span, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
