"""Bare MQTT clients, for a ceiling: `python -m industrialguard.bench.ingest.clients CLIENT ROLE URL N BYTES`.

Rule: as few lines as the library allows, so that what is measured is the library and the broker. Prints one
line of JSON: seconds and processor time, from the first message to the last.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from contract.broker_address import BrokerAddress, parse_broker_url

TOPIC = "bench/ceiling"
IN_FLIGHT = 1000
PUBLISH, SUBSCRIBE = "publish", "subscribe"
READY = "ready"


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


def run_paho(role: str, broker: BrokerAddress, messages: int, payload: bytes) -> dict[str, float]:
    """One role with paho."""
    import paho.mqtt.client as paho
    from paho.mqtt.enums import CallbackAPIVersion

    watch = Watch(messages)
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(IN_FLIGHT)
    connected = threading.Event()

    def on_message(*_: Any) -> None:
        watch.count()

    def on_connect(*_: Any) -> None:
        if role == SUBSCRIBE:
            client.subscribe(TOPIC, 1)
        else:
            connected.set()

    client.on_message = on_message
    client.on_connect = on_connect
    client.on_subscribe = lambda *_: connected.set()
    client.on_publish = lambda *_: watch.count()
    client.connect(broker.host, broker.port)
    client.loop_start()
    connected.wait()
    print(READY, flush=True)
    if role == PUBLISH:
        for _ in range(messages):
            client.publish(TOPIC, payload, 1)
    watch.is_done.wait()
    client.disconnect()
    client.loop_stop()
    return watch.result


async def run_aiomqtt(role: str, broker: BrokerAddress, messages: int, payload: bytes) -> dict[str, float]:
    """One role with aiomqtt."""
    import aiomqtt

    watch = Watch(messages)
    async with aiomqtt.Client(broker.host, broker.port, max_inflight_messages=IN_FLIGHT) as client:
        if role == SUBSCRIBE:
            await client.subscribe(TOPIC, 1)
            print(READY, flush=True)
            async for _ in client.messages:
                watch.count()
                if watch.is_done.is_set():
                    return watch.result
        print(READY, flush=True)
        room = asyncio.Semaphore(100)

        async def publish() -> None:
            async with room:
                await client.publish(TOPIC, payload, 1)
                watch.count()

        await asyncio.gather(*(publish() for _ in range(messages)))
    return watch.result


def main(argv: Sequence[str]) -> int:
    """Run one client in one role."""
    client, role, url, messages, size = argv
    broker, payload = parse_broker_url(url), os.urandom(int(size))
    if client == "aiomqtt":
        result = asyncio.run(run_aiomqtt(role, broker, int(messages), payload))
    else:
        result = run_paho(role, broker, int(messages), payload)
    print(json.dumps(result), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
