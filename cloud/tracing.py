"""Traces of batches, by OpenTelemetry.

Rule: the only importer of OpenTelemetry, and of nothing of it unless its own environment variables name a
collector (OTEL_EXPORTER_OTLP_ENDPOINT); sampling and everything else is told by them too. A span is a batch:
child of one of the traces in it, linked to the others.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from cloud.trace_context import is_traceparent
from contract.errors import ConfigError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import SpanContext

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
SPOKEN = "http/json"
MAX_LINKS = 128
"""Traces that a batch is linked to, at most; the default limit of OpenTelemetry."""
FLUSH_S = 3.0
"""How long the last spans may take to leave, in s."""


class Tracing(Protocol):
    """What is asked of whoever traces."""

    def batch(self, name: str, parents: Iterable[str]) -> AbstractContextManager[str]:
        """A span around a batch.

        Args:
            name: Of the span.
            parents: The `traceparent` of each message, empty where there is none.

        Returns:
            A context manager that gives the span's own `traceparent`; empty when it is not recorded.
        """
        ...

    def close(self) -> None:
        """Send what is still here, for a short while."""
        ...


class NoTracing:
    """Nobody listens."""

    def batch(self, name: str, parents: Iterable[str]) -> AbstractContextManager[str]:
        """See `Tracing.batch`."""
        return nullcontext("")

    def close(self) -> None:
        """See `Tracing.close`."""


NO_TRACING = NoTracing()


class OtelTracing:
    """Sends spans to a collector.

    Args:
        provider: Of OpenTelemetry, ready to export.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("industrialguard.cloud")

    @contextmanager
    def batch(self, name: str, parents: Iterable[str]) -> Iterator[str]:
        """See `Tracing.batch`."""
        from opentelemetry import trace

        texts = list(parents)
        found = sampled_contexts(texts)
        context = trace.set_span_in_context(trace.NonRecordingSpan(found[0])) if found else None
        with self._tracer.start_as_current_span(
            name,
            context=context,
            kind=trace.SpanKind.CONSUMER,
            attributes={"messaging.batch.message_count": len(texts)},
            links=[trace.Link(each) for each in found[1:]],
        ) as span:
            yield write_traceparent(span.get_span_context())

    def close(self) -> None:
        """See `Tracing.close`."""
        leaving = threading.Thread(target=self._provider.shutdown, daemon=True)  # it may wait half a minute
        leaving.start()
        leaving.join(FLUSH_S)


def open_tracing(service: str, environment: Mapping[str, str]) -> Tracing:
    """Trace where the environment names a collector, else not at all.

    Args:
        service: What this process is called there, unless OTEL_SERVICE_NAME says otherwise.
        environment: Of the process; OpenTelemetry reads the rest of it itself.

    Raises:
        ConfigError: a collector is named, but the packages are missing or another protocol is asked for.
    """
    is_off = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if is_off or not any(environment.get(name) for name in ENDPOINTS):
        return NO_TRACING
    protocol = next((environment[name] for name in PROTOCOLS if environment.get(name)), SPOKEN)
    if protocol != SPOKEN:
        raise ConfigError(f"traces leave as {SPOKEN}, not {protocol[:40]}; set {PROTOCOLS[1]}={SPOKEN}")
    try:
        from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError as error:
        raise ConfigError("traces need their client: install industrialguard[telemetry]") from error
    provider = TracerProvider(
        resource=Resource.create({"service.name": environment.get("OTEL_SERVICE_NAME") or service}),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    for handler in logging.getLogger().handlers:
        handler.addFilter(_STAMP)
    return OtelTracing(provider)


def sampled_contexts(parents: Iterable[str]) -> list[SpanContext]:
    """The traces among these that are recorded, each once, as many as a span may be linked to."""
    contexts = (read_traceparent(text) for text in dict.fromkeys(parents) if is_traceparent(text))
    return list(islice((each for each in contexts if each.trace_flags.sampled), MAX_LINKS + 1))


def read_traceparent(text: str) -> SpanContext:
    """The span that a text names, which is one."""
    from opentelemetry.trace import SpanContext, TraceFlags

    _, trace_id, span_id, flags = text.split("-")
    return SpanContext(int(trace_id, 16), int(span_id, 16), True, TraceFlags(int(flags, 16)))


def write_traceparent(context: SpanContext) -> str:
    """The text of a recorded span; empty when it is not recorded."""
    if not context.trace_flags.sampled:
        return ""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-01"


class _Stamp(logging.Filter):
    """Adds the ids of the span under way to each log line."""

    def filter(self, record: logging.LogRecord) -> bool:
        from opentelemetry.trace import get_current_span

        context = get_current_span().get_span_context()
        if context.is_valid:
            record.trace_id = f"{context.trace_id:032x}"
            record.span_id = f"{context.span_id:016x}"
        return True


_STAMP = _Stamp()
