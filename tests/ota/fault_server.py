"""A real web server that serves files as nginx does, until it is told to misbehave.

A fault takes the place of one answer to a path, in the order in which they were put; under `always`, of every
one. Each is given the handler, the file's bytes and where the client wants to go on from.
"""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Fault = Callable[["Handler", bytes, int], None]
_RANGE = re.compile(r"bytes=(\d+)-")


@dataclass
class Served:
    """One answer."""

    path: str
    status: int = 0
    body: int = 0
    """Bytes."""
    asked: dict[str, str] = field(default_factory=dict)
    """Headers of the request, in small letters."""


class FaultServer(ThreadingHTTPServer):
    """Serves `files`, by path."""

    daemon_threads = True
    block_on_close = True

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.context = context
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[Fault]] = {}
        self.always: dict[str, Fault] = {}
        self.served: list[Served] = []
        self.gives_tags = True
        self.closing = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        host = "localhost" if self.context else "127.0.0.1"
        return f"{'https' if self.context else 'http'}://{host}:{self.server_address[1]}"

    def paths(self) -> list[str]:
        return [each.path for each in self.served]

    def n_bytes(self, path: str) -> int:
        """Bytes of bodies that were sent of a path."""
        return sum(each.body for each in self.served if each.path == path)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self.shutdown()
        self._thread.join()
        self.server_close()

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.settimeout(2.0)
        if self.context is not None:
            try:
                request = self.context.wrap_socket(request, server_side=True)
            except (OSError, ssl.SSLError):
                return
        try:
            super().finish_request(request, client_address)
        finally:
            if self.context is not None:
                request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error here."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: FaultServer

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        asked = {name.lower(): text for name, text in self.headers.items()}
        self.record = Served(path, asked=asked)
        self.server.served.append(self.record)
        data = self.server.files.get(path, b"")
        faults = self.server.faults.get(path, [])
        start = self.start_of(data)
        with suppress(OSError):
            if faults:
                faults.pop(0)(self, data, start)
            elif path in self.server.always:
                self.server.always[path](self, data, start)
            elif path not in self.server.files:
                self.say(404, b"404 Not Found\n")
            else:
                self.serve(data, start)

    def serve(self, data: bytes, start: int) -> None:
        """What a good server says."""
        tag = tag_of(data) if self.server.gives_tags else ""
        headers = {"ETag": tag} if tag else {}
        if tag and self.record.asked.get("if-none-match") == tag:
            self.say(304, b"", headers)
        elif start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            self.say(206, data[start:], headers)
        else:
            self.say(200, data, headers)

    def start_of(self, data: bytes) -> int:
        found = _RANGE.fullmatch(self.record.asked.get("range", ""))
        wanted = self.record.asked.get("if-range", tag_of(data))
        return int(found[1]) if found and wanted == tag_of(data) else 0

    def say(self, status: int, body: bytes, headers: dict[str, str] | None = None, claimed: int = -1) -> None:
        """Send a whole answer; `claimed` bytes by its head."""
        self.head(status, {"Content-Length": str(len(body) if claimed < 0 else claimed), **(headers or {})})
        self.send_bytes(body)

    def head(self, status: int, headers: dict[str, str]) -> None:
        self.record.status = status
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name, text)
        self.end_headers()

    def send_bytes(self, body: bytes) -> None:
        self.wfile.write(body)
        self.record.body += len(body)

    def cut(self) -> None:
        """End the connection as a lost link does: with what was sent delivered, and not a word more."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """End the connection as a crashed server does."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the tests read `served`."""


def tag_of(data: bytes) -> str:
    """A strong ETag."""
    return f'"{hashlib.sha256(data).hexdigest()[:16]}"'


def cut_after(n: int) -> Fault:
    """Send this many bytes of what was asked for, then lose the link."""

    def fault(handler: Handler, data: bytes, start: int) -> None:
        headers = {"ETag": tag_of(data), "Content-Length": str(len(data) - start)}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        handler.head(206 if start else 200, headers)
        handler.send_bytes(data[start : start + n])
        handler.cut()

    return fault


def say(status: int, body: bytes = b"", **headers: str) -> Fault:
    """Answer with a status; `Retry_After` becomes Retry-After."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return lambda handler, data, start: handler.say(status, body, named)


def redirect(url: str) -> Fault:
    return say(302, Location=url)


def ignore_range(handler: Handler, data: bytes, start: int) -> None:
    handler.say(200, data, {"ETag": tag_of(data)})


def wrong_range(handler: Handler, data: bytes, start: int) -> None:
    """Go on from somewhere else than asked."""
    headers = {"Content-Range": f"bytes 0-{len(data) - start - 1}/{len(data)}", "ETag": tag_of(data)}
    handler.say(206, data[: len(data) - start], headers)


def claim_length(n: int) -> Fault:
    """Say that this many bytes come, and send the file."""

    def fault(handler: Handler, data: bytes, start: int) -> None:
        handler.say(200, data, claimed=n)
        handler.cut()

    return fault


def drip_body(handler: Handler, data: bytes, start: int) -> None:
    """One byte at a time, for ever."""
    handler.head(200, {"Content-Length": str(len(data)), "ETag": tag_of(data)})
    for n in range(len(data)):
        handler.send_bytes(data[n : n + 1])
        if handler.server.closing.wait(0.02):
            return


def drip_head(handler: Handler, data: bytes, start: int) -> None:
    """A head that never ends."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while not handler.server.closing.wait(0.02):
        handler.wfile.write(b"x")
        handler.wfile.flush()


def hang(handler: Handler, data: bytes, start: int) -> None:
    """Say nothing at all."""
    handler.server.closing.wait(30.0)
    handler.cut()


def endless(handler: Handler, data: bytes, start: int) -> None:
    """A body without a length, and without an end."""
    handler.head(200, {"Transfer-Encoding": "chunked"})
    while not handler.server.closing.is_set():
        handler.send_bytes(b"10000\r\n" + bytes(0x10000) + b"\r\n")


def garbage(handler: Handler, data: bytes, start: int) -> None:
    """No HTTP."""
    handler.wfile.write(b"\x16\x03 this is not a web server\r\n\r\n")
    handler.cut()


def break_off(handler: Handler, data: bytes, start: int) -> None:
    handler.reset()
