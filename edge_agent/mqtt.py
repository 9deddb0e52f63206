"""One connection to the broker; the only module that imports paho.

Rule: thin. A link is opened once, used by one thread, and thrown away when it breaks; paho's own queues never
outlive it. Every foreign error leaves here as a `LinkError`. A PUBACK is not looked at as proof of anything.
"""

from __future__ import annotations

import logging
import select
import ssl
import time
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edge_agent.errors import LinkError
from edge_agent.settings import MqttSettings

_LOG = logging.getLogger(__name__)
QOS_AT_LEAST_ONCE = 1


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says for us, retained, when we vanish."""

    topic: str
    payload: bytes = field(repr=False)


class MqttLink:
    """An MQTT 3.1.1 connection (every broker speaks it), clean session, QoS 1.

    Args:
        settings: Broker and credentials.
        client_id: The device id; a second connection of the same device takes the first one's place.
        will: The Last Will.
    """

    def __init__(self, settings: MqttSettings, client_id: str, will: Will) -> None:
        self._settings = settings
        self._inbox: list[bytes] = []
        self._refusal = ""
        self._is_accepted = False
        self._subscribed: set[int] = set()
        self._unsettled: set[int] = set()
        self._client = self._build_client(client_id, will)

    def open(self) -> None:
        """Connect and wait until the broker accepted us.

        Raises:
            LinkError: unreachable, refused, or no answer in time.
        """
        settings, broker = self._settings, self._settings.broker
        try:
            if broker.is_tls:
                self._client.tls_set(
                    ca_certs=str(settings.ca_file) if settings.ca_file else None,
                    certfile=str(settings.cert_file) if settings.cert_file else None,
                    keyfile=str(settings.key_file) if settings.key_file else None,
                    tls_version=ssl.PROTOCOL_TLS_CLIENT,
                )
            self._client.connect(broker.host, broker.port, settings.keepalive_s)
        except (OSError, ValueError) as error:  # ssl.SSLError and socket.gaierror are OSErrors
            raise LinkError(f"no connection to {broker}: {error}") from error
        self._await(lambda: self._is_accepted, "accept the connection")

    def subscribe(self, topic: str) -> None:
        """Ask for a topic and wait until the broker granted it.

        Raises:
            LinkError: not granted, or the link broke.
        """
        _, mid = self._client.subscribe(topic, QOS_AT_LEAST_ONCE)
        self._await(lambda: mid in self._subscribed, f"grant {topic}")

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Hand one message to the connection, QoS 1.

        Raises:
            LinkError: the link broke, or the topic is impossible.
        """
        try:
            sent = self._client.publish(topic, payload, QOS_AT_LEAST_ONCE, retain)
        except ValueError as error:
            raise LinkError(f"cannot publish to {topic}: {error}") from error
        if sent.rc not in (paho.MQTT_ERR_SUCCESS, paho.MQTT_ERR_AGAIN):
            raise LinkError(f"publish failed: {paho.error_string(sent.rc)}")
        self._unsettled.add(sent.mid)

    def poll(self, timeout_s: float) -> list[bytes]:
        """Move bytes both ways for at most `timeout_s`.

        Returns:
            Payloads of the messages that arrived, in order.

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
        """Say goodbye: the broker discards the will."""
        self._client.disconnect()
        self.abandon()

    def abandon(self) -> None:
        """Drop the connection without a word: the broker sends the will."""
        connection = self._client.socket()
        if connection is not None:
            connection.close()

    def _build_client(self, client_id: str, will: Will) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=True, protocol=paho.MQTTv311
        )
        client.connect_timeout = self._settings.connect_timeout_s
        client.max_inflight_messages_set(0)  # our own in-flight limit rules
        client.max_queued_messages_set(0)
        broker = self._settings.broker
        if broker.username:
            client.username_pw_set(broker.username, broker.password or None)
        client.will_set(will.topic, will.payload, QOS_AT_LEAST_ONCE, retain=True)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
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
            raise LinkError(self._refusal or "the broker closed the connection")
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
            raise LinkError(f"connection lost: {error}") from error
        for result in results:
            if result not in (paho.MQTT_ERR_SUCCESS, paho.MQTT_ERR_AGAIN):
                raise LinkError(self._refusal or f"connection lost: {paho.error_string(result)}")

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._refusal = f"the broker refused us: {reason}; check user, password and certificate"
        else:
            self._is_accepted = True

    def _on_subscribe(self, _client: Any, _data: Any, mid: int, reasons: list[Any], _properties: Any) -> None:
        if any(reason.is_failure for reason in reasons):
            self._refusal = f"the broker refused a subscription: {reasons[0]}; check its access rules"
            self.abandon()
        else:
            self._subscribed.add(mid)

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        self._inbox.append(bytes(message.payload))

    def _on_publish(self, _client: Any, _data: Any, mid: int, _reason: Any, _properties: Any) -> None:
        self._unsettled.discard(mid)
