"""Several workers of one group: each machine is followed by one of them, whoever comes and goes."""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from cloud.kafka_settings import KafkaAddress, KafkaStreamConfig
from cloud.kafka_stream import KafkaConsumer, KafkaStream
from cloud.lives import lives_of
from cloud.rul import GROUP, RulSettings, RulWorker
from cloud.snapshots import history_at
from cloud.store.database import Database, open_database
from cloud.store.forecasts import past_forecasts
from cloud.store.writer import StoreWriter
from cloud.stream import MESSAGES, partition_of
from contract.forecast import assemble
from tests.cloud.life_samples import (
    INPUTS,
    LATELY,
    PLAN,
    SPEC,
    START,
    at,
    born,
    lately,
    make_bundle,
    publish,
    record,
    store_all,
    talk,
)
from tests.cloud.test_processes import CloudProcess, Start, data, start, until  # noqa: F401 - fixtures

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
DEVICES = tuple(f"mix-{number}" for number in range(16))
N_PARTITIONS = KafkaStreamConfig(KafkaAddress("none:1")).partitions
PATIENCE_S = 120.0


class Plant:
    """Machines that speak, a sink that is never late, and any number of workers."""

    def __init__(self, kafka: str, store: str, folder: Path) -> None:
        self.address = KafkaAddress(kafka, secrets.token_hex(4))
        self.database: Database = open_database(store)
        self.registry = folder / "registry"
        publish(self.registry, make_bundle(1000.0))
        self.hours = 0
        """Of which the machines have spoken; the clock follows when a worker has heard of them."""
        self._over = self._appended = 0
        self._writer = StoreWriter(self.database)

    def open_stream(self) -> KafkaStream:
        return KafkaStream(KafkaStreamConfig(self.address, session_s=6.0))

    async def speak(self, n_hours: int) -> None:
        """Every machine says what the next hours brought."""
        arrivals = [
            lately(arrival)
            for device in DEVICES
            for arrival in talk(self.hours + n_hours, device, first_h=self.hours)
        ]
        if self.hours == 0:
            arrivals = [*(lately(born(device)) for device in DEVICES), *arrivals]
            self._over = n_hours  # a machine that is new to a worker is read from the store, whole
        self.hours += n_hours
        stream = self.open_stream()
        await stream.append(MESSAGES, [record(arrival) for arrival in arrivals])
        await store_all(await stream.subscribe(MESSAGES, "sink"), self._writer, len(arrivals))
        await stream.close()
        self._appended += len(arrivals)
        await self._wait_until_heard()
        self._over = self.hours

    async def _wait_until_heard(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.address.servers)
        await admin.start()
        try:
            async with asyncio.timeout(PATIENCE_S):
                while await self._committed(admin) < self._appended:
                    await asyncio.sleep(0.05)
        finally:
            await admin.close()

    async def _committed(self, admin: AIOKafkaAdminClient) -> int:
        found = await admin.list_consumer_group_offsets(self.address.name(GROUP))
        return sum(max(0, each.offset) for each in found.values())

    def now(self) -> datetime:
        return at(self._over + 0.1) + LATELY

    def forecasts(self, device: str) -> list[float]:
        """Hours of the rows that a machine's forecasts were made of, oldest first."""
        with self.database.session() as session:
            made = [each.made_at - LATELY - START for each, _ in past_forecasts(session, device)]
        return sorted(age / timedelta(hours=1) for age in made)

    def are_forecast(self, *hours: float) -> bool:
        return all(self.forecasts(device) == [*hours] for device in DEVICES)


class Member:
    """A worker that follows its part of the stream; rounds are made when the test says so."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._stream = plant.open_stream()
        self.consumer: KafkaConsumer | None = None
        self.worker = RulWorker(plant.database, RulSettings(plant.registry, interval_s=0.2), plant.now)
        self.stop = asyncio.Event()
        self.has_ended = False

    async def run(self) -> None:
        self.consumer = await self._stream.subscribe(MESSAGES, GROUP)
        await self.worker.run(self.consumer, self.stop)
        self.has_ended = True

    def partitions(self) -> set[int]:
        return set(self.consumer.turns()) if self.consumer else set()

    async def leave(self) -> None:
        await self._stream.close()

    def devices(self) -> set[str]:
        """The machines whose lives it knows."""
        now = self._plant.now()
        return {each.device_id for fleet in self.worker._fleets.values() for each in fleet.lives(now)}

    def assert_whole(self) -> None:
        """Its lives are those of a snapshot, to the bit."""
        now = datetime.now(UTC)  # the summaries have arrived only now; the rows are over at either time
        for fleet in self.worker._fleets.values():
            for online in fleet.lives(self._plant.now()):
                with self._plant.database.session() as session:
                    history, _ = history_at(session, online.device_id, (), PLAN, now)
                ((life, _),) = lives_of(history, PLAN, SPEC)
                wanted, found = (assemble([each], INPUTS) for each in (life, online.life))
                assert {name: tensor.tobytes() for name, tensor in wanted.items()} == {
                    name: tensor.tobytes() for name, tensor in found.items()
                }


def of_partitions(partitions: set[int]) -> set[str]:
    return {device for device in DEVICES if partition_of(device, N_PARTITIONS) in partitions}


@pytest.fixture
def plant(kafka: str, postgresql_database: str, tmp_path: Path) -> Iterator[Plant]:
    plant = Plant(kafka, postgresql_database, tmp_path)
    yield plant
    plant.database.close()


@asynccontextmanager
async def working(plant: Plant) -> AsyncIterator[Member]:
    """A worker that comes, and goes at the end in good order."""
    member = Member(plant)
    running = asyncio.create_task(member.run())
    try:
        yield member
    finally:
        member.stop.set()
        await running
        await member.leave()


async def comes_true(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.05)


def test_machines_move_with_their_partitions_and_lose_no_row(plant: Plant) -> None:
    """One worker, a second one beside it, and one again."""

    async def main() -> None:
        async with working(plant) as first:
            await plant.speak(30)
            await comes_true(lambda: plant.are_forecast(30))
            async with working(plant) as second:
                await comes_true(
                    lambda: bool(second.partitions()) and not first.partitions() & second.partitions()
                )
                await plant.speak(1)
                await comes_true(lambda: plant.are_forecast(30, 31))
                second.stop.set()
                await comes_true(lambda: second.has_ended)
                assert 0 < len(second.partitions()) < N_PARTITIONS
                assert second.devices() == of_partitions(second.partitions())
                second.assert_whole()
            await comes_true(lambda: len(first.partitions()) == N_PARTITIONS)
            await plant.speak(1)
            await comes_true(lambda: plant.are_forecast(30, 31, 32))
            first.stop.set()
            await comes_true(lambda: first.has_ended)
            assert first.devices() == set(DEVICES)
            first.assert_whole()

    asyncio.run(main())


def test_a_worker_that_is_killed_is_replaced_by_the_others(
    plant: Plant,
    start: Start,  # noqa: F811
    postgresql_database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And by its successor, under the name that it kept."""
    stream = f"kafka://{plant.address.servers}/{plant.address.prefix}"
    places = ("--stream", stream, "--store", postgresql_database, "--registry", str(plant.registry))

    def work(name: str) -> CloudProcess:
        monkeypatch.setenv("INDUSTRIALGUARD_MEMBER", name)
        process = start("rul", *places, "--interval-s", "0.5")
        process.wait_for("ready")
        return process

    first, second = work("rul-1"), work("rul-2")
    asyncio.run(plant.speak(30))
    until(lambda: plant.are_forecast(30))
    assert first.end(signal.SIGKILL) == -signal.SIGKILL
    asyncio.run(plant.speak(1))
    until(lambda: plant.are_forecast(30, 31))
    again = work("rul-1")
    asyncio.run(plant.speak(1))
    until(lambda: plant.are_forecast(30, 31, 32))
    assert (second.end(), again.end()) == (0, 0)
    last = work("rul-3")
    asyncio.run(plant.speak(1))
    until(lambda: plant.are_forecast(30, 31, 32, 33))
    assert last.end() == 0
