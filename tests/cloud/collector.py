"""A collector of traces: takes what OpenTelemetry's exporter sends (OTLP as JSON over HTTP)."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True)
class Span:
    """One span as it came."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    links: frozenset[str]
    """Trace ids."""
    messages: int
    """In the batch."""


class Collector:
    """Inside the block it listens at `url` and keeps every span."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/v1/traces"
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                collector.spans += read_spans(request)
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing to say."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def read_spans(request: dict[str, Any]) -> list[Span]:
    """The spans of an export request."""
    found = []
    for resource in request["resourceSpans"]:
        service = attributes(resource["resource"])["service.name"]["stringValue"]
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                count = attributes(span)["messaging.batch.message_count"]["intValue"]
                links = frozenset(link["traceId"] for link in span.get("links", []))
                parent = span.get("parentSpanId", "")
                ids = span["traceId"], span["spanId"], parent
                found.append(Span(service, span["name"], *ids, links, int(count)))
    return found


def attributes(holder: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {each["key"]: each["value"] for each in holder.get("attributes", [])}
