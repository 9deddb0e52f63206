"""A raw MQTT 3.1.1 sender, which says what no library would.

Rule: writes every byte it is told to, topics that are none included; reads only what it must to know what the
broker took. What the broker did not confirm before it closed the connection counts as refused.
"""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Callable
from types import TracebackType
from typing import Self

from contract.errors import IndustrialGuardError

HOST = "127.0.0.1"
TIMEOUT_S = 60.0
WINDOW = 200
"""Publications that may wait for the broker's confirmation."""
CONNACK, PUBLISH, PUBACK, SUBACK = 2, 3, 4, 9
QOS1, RETAIN = 0x02, 0x01


class SenderClosedError(IndustrialGuardError):
    """The broker closed the connection."""


class RawSender:
    """One connection.

    Args:
        port: Of the broker on this machine.
        name: User name, by which the access rules know it.
        on_message: Told the payload of what arrives on `subscribe`d topics.
    """

    def __init__(self, port: int, name: str, on_message: Callable[[bytes], None] | None = None) -> None:
        self._socket = socket.create_connection((HOST, port), TIMEOUT_S)
        self._on_message = on_message
        self._unread = b""
        self._packet = 0
        self._unconfirmed: set[int] = set()
        no_client_id, user = _text(b""), _text(name.encode())
        self._write(0x10, _text(b"MQTT") + bytes([4, 0x82, 0, 0]) + no_client_id + user)
        self._read_until(CONNACK)

    def subscribe(self, topic: str) -> None:
        """Ask for a topic, QoS 1, and wait until it is granted."""
        self._write(0x82, struct.pack(">H", self._next_packet()) + _text(topic.encode()) + b"\x01")
        self._read_until(SUBACK)

    def publish(self, topic: bytes, payload: bytes, is_retained: bool = False) -> None:
        """Send, QoS 1; waits only while too much is unconfirmed.

        Raises:
            SenderClosedError: the broker has enough of us.
        """
        packet = self._next_packet()
        self._unconfirmed.add(packet)
        first = PUBLISH << 4 | QOS1 | (RETAIN if is_retained else 0)
        self._write(first, _text(topic) + struct.pack(">H", packet) + payload)
        if len(self._unconfirmed) >= WINDOW:
            self.settle(WINDOW // 2)

    def settle(self, most: int = 0) -> None:
        """Wait until at most so many are unconfirmed.

        Raises:
            SenderClosedError: the broker has enough of us.
        """
        while len(self._unconfirmed) > most:
            self._take()

    def take_arrived(self, timeout_s: float) -> None:
        """Hand over what arrives, until nothing has for a time."""
        while self._unread or select.select([self._socket], [], [], timeout_s)[0]:
            self._take()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def _next_packet(self) -> int:
        self._packet = self._packet % 65_535 + 1
        return self._packet

    def _write(self, first: int, body: bytes) -> None:
        try:
            self._socket.sendall(bytes([first]) + _length(len(body)) + body)
        except OSError as error:
            raise SenderClosedError(f"the broker closed the connection: {error}") from error

    def _read_until(self, kind: int) -> None:
        while self._take() != kind:
            pass

    def _take(self) -> int:
        """Read one packet; returns its kind."""
        first = self._read(1)[0]
        size = shift = 0
        while True:
            byte = self._read(1)[0]
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        body = self._read(size)
        kind = first >> 4
        if kind == PUBACK:
            self._unconfirmed.discard(int.from_bytes(body[:2], "big"))
        elif kind == PUBLISH:
            at = 2 + int.from_bytes(body[:2], "big")
            self._write(0x40, body[at : at + 2])
            if self._on_message is not None:
                self._on_message(body[at + 2 :])
        elif kind == CONNACK and body[1] != 0:
            raise SenderClosedError(f"the broker refused the connection: code {body[1]}")
        return kind

    def _read(self, size: int) -> bytes:
        while len(self._unread) < size:
            try:
                part = self._socket.recv(65_536)
            except OSError as error:
                raise SenderClosedError(f"the broker closed the connection: {error}") from error
            if not part:
                raise SenderClosedError("the broker closed the connection")
            self._unread += part
        taken, self._unread = self._unread[:size], self._unread[size:]
        return taken


def _text(value: bytes) -> bytes:
    return struct.pack(">H", len(value)) + value


def _length(size: int) -> bytes:
    out = bytearray()
    while size > 0x7F:
        out.append(size & 0x7F | 0x80)
        size >>= 7
    out.append(size)
    return bytes(out)
