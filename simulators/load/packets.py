"""MQTT 3.1.1 as bytes: the packets that a device of the load fleet needs, and no others.

Rule: for load only; what the reader cannot be sure of is an error, never a guess. A device's own client is
paho, which took 99 µs of processor time a publication here and needs a thread a connection; aiomqtt took 95,
amqtt 104. gmqtt took 9 in bulk, as this does, but it connects again by rules of its own and never says that a
broker takes less than it is given. Numbers in comments are sections of OASIS MQTT 3.1.1.

>>> reader = PacketReader()
>>> packet = publish_packet(b"ig/v1/a/up/summary", b"hello", 7)
>>> reader.feed(packet[:9]), read_publish(reader.feed(packet[9:])[0])
([], Publication(topic='ig/v1/a/up/summary', payload=b'hello', packet_id=7))
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from contract.errors import IndustrialGuardError

MAX_PACKET_BYTES = 256 * 1024
"""Longest packet that is read; an acknowledgement has at most a quarter of it."""
MAX_REMAINING = 268_435_455
"""2.2.3: what four bytes of length can say."""
PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"
_CLEAN, _WILL, _WILL_QOS1, _WILL_RETAIN, _PASSWORD, _USERNAME = 0x02, 0x04, 0x08, 0x20, 0x40, 0x80
_PUBLISH_QOS1, _RETAIN = 0x32, 0x01


class PacketError(IndustrialGuardError):
    """A broker sent bytes that are no packet for us."""


class PacketKind(IntEnum):
    """2.2.1: the kinds that a broker sends to us."""

    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    SUBACK = 9
    PINGRESP = 13


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet as it arrived."""

    kind: PacketKind
    flags: int
    """Lower half of the first byte."""
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Publication:
    """What somebody published."""

    topic: str
    payload: bytes
    packet_id: int
    """To acknowledge it by; 0 with QoS 0."""


@dataclass(frozen=True, slots=True)
class ConnectOptions:
    """Who connects."""

    client_id: str
    keepalive_s: int
    username: str = ""
    password: str = field(default="", repr=False)
    will: tuple[str, bytes] | None = field(default=None, repr=False)
    """Topic and payload of the Last Will; it is retained, QoS 1."""


def connect_packet(options: ConnectOptions) -> bytes:
    """3.1, with a clean session."""
    flags = _CLEAN
    parts = [_text(options.client_id)]
    if options.will is not None:
        topic, payload = options.will
        flags |= _WILL | _WILL_QOS1 | _WILL_RETAIN
        parts += [_text(topic), _binary(payload)]
    if options.username:
        flags |= _USERNAME
        parts.append(_text(options.username))
    if options.password:
        flags |= _PASSWORD
        parts.append(_text(options.password))
    head = _text("MQTT") + struct.pack("!BBH", 4, flags, options.keepalive_s)
    return _packet(0x10, head + b"".join(parts))


def subscribe_packet(packet_id: int, topics: Sequence[str]) -> bytes:
    """3.8, QoS 1."""
    return _packet(0x82, struct.pack("!H", packet_id) + b"".join(_text(topic) + b"\x01" for topic in topics))


def publish_packet(topic: bytes, payload: bytes, packet_id: int, *, is_retained: bool = False) -> bytes:
    """3.3, QoS 1."""
    first = _PUBLISH_QOS1 | (_RETAIN if is_retained else 0)
    n_topic = len(topic)
    head = bytes((first,)) + encode_length(4 + n_topic + len(payload))
    return b"".join((head, n_topic.to_bytes(2), topic, packet_id.to_bytes(2), payload))


def puback_packet(packet_id: int) -> bytes:
    """3.4."""
    return b"\x40\x02" + packet_id.to_bytes(2)


def encode_length(length: int) -> bytes:
    """2.2.3: seven bits a byte, lowest first.

    >>> encode_length(321).hex()
    'c102'
    """
    if not 0 <= length <= MAX_REMAINING:
        raise ValueError(f"a packet has at most {MAX_REMAINING} bytes, not {length}")
    encoded = bytearray()
    while length > 0x7F:
        encoded.append(length & 0x7F | 0x80)
        length >>= 7
    encoded.append(length)
    return bytes(encoded)


def is_accepted(connack: Packet) -> bool:
    """3.2: whether the broker took us.

    Raises:
        PacketError: no CONNACK.
    """
    if len(connack.body) != 2:
        raise PacketError("the broker's CONNACK is malformed")
    return connack.body[1] == 0


def is_granted(suback: Packet) -> bool:
    """3.9: whether every topic was granted."""
    return not any(code & 0x80 for code in suback.body[2:])


def read_publish(packet: Packet) -> Publication:
    """3.3.

    Raises:
        PacketError: it is cut off, or has QoS 2, which we never ask for.
    """
    body, qos = packet.body, packet.flags >> 1 & 3
    start = 2 + int.from_bytes(body[:2])
    end = start + 2 * (qos == 1)
    if qos > 1 or len(body) < max(2, end):
        raise PacketError("the broker's PUBLISH is malformed")
    try:
        topic = body[2:start].decode()
    except UnicodeDecodeError as error:
        raise PacketError("the broker's PUBLISH has a topic that is no text") from error
    return Publication(topic, body[end:], int.from_bytes(body[start:end]))


class PacketReader:
    """Bytes as they arrive → packets."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Packet]:
        """Take bytes; the packets that they complete.

        Raises:
            PacketError: no MQTT, a packet that no broker sends to a client, or one that is too long.
        """
        buffer = self._rest + data if self._rest else data
        packets: list[Packet] = []
        start = 0
        while (span := _find_body(buffer, start)) is not None:
            packets.append(_read_packet(buffer[start], buffer[span[0] : span[1]]))
            start = span[1]
        self._rest = buffer[start:]
        return packets


def _read_packet(first: int, body: bytes) -> Packet:
    try:
        return Packet(PacketKind(first >> 4), first & 0x0F, body)
    except ValueError as error:
        raise PacketError(
            f"the broker sent a packet of kind {first >> 4}, which is not for clients"
        ) from error


def _find_body(buffer: bytes, start: int) -> tuple[int, int] | None:
    """Where the body of the packet at `start` begins and ends; None: it is not complete yet."""
    length, shift, place = 0, 0, start + 1
    while place < len(buffer):
        byte = buffer[place]
        length |= (byte & 0x7F) << shift
        place += 1
        if length > MAX_PACKET_BYTES or (shift == 21 and byte > 0x7F):
            raise PacketError(f"the broker sent a packet of over {MAX_PACKET_BYTES} bytes")
        if byte <= 0x7F:
            return (place, place + length) if place + length <= len(buffer) else None
        shift += 7
    return None


def _packet(first: int, body: bytes) -> bytes:
    return bytes((first,)) + encode_length(len(body)) + body


def _text(value: str) -> bytes:
    return _binary(value.encode())


def _binary(value: bytes) -> bytes:
    if len(value) > 0xFFFF:
        raise ValueError("a field of a packet has at most 65535 bytes")
    return len(value).to_bytes(2) + value
