"""A load against a real broker: every message arrives, whatever the broker and the network do."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from contract.broker_address import BrokerAddress, parse_broker_url
from contract.errors import ConfigError
from contract.messages import Birth, Death, Kind
from contract.profiles import load_profile, parse_profile
from simulators.load.counters import LoadCounters
from simulators.load.device import DeviceLimits
from simulators.load.disturbance import DisturbanceConfig
from simulators.load.fleet import LoadConfig, LoadFleet
from tests.edge_agent.wire import wait_until
from tests.simulators.load.tiny_cloud import TinyCloud
from tools.servers.mosquitto import Mosquitto

PUMP = load_profile("pump")
QUICK = DeviceLimits(ack_timeout_s=0.3, max_ack_timeout_s=0.6)


def config(broker: Mosquitto, machines: int, **changes: object) -> LoadConfig:
    plain = LoadConfig(parse_broker_url(broker.url), PUMP, machines, 0.1, drain_s=60.0, limits=QUICK)
    return replace(plain, **changes)  # type: ignore[arg-type]


@pytest.fixture
def tiny_cloud(broker: Mosquitto) -> Iterator[TinyCloud]:
    with TinyCloud(parse_broker_url(broker.url)) as running:
        yield running


def run(config: LoadConfig, meanwhile: Callable[[LoadFleet], None] | None = None) -> LoadCounters:
    """Run a load, with something that happens in another thread."""

    async def run_both() -> LoadCounters:
        fleet = LoadFleet(config)
        if meanwhile is None:
            return await fleet.run()
        beside = asyncio.create_task(asyncio.to_thread(meanwhile, fleet))
        counters = await fleet.run()
        await beside
        return counters

    return asyncio.run(run_both())


@pytest.mark.parametrize("per_connection", [1, 4])
def test_every_message_arrives_and_is_acknowledged(
    broker: Mosquitto, tiny_cloud: TinyCloud, per_connection: int
) -> None:
    counters = run(config(broker, 10, most=200, per_connection=per_connection))
    assert counters.offered == counters.acknowledged == 200
    assert (counters.waiting, counters.losses, counters.dropped) == (0, 0, 0)
    assert counters.connects == -(-10 // per_connection)
    assert len(tiny_cloud.keys) == 200
    assert counters.kinds == Counter(
        kind for kind, _ in {(m.kind, (m.device_id, m.sequence)) for m in tiny_cloud.messages if m.sequence}
    )


def test_devices_say_who_they_are_and_goodbye(broker: Mosquitto, tiny_cloud: TinyCloud) -> None:
    run(config(broker, 3, most=6))
    wait_until(lambda: len(tiny_cloud.of(Kind.DEATH)) == 3, "three goodbyes")
    births = [m.body for m in tiny_cloud.of(Kind.BIRTH) if isinstance(m.body, Birth)]
    assert [parse_profile(birth.profile) for birth in births] == [PUMP] * 3
    assert {m.body for m in tiny_cloud.of(Kind.DEATH)} == {Death("stopped")}


def test_as_fast_as_the_road_takes_it_stays_below_its_bound(broker: Mosquitto, tiny_cloud: TinyCloud) -> None:
    most = 0

    def watch(fleet: LoadFleet) -> None:
        nonlocal most
        while fleet.counters.acknowledged < 2000:
            most = max(most, fleet.waiting)

    counters = run(config(broker, 20, outstanding=50, most=2000, per_connection=5), watch)
    assert counters.acknowledged == 2000
    assert most <= 50


def test_nothing_is_lost_when_the_broker_is_killed(broker: Mosquitto, tiny_cloud: TinyCloud) -> None:
    def kill(fleet: LoadFleet) -> None:
        wait_until(lambda: fleet.counters.acknowledged > 50, "a first answer")
        broker.kill()
        offered = fleet.counters.offered
        wait_until(lambda: fleet.counters.offered > offered + 50, "messages that cannot leave")
        broker.start()
        wait_until(lambda: fleet.counters.acknowledged > offered, "an answer after the outage", 60.0)
        fleet.stop()

    counters = run(config(broker, 10), kill)
    assert counters.losses >= 10
    assert counters.offered == counters.acknowledged == len(tiny_cloud.keys)


def test_nothing_is_lost_in_a_bad_network(broker: Mosquitto, tiny_cloud: TinyCloud) -> None:
    bad = DisturbanceConfig(repeated=0.2, delayed=0.2, swallowed=0.2, longest_delay_s=0.5)
    counters = run(config(broker, 10, most=300, disturbance=bad))
    assert counters.acknowledged == 300 == len(tiny_cloud.keys)
    assert counters.resent > 0
    assert max(tiny_cloud.keys.values()) > 1
    sequences = [m.sequence for m in tiny_cloud.of(Kind.SUMMARY) if m.device_id == "load-00000"]
    assert sequences != sorted(sequences)


def test_what_the_cloud_does_not_answer_is_kept_and_counted(broker: Mosquitto, tiny_cloud: TinyCloud) -> None:
    tiny_cloud.is_answering = False
    counters = run(config(broker, 5, most=100, drain_s=0.5, limits=replace(QUICK, outbox=10, inflight=8)))
    assert counters.acknowledged == 0
    assert counters.dropped > 0
    assert counters.waiting == counters.offered - counters.dropped >= 5 * 10


def test_what_the_cloud_refuses_is_not_sent_again(broker: Mosquitto, tiny_cloud: TinyCloud) -> None:
    tiny_cloud.refuses = Kind.STATUS
    counters = run(config(broker, 10, most=300))
    assert counters.rejected == counters.kinds[Kind.STATUS] > 0
    assert (counters.waiting, counters.acknowledged) == (0, 300 - counters.rejected)


def test_a_load_that_is_stopped_still_waits_for_its_answers(broker: Mosquitto, tiny_cloud: TinyCloud) -> None:
    stopped = threading.Event()

    def stop(fleet: LoadFleet) -> None:
        wait_until(lambda: fleet.counters.offered > 20, "some messages")
        fleet.stop()
        stopped.set()

    counters = run(config(broker, 5), stop)
    assert stopped.is_set()
    assert counters.acknowledged == counters.offered > 20


@pytest.mark.parametrize(
    "changes",
    [{"machines": 0}, {"interval_s": 0.0}, {"per_connection": 0}, {"outstanding": -1}, {"seconds": 0.0}],
    ids=lambda changes: next(iter(changes)),
)
def test_an_impossible_load_is_refused(changes: dict[str, float]) -> None:
    plain = LoadConfig(BrokerAddress("127.0.0.1"), PUMP, 1, 1.0)
    with pytest.raises(ConfigError):
        replace(plain, **changes)  # type: ignore[arg-type]
