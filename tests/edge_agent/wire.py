"""The other end of the wire: the cloud's part."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from contract.codec import decode, encode_ack
from contract.messages import SEQUENCED, Ack, BootAck, Kind, Message
from contract.topics import ALL_UP, AckTopic, parse_up_topic


def wait_until(is_true: Callable[[], object], what: str, timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_true():
        assert time.monotonic() < deadline, f"waited {timeout_s} s for: {what}"
        time.sleep(0.01)


class Cloud:
    """Decodes what devices send and acknowledges what it is told to."""

    def __init__(self, port: int) -> None:
        self.messages: list[Message] = []
        self.presence: list[tuple[Message, bool]] = []
        """Births and deaths with their retained flag."""
        self.is_silent = False
        self.reject: Collection[int] = ()
        """Sequences to refuse for good."""
        self._lock = threading.Lock()
        self._subscribed = threading.Event()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="test-cloud", protocol=paho.MQTTv311
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(ALL_UP, 1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._subscribed.wait(10)

    def sequences(self, boot_id: int | None = None) -> list[int]:
        with self._lock:
            return [m.sequence for m in self.messages if boot_id in (None, m.boot_id)]

    def of_kind(self, kind: Kind) -> list[Message]:
        with self._lock:
            return [m for m in self.messages if m.kind is kind]

    def say(self, device_id: str, payload: bytes) -> None:
        self._client.publish(str(AckTopic(device_id)), payload, 1).wait_for_publish(5)

    def acknowledge(self, message: Message) -> None:
        ours = frozenset({message.sequence})
        is_bad = message.sequence in self.reject
        boot = BootAck(message.boot_id, frozenset() if is_bad else ours, ours if is_bad else frozenset())
        self._client.publish(str(AckTopic(message.device_id)), encode_ack(Ack((boot,))), 1)

    def acknowledge_all(self) -> None:
        for message in list(self.messages):
            self.acknowledge(message)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _take(self, _client: object, _data: object, received: paho.MQTTMessage) -> None:
        message = decode(bytes(received.payload))
        topic = parse_up_topic(received.topic)
        assert (topic.device_id, topic.kind) == (message.device_id, message.kind)
        with self._lock:
            if message.kind not in SEQUENCED:
                self.presence.append((message, received.retain))
                return
            self.messages.append(message)
        if not self.is_silent:
            self.acknowledge(message)
