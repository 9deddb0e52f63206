"""Ready means that every part answers; one that does not says why."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from cloud import monitor as monitors
from cloud.errors import StreamClosedError, StreamError
from cloud.monitor import Monitor
from cloud.monitor_server import ProbeApp, serving
from cloud.processes import listen
from cloud.stream import Consumer
from contract.errors import ConfigError


class Part:
    """A part that answers, fails or hangs."""

    def __init__(self) -> None:
        self.trouble = ""
        self.hangs = False

    async def check(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.trouble:
            raise StreamError(self.trouble)


@asynccontextmanager
async def asking(monitor: Monitor, stop: asyncio.Event) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(ProbeApp(monitor, stop))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://probes") as client:
        yield client


def test_readiness_names_each_part_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitors, "ANSWER_S", 0.05)

    async def main() -> None:
        good, bad, stop = Part(), Part(), asyncio.Event()
        monitor = Monitor()
        monitor.watch("stream", good.check)
        monitor.watch("store", bad.check)
        async with asking(monitor, stop) as client:
            assert (await client.get("/readyz")).json() == {
                "status": "ok",
                "parts": {"stream": "ok", "store": "ok"},
            }
            bad.trouble = "its disk is full"
            answer = await client.get("/readyz")
            assert (answer.status_code, answer.json()["parts"]["store"]) == (503, "its disk is full")
            bad.hangs = True
            answer = await client.get("/readyz")
            assert answer.json()["parts"] == {
                "stream": "ok",
                "store": "the store does not answer within 0.05 s",
            }
            assert (await client.get("/healthz")).status_code == 200
            bad.trouble, bad.hangs = "", False
            assert (await client.get("/readyz")).status_code == 200
            stop.set()
            answer = await client.get("/readyz")
            assert (answer.status_code, answer.json()["parts"]) == (503, {"process": "told to stop"})
            assert (await client.get("/healthz")).status_code == 200

    asyncio.run(main())


def test_nothing_else_is_answered() -> None:
    async def main() -> None:
        async with asking(Monitor(), asyncio.Event()) as client:
            assert (await client.get("/")).status_code == 404
            assert (await client.post("/healthz")).status_code == 405
            answer = await client.head("/metrics")
            assert (answer.status_code, answer.content) == (200, b"")

    asyncio.run(main())


def test_probes_are_answered_over_http() -> None:
    async def main() -> None:
        listener = listen("127.0.0.1", 0, flag="--metrics")
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with serving(Monitor(), listener, asyncio.Event()), httpx.AsyncClient() as client:
            assert json.loads((await client.get(f"{address}/healthz")).content) == {"status": "ok"}
            text = (await client.get(f"{address}/metrics")).text
        assert "process_start_time_seconds" in text

    asyncio.run(main())


def test_a_taken_port_is_one_clear_line() -> None:
    with listen("127.0.0.1", 0, flag="--metrics") as taken:
        host, port = taken.getsockname()[:2]
        with pytest.raises(ConfigError, match="choose another with --metrics"):
            listen(host, port, flag="--metrics")


class Waiting:
    """A consumer whose lag is told, whatever its reader does."""

    def __init__(self, *answers: int | StreamError) -> None:
        self._answers = list(answers)

    async def lag(self) -> int:
        answer = self._answers.pop(0)
        if isinstance(answer, StreamError):
            raise answer
        return answer


def test_lag_is_followed_through_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitors, "LAG_PERIOD_S", 0.0)
    told: list[int] = []
    consumer: Consumer = Waiting(4, StreamError("away"), 9, StreamClosedError("closed"))  # type: ignore[assignment]
    monitor = Monitor()
    with pytest.raises(StreamClosedError):
        asyncio.run(monitor.follow_lag("sink", "messages", consumer, told.append))
    assert told == [4, 9]
    labels = {"group": "sink", "topic": "messages"}
    assert monitor.registry.get_sample_value("industrialguard_stream_lag_records", labels) == 9
