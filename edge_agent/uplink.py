"""Carries the outbox to the cloud.

Rule: a message leaves the outbox only when the cloud's own acknowledgement names it; whatever the broker, the
network or the cloud does in between, it is sent again. Nothing here ever raises into the scoring loop: it
lives in another thread.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from contract.codec import decode_ack, encode
from contract.errors import MessageError
from contract.messages import Birth, Death, Kind, Message
from contract.topics import AckTopic, UpdateTopic, UpTopic
from edge_agent.errors import LinkError, VersionRefusedError
from edge_agent.mqtt import MQTT5, MQTT311, MqttLink, Will
from edge_agent.outbox import Outbox, OutboxEntry
from edge_agent.schedule import Schedule, SendLimits, full_jitter
from edge_agent.settings import AgentSettings, MqttSettings

_LOG = logging.getLogger(__name__)
POLL_S = 0.2
"""Longest time a new message waits in the outbox before it is looked at."""
FAREWELL_S = 1.0
"""Longest wait for the broker to take the Death of a clean stop."""


@dataclass(frozen=True, slots=True)
class Presence:
    """Who is connected: what Birth and Death say."""

    device_id: str
    boot_id: int
    birth: Birth
    model_version: str
    now: Callable[[], datetime]
    """The device's clock."""

    def encode(self, body: Birth | Death) -> bytes:
        """A Birth or Death as bytes; sequence 0, outside the outbox."""
        return encode(Message(self.device_id, self.boot_id, 0, self.now(), body, self.model_version))

    def topic(self, kind: Kind) -> str:
        """Where this device's messages of a kind go."""
        return str(UpTopic(self.device_id, kind))


@dataclass(slots=True)
class UplinkCounters:
    """What happened on the wire, since the start."""

    connects: int = 0
    published: int = 0
    """Messages sent, repetitions included."""
    resent: int = 0
    acknowledged: int = 0
    rejected: int = 0
    malformed_acks: int = 0


class Uplink:
    """Pumps the outbox through one connection after the other until it is told to stop.

    Args:
        settings: This device.
        mqtt: Its broker.
        outbox: What is sent.
        presence: Who it is.
        on_hint: Called with what is said of a new assignment; None: nobody wants to know.
        clock: Seconds, never backwards.
    """

    def __init__(
        self,
        settings: AgentSettings,
        mqtt: MqttSettings,
        outbox: Outbox,
        presence: Presence,
        on_hint: Callable[[bytes], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._mqtt = mqtt
        self._outbox = outbox
        self._presence = presence
        self._introduced: Presence | None = None
        """What the broker was told over this connection."""
        self._on_hint = on_hint
        self._hint_topic = str(UpdateTopic(presence.device_id))
        self._clock = clock
        self._schedule = Schedule(
            SendLimits(
                settings.inflight_limit,
                settings.ack_timeout_s,
                settings.max_ack_timeout_s,
                settings.replay_per_s,
            )
        )
        self._drain_until_s: float | None = None
        self._is_proven = False
        self._version = MQTT5
        """What the broker speaks, as far as we know."""
        self.counters = UplinkCounters()

    def run(self, stop: threading.Event) -> None:
        """Keep a session up until `stop` is set; then get acknowledged what can be within `drain_s`."""
        attempt = 0
        while not self._is_finished(stop):
            self._is_proven = False
            try:
                self._hold_session(stop)
            except LinkError as error:
                if isinstance(error, VersionRefusedError) and self._version is MQTT5:
                    self._version = MQTT311
                    continue
                attempt = 0 if self._is_proven else attempt + 1
                settings = self._settings
                delay_s = full_jitter(attempt, settings.min_backoff_s, settings.max_backoff_s, random.random)
                _LOG.warning("uplink lost", extra={"reason": str(error), "retry_in_s": round(delay_s, 2)})
                self._pause(stop, delay_s)

    def introduce(self, presence: Presence) -> None:
        """Be another one from now on: the same device with another model; from any thread."""
        self._presence = presence

    def _hold_session(self, stop: threading.Event) -> None:
        self._introduced = None
        link = self._new_link()
        try:
            link.open()
            link.subscribe(str(AckTopic(self._presence.device_id)))
            if self._on_hint is not None:
                link.subscribe(self._hint_topic)
            self._say_who(link)
            self.counters.connects += 1
            _LOG.info("uplink up", extra={"broker": str(self._mqtt.broker), "waiting": self._outbox.depth})
            self._schedule.expedite()
            while not self._is_finished(stop):
                self._exchange(link)
            presence = self._presence
            link.publish(presence.topic(Kind.DEATH), presence.encode(Death("stopped")), retain=True)
            link.settle(FAREWELL_S)
            link.close()
        finally:
            link.abandon()

    def _say_who(self, link: MqttLink) -> None:
        presence = self._presence
        if presence is not self._introduced:
            link.publish(presence.topic(Kind.BIRTH), presence.encode(presence.birth), retain=True)
            self._introduced = presence

    def _new_link(self) -> MqttLink:
        presence = self._presence
        will = Will(presence.topic(Kind.DEATH), presence.encode(Death("connection lost")))
        return MqttLink(self._mqtt, presence.device_id, will, self._version)

    def _exchange(self, link: MqttLink) -> None:
        """Send what is due and what fits, take what arrived."""
        self._say_who(link)
        now_s = self._clock()
        for entry in self._schedule.due(now_s):
            self._publish(link, entry)
            self._schedule.note_again(entry, now_s)
            self.counters.resent += 1
        fresh = self._outbox.pending(self._schedule.room(now_s), self._schedule.keys)
        for lane, entries in fresh.items():
            for entry in entries:
                self._publish(link, entry)
                self._schedule.note_sent(entry, lane, now_s)
        for topic, payload in link.poll(POLL_S):
            if topic != self._hint_topic:
                self._take_acknowledgement(payload)
            elif self._on_hint is not None:
                self._on_hint(payload)

    def _publish(self, link: MqttLink, entry: OutboxEntry) -> None:
        link.publish(self._presence.topic(entry.kind), entry.payload)
        self.counters.published += 1

    def _take_acknowledgement(self, payload: bytes) -> None:
        try:
            ack = decode_ack(payload)
        except MessageError as error:
            self.counters.malformed_acks += 1
            _LOG.warning("malformed acknowledgement ignored", extra={"reason": str(error)})
            return
        self._is_proven = True
        for boot in ack.boots:
            stored, rejected = self._outbox.acknowledge(boot.boot_id, boot.stored, boot.rejected)
            self._schedule.settle(boot.boot_id, boot.stored | boot.rejected, self._clock())
            self.counters.acknowledged += stored
            self.counters.rejected += rejected
            if rejected:
                _LOG.error(
                    "the cloud refused messages for good", extra={"boot_id": boot.boot_id, "count": rejected}
                )

    def _is_finished(self, stop: threading.Event) -> bool:
        if not stop.is_set():
            return False
        if self._drain_until_s is None:
            self._drain_until_s = self._clock() + self._settings.drain_s
        return self._outbox.depth == 0 or self._clock() >= self._drain_until_s

    def _pause(self, stop: threading.Event, delay_s: float) -> None:
        """Wait out the back-off, woken by `stop`; while draining, no longer than the drain lasts."""
        if not stop.wait(delay_s) or self._is_finished(stop) or self._drain_until_s is None:
            return
        time.sleep(max(0.0, min(self._settings.min_backoff_s, self._drain_until_s - self._clock())))
