"""One MQTT connection of the load fleet, for one device or, like a gateway's, for several.

Rule: what a device does on connecting, in its order: subscribe to its acknowledgements, say that it is there
(Birth, retained), then send. A connection of a single device leaves a Death as its Last Will. A lost
connection comes back after a pause with full jitter, which grows until the cloud has answered.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

from contract.broker_address import BrokerAddress
from contract.codec import decode_ack
from contract.errors import IndustrialGuardError, MessageError
from contract.messages import Kind
from edge_agent.schedule import full_jitter
from simulators.load import packets
from simulators.load.counters import LoadCounters
from simulators.load.device import LoadDevice
from simulators.load.disturbance import Disturbance
from simulators.load.packets import ConnectOptions, Packet, PacketKind, PacketReader
from simulators.load.script import Script

_LOG = logging.getLogger(__name__)
KEEPALIVE_S = 60
CONNECT_TIMEOUT_S = 20.0
BACKOFF_BASE_S, BACKOFF_CAP_S = 0.5, 30.0
MAX_PACKET_ID = 0xFFFF
MAX_UNSETTLED = 60_000
"""Publications that the broker has not taken; beyond these there would soon be no packet id left."""
TOPICS_PER_SUBSCRIPTION = 500


class LinkLostError(IndustrialGuardError):
    """A connection could not be made, or broke."""


@dataclass(frozen=True, slots=True)
class LinkShared:
    """What all links of a process have in common."""

    broker: BrokerAddress
    script: Script
    counters: LoadCounters
    connecting: asyncio.Semaphore
    """How many may connect at once."""
    tls: ssl.SSLContext | None = None
    disturbance: Disturbance | None = None
    on_settled: Callable[[], None] = field(default=lambda: None)
    """Called when the cloud has acknowledged something."""


class LoadLink:
    """Carries the messages of its devices.

    Args:
        client_id: As whom.
        devices: Whose; the Last Will is the first one's if it is alone.
        shared: Broker, counters and so on.
    """

    def __init__(self, client_id: str, devices: Sequence[LoadDevice], shared: LinkShared) -> None:
        self.devices = devices
        self._client_id = client_id
        self._by_topic = {device.ack_topic: device for device in devices}
        self._shared = shared
        self._wire: _Wire | None = None
        self._attempt = 0
        self._is_closing = False

    @property
    def is_up(self) -> bool:
        """Whether publications flow."""
        return self._wire is not None and self._wire.is_up

    async def run(self) -> None:
        """Stay connected until it is closed or cancelled."""
        while True:
            try:
                await self._hold_session()
            except LinkLostError as error:
                if self._is_closing:
                    return
                self._shared.counters.losses += 1
                _LOG.debug("link lost", extra={"client": self._client_id, "reason": str(error)})
            delay_s = full_jitter(self._attempt, BACKOFF_BASE_S, BACKOFF_CAP_S, random.random)
            self._attempt += 1
            await asyncio.sleep(delay_s)

    def send_due(self, device: LoadDevice, now_s: float) -> None:
        """Send what a device has to send, if the connection takes it."""
        wire = self._wire
        if wire is None or not wire.is_ready:
            return
        for entry in device.take(now_s):
            self._publish(wire, device.topic(entry.kind), entry.payload)

    def look_after(self, now_s: float) -> None:
        """Now and then: send again what waits too long, keep the connection alive, drop a dead one."""
        if self._wire is not None and self._wire.is_up:
            self._wire.keep_alive(now_s)
            for device in self.devices:
                if device.waiting:
                    self.send_due(device, now_s)

    async def close(self) -> None:
        """Say goodbye for every device; the broker discards the will."""
        self._is_closing = True
        wire = self._wire
        if wire is None or not wire.is_up:
            return
        for device in self.devices:
            death = self._shared.script.death(device.head, time.time_ns() // 1000, "stopped")
            wire.publish(device.topic(Kind.DEATH), death, is_retained=True)
        wire.write(packets.DISCONNECT)
        wire.finish()
        with suppress(TimeoutError):
            await asyncio.wait_for(wire.lost.wait(), CONNECT_TIMEOUT_S)

    async def _hold_session(self) -> None:
        wire = _Wire(self._take_packet, self._resume)
        try:
            async with self._shared.connecting:
                await self._open(wire)
            await wire.lost.wait()
        finally:
            self._wire = None
            wire.abort()
        raise LinkLostError(wire.reason or "the broker closed the connection")

    async def _open(self, wire: _Wire) -> None:
        broker, loop = self._shared.broker, asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await loop.create_connection(lambda: wire, broker.host, broker.port, ssl=self._shared.tls)
                wire.write(packets.connect_packet(self._options()))
                if not packets.is_accepted(await wire.answer(PacketKind.CONNACK)):
                    raise LinkLostError("the broker refuses us; check user and password")
                topics = list(self._by_topic)
                for start in range(0, len(topics), TOPICS_PER_SUBSCRIPTION):
                    some = topics[start : start + TOPICS_PER_SUBSCRIPTION]
                    wire.write(packets.subscribe_packet(wire.next_id(), some))
                    if not packets.is_granted(await wire.answer(PacketKind.SUBACK)):
                        raise LinkLostError("the broker refuses a subscription; check its access rules")
        except (OSError, TimeoutError) as error:
            raise LinkLostError(f"no connection to {broker}: {str(error) or 'no answer'}") from error
        self._begin(wire)

    def _begin(self, wire: _Wire) -> None:
        """Say who is there, then send."""
        wire.is_up = True
        self._wire = wire
        self._shared.counters.connects += 1
        for device in self.devices:
            birth = self._shared.script.birth(device.head, time.time_ns() // 1000)
            wire.publish(device.topic(Kind.BIRTH), birth, is_retained=True)
            device.expedite()
        self._resume()

    def _options(self) -> ConnectOptions:
        broker, will = self._shared.broker, None
        if len(self.devices) == 1:
            (device,) = self.devices
            death = self._shared.script.death(device.head, time.time_ns() // 1000, "connection lost")
            will = (device.topic(Kind.DEATH).decode(), death)
        return ConnectOptions(self._client_id, KEEPALIVE_S, broker.username, broker.password, will)

    def _resume(self) -> None:
        """The connection takes more: send what waits."""
        now_s = time.monotonic()
        for device in self.devices:
            if device.waiting:
                self.send_due(device, now_s)

    def _publish(self, wire: _Wire, topic: bytes, payload: bytes) -> None:
        disturbance = self._shared.disturbance
        if disturbance is None:
            wire.publish(topic, payload)
            return
        for delay_s in disturbance.delays():
            if delay_s:
                asyncio.get_running_loop().call_later(delay_s, wire.publish, topic, payload)
            else:
                wire.publish(topic, payload)

    def _take_packet(self, wire: _Wire, packet: Packet) -> None:
        if packet.kind is not PacketKind.PUBLISH:
            return
        publication = packets.read_publish(packet)
        if publication.packet_id:
            wire.write(packets.puback_packet(publication.packet_id))
        device = self._by_topic.get(publication.topic)
        if device is None:
            return
        try:
            ack = decode_ack(publication.payload)
        except MessageError:
            self._shared.counters.malformed += 1
            return
        self._attempt = 0
        now_s = time.monotonic()
        device.settle(ack, now_s)
        self.send_due(device, now_s)
        self._shared.on_settled()


class _Wire(asyncio.Protocol):
    """The bytes of one connection."""

    def __init__(self, take: Callable[[_Wire, Packet], None], resume: Callable[[], None]) -> None:
        self.lost = asyncio.Event()
        self.reason = ""
        self.is_up = False
        """Whether the session has begun."""
        self._take = take
        self._resume = resume
        self._reader = PacketReader()
        self._transport: asyncio.Transport | None = None
        self._is_paused = False
        self._packet_id = 0
        self._unsettled: set[int] = set()
        self._answers: asyncio.Queue[Packet] = asyncio.Queue()
        self._heard_s = self._spoke_s = time.monotonic()

    @property
    def is_ready(self) -> bool:
        """Whether it takes publications now."""
        is_open = self.is_up and not self.lost.is_set()
        return is_open and not self._is_paused and len(self._unsettled) < MAX_UNSETTLED

    def publish(self, topic: bytes, payload: bytes, *, is_retained: bool = False) -> None:
        """Send once, QoS 1; what is lost with the connection the device sends again."""
        packet_id = self.next_id()
        self._unsettled.add(packet_id)
        self.write(packets.publish_packet(topic, payload, packet_id, is_retained=is_retained))

    def next_id(self) -> int:
        """A packet id that is not in use."""
        while True:
            self._packet_id = self._packet_id % MAX_PACKET_ID + 1
            if self._packet_id not in self._unsettled:
                return self._packet_id

    def write(self, data: bytes) -> None:
        """Send bytes, if there is still a connection."""
        if self._transport is not None and not self._transport.is_closing():
            self._spoke_s = time.monotonic()
            self._transport.write(data)

    async def answer(self, kind: PacketKind) -> Packet:
        """Wait for the broker's answer while the session begins."""
        receiving = asyncio.ensure_future(self._answers.get())
        losing = asyncio.ensure_future(self.lost.wait())
        try:
            await asyncio.wait({receiving, losing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            losing.cancel()
            if not receiving.done():
                receiving.cancel()
        if not receiving.done() or receiving.cancelled() or receiving.result().kind is not kind:
            raise LinkLostError(self.reason or "the broker closed the connection")
        return receiving.result()

    def keep_alive(self, now_s: float) -> None:
        """Ping where nothing else was said; give up where nothing was heard."""
        if now_s - self._heard_s > 1.5 * KEEPALIVE_S:
            self.reason = "the broker is silent"
            self.abort()
        elif now_s - self._spoke_s > KEEPALIVE_S / 2:
            self.write(packets.PINGREQ)

    def finish(self) -> None:
        """Close when everything has left."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once, whatever has not left."""
        if self._transport is not None:
            self._transport.abort()
        self.lost.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._heard_s = time.monotonic()
        try:
            for packet in self._reader.feed(data):
                if packet.kind is PacketKind.PUBACK:
                    self._unsettled.discard(int.from_bytes(packet.body))
                elif packet.kind in (PacketKind.CONNACK, PacketKind.SUBACK):
                    self._answers.put_nowait(packet)
                else:
                    self._take(self, packet)
        except packets.PacketError as error:
            self.reason = str(error)
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self.reason = self.reason or str(exc or "")
        self.lost.set()

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`: the broker takes less than we send."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._is_paused = False
        self._resume()
