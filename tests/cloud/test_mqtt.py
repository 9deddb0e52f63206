"""The link to a real broker: nothing is forgotten before it is acknowledged, and it comes back by itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from cloud.delivery import Delivery
from cloud.errors import LinkError, LinkRefusedError
from cloud.mqtt import MqttLink
from cloud.settings import MqttSettings
from contract.broker_address import BrokerAddress
from contract.topics import ALL_PRESENCE, ALL_UP, shared
from simulators.broker import EmbeddedBroker
from tools.servers.mosquitto import Mosquitto

WAIT_S = 10.0
TOPIC = "ig/v1/press-1/up/summary"
READ = "test/read"
BIRTH = "ig/v1/press-1/up/birth"


def fast(port: int, **changes: int) -> MqttSettings:
    return MqttSettings(BrokerAddress("127.0.0.1", port), backoff_base_s=0.05, backoff_cap_s=0.2, **changes)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def running(link: MqttLink) -> AsyncIterator[MqttLink]:
    """A connected link; closed politely at the end."""
    task = asyncio.create_task(link.run())
    await asyncio.wait_for(link.wait_connected(), WAIT_S)
    try:
        yield link
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await link.close()


async def collect(link: MqttLink, count: int) -> list[Delivery]:
    found: list[Delivery] = []
    while len(found) < count:
        found += await asyncio.wait_for(link.receive(count - len(found), 0.0), WAIT_S)
    return found


async def until(condition: Callable[[], bool]) -> None:
    deadline_s = asyncio.get_running_loop().time() + WAIT_S
    while not condition():
        assert asyncio.get_running_loop().time() < deadline_s, "waited in vain"
        await asyncio.sleep(0.01)


async def broker_has_read(link: MqttLink, witness: MqttLink) -> None:
    """Return once the broker has taken all that a link sent: one connection keeps its order.

    A successor that comes sooner takes the session over, and what was not read yet comes again.
    """
    link.publish(READ, b"")
    await collect(witness, 1)


async def publish_and_collect(port: int) -> None:
    receiver = MqttLink(fast(port), "ingest", [ALL_UP])
    sender = MqttLink(fast(port), "sink")
    async with running(receiver), running(sender):
        payloads = [n.to_bytes(2, "big") * 50 for n in range(300)]
        for payload in payloads:
            sender.publish(TOPIC, payload)
        found = await collect(receiver, 300)
        assert [d.payload for d in found] == payloads
        assert {(d.topic, d.is_retained) for d in found} == {(TOPIC, False)}
        receiver.acknowledge(found)


def test_mosquitto_carries_everything_in_order(broker: Mosquitto) -> None:
    asyncio.run(publish_and_collect(broker.port))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_embedded_broker_carries_everything_in_order(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="amqtt")

    async def main(port: int) -> None:
        await publish_and_collect(port)
        async with running(MqttLink(fast(port), "ingest", [ALL_UP])) as link:
            assert (link.version, link.connections) == ("3.1.1", 1)

    with EmbeddedBroker() as embedded:
        asyncio.run(main(embedded.port))


def test_what_was_not_acknowledged_comes_again(broker: Mosquitto) -> None:
    async def main() -> None:
        sender, witness = MqttLink(fast(broker.port), "sink"), MqttLink(fast(broker.port), "witness", [READ])
        async with running(sender), running(witness):
            async with running(MqttLink(fast(broker.port), "ingest", [ALL_UP])) as first:
                for n in range(20):
                    sender.publish(TOPIC, bytes([n]))
                found = await collect(first, 20)
                first.acknowledge(found[:8])
                await broker_has_read(first, witness)
            sender.publish(TOPIC, bytes([20]))  # while nobody listens
            async with running(MqttLink(fast(broker.port), "ingest", [ALL_UP])) as second:
                again = await collect(second, 13)
                assert [d.payload[0] for d in again] == list(range(8, 21))
                second.acknowledge(again)
                await broker_has_read(second, witness)
            async with running(MqttLink(fast(broker.port), "ingest", [ALL_UP])) as third:
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(third.receive(1, 0.0), 0.3)

    asyncio.run(main())


def test_an_old_receipt_acknowledges_nothing_new(broker: Mosquitto) -> None:
    async def main() -> None:
        link = MqttLink(fast(broker.port), "ingest", [ALL_UP])
        async with running(MqttLink(fast(broker.port), "sink")) as sender, running(link):
            sender.publish(TOPIC, b"old")
            old = await collect(link, 1)
            broker.is_persistent = False
            broker.stop()
            await until(lambda: not link.is_connected)
            broker.start()
            await until(lambda: link.is_connected and sender.is_connected and link.connections == 2)
            await asyncio.sleep(0.2)  # the subscription is made anew: this broker has forgotten it
            sender.publish(TOPIC, b"new")
            (new,) = await collect(link, 1)
            assert new.payload == b"new"
            link.acknowledge(old)
            link.acknowledge([new])
            assert link.is_connected

    asyncio.run(main())


def test_a_slow_receiver_pauses_reading_and_loses_nothing(broker: Mosquitto) -> None:
    async def main() -> None:
        receiver = MqttLink(fast(broker.port, max_unacknowledged=50), "ingest", [ALL_UP])
        async with running(receiver), running(MqttLink(fast(broker.port), "sink")) as sender:
            for n in range(1000):
                sender.publish(TOPIC, n.to_bytes(2, "big"))
            await until(lambda: receiver.is_paused)
            await asyncio.sleep(0.1)
            assert receiver.waiting < 100
            found: list[Delivery] = []
            while len(found) < 1000:
                batch = await asyncio.wait_for(receiver.receive(40, 0.0), WAIT_S)
                receiver.acknowledge(batch)
                found += batch
            assert [int.from_bytes(d.payload, "big") for d in found] == list(range(1000))

    asyncio.run(main())


def test_retained_publications_are_marked(broker: Mosquitto) -> None:
    from paho.mqtt import publish

    publish.single("ig/v1/press-1/up/birth", b"x", qos=1, retain=True, port=broker.port)

    async def main() -> None:
        async with running(MqttLink(fast(broker.port), "ingest", [ALL_UP])) as link:
            (found,) = await collect(link, 1)
            assert found.is_retained
            link.acknowledge([found])

    asyncio.run(main())


def test_without_a_broker_publishing_says_so_and_the_link_keeps_trying(broker: Mosquitto) -> None:
    async def main() -> None:
        broker.stop()
        link = MqttLink(fast(broker.port), "sink")
        task = asyncio.create_task(link.run())
        await asyncio.sleep(0.3)
        with pytest.raises(LinkError, match="not connected"):
            link.publish("ig/v1/press-1/down/ack", b"x")
        broker.start()
        await until(lambda: link.is_connected)
        link.publish("ig/v1/press-1/down/ack", b"x")
        task.cancel()
        await link.close()

    asyncio.run(main())


@pytest.mark.usefixtures("mosquitto")
def test_a_broker_that_refuses_us_from_the_start_is_an_error() -> None:
    async def main(port: int) -> None:
        settings = MqttSettings(BrokerAddress("127.0.0.1", port, "cloud", "secret"))
        with pytest.raises(LinkRefusedError, match="check user name, password") as caught:
            await asyncio.wait_for(MqttLink(settings, "ingest", [ALL_UP]).run(), WAIT_S)
        assert "secret" not in str(caught.value)
        assert not caught.value.retriable

    with Mosquitto(allows_anonymous=False) as refusing:
        asyncio.run(main(refusing.port))


def test_workers_share_and_one_that_goes_leaves_nothing_behind(broker: Mosquitto) -> None:
    filters = [shared(ALL_UP, "workers"), *ALL_PRESENCE]

    async def run() -> None:
        workers = [MqttLink(fast(broker.port), f"ingest-{n}", filters, session_s=0) for n in range(2)]
        async with running(MqttLink(fast(broker.port), "sink")) as sender, running(workers[0]):
            async with running(workers[1]):
                for n in range(100):
                    sender.publish(TOPIC, b"%d" % n)
                await until(lambda: workers[0].waiting + workers[1].waiting == 100)
                halves = [await collect(worker, worker.waiting) for worker in workers]
                assert {d.payload for half in halves for d in half} == {b"%d" % n for n in range(100)}
                assert min(map(len, halves)) > 20, "both have work"
                workers[0].acknowledge(halves[0])
            for n in range(10):
                sender.publish(TOPIC, b"%d" % n)
            alone = await collect(workers[0], 10)
            assert [d.payload for d in alone] == [b"%d" % n for n in range(10)]
            sender.publish(BIRTH, b"")
            assert len(await collect(workers[0], 2)) == 2, "presence is told to each, and shared"
            assert workers[0].version == "5"

    asyncio.run(run())


def test_the_trace_of_a_publication_comes_with_it(broker: Mosquitto) -> None:
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    async def run() -> None:
        async with running(MqttLink(fast(broker.port), "ingest", [ALL_UP])) as link:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.UserProperty = [("other", "x"), ("traceparent", traceparent)]
            client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
            client.connect("127.0.0.1", broker.port)
            client.publish(TOPIC, b"traced", 0, properties=properties)
            client.publish(TOPIC, b"plain", 0)
            client.loop()
            traced, plain = await collect(link, 2)
            client.disconnect()
        assert (traced.traceparent, plain.traceparent) == (traceparent, "")

    asyncio.run(run())
