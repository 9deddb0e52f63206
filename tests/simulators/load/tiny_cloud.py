"""A cloud that decodes whatever comes, remembers its keys and acknowledges it, as long as it may."""

from __future__ import annotations

import threading
from collections import Counter
from types import TracebackType
from typing import Self

from contract.broker_address import BrokerAddress
from contract.codec import decode, encode_ack
from contract.messages import SEQUENCED, Ack, BootAck, Kind, Message
from contract.topics import ALL_UP, AckTopic
from edge_agent.errors import LinkError
from edge_agent.mqtt import MqttLink, Will
from edge_agent.settings import MqttSettings


class TinyCloud:
    """Runs in a thread while the block lasts; connects again when its broker was away."""

    def __init__(self, broker: BrokerAddress) -> None:
        self._settings = MqttSettings(broker, connect_timeout_s=2.0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.is_ready = threading.Event()
        self.is_answering = True
        self.refuses: Kind | None = None
        self.messages: list[Message] = []

    @property
    def keys(self) -> Counter[tuple[str, int, int]]:
        """How often each sequenced message came."""
        return Counter((m.device_id, m.boot_id, m.sequence) for m in self.messages if m.kind in SEQUENCED)

    def of(self, kind: Kind) -> list[Message]:
        """Messages of a kind."""
        return [message for message in self.messages if message.kind is kind]

    def __enter__(self) -> Self:
        self._thread.start()
        assert self.is_ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            link = MqttLink(self._settings, "tiny-cloud", Will("test/will", b""))
            try:
                link.open()
                link.subscribe(ALL_UP)
                self.is_ready.set()
                while not self._stop.is_set():
                    for _, payload in link.poll(0.02):
                        self._take(link, payload)
            except LinkError:
                self._stop.wait(0.1)
            finally:
                link.abandon()

    def _take(self, link: MqttLink, payload: bytes) -> None:
        message = decode(payload)
        self.messages.append(message)
        if message.kind not in SEQUENCED or not self.is_answering:
            return
        key = frozenset({message.sequence})
        is_refused = message.kind is self.refuses
        boot = BootAck(
            message.boot_id, frozenset() if is_refused else key, key if is_refused else frozenset()
        )
        link.publish(str(AckTopic(message.device_id)), encode_ack(Ack((boot,))))
