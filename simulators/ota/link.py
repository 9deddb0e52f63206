"""A device's way to the update server: requests without sockets, that fail as requests do.

Rule: the lowest level at which the real client is left whole: it asks for a URL with its headers, and is
answered with a status, headers and a body that may break off at any byte. Ranges and tags are kept as a
server keeps them. What takes time takes the device's time, and nobody waits.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Protocol
from urllib.parse import urlsplit

from ota.errors import DownloadError
from ota.web import Answer, name_of
from simulators.ota.disk import ForgetfulDisk

_RANGE = re.compile(r"bytes=(\d+)-")
_PACKET_BYTES = 8192
_HEAD_BYTES = 180
"""About what the head of an answer takes."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server says."""

    status: int
    body: bytes = b""
    tag: str = ""
    """Strong, with its quotes; empty: none."""


class Server(Protocol):
    """Whoever answers."""

    def reply(self, path: str, tag: str) -> Reply:
        """To a request for a path by somebody who knows it under this tag."""
        ...


class Watch:
    """A device's own time within one piece of its work, s from when that began."""

    def __init__(self) -> None:
        self.passed_s = 0.0

    def read(self) -> float:
        """As `time.monotonic`."""
        return self.passed_s


class Patience(threading.Event):
    """A call-off that is waited for in the device's time."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def wait(self, timeout: float | None = None) -> bool:
        """Let that time pass at once."""
        self._watch.passed_s += timeout or 0.0
        return self.is_set()


@dataclass(slots=True)
class Traffic:
    """What went over a link."""

    requests: int = 0
    failed: int = 0
    """Of them: nothing came, or the server was busy."""
    cut: int = 0
    """Of them: broke off within the body."""
    resumed: int = 0
    """Went on where another one broke off."""
    spared_bytes: int = 0
    """Of bodies that were not sent again."""
    body_bytes: int = 0


@dataclass(slots=True)
class Link:
    """How good a device's connection is."""

    loss: float
    """Share of requests that fail or break off, 0..1."""
    bytes_per_s: float
    latency_s: float
    is_up: bool = True
    traffic: Traffic = field(default_factory=Traffic)
    answered: set[str] = field(default_factory=set)
    """Paths that were answered in full since somebody cleared this."""


class LinkedWeb:
    """Requests of one device; takes the place of `ota.web.Web`.

    Args:
        server: By path.
        link: To it.
        watch: Told how long everything takes.
        disk: Whose power may go while bytes come.
        draw: What fails.
    """

    def __init__(self, server: Server, link: Link, watch: Watch, disk: ForgetfulDisk, draw: Random) -> None:
        self._server = server
        self._link = link
        self._watch = watch
        self._disk = disk
        self._draw = draw

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str]) -> Iterator[Answer]:
        """Ask for a file.

        Raises:
            DownloadError: the server cannot be reached.
        """
        link = self._link
        link.traffic.requests += 1
        self._watch.passed_s += link.latency_s
        is_lost = self._draw.random() < link.loss
        if not link.is_up or (is_lost and self._draw.random() < 0.5):
            link.traffic.failed += 1
            raise DownloadError(f"{name_of(url)}: the server cannot be reached")
        path = urlsplit(url).path.lstrip("/")
        whole = self._server.reply(path, headers.get("If-None-Match", ""))
        status, body, said = _ranged(whole, headers)
        if status == 206:
            link.traffic.resumed += 1
            link.traffic.spared_bytes += len(whole.body) - len(body)
        ends_at = int(self._draw.random() * (len(body) + _HEAD_BYTES)) - _HEAD_BYTES if is_lost else None
        if ends_at is not None and ends_at < 0:
            link.traffic.failed += 1
            raise DownloadError(f"{name_of(url)}: the connection broke off")
        link.traffic.cut += ends_at is not None
        if ends_at is None:
            link.answered.add(path)
        yield Answer(status, said, self._reader(url, body, ends_at))

    def _reader(self, url: str, body: bytes, ends_at: int | None) -> Callable[[int], bytes]:
        sent = 0

        def read(size: int) -> bytes:
            nonlocal sent
            self._disk.step()
            if ends_at is not None and sent >= ends_at:
                raise DownloadError(f"{name_of(url)}: the connection broke off")
            chunk = body[
                sent : min(sent + min(size, _PACKET_BYTES), len(body) if ends_at is None else ends_at)
            ]
            sent += len(chunk)
            self._watch.passed_s += len(chunk) / self._link.bytes_per_s
            self._link.traffic.body_bytes += len(chunk)
            return chunk

        return read


class FolderServer:
    """A static web server over a folder, and beside it whoever answers below `api/`."""

    def __init__(self, folder: Path, api: Server) -> None:
        self._folder = folder
        self._api = api
        self._known: dict[Path, tuple[int, Reply]] = {}

    def reply(self, path: str, tag: str) -> Reply:
        """As nginx and the cloud answer."""
        if path.startswith("api/"):
            return self._api.reply(path, tag)
        found = self._read(self._folder / path)
        return Reply(304, b"", found.tag) if tag and tag == found.tag else found

    def _read(self, path: Path) -> Reply:
        try:
            changed_ns = path.stat().st_mtime_ns
        except FileNotFoundError:
            return Reply(404)
        if path not in self._known or self._known[path][0] != changed_ns:
            data = path.read_bytes()
            self._known[path] = changed_ns, Reply(200, data, f'"{hashlib.sha256(data).hexdigest()[:16]}"')
        return self._known[path][1]


def _ranged(whole: Reply, headers: Mapping[str, str]) -> tuple[int, bytes, Mapping[str, str]]:
    """Status, body and headers: the rest of a file, where that is asked for and it is the same file."""
    said = {"Content-Length": str(len(whole.body))} | ({"ETag": whole.tag} if whole.tag else {})
    wanted = _RANGE.fullmatch(headers.get("Range", ""))
    start = int(wanted[1]) if wanted and headers.get("If-Range") == whole.tag else 0
    if whole.status != 200 or start == 0:
        return whole.status, whole.body, said
    if start >= len(whole.body):
        return 416, b"", {}
    said |= {
        "Content-Length": str(len(whole.body) - start),
        "Content-Range": f"bytes {start}-{len(whole.body) - 1}/{len(whole.body)}",
    }
    return 206, whole.body[start:], said
