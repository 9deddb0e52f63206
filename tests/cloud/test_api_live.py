"""The live feed: one poller, many clients, a clean end."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from cloud.api.app import create_app
from cloud.api.live import LiveEvent, LiveFeed
from cloud.api.server import ApiServer
from cloud.api.settings import ApiSettings
from cloud.errors import StoreUnavailableError
from cloud.settings import sqlite_url
from cloud.store.database import Database, open_database
from tests.browser.seeded_fleet import SeededFleet
from tests.cloud.signed_in import by

FAST = ApiSettings(port=0, poll_s=0.02, heartbeat_s=0.2, backlog=3, max_clients=2)


class Store:
    """A marker that rises, may fail, and counts how often it was asked."""

    def __init__(self) -> None:
        self.marker = 1
        self.asked = 0
        self.is_broken = False

    def read(self) -> str:
        self.asked += 1
        if self.is_broken:
            raise StoreUnavailableError("locked")
        return str(self.marker)


async def next_named(stream: AsyncIterator[bytes], name: str) -> str:
    async with asyncio.timeout(10):
        async for chunk in stream:
            if f"event: {name}\n".encode() in chunk:
                return chunk.decode()
    raise AssertionError(f"the stream ended before {name}")


def test_a_change_reaches_every_client_and_silence_is_a_heartbeat() -> None:
    async def scenario() -> None:
        store = Store()
        feed = LiveFeed(store.read, FAST)
        poller = asyncio.create_task(feed.run())
        clients = [feed.subscribe(), feed.subscribe()]
        for client in clients:
            assert "retry: " in await next_named(client, "hello")
        assert feed.clients == 2 and feed.is_full
        await next_named(clients[0], "heartbeat")
        store.marker = 2
        for client in clients:
            assert '"marker": "2"' in await next_named(client, "change")
        feed.close()
        await asyncio.wait_for(poller, 5)

    asyncio.run(scenario())


def test_the_store_is_asked_once_however_many_pages_are_open() -> None:
    clients, changes = 40, 5

    async def scenario() -> int:
        store = Store()
        feed = LiveFeed(store.read, FAST)
        streams = [feed.subscribe() for _ in range(clients)]
        for stream in streams:
            await next_named(stream, "hello")
        poller = asyncio.create_task(feed.run())
        while store.asked == 0:
            await asyncio.sleep(0.01)
        for _ in range(changes):
            store.marker += 1
            for stream in streams:
                await next_named(stream, "change")
        feed.close()
        await poller
        return store.asked

    assert asyncio.run(scenario()) < clients * changes


def test_a_client_that_falls_behind_is_dropped_and_the_others_are_not() -> None:
    async def scenario() -> None:
        feed = LiveFeed(Store().read, FAST)
        slow, quick = feed.subscribe(), feed.subscribe()
        await next_named(slow, "hello")
        await next_named(quick, "hello")
        for number in range(FAST.backlog + 1):
            feed.publish(LiveEvent("change", str(number)))
            await next_named(quick, "change")
        assert feed.dropped == 1 and feed.clients == 1
        left = [chunk async for chunk in slow]
        assert 0 < len(left) < FAST.backlog, "what was queued is sent, then the stream ends"

    asyncio.run(scenario())


def test_a_client_that_leaves_is_forgotten() -> None:
    async def scenario() -> None:
        feed = LiveFeed(Store().read, FAST)
        stream = feed.subscribe()
        await next_named(stream, "hello")
        await stream.aclose()  # type: ignore[attr-defined]
        assert feed.clients == 0

    asyncio.run(scenario())


def test_a_store_that_cannot_be_read_is_asked_again() -> None:
    async def scenario() -> None:
        store = Store()
        feed = LiveFeed(store.read, FAST)
        stream = feed.subscribe()
        await next_named(stream, "hello")
        poller = asyncio.create_task(feed.run())
        while store.asked < 2:
            await asyncio.sleep(0.01)
        store.is_broken = True
        failed_from = store.asked
        while store.asked < failed_from + 2:
            await asyncio.sleep(0.01)
        store.marker, store.is_broken = 9, False
        assert '"9"' in await next_named(stream, "change")
        feed.close()
        await poller

    asyncio.run(scenario())


def test_after_closing_streams_end_and_new_ones_are_empty() -> None:
    async def scenario() -> None:
        feed = LiveFeed(Store().read, FAST)
        stream = feed.subscribe()
        await next_named(stream, "hello")
        for number in range(FAST.backlog):
            feed.publish(LiveEvent("change", str(number)))
        feed.close()
        feed.close()
        assert len([chunk async for chunk in stream]) < FAST.backlog
        assert [chunk async for chunk in feed.subscribe()] == []
        await asyncio.wait_for(feed.run(), 5)

    asyncio.run(scenario())


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(sqlite_url(tmp_path / "store.db"))
    yield opened
    opened.close()


@pytest.fixture
def server(database: Database) -> Iterator[tuple[ApiServer, threading.Thread]]:
    made = ApiServer(create_app(FAST, database), FAST, takes_signals=False)
    thread = threading.Thread(target=made.run)
    thread.start()
    deadline = time.monotonic() + 20
    while not made.bound_port and time.monotonic() < deadline:
        time.sleep(0.02)
    yield made, thread
    made.stop()
    thread.join(20)


def test_over_http_an_alert_is_a_change(
    server: tuple[ApiServer, threading.Thread], database: Database
) -> None:
    url = f"http://127.0.0.1:{server[0].bound_port}/api/v1/events"
    with httpx.stream("GET", url, timeout=10, headers=by(server[0].config.app, "Ada")) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        lines = answer.iter_lines()
        assert "event: hello" in (next(lines), next(lines))
        assert "event: heartbeat" in lines  # the poller knows the store as it is by now
        SeededFleet(database).raise_alarm("pump-01")
        assert "event: change" in lines


def test_one_client_too_many_is_told_so(server: tuple[ApiServer, threading.Thread]) -> None:
    url = f"http://127.0.0.1:{server[0].bound_port}/api/v1/events"
    signed = by(server[0].config.app, "Ada")
    with (
        httpx.stream("GET", url, headers=signed) as first,
        httpx.stream("GET", url, headers=signed) as second,
    ):
        lines = [first.iter_lines(), second.iter_lines()]  # dropping these would close the streams
        assert [next(stream) for stream in lines] == ["retry: 2000"] * 2
        with httpx.stream("GET", url, headers=signed) as refused:
            assert refused.status_code == 503
            assert "max_clients" in json.loads(refused.read())["detail"]


def test_stopping_ends_open_streams_and_frees_the_port(server: tuple[ApiServer, threading.Thread]) -> None:
    made, thread = server
    port = made.bound_port
    signed = by(made.config.app, "Ada")
    with httpx.stream("GET", f"http://127.0.0.1:{port}/api/v1/events", timeout=30, headers=signed) as answer:
        lines = answer.iter_lines()
        assert next(lines)
        made.stop()
        rest = list(lines)  # returns only when the server ended the stream
    assert rest is not None
    thread.join(20)
    assert not thread.is_alive()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
