"""Where a device's updates come from: the web server it was shipped with, or a stick that somebody brings.

Rule: a source brings bytes; whom to believe does not depend on it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tuf.ngclient.fetcher import FetcherInterface

from ota.fetcher import Limits, Progress, WebFetcher
from ota.parts import PartFolder
from ota.places import STICK, FolderFetcher
from ota.trusted import Addresses
from ota.web import Web, WebSettings, require_address


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What a device knows of its updates when it is shipped."""

    folder: Path
    """Of its own, for what it knows and fetches."""
    root: bytes
    """The repository's root that was shipped."""
    device_id: str
    address: str
    """Of the repository: `https://HOST/PATH`."""
    api: str = ""
    """Of the cloud, which tells assignments; empty: they lie in the repository."""
    web: WebSettings = field(default_factory=WebSettings)
    limits: Limits = field(default_factory=Limits)

    @property
    def parts(self) -> PartFolder:
        """Where an unfinished download lies."""
        return PartFolder(self.folder / "parts")


@dataclass(frozen=True, slots=True)
class Carrier:
    """Who brings files, and from where."""

    fetcher: FetcherInterface
    addresses: Addresses
    assignment: str
    """Where this device's is."""


@contextmanager
def carry_from_web(
    settings: ClientSettings,
    *,
    is_clock_believed: bool,
    cancelled: threading.Event,
    progress: Progress | None,
) -> Iterator[Carrier]:
    """Connections to the web server, for one look.

    Raises:
        ConfigError: the address, the identity or the authorities cannot be right.
    """
    web = Web(settings.web, is_clock_believed=is_clock_believed)
    fetcher = WebFetcher(web, settings.parts, settings.limits, cancelled, progress)
    try:
        yield carrier_of(settings, fetcher)
    finally:
        web.close()


def carrier_of(settings: ClientSettings, fetcher: FetcherInterface) -> Carrier:
    """Where a device's files are on the web, with whoever brings them.

    Raises:
        ConfigError: an address cannot be right.
    """
    address = require_address(settings.address)
    base = require_address(settings.api) if settings.api else ""
    name = settings.device_id
    assignment = f"{base}api/v1/devices/{name}/assignment" if base else f"{address}assignments/{name}.json"
    return Carrier(fetcher, Addresses(f"{address}metadata/", f"{address}targets/"), assignment)


def carry_from_stick(settings: ClientSettings, stick: Path) -> Carrier:
    """A folder with `metadata`, `targets` and, for some, `assignments`."""
    addresses = Addresses(f"{STICK}metadata/", f"{STICK}targets/")
    return Carrier(FolderFetcher(stick), addresses, f"{STICK}assignments/{settings.device_id}.json")
