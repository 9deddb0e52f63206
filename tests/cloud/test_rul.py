"""The worker: stream to rows to the exported model to the store."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import pytest

from cloud.errors import StoreUnavailableError, StreamError
from cloud.metrics import count_of
from cloud.outcomes import MadeForecast
from cloud.rul import GROUP, RulSettings, RulWorker
from cloud.sqlite_stream import SqliteStream, SqliteStreamConfig
from cloud.store.batch import Arrival
from cloud.store.database import Database
from cloud.store.forecasts import newest_forecasts, past_forecasts
from cloud.store.machine_events import store_events
from cloud.store.writer import StoreWriter
from cloud.stream import MESSAGES, Consumer, Record, StoredRecord
from contract.errors import ConfigError
from contract.forecast import InputSpec
from contract.registry import ModelLine, Registry
from tests.cloud.life_samples import (
    DEVICE,
    GEARED,
    LATELY,
    MIXER,
    NOTE,
    at,
    born,
    event,
    lately,
    make_bundle,
    publish,
    record,
    said,
    store_all,
    talk,
)


class Rig:
    """A worker with a clock of its own and a sink that is never late."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.registry = folder / "registry"
        self.writer = StoreWriter(database)
        self.now = at(0)
        self.settings = RulSettings(self.registry, folder / "plans", batch=3)
        self.worker = self.restart()

    def restart(self) -> RulWorker:
        self.worker = RulWorker(self.database, self.settings, lambda: self.now)
        self.worker.follow({0: 0})
        return self.worker

    def hear(self, *arrivals: Arrival) -> None:
        self.writer.write(arrivals)
        self.worker.take(
            [
                StoredRecord("key", record(a).value, {}, MESSAGES, 0, n, a.ingest_time)
                for n, a in enumerate(arrivals)
            ]
        )

    def forecast(self, hours: float) -> int:
        self.now = at(hours)
        return self.worker.forecast_all()

    def newest(self, device: str = DEVICE) -> list[MadeForecast]:
        with self.database.session() as session:
            return newest_forecasts(session, device)


@pytest.fixture
def rig(database: Database, tmp_path: Path) -> Rig:
    return Rig(database, tmp_path)


def fail_once(worker: RulWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the store be away in a worker's first round, which ends when the next one is due already."""
    forecast_all, errors = worker.forecast_all, [StoreUnavailableError("away")]

    def forecast() -> int:
        if errors:
            time.sleep(2 * worker._settings.interval_s)
            raise errors.pop()
        return forecast_all()

    monkeypatch.setattr(worker, "forecast_all", forecast)


def test_a_machine_is_forecast_from_its_newest_row(rig: Rig) -> None:
    version = publish(rig.registry, make_bundle(100.0))
    rig.hear(born(), *talk(30))
    assert rig.forecast(30.5) == 1
    (found,) = rig.newest()
    assert (found.component, found.made_at, found.model_version) == ("machine", at(30), version)
    assert (found.machine_type, found.time_unit) == ("dough_mixer", "h")
    numbers = found.forecast
    assert (numbers.mean, numbers.p50) == pytest.approx((71.0, 71.0))
    assert (numbers.p10, numbers.p90) == pytest.approx((14.2, 127.8))
    assert (numbers.horizon, numbers.is_beyond) == (2000.0, False)


def test_a_row_is_forecast_once_and_the_next_one_again(rig: Rig) -> None:
    publish(rig.registry, make_bundle(100.0))
    rig.hear(born(), *talk(30))
    assert [rig.forecast(30.5), rig.forecast(30.9)] == [1, 0]
    rig.hear(*talk(31, first_h=30))
    assert rig.forecast(31.1) == 1
    rig.restart()
    rig.hear(said(999, 31.5))
    rig.forecast(31.6)  # says the same again; kept once
    with rig.database.session() as session:
        assert [made.made_at for made, _ in past_forecasts(session, DEVICE)] == [at(31), at(30)]


def test_each_component_has_its_own_age(rig: Rig) -> None:
    publish(rig.registry, make_bundle(100.0, InputSpec(GEARED, n_rows=24, n_events=2)))
    rig.hear(born(), *talk(30))
    with rig.database.transaction() as session:
        store_events(session, [event("replacement", -20, "gear"), event("failure", 12, "axle")], at(13))
    assert rig.forecast(30.5) == 3
    axle, bearing, gear = rig.newest()
    assert (axle.component, bearing.component, gear.component) == ("axle", "bearing", "gear")
    assert [each.forecast.p50 for each in (axle, bearing, gear)] == pytest.approx([82.0, 71.0, 50.0])


def test_a_component_that_the_model_does_not_know_is_said_once(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    publish(rig.registry, make_bundle(100.0))
    rig.hear(born(), *talk(30))
    with rig.database.transaction() as session:
        store_events(session, [event("failure", 12, "axle")], at(13))
    with caplog.at_level(logging.WARNING):
        assert [rig.forecast(30.5), rig.forecast(30.6)] == [1, 0]
    said = [vars(record)["reason"] for record in caplog.records if record.name == "cloud.rul"]
    assert said == ["the model of dough_mixer does not know axle; train it anew"]


def test_more_machines_than_a_batch_are_all_forecast(rig: Rig) -> None:
    publish(rig.registry, make_bundle(100.0))
    for number in range(8):
        device = f"mix-{number}"
        rig.hear(born(device), *talk(5 + number, device))
    assert rig.forecast(20) == 8
    for number in range(8):
        (found,) = rig.newest(f"mix-{number}")
        assert found.forecast.p50 == pytest.approx(96.0 - number)
    assert count_of(rig.worker.metrics.forecasts) == 8


def test_beyond_the_horizon_is_said(rig: Rig) -> None:
    publish(rig.registry, make_bundle(9000.0))
    rig.hear(born(), *talk(5))
    rig.forecast(6)
    (found,) = rig.newest()
    assert found.forecast.is_beyond
    assert found.forecast.p50 == found.forecast.horizon == 2000.0
    assert count_of(rig.worker.metrics.beyond) == 1


def test_another_champion_forecasts_anew(rig: Rig) -> None:
    first = publish(rig.registry, make_bundle(100.0))
    rig.hear(born(), *talk(30))
    rig.forecast(30.5)
    second = publish(rig.registry, make_bundle(50.0))
    assert rig.forecast(30.6) == 1
    (found,) = rig.newest()
    assert found.model_version == second
    assert found.forecast.p50 == pytest.approx(21.0)
    Registry(rig.registry).roll_back(ModelLine("dough_mixer"), NOTE)
    rig.hear(*talk(31, first_h=30))
    rig.forecast(31.1)
    (found,) = rig.newest()
    assert found.model_version == first


def test_a_machine_without_a_model_is_said_once(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.hear(born(), *talk(5), born("mix-2"), *talk(5, "mix-2"))
    with caplog.at_level(logging.WARNING):
        assert [rig.forecast(5.1), rig.forecast(5.2)] == [0, 0]
    assert [vars(r)["reason"] for r in caplog.records] == ["no model for machine type dough_mixer"]
    publish(rig.registry, make_bundle())
    assert rig.forecast(5.3) == 2


def test_a_machine_that_measures_something_else_is_said_once_and_left_out(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    publish(rig.registry, make_bundle())
    other = MIXER.replace('"temp"', '"heat"').replace("version = 4", "version = 5")
    rig.hear(born(), *talk(5), born("mix-2", other), *talk(5, "mix-2"))
    with caplog.at_level(logging.WARNING):
        assert [rig.forecast(5.1), rig.forecast(5.2)] == [1, 0]
    (record_,) = caplog.records
    assert "mix-2: the machine has no temp_level" in str(vars(record_)["reason"])


def test_a_wrong_plan_is_said_and_stops_nobody_else(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    publish(rig.registry, make_bundle())
    plans = rig.settings.plans
    assert plans is not None
    plans.mkdir()
    (plans / "dough_mixer.toml").write_text("nonsense")
    rig.hear(born(), *talk(5))
    with caplog.at_level(logging.WARNING):
        assert rig.forecast(5.1) == 0
    assert "dough_mixer.toml" in str(vars(caplog.records[0])["reason"])


def test_an_answer_that_is_no_number_is_counted_and_not_stored(rig: Rig) -> None:
    publish(rig.registry, make_bundle(slope=1e37))  # overflows as soon as a component is a day old
    rig.hear(born(), *talk(40), born("mix-2"), *talk(5, "mix-2"))
    assert rig.forecast(40.1) == 1
    assert rig.newest() == [] != rig.newest("mix-2")
    assert count_of(rig.worker.metrics.unanswered) == 1


def test_a_life_that_the_runtime_fails_on_stands_alone(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    publish(rig.registry, make_bundle(is_fragile=True))
    for number in range(3):
        rig.hear(born(f"mix-{number}"), *talk(5, f"mix-{number}"))
    with rig.database.transaction() as session:
        store_events(session, [event("maintenance", 3, "", "oiled")], at(4))
    with caplog.at_level(logging.ERROR):
        assert rig.forecast(5.1) == 2
    assert [bool(rig.newest(f"mix-{number}")) for number in range(3)] == [True, False, True]
    assert [vars(r)["device_id"] for r in caplog.records if r.message == "no answer"] == [DEVICE]
    assert count_of(rig.worker.metrics.unanswered) == 1


def test_nothing_is_stored_of_machines_that_said_nothing(rig: Rig) -> None:
    publish(rig.registry, make_bundle())
    rig.hear(born())
    assert rig.forecast(5.1) == 0
    assert rig.newest() == []


def test_a_record_that_cannot_be_read_is_left_to_the_sink(rig: Rig) -> None:
    rig.worker.take([StoredRecord("key", b"\xff", {}, MESSAGES, 0, 1, at(0))])
    assert count_of(rig.worker.metrics.undecodable) == 1


@pytest.mark.parametrize("wrong", [{"interval_s": 0.0}, {"batch": 0}, {"poll_batch": 0}, {"threads": 0}])
def test_settings_that_cannot_be(wrong: dict[str, float], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="rul"):
        RulSettings(tmp_path, **wrong)  # type: ignore[arg-type]


Test = Callable[[SqliteStream], Awaitable[None]]


def on_a_stream(folder: Path, test: Test) -> None:
    async def main() -> None:
        stream = SqliteStream(SqliteStreamConfig(folder / "stream.db"))
        try:
            await test(stream)
        finally:
            await stream.close()

    asyncio.run(main())


def test_the_worker_follows_the_stream_until_told_to_stop(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.rul._POLL_S", 0.01)
    publish(tmp_path / "registry", make_bundle(1000.0))
    settings = RulSettings(tmp_path / "registry", interval_s=0.02)

    async def test(stream: SqliteStream) -> None:
        await stream.append(MESSAGES, [record(lately(a)) for a in (born(), *talk(5))])
        await store_all(await stream.subscribe(MESSAGES, "sink"), StoreWriter(database), 16)
        await stream.append(MESSAGES, [Record("x", b"\xff", {})])
        worker = RulWorker(database, settings, lambda: at(5.1) + LATELY)
        fail_once(worker, monkeypatch)
        stop = asyncio.Event()
        consumer = await stream.subscribe(MESSAGES, GROUP)
        running = asyncio.create_task(worker.run(consumer, stop))
        while count_of(worker.metrics.rounds) < 3:
            await asyncio.sleep(0.01)
        stop.set()
        await running
        assert await consumer.lag() == 0
        await consumer.close()
        again = await stream.subscribe(MESSAGES, GROUP)
        assert await again.poll(100, 0.0) == []  # everything was committed
        await again.close()
        assert count_of(worker.metrics.failed_rounds) == 1
        assert count_of(worker.metrics.late_rounds) >= 1

    on_a_stream(tmp_path, test)
    with database.session() as session:
        assert len(newest_forecasts(session, DEVICE)) == 1


class Away:
    """A consumer that cannot say for a while how much waits: others may have its partitions."""

    def __init__(self, consumer: Consumer, worker: RulWorker) -> None:
        self._consumer, self._worker, self.answers = consumer, worker, 3

    async def poll(self, limit: int, timeout_s: float) -> list[StoredRecord]:
        return await self._consumer.poll(limit, timeout_s)

    async def commit(self, records: Sequence[StoredRecord]) -> None:
        await self._consumer.commit(records)

    def turns(self) -> Mapping[int, int]:
        return self._consumer.turns()

    async def lag(self) -> int:
        if self.answers:
            self.answers -= 1
            assert count_of(self._worker.metrics.rounds) == 0
            raise StreamError("away")
        return await self._consumer.lag()

    async def close(self) -> None:
        await self._consumer.close()


def test_nobody_forecasts_who_cannot_ask_what_is_its_own(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.rul._POLL_S", 0.01)
    publish(tmp_path / "registry", make_bundle(1000.0))
    worker = RulWorker(database, RulSettings(tmp_path / "registry", interval_s=0.02), lambda: at(5.1))

    async def test(stream: SqliteStream) -> None:
        consumer, stop = Away(await stream.subscribe(MESSAGES, GROUP), worker), asyncio.Event()
        running = asyncio.create_task(worker.run(consumer, stop))
        while count_of(worker.metrics.rounds) < 1:
            await asyncio.sleep(0.01)
        stop.set()
        await running
        assert (consumer.answers, count_of(worker.metrics.failed_rounds)) == (0, 3)

    on_a_stream(tmp_path, test)


def test_a_round_reads_first_what_the_stream_held(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few records a poll brings."""
    monkeypatch.setattr("cloud.rul._POLL_S", 0.01)
    publish(tmp_path / "registry", make_bundle(1000.0))
    settings = RulSettings(tmp_path / "registry", interval_s=1e-6, poll_batch=1)
    worker = RulWorker(database, settings, lambda: at(5.1))
    seen: list[int] = []
    unread = [15]
    monkeypatch.setattr(worker, "forecast_all", lambda: seen.append(unread[0]))

    async def test(stream: SqliteStream) -> None:
        await stream.append(MESSAGES, [record(arrival) for arrival in talk(5)])
        consumer, stop = await stream.subscribe(MESSAGES, GROUP), asyncio.Event()
        take = worker.take

        def count(records: Sequence[StoredRecord]) -> None:
            unread[0] -= len(records)
            take(records)

        monkeypatch.setattr(worker, "take", count)
        running = asyncio.create_task(worker.run(consumer, stop))
        while not seen:
            await asyncio.sleep(0.01)
        stop.set()
        await running

    on_a_stream(tmp_path, test)
    assert seen[0] == 0


def test_machines_of_a_partition_that_went_are_forgotten(rig: Rig) -> None:
    publish(rig.registry, make_bundle(100.0))
    rig.hear(born(), *talk(30))
    assert rig.forecast(30.5) == 1
    rig.writer.write(talk(31, first_h=30))  # heard by another worker, to which the partition went
    rig.worker.follow({})
    assert rig.forecast(31.1) == 0
    rig.hear(*talk(32, first_h=31))
    assert rig.forecast(32.1) == 0  # not ours
    rig.worker.follow({0: 1})
    rig.hear(said(1000, 32.5))
    assert rig.forecast(33.1) == 1
    (found,) = rig.newest()
    assert found.made_at == at(33)
    assert found.forecast.p50 == pytest.approx(68.0)
