"""The cloud's link to the broker.

Rule: the only importer of paho in the cloud. A publication is acknowledged when its receiver says so, never
before; when the receiver falls behind, reading from the socket pauses and the broker keeps the rest. Lost
connections come back by themselves.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from cloud.backoff import Backoff
from cloud.dead_letters import KEEP_BYTES
from cloud.delivery import Delivery
from cloud.errors import LinkError, LinkRefusedError
from cloud.settings import MqttSettings
from cloud.trace_context import TRACEPARENT
from contract.identity import client_context, explain_tls

_LOG = logging.getLogger(__name__)
_QOS = 1
_MISC_PERIOD_S = 1.0
_CONNECT_TIMEOUT_S = 5.0
_GOODBYE_S = 2.0
_MAX_OUTGOING = 10_000
_READS_AT_ONCE = 32
_REFUSALS = frozenset({"Bad user name or password", "Not authorized", "Client identifier not valid"})
_TOO_NEW = frozenset({"Unsupported protocol version", None})
"""What a broker says to version 5 that does not know it; many say nothing."""
SESSION_S = 86_400
"""How long a broker keeps our session, in s: as long as a restart or a bad night may last."""


class MqttLink:
    """One MQTT session, driven by the event loop that runs it.

    Args:
        settings: Which broker, and as whom.
        role: Appended to the client id; two links of one role push each other out.
        subscriptions: Topic filters to receive; none: only publish.
        session_s: How long the broker keeps what comes while we are away, in s; in version 3.1.1 it does so
            for ever, or not at all where this is less than `SESSION_S`.
    """

    def __init__(
        self, settings: MqttSettings, role: str, subscriptions: Sequence[str] = (), session_s: int = SESSION_S
    ) -> None:
        self._settings = settings
        self._subscriptions = tuple(subscriptions)
        self._session_s = session_s if subscriptions else 0  # who only publishes leaves nothing behind
        self._client_id = f"{settings.client_id}-{role}"
        self._loop = asyncio.get_running_loop()
        self._inbox: deque[Delivery] = deque()
        self._has_mail = asyncio.Event()
        self._is_up = asyncio.Event()
        self._is_down = asyncio.Event()
        self._refusal: str | None = None
        self._connection = 0
        self._is_paused = False
        self._socket: socket.socket | None = None
        self._client = self._build_client(MQTTProtocolVersion.MQTTv5)

    @property
    def is_connected(self) -> bool:
        """Whether publications flow now."""
        return self._is_up.is_set()

    @property
    def version(self) -> str:
        """Of MQTT, as the broker speaks it."""
        return "5" if self._client.protocol is MQTTProtocolVersion.MQTTv5 else "3.1.1"

    @property
    def address(self) -> str:
        """Of the broker, without credentials."""
        return str(self._settings.broker)

    @property
    def is_paused(self) -> bool:
        """Whether the receiver has fallen so far behind that nothing more is read."""
        return self._is_paused

    @property
    def waiting(self) -> int:
        """Publications that the receiver has not taken yet."""
        return len(self._inbox)

    @property
    def connections(self) -> int:
        """Times the broker has accepted us."""
        return self._connection

    async def run(self) -> None:
        """Stay connected until cancelled.

        Raises:
            LinkRefusedError: the broker refused us before it ever accepted us.
        """
        backoff = Backoff(self._settings.backoff_base_s, self._settings.backoff_cap_s)
        while True:
            try:
                await self._connect()
                backoff.reset()
                await self._serve()
            except LinkError as error:
                if not error.retriable and self._connection == 0:
                    raise
                _LOG.warning("no connection to the broker", extra={"reason": str(error)})
            await asyncio.sleep(backoff.next_wait_s())

    async def receive(self, limit: int, wait_s: float) -> list[Delivery]:
        """Wait for a publication, then up to `wait_s` for more; at most `limit`."""
        while not self._inbox:
            self._has_mail.clear()
            await self._has_mail.wait()
        if len(self._inbox) < limit and wait_s > 0:
            await asyncio.sleep(wait_s)
        taken = [self._inbox.popleft() for _ in range(min(limit, len(self._inbox)))]
        self._resume_reading()
        return taken

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Let the broker forget these.

        Those of an earlier connection are left out: the broker gives them again, under numbers of this one.
        """
        for delivery in deliveries:
            connection, packet = delivery.receipt
            if connection == self._connection and self._client.is_connected():
                self._client.ack(packet, _QOS)

    def publish(self, topic: str, payload: bytes) -> None:
        """Send once, QoS 1.

        Raises:
            LinkError: not connected, or too much waits already.
        """
        if not self.is_connected:
            raise LinkError("not connected to the broker")
        info = self._client.publish(topic, payload, qos=_QOS)
        if info.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise LinkError(f"the broker link takes nothing: {paho.error_string(info.rc)}")

    async def wait_connected(self) -> None:
        """Return once it is connected."""
        await self._is_up.wait()

    async def close(self) -> None:
        """Say goodbye, so that acknowledgements under way still leave; the broker keeps the session."""
        if not self.is_connected:
            return
        self._client.disconnect()
        try:
            await asyncio.wait_for(self._is_down.wait(), _GOODBYE_S)
        except TimeoutError:
            _LOG.warning("the broker did not say goodbye")

    async def _connect(self) -> None:
        """Connect by version 5, and by 3.1.1 to a broker that refuses it or has no answer to it."""
        for version in (MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311):
            if version is not self._client.protocol:
                self._client = self._build_client(version)
            await self._try_to_connect()
            if self.is_connected or self._refusal not in _TOO_NEW:
                break
        self._raise_refusal()
        if not self.is_connected:
            raise LinkError(f"{self.address}: no MQTT broker answers there")

    async def _try_to_connect(self) -> None:
        self._unwatch_socket()
        self._is_down.clear()
        self._refusal = None
        try:
            await asyncio.to_thread(self._client.reconnect)
        except (OSError, ValueError) as error:
            raise LinkError(f"{self.address}: {explain_tls(error)}") from error
        waiting = [asyncio.ensure_future(event.wait()) for event in (self._is_up, self._is_down)]
        try:
            await asyncio.wait(waiting, timeout=_CONNECT_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()

    async def _serve(self) -> None:
        """Keep the connection alive for as long as it lasts."""
        while not self._is_down.is_set():
            self._client.loop_misc()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_down.wait(), _MISC_PERIOD_S)
        self._raise_refusal()
        raise LinkError("the connection to the broker was lost")

    def _raise_refusal(self) -> None:
        if self._refusal is not None:
            raise LinkRefusedError(
                f"the broker refuses us: {self._refusal}; check user name, password and its ACL"
            )

    def _build_client(self, version: MQTTProtocolVersion) -> paho.Client:
        broker = self._settings.broker
        is_new = version is MQTTProtocolVersion.MQTTv5
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=None if is_new else self._session_s < SESSION_S,
            protocol=version,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        if broker.username:
            client.username_pw_set(broker.username, broker.password)
        if broker.is_tls:
            client.tls_set_context(client_context(self._settings.identity))
        client.max_queued_messages_set(_MAX_OUTGOING)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_socket_open = self._on_socket_open
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_want_write
        client.on_socket_unregister_write = self._on_no_write
        where = broker.host, broker.port, self._settings.keepalive_s
        if is_new:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = self._session_s
            properties.ReceiveMaximum = self._settings.max_unacknowledged
            client.connect_async(*where, clean_start=self._session_s == 0, properties=properties)
        else:
            client.connect_async(*where)
        return client

    def _on_connect(self, client: paho.Client, _: object, flags: Any, reason: ReasonCode, __: object) -> None:
        if reason.is_failure:
            if str(reason) in _REFUSALS | _TOO_NEW:
                self._refusal = str(reason)
            return
        self._connection += 1
        if self._subscriptions:
            client.subscribe([(each, _QOS) for each in self._subscriptions])
        else:
            self._note_up()

    def _note_up(self) -> None:
        self._is_up.set()
        _LOG.info("connected to the broker", extra={"address": self.address, "mqtt": self.version})

    def _on_disconnect(self, *_: object) -> None:
        self._is_up.clear()
        self._is_down.set()

    def _on_subscribe(
        self, client: paho.Client, _: object, __: int, reasons: list[ReasonCode], *___: object
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self._refusal = f"no subscription to {' and '.join(self._subscriptions)}"
            client.disconnect()
        else:
            self._note_up()

    def _on_message(self, _: paho.Client, __: object, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""  # no topic of ours, so a dead letter
        receipt = (self._connection, message.mid)
        payload = bytes(message.payload[:KEEP_BYTES])  # a giant is only recognised: thousands may wait here
        cut_from = len(message.payload) if len(message.payload) > KEEP_BYTES else 0
        self._inbox.append(
            Delivery(topic, payload, message.retain, receipt, cut_from, _traceparent_of(message))
        )
        self._has_mail.set()
        if len(self._inbox) >= self._settings.max_unacknowledged and self._socket is not None:
            self._is_paused = True
            self._loop.remove_reader(self._socket)

    def _resume_reading(self) -> None:
        if self._is_paused and len(self._inbox) <= self._settings.max_unacknowledged // 2:
            self._is_paused = False
            if self._socket is not None:
                self._loop.add_reader(self._socket, self._read)

    def _read(self) -> None:
        """Read until nothing came, because each turn of the event loop costs as much as a packet."""
        for _ in range(_READS_AT_ONCE):
            waiting = len(self._inbox)
            self._client.loop_read()
            if len(self._inbox) == waiting or self._is_paused:
                break
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            self._loop.call_soon(self._read)  # decrypted already, so the socket will not call again for it

    # Connecting runs in a thread, and so do the callbacks below while it does.

    def _on_socket_open(self, _: paho.Client, __: object, sock: Any) -> None:
        self._loop.call_soon_threadsafe(self._watch_socket, sock)

    def _on_socket_close(self, *_: object) -> None:
        self._unwatch_socket()

    def _on_want_write(self, _: paho.Client, __: object, sock: Any) -> None:
        self._loop.call_soon_threadsafe(self._watch_writes, sock)

    def _on_no_write(self, _: paho.Client, __: object, sock: Any) -> None:
        if self._socket is not None and self._socket is sock:
            self._loop.remove_writer(self._socket)

    def _watch_socket(self, sock: socket.socket) -> None:
        if sock.fileno() >= 0:
            self._socket = sock
            self._is_paused = False
            self._loop.add_reader(sock, self._read)

    def _watch_writes(self, sock: socket.socket) -> None:
        if self._socket is sock and self._client.want_write():
            self._loop.add_writer(sock, self._client.loop_write)

    def _unwatch_socket(self) -> None:
        sock, self._socket = self._socket, None
        if sock is not None and sock.fileno() >= 0:
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)


def push_out(settings: MqttSettings, client_id: str, hold_s: float) -> bool:
    """End another client's session by taking its id, which leaves nothing of it at the broker.

    Args:
        settings: Which broker, and as whom; devices' ids are taken where clients choose their own.
        client_id: Of the other one.
        hold_s: How long its id is held, in s.

    Returns:
        Whether the other one stayed away as long.

    Raises:
        LinkError: the broker cannot be reached, or refuses us.
    """
    broker = settings.broker
    client = paho.Client(
        CallbackAPIVersion.VERSION2, client_id, clean_session=True, reconnect_on_failure=False
    )
    if broker.username:
        client.username_pw_set(broker.username, broker.password)
    if broker.is_tls:
        client.tls_set_context(client_context(settings.identity))
    try:
        client.connect(broker.host, broker.port, settings.keepalive_s)
        _loop(client, _CONNECT_TIMEOUT_S, until=client.is_connected)
        if not client.is_connected():
            raise LinkError(f"{broker}: the broker does not let us in, so {client_id} keeps its session")
        _loop(client, hold_s, until=lambda: not client.is_connected())
        has_stayed_away = client.is_connected()
        client.disconnect()
    except (OSError, ValueError) as error:
        raise LinkError(f"{broker}: {explain_tls(error)}; {client_id} keeps its session") from error
    return has_stayed_away


def _loop(client: paho.Client, wait_s: float, until: Callable[[], bool]) -> None:
    end_s = time.monotonic() + wait_s
    while not until() and (left_s := end_s - time.monotonic()) > 0:
        if client.loop(min(left_s, 0.2)) is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            return


def _traceparent_of(message: paho.MQTTMessage) -> str:
    properties = getattr(message.properties, "UserProperty", ())
    return next((value for name, value in properties if name == TRACEPARENT), "")
