"""Bare MQTT clients: `python -m industrialguard.bench.ingest.clients CLIENT ROLE URL ROOT PREFIX N [DIR]`.

Rule: as few lines as the library allows, so that what is measured is the library and the broker. Prints one
line of JSON: seconds and processor time, from the first message to the last.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloud.errors import LinkError
from cloud.mqtt import SESSION_S
from cloud.settings import MqttSettings
from contract.broker_address import BrokerAddress, parse_broker_url
from contract.identity import IdentityFolder, client_context
from industrialguard.bench.ingest.messages import make_messages

IN_FLIGHT = 1000
PUBLISH, SUBSCRIBE = "publish", "subscribe"
KEEP, TAKE = "keep", "take"
"""Make a session that outlasts its connection, and take what waits in it."""
READY = "ready"


@dataclass(frozen=True, slots=True)
class Errand:
    """What a client does."""

    role: str
    broker: BrokerAddress
    identity: IdentityFolder | None
    root: str
    prefix: str
    messages: int

    @property
    def topics(self) -> str:
        """The filter that catches all of them."""
        return f"{self.root}/+/up/+"

    def publications(self) -> list[tuple[str, bytes]]:
        """Topics and payloads."""
        return [(each.topic(self.root), each.payload) for each in make_messages(self.prefix, self.messages)]


class Watch:
    """Time and processor time from the first message to the last."""

    def __init__(self, messages: int) -> None:
        self._left = messages
        self._started: tuple[float, float] | None = None
        self.result: dict[str, float] = {}
        self.is_done = threading.Event()

    def count(self) -> None:
        """One more message."""
        if self._started is None:
            self._started = time.perf_counter(), time.process_time()
        self._left -= 1
        if self._left == 0:
            began_s, cpu_s = self._started
            self.result = {"seconds": time.perf_counter() - began_s, "cpu_s": time.process_time() - cpu_s}
            self.is_done.set()


def publish_with_paho(errand: Errand) -> dict[str, float]:
    """Publish everything with paho."""
    import paho.mqtt.client as paho
    from paho.mqtt.enums import CallbackAPIVersion

    watch, publications = Watch(errand.messages), errand.publications()
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(IN_FLIGHT)
    client.on_publish = lambda *_: watch.count()
    if errand.broker.is_tls:
        client.tls_set_context(client_context(errand.identity))
    connected = threading.Event()
    client.on_connect = lambda *_: connected.set()
    client.connect(errand.broker.host, errand.broker.port)
    client.loop_start()
    connected.wait()
    print(READY, flush=True)
    for topic, payload in publications:
        client.publish(topic, payload, 1)
    watch.is_done.wait()
    client.disconnect()
    client.loop_stop()
    return watch.result


def subscribe_with_paho(errand: Errand) -> dict[str, float]:
    """Take everything with paho, in a session like the cloud's."""
    from paho.mqtt.enums import MQTTProtocolVersion

    watch = Watch(errand.messages)
    client = _connect(errand, MQTTProtocolVersion.MQTTv5, watch)
    client = client or _connect(errand, MQTTProtocolVersion.MQTTv311, watch)
    if client is None:
        raise LinkError(f"{errand.broker} refuses us")
    print(READY, flush=True)
    if errand.role != KEEP:
        watch.is_done.wait()
    client.disconnect()
    client.loop_stop()
    return watch.result


def _connect(errand: Errand, version: Any, watch: Watch) -> Any:
    """A client that has connected, and subscribed where there is no session yet; None: it was refused."""
    client, answered, refusals = _build_subscriber(errand, version), threading.Event(), list[str]()

    def on_connect(client: Any, _: Any, __: Any, reason: Any, *___: Any) -> None:
        if reason.is_failure:
            refusals.append(str(reason))
        elif errand.role != TAKE:
            client.subscribe(errand.topics, 1)
            return
        answered.set()

    client.on_connect = on_connect
    client.on_subscribe = lambda *_: answered.set()
    client.on_message = lambda *_: watch.count()
    client.loop_start()
    answered.wait()
    if refusals:
        client.loop_stop()
        return None
    return client


def _build_subscriber(errand: Errand, version: Any) -> Any:
    """A client of paho that connects."""
    import paho.mqtt.client as paho
    from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    is_new, is_kept = version is MQTTProtocolVersion.MQTTv5, errand.role != SUBSCRIBE
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=f"bare-{errand.prefix}-{errand.role if not is_kept else KEEP}",
        clean_session=None if is_new else not is_kept,
        protocol=version,
        reconnect_on_failure=False,
    )
    if errand.broker.is_tls:
        client.tls_set_context(client_context(errand.identity))
    if is_new:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_S if errand.role == KEEP else 0
        properties.ReceiveMaximum = MqttSettings().max_unacknowledged
        client.connect(errand.broker.host, errand.broker.port, clean_start=not is_kept, properties=properties)
    else:
        client.connect(errand.broker.host, errand.broker.port)
    return client


async def run_aiomqtt(errand: Errand) -> dict[str, float]:
    """Publish or subscribe with aiomqtt."""
    import aiomqtt

    watch = Watch(errand.messages)
    publications = errand.publications() if errand.role == PUBLISH else []
    broker, tls = errand.broker, client_context(errand.identity) if errand.broker.is_tls else None
    async with aiomqtt.Client(
        broker.host, broker.port, max_inflight_messages=IN_FLIGHT, tls_context=tls
    ) as client:
        if errand.role == SUBSCRIBE:
            await client.subscribe(errand.topics, 1)
            print(READY, flush=True)
            async for _ in client.messages:
                watch.count()
                if watch.is_done.is_set():
                    return watch.result
        print(READY, flush=True)
        room = asyncio.Semaphore(100)

        async def publish(topic: str, payload: bytes) -> None:
            async with room:
                await client.publish(topic, payload, 1)
                watch.count()

        await asyncio.gather(*(publish(topic, payload) for topic, payload in publications))
    return watch.result


def main(argv: Sequence[str]) -> int:
    """Run one client in one role."""
    client, role, url, root, prefix, messages, *identity = argv
    known = IdentityFolder(Path(identity[0])) if identity else None
    errand = Errand(role, parse_broker_url(url), known, root, prefix, int(messages))
    if client == "aiomqtt":
        result = asyncio.run(run_aiomqtt(errand))
    else:
        result = publish_with_paho(errand) if role == PUBLISH else subscribe_with_paho(errand)
    print(json.dumps(result), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
