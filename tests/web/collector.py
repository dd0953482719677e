"""A collector of traces: OTLP over HTTP as the specification has it, decoded by OpenTelemetry's own definitions."""

import contextlib
import threading
from collections.abc import Generator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)  # fmt: skip

__all__ = ["Collector", "collecting"]


class Collector:
    """What came, and with which statuses to answer first."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.resources: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.statuses: list[int] = []  #: answered one after another, before 200
        self.url = ""
        self.come = threading.Condition()

    def wait(self, count: int, seconds: float = 30) -> Sequence[Any]:
        """The spans, once so many came."""
        with self.come:
            self.come.wait_for(lambda: len(self.spans) >= count, seconds)
            return list(self.spans)


def attributes(span: Any) -> dict[str, Any]:
    """The attributes of a span, or of a resource, as plain values."""
    found: dict[str, Any] = {}
    for one in span.attributes:
        kind = one.value.WhichOneof("value")
        value = getattr(one.value, kind)
        found[one.key] = [v.string_value for v in value.values] if kind == "array_value" else value
    return found


@contextlib.contextmanager
def collecting(port: int = 0) -> Generator[Collector]:
    """A collector that listens while this lasts."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = collector.statuses.pop(0) if collector.statuses else 200
            if status == 200:
                asked = ExportTraceServiceRequest.FromString(body)
                with collector.come:
                    for resource in asked.resource_spans:
                        collector.resources.append(attributes(resource.resource))
                        for scope in resource.scope_spans:
                            collector.spans += scope.spans
                    collector.headers.append({k.lower(): v for k, v in self.headers.items()})
                    collector.come.notify_all()
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(status)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    collector.url = f"http://127.0.0.1:{server.server_port}/v1/traces"
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
