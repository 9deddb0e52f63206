"""A fetcher in front of a server that misbehaves."""

from __future__ import annotations

import random
import threading
from pathlib import Path

from ota.fetcher import Limits, Progress, WebFetcher
from ota.parts import CHUNK_BYTES, PartFolder
from ota.web import Web, WebSettings
from tests.ota.fault_server import FaultServer

DATA = random.Random(6).randbytes(5 * CHUNK_BYTES + 777)
PATH = "/targets/pump/1/model.igb"
QUICK = Limits(attempts=3, first_wait_s=0.001, longest_wait_s=0.5, slowest_bytes_per_s=5_000.0, window_s=0.2)
WEB = WebSettings(connect_timeout_s=5.0, silence_timeout_s=5.0, head_timeout_s=5.0)


class Waits(threading.Event):
    """Notes the waits instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return self.is_set()


class Rig:
    """A server and a fetcher."""

    def __init__(self, server: FaultServer, folder: Path) -> None:
        self.server = server
        self.server.files[PATH] = DATA
        self.folder = folder
        self.parts = PartFolder(folder)
        self.stop = Waits()
        self.webs: list[Web] = []

    def fetcher(
        self, limits: Limits = QUICK, web: WebSettings = WEB, progress: Progress | None = None
    ) -> WebFetcher:
        self.webs.append(Web(web, is_clock_believed=True))
        return WebFetcher(self.webs[-1], self.parts, limits, self.stop, progress)

    def fetch(self, fetcher: WebFetcher | None = None, most: int = len(DATA)) -> bytes:
        with (fetcher or self.fetcher()).download_file(self.server.url + PATH, most) as file:
            return file.read()

    def close(self) -> None:
        for web in self.webs:
            web.close()
