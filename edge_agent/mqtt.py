"""One connection to the broker; the only module that imports paho.

Rule: thin. A link is opened once, used by one thread, and thrown away when it breaks; paho's own queues never
outlive it. Every foreign error leaves here as a `LinkError`. A PUBACK is not looked at as proof of anything.
"""

from __future__ import annotations

import logging
import select
import time
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from contract.identity import client_context, explain_tls
from edge_agent.errors import LinkError, VersionRefusedError
from edge_agent.settings import MqttSettings

_LOG = logging.getLogger(__name__)
QOS_AT_LEAST_ONCE = 1
SESSION_S = 3600
"""How long the broker keeps acknowledgements for a device that is away, in s (MQTT 5)."""
MESSAGE_S = 120
"""How long the broker keeps a message that nobody fetches, in s (MQTT 5): the device sends it again."""
_WRONG_VERSION = "Unsupported protocol version"


MQTT5, MQTT311 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says for us, retained, when we vanish."""

    topic: str
    payload: bytes = field(repr=False)


class MqttLink:
    """One MQTT connection, QoS 1.

    With MQTT 5 the broker keeps the session for a while, lets copies of messages expire and waits before it
    says the will; with 3.1.1, which every broker speaks, it does none of this, and nothing is lost either.

    Args:
        settings: Broker and credentials.
        client_id: The device id; a second connection of the same device takes the first one's place.
        will: The Last Will.
        version: Of MQTT.
    """

    def __init__(
        self, settings: MqttSettings, client_id: str, will: Will, version: MQTTProtocolVersion = MQTT5
    ) -> None:
        self._settings = settings
        self._version = version
        self._is_version_refused = False
        self._inbox: list[tuple[str, bytes]] = []
        self._refusal = ""
        self._is_accepted = False
        self._subscribed: set[int] = set()
        self._unsettled: set[int] = set()
        self._receive_maximum = 65_535
        """How many messages the broker takes without having acknowledged one; paho does not look at it."""
        self._client = self._build_client(client_id, will)

    def open(self) -> None:
        """Connect and wait until the broker accepted us.

        Raises:
            VersionRefusedError: the broker does not speak this version.
            LinkError: unreachable, refused, or no answer in time.
        """
        settings, broker = self._settings, self._settings.broker
        try:
            if broker.is_tls:
                self._client.tls_set_context(client_context(settings.identity))
            how: dict[str, Any] = {}
            if self._version is MQTT5:
                session = _properties(PacketTypes.CONNECT, SessionExpiryInterval=SESSION_S)
                how = {"clean_start": False, "properties": session}
            self._client.connect(broker.host, broker.port, settings.keepalive_s, **how)
        except (OSError, ValueError) as error:  # ssl.SSLError and socket.gaierror are OSErrors
            raise LinkError(f"no connection to {broker}: {explain_tls(error)}") from error
        self._await(lambda: self._is_accepted, "accept the connection")

    def subscribe(self, topic: str) -> None:
        """Ask for a topic and wait until the broker granted it.

        Raises:
            LinkError: not granted, or the link broke.
        """
        _, mid = self._client.subscribe(topic, QOS_AT_LEAST_ONCE)
        self._await(lambda: mid in self._subscribed, f"grant {topic}")

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Hand one message to the connection, QoS 1, once the broker takes another one.

        Raises:
            LinkError: the link broke, or the topic is impossible.
        """
        self._await(lambda: len(self._unsettled) < self._receive_maximum, "acknowledge what it has")
        expiry = None
        if self._version is MQTT5 and not retain:
            expiry = _properties(PacketTypes.PUBLISH, MessageExpiryInterval=MESSAGE_S)
        try:
            sent = self._client.publish(topic, payload, QOS_AT_LEAST_ONCE, retain, expiry)
        except ValueError as error:
            raise LinkError(f"cannot publish to {topic}: {error}") from error
        if sent.rc not in (paho.MQTT_ERR_SUCCESS, paho.MQTT_ERR_AGAIN):
            raise LinkError(f"publish failed: {paho.error_string(sent.rc)}")
        self._unsettled.add(sent.mid)

    def poll(self, timeout_s: float) -> list[tuple[str, bytes]]:
        """Move bytes both ways for at most `timeout_s`.

        Returns:
            Topics and payloads of the messages that arrived, in order.

        Raises:
            LinkError: the link broke.
        """
        self._move(timeout_s)
        arrived, self._inbox = self._inbox, []
        return arrived

    def settle(self, timeout_s: float) -> bool:
        """Wait until the broker has everything published so far; whether it does.

        Raises:
            LinkError: the link broke.
        """
        deadline = time.monotonic() + timeout_s
        while self._unsettled and (left := deadline - time.monotonic()) > 0:
            self._move(min(left, 0.1))
        return not self._unsettled

    def close(self) -> None:
        """Say goodbye: the broker discards the will, and the session with it."""
        end = _properties(PacketTypes.DISCONNECT, SessionExpiryInterval=0)
        self._client.disconnect(properties=end if self._version is MQTT5 else None)
        self.abandon()

    def abandon(self) -> None:
        """Drop the connection without a word: the broker sends the will."""
        connection = self._client.socket()
        if connection is not None:
            connection.close()

    def _build_client(self, client_id: str, will: Will) -> paho.Client:
        is_v5 = self._version is MQTT5
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=None if is_v5 else True,
            protocol=self._version,
        )
        client.connect_timeout = self._settings.connect_timeout_s
        client.max_inflight_messages_set(0)  # our own in-flight limit rules
        client.max_queued_messages_set(0)
        broker = self._settings.broker
        if broker.username:
            client.username_pw_set(broker.username, broker.password or None)
        delay = _properties(PacketTypes.WILLMESSAGE, WillDelayInterval=self._settings.will_delay_s)
        client.will_set(
            will.topic, will.payload, QOS_AT_LEAST_ONCE, retain=True, properties=delay if is_v5 else None
        )
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        return client

    def _await(self, is_done: Any, what: str) -> None:
        deadline = time.monotonic() + self._settings.connect_timeout_s
        while not is_done():
            left = deadline - time.monotonic()
            if left <= 0:
                raise LinkError(f"the broker did not {what} within {self._settings.connect_timeout_s:g} s")
            self._move(min(left, 0.5))

    def _move(self, timeout_s: float) -> None:
        """Move what is ready; select(2), which paho's own loop uses, fails beyond descriptor 1024."""
        connection: Any = self._client.socket()
        if connection is None:
            raise self._broken("the broker closed the connection")
        waiting = select.poll()
        waiting.register(connection, select.POLLIN | (select.POLLOUT if self._client.want_write() else 0))
        has_buffered = getattr(connection, "pending", lambda: 0)()
        try:
            events = waiting.poll(0 if has_buffered else timeout_s * 1000)
            happened = events[0][1] if events else 0
            results = []
            if has_buffered or happened & ~select.POLLOUT:
                results.append(self._client.loop_read())
            if happened & select.POLLOUT:
                results.append(self._client.loop_write())
            results.append(self._client.loop_misc())
        except (OSError, ValueError) as error:
            raise self._broken(f"connection lost: {error}") from error
        for result in results:
            if result not in (paho.MQTT_ERR_SUCCESS, paho.MQTT_ERR_AGAIN):
                raise self._broken(f"connection lost: {paho.error_string(result)}")
        if self._refusal:
            raise self._broken(self._refusal)

    def _broken(self, how: str) -> LinkError:
        """Why the link broke: in the broker's words where it said something, else as it looks from here."""
        if self._is_version_refused:
            return VersionRefusedError(f"the broker does not speak {self._version.name}")
        if not self._is_accepted and self._settings.identity is not None:
            how += " before the broker accepted us; its log says whether it was our certificate"
        return LinkError(self._refusal or how)

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._is_version_refused = str(reason) == _WRONG_VERSION
            self._refusal = f"the broker refused us: {reason}; check user, password and certificate"
            return
        self._is_accepted = True
        self._receive_maximum = getattr(properties, "ReceiveMaximum", self._receive_maximum)

    def _on_subscribe(self, _client: Any, _data: Any, mid: int, reasons: list[Any], _properties: Any) -> None:
        if any(reason.is_failure for reason in reasons):
            self._refusal = f"the broker refused a subscription: {reasons[0]}; check its access rules"
            self.abandon()
        else:
            self._subscribed.add(mid)

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        self._inbox.append((message.topic, bytes(message.payload)))

    def _on_publish(self, _client: Any, _data: Any, mid: int, reason: Any, _properties: Any) -> None:
        self._unsettled.discard(mid)
        if reason.is_failure:  # MQTT 5 alone says so
            self._refusal = f"the broker refused a message: {reason}; check its access rules"
            self.abandon()

    def _on_disconnect(self, _client: Any, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if flags.is_disconnect_packet_from_server:
            self._refusal = self._refusal or f"the broker ended the connection: {reason}"


def _properties(packet: int, **values: int) -> Properties:
    """Properties of an MQTT 5 packet."""
    properties = Properties(packet)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(properties, name, value)
    return properties
