"""A device with its folder, in front of a real web server."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner

from ota.assignment import Action, Assignment, sign_assignment
from ota.client import UpdateClient, open_stick, open_web
from ota.director import Director, format_director
from ota.fetcher import Limits, Progress
from ota.sources import ClientSettings
from ota.web import WebSettings
from tests.ota.fault_server import FaultServer
from tests.ota.small_repository import FAMILY, NOW, SmallRepository, new_keys

QUICK = Limits(attempts=3, first_wait_s=0.001, longest_wait_s=0.05, slowest_bytes_per_s=5_000.0, window_s=0.2)
WEB = WebSettings(connect_timeout_s=5.0, silence_timeout_s=5.0, head_timeout_s=5.0)
DEVICE = "press-1"
ASSIGNMENT = f"/assignments/{DEVICE}.json"
TIMESTAMP = "/metadata/timestamp.json"


@dataclass
class Site:
    """A server, a repository on it, and one device."""

    server: FaultServer
    folder: Path
    repository: SmallRepository = field(init=False)
    settings: ClientSettings = field(init=False)
    director: list[CryptoSigner] = field(default_factory=new_keys)
    now: datetime | None = NOW
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.repository = SmallRepository(self.server.files)
        self.settings = ClientSettings(
            self.folder / "updates", self.repository.first_root, DEVICE, self.server.url, "", WEB, QUICK
        )

    @contextmanager
    def look(self, progress: Progress | None = None) -> Iterator[UpdateClient]:
        with open_web(self.settings, self.now, self.stop, progress) as client:
            yield client

    @contextmanager
    def look_at(self, stick: Path) -> Iterator[UpdateClient]:
        with open_stick(self.settings, self.now, stick) as client:
            yield client

    def refresh(self) -> None:
        with self.look() as client:
            client.refresh()

    def fetch(self, version: str, held: Path | None = None) -> bytes:
        with self.look() as client:
            client.refresh()
            return client.fetch(client.find(FAMILY, version), held).read_bytes()

    def release(self, version: str, data: bytes) -> str:
        """Publish a bundle; where its file is served."""
        url = self.repository.add_bundle(version, data)
        self.repository.publish("pump", "family-pump", "snapshot", "timestamp")
        return url

    def appoint(self, director: Sequence[CryptoSigner] | None = None) -> None:
        """Publish who signs assignments."""
        self.director = list(director or self.director)
        keys = {key.public_key.keyid: key.public_key for key in self.director}
        self.repository.add_director(format_director(Director(keys)))
        self.repository.publish("targets", "snapshot", "timestamp")

    def assign(self, number: int, data: bytes, version: str = "2", **changes: Any) -> Assignment:
        """Have the director sign an assignment, and serve it."""
        by = changes.pop("by", self.director)
        assignment = replace(
            Assignment(
                *(DEVICE, number, FAMILY, version, sha256(data).hexdigest(), len(data), "r1", None),
                *(NOW, NOW + timedelta(days=30), Action.INSTALL),
            ),
            **changes,
        )
        self.server.files[ASSIGNMENT] = sign_assignment(assignment, by)
        return assignment

    def write_stick(self, folder: Path) -> Path:
        """Copy everything that is served onto a stick."""
        for name, data in self.server.files.items():
            path = folder / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return folder


@contextmanager
def open_site(folder: Path) -> Iterator[Site]:
    with FaultServer() as server:
        yield Site(server, folder)
