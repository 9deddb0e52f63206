"""One message's trace goes from ingest to sink, and costs nothing where nobody asked for it."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.acks import AckPublisher
from cloud.delivery import Delivery
from cloud.ingest import Ingest, sort_deliveries
from cloud.metrics import count_of
from cloud.sink import GROUP, Sink
from cloud.sqlite_stream import SqliteStream, SqliteStreamConfig
from cloud.store.writer import StoreWriter
from cloud.stream import MESSAGES
from cloud.trace_context import TRACEPARENT, is_traceparent
from cloud.tracing import MAX_LINKS, NO_TRACING, OtelTracing, Tracing, open_tracing, sampled_contexts
from contract.errors import ConfigError
from contract.logs import JsonFormatter
from tests.cloud.collector import Collector
from tests.cloud.samples import deliver, summary
from tests.cloud.test_ingest import NobodyListens
from tests.conftest import PROJECT_ROOT


def parent(number: int, flags: str = "01") -> str:
    return f"00-{number:032x}-{number:016x}-{flags}"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with Collector() as running:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.url)
        yield running


@pytest.fixture
def tracing(collector: Collector) -> Iterator[Tracing]:
    opened = open_tracing("industrialguard-test", {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
    yield opened
    opened.close()


async def carry(tracing: Tracing, deliveries: list[Delivery], folder: Path, writer: StoreWriter) -> None:
    """Take one batch from the broker to the store."""
    stream = SqliteStream(SqliteStreamConfig(folder / "stream.db"))
    try:
        await Ingest(stream, 100, 0.0, tracing=tracing).take(deliveries)
        sink = Sink(stream, writer, AckPublisher(NobodyListens()), 100, tracing=tracing)
        consumer = await stream.subscribe(MESSAGES, GROUP)
        stop = asyncio.Event()
        running = asyncio.create_task(sink.run_messages(consumer, stop))
        while count_of(sink.metrics.stored) < len(deliveries):
            await asyncio.sleep(0.01)
        stop.set()
        await running
    finally:
        await stream.close()


def test_the_trace_of_a_message_leads_from_ingest_to_sink(
    collector: Collector, tracing: Tracing, tmp_path: Path, writer: StoreWriter
) -> None:
    plain, traced, other = (deliver(summary(n)) for n in (1, 2, 3))
    deliveries = [plain, replace(traced, traceparent=parent(7)), replace(other, traceparent=parent(8))]
    asyncio.run(carry(tracing, deliveries, tmp_path, writer))
    tracing.close()
    (ingest,), (sink,) = collector.named("ingest"), collector.named("sink")
    assert (ingest.trace_id, ingest.parent_id) == (f"{7:032x}", f"{7:016x}")
    assert ingest.links == {f"{8:032x}"}
    assert ingest.messages == sink.messages == 3
    assert {sink.trace_id} | sink.links >= {f"{7:032x}", f"{8:032x}"}
    assert ingest.service == "industrialguard-test"


def test_a_message_without_a_trace_gets_that_of_its_batch(
    collector: Collector, tracing: Tracing, tmp_path: Path, writer: StoreWriter
) -> None:
    asyncio.run(carry(tracing, [deliver(summary(1))], tmp_path, writer))
    tracing.close()
    (ingest,), (sink,) = collector.named("ingest"), collector.named("sink")
    assert (sink.trace_id, sink.parent_id) == (ingest.trace_id, ingest.span_id)


@pytest.mark.parametrize(("flags", "spans"), [("01", 2), ("00", 0)])
def test_whoever_sent_a_message_decides_whether_it_is_traced(
    flags: str,
    spans: int,
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    writer: StoreWriter,
) -> None:
    """And of those that nobody decided about, a share: here none."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")
    tracing = open_tracing("industrialguard-test", {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
    deliveries = [deliver(summary(1)), replace(deliver(summary(2)), traceparent=parent(7, flags))]
    asyncio.run(carry(tracing, deliveries, tmp_path, writer))
    tracing.close()
    assert len(collector.spans) == spans


def test_a_batch_has_a_limited_number_of_links(collector: Collector, tracing: Tracing) -> None:
    with tracing.batch("ingest", [parent(n) for n in range(1, 1000)]):
        pass
    tracing.close()
    (span,) = collector.spans
    assert len(span.links) == MAX_LINKS


def test_log_lines_in_a_span_name_it(
    collector: Collector, tracing: Tracing, caplog: pytest.LogCaptureFixture
) -> None:
    log = logging.getLogger("cloud.test")
    with tracing.batch("ingest", []) as trace:
        log.warning("inside")
    log.warning("outside")
    inside, outside = (json.loads(JsonFormatter().format(record)) for record in caplog.records)
    assert f"00-{inside['trace_id']}-{inside['span_id']}-01" == trace
    assert "trace_id" not in outside


def test_what_is_no_trace_is_not_passed_on() -> None:
    good, bad = parent(7), "x" * 65_000
    records = sort_deliveries(
        [replace(deliver(summary(n)), traceparent=text) for n, text in enumerate((good, bad, ""), 1)]
    ).messages
    assert [record.headers.get(TRACEPARENT) for record in records] == [good, None, None]


@given(st.text())
def test_a_trace_is_believed_only_when_it_is_one(text: str) -> None:
    assert not is_traceparent(text)
    assert is_traceparent(parent(1)) and not is_traceparent(parent(1) + text if text else parent(0))
    assert sampled_contexts([text, parent(1, "00"), parent(2), parent(2)])[0].trace_id == 2


@pytest.mark.parametrize(
    "environment",
    [{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}],
    ids=["not asked for", "switched off"],
)
def test_nobody_traces_unasked(environment: dict[str, str]) -> None:
    assert open_tracing("x", environment) is NO_TRACING
    with NO_TRACING.batch("ingest", [parent(7)]) as trace:
        assert trace == ""


def test_another_protocol_is_refused_in_one_line() -> None:
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
    }
    with pytest.raises(ConfigError, match="set OTEL_EXPORTER_OTLP_PROTOCOL=http/json"):
        open_tracing("x", environment)


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.json.http.trace_exporter", None)
    with pytest.raises(ConfigError, match=r"install industrialguard\[telemetry\]"):
        open_tracing("x", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"})


def test_a_collector_that_is_away_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloud.tracing.FLUSH_S", 0.1)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    tracing = open_tracing("x", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"})
    assert isinstance(tracing, OtelTracing)
    with tracing.batch("ingest", [""]):
        pass
    tracing.close()


def test_ingest_loads_nothing_of_it_unasked() -> None:
    program = (
        "import sys, cloud.processes; print([n for n in ('opentelemetry', 'uvicorn') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
