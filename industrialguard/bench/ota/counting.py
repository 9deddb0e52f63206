"""Counts what goes over a connection: every byte both ways, requests, and bodies of answers.

Rule: it stands between a real client and a real server and changes nothing. A byte is counted before it is
passed on, so that whoever has an answer can read what it cost.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from industrialguard.bench.report import Metric

_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"^content-length:\s*(\d+)", re.IGNORECASE | re.MULTILINE)
_NO_BODY = (b"204", b"304")
_PIECE = 65_536


@dataclass(frozen=True, slots=True)
class Traffic:
    """What went over all connections since it was last asked."""

    requests: int = 0
    body_bytes: int = 0
    """Of answers, without their heads."""
    wire_bytes: int = 0
    """Both ways, heads and all; without TLS, TCP and IP."""


class Meter:
    """Counts, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sums = Traffic()

    def add(self, more: Traffic) -> None:
        """Count."""
        with self._lock:
            old = self._sums
            self._sums = Traffic(
                old.requests + more.requests,
                old.body_bytes + more.body_bytes,
                old.wire_bytes + more.wire_bytes,
            )

    def take(self) -> Traffic:
        """What was counted since the last time."""
        with self._lock:
            sums, self._sums = self._sums, Traffic()
            return sums


@dataclass(frozen=True, slots=True)
class Cost:
    """What one question cost."""

    traffic: Traffic
    seconds: float


class Costs:
    """What questions cost, by their names."""

    def __init__(self) -> None:
        self._costs: dict[str, list[Cost]] = {}

    def add(self, name: str, cost: Cost) -> None:
        """Note one."""
        self._costs.setdefault(name, []).append(cost)

    def metrics(self) -> dict[str, Metric]:
        """Bodies, bytes on the wire, requests and seconds of each."""
        found: dict[str, Metric] = {}
        for name, costs in self._costs.items():
            figures = {
                "bytes": [float(cost.traffic.body_bytes) for cost in costs],
                "wire_bytes": [float(cost.traffic.wire_bytes) for cost in costs],
                "requests": [float(cost.traffic.requests) for cost in costs],
                "s": [cost.seconds for cost in costs],
            }
            found |= {f"{name}_{unit}": Metric(tuple(values)) for unit, values in figures.items()}
        return found


class Clock:
    """Notes what questions cost.

    Args:
        meter: Of all connections that they go over; nobody else uses them meanwhile.
        costs: Where it goes.
    """

    def __init__(self, meter: Meter, costs: Costs) -> None:
        self._meter = meter
        self._costs = costs

    def note(self, name: str, ask: Callable[[], object]) -> None:
        """Ask, and note what it cost."""
        self._meter.take()
        started_s = time.perf_counter()
        ask()
        seconds = time.perf_counter() - started_s
        self._costs.add(name, Cost(self._meter.take(), seconds))


class Answers:
    """Tells heads from bodies in a stream of HTTP/1.1 answers that say their length."""

    def __init__(self) -> None:
        self._head = b""
        self._left = 0
        """Bytes of the present body that are still to come."""

    def count_body(self, piece: bytes) -> int:
        """How many of the next bytes are bodies'."""
        found = 0
        while piece:
            if self._left:
                size = min(self._left, len(piece))
                self._left, found, piece = self._left - size, found + size, piece[size:]
                continue
            self._head += piece
            head, end, piece = self._head.partition(_HEAD_END)
            if end:
                length = _LENGTH.search(head)
                has_body = length is not None and head[9:12] not in _NO_BODY
                self._left = int(length[1]) if length is not None and has_body else 0
                self._head = b""
            else:
                piece = b""
        return found


@contextmanager
def counted(port: int) -> Iterator[tuple[str, Meter]]:
    """Pass connections on to a server on this machine; yields the URL to use instead, and the meter."""
    meter, connections = Meter(), list[socket.socket]()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_accept, args=(listener, port, meter, connections), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/", meter
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in connections:
                _end(connection)


def _accept(listener: socket.socket, port: int, meter: Meter, connections: list[socket.socket]) -> None:
    """Until the listener is shut; ends when all that was passed on has ended."""
    threads = []
    with suppress(OSError):
        while True:
            near, _ = listener.accept()
            far = socket.create_connection(("127.0.0.1", port))
            for each in (near, far):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connections += [near, far]
            for source, sink, count in ((near, far, _asked), (far, near, _answered())):
                thread = threading.Thread(target=_pass_on, args=(source, sink, meter, count), daemon=True)
                thread.start()
                threads.append(thread)
    for connection in connections:
        _end(connection)
    for thread in threads:
        thread.join()


def _asked(piece: bytes) -> Traffic:
    return Traffic(requests=piece.count(b"GET /"), wire_bytes=len(piece))


def _answered() -> Callable[[bytes], Traffic]:
    answers = Answers()
    return lambda piece: Traffic(body_bytes=answers.count_body(piece), wire_bytes=len(piece))


def _pass_on(
    source: socket.socket, sink: socket.socket, meter: Meter, count: Callable[[bytes], Traffic]
) -> None:
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            meter.add(count(piece))
            sink.sendall(piece)
    _end(sink)
    _end(source)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
