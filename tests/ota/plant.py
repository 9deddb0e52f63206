"""A plant with a repository and keys, and devices that are nothing but python-tuf's own client."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner, Signer
from tuf.api.exceptions import DownloadHTTPError
from tuf.api.metadata import TargetFile
from tuf.ngclient import FetcherInterface, Updater

from contract.bundle import load_bundle
from ota import rotation
from ota.keys import KeyRing
from ota.releases import Release
from ota.repository import Outcome, Repository
from simulators.ota import models

PUMP = load_bundle("pump")
good_papers = models.good_papers
ROOTS = ("root-1", "root-2", "root-3")
OFFLINE, ONLINE = (*ROOTS, "targets"), ("snapshot", "timestamp")


class Plant:
    """A repository, its keys by name, and a clock that is moved by hand.

    Args:
        folder: Of the repository, and of what devices keep.
        now: Metadata is made at this time; devices have the true one.
    """

    def __init__(self, folder: Path, now: datetime | None = None) -> None:
        self.folder = folder
        self.path = folder / "repository"
        self.now = now or datetime.now(UTC)
        self.keys: dict[str, Signer] = {}
        self.make(*OFFLINE, *ONLINE, "director", "pump")

    def make(self, *names: str) -> None:
        """Make keys of these names, in place of those there were."""
        for name in names:
            self.keys[name] = CryptoSigner.generate_ed25519()

    def ring(self, *names: str) -> KeyRing:
        return KeyRing(tuple(self.keys[name] for name in names))

    def key(self, name: str) -> Any:
        return self.keys[name].public_key

    def repository(self, *names: str, path: Path | None = None) -> Repository:
        """With these keys at hand; with all where none is named."""
        return Repository(path or self.path, self.ring(*(names or self.keys)), lambda: self.now)

    def found(self, *names: str) -> Outcome:
        repository = self.repository(*names)
        public = {
            "root": tuple(self.key(name) for name in ROOTS),
            **{role: (self.key(role),) for role in ("targets", *ONLINE, "director")},
        }
        return repository.change(lambda draft: rotation.found(draft, repository.folder, public))

    def delegate(self, family: str = "pump", *names: str) -> Outcome:
        key = self.key(family)
        return self.repository(*names).change(lambda draft: rotation.delegate(draft, family, (key,)))

    def rotate(self, role: str, change: rotation.KeyChange, *names: str, path: Path | None = None) -> Outcome:
        repository = self.repository(*names, path=path)
        return repository.change(lambda draft: rotation.change_keys(draft, repository.folder, role, change))

    def take_root(self) -> bytes:
        """What a device is born with."""
        return (self.path / "metadata" / "1.root.json").read_bytes()


def make_plant(folder: Path, now: datetime | None = None) -> Plant:
    """A plant whose pumps have a role."""
    plant = Plant(folder, now)
    plant.found()
    plant.delegate()
    return plant


def make_release(number: int, family: str = "pump", **changes: Any) -> Release:
    """The pump's model, tuned a little for each number."""
    return replace(models.make_release(number, family=family), **changes)


class FolderFetcher(FetcherInterface):
    """A web server's files without the web."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.fetched: dict[str, int] = {}
        """Name to bytes of all that was there."""

    def _fetch(self, url: str) -> Iterator[bytes]:
        name = url.removeprefix("folder://")
        try:
            data = (self._folder / name).read_bytes()
        except FileNotFoundError as error:
            raise DownloadHTTPError(f"{name} is not there", 404) from error
        self.fetched[name] = len(data)
        return iter([data])


class Device:
    """Python-tuf's client as it is, over a folder or over HTTP.

    Args:
        home: Where it keeps what it trusts.
        root: What it was born with.
        url: Of the repository's web server; None: it reads the folder.
        folder: The repository's.
    """

    def __init__(self, home: Path, root: bytes, folder: Path, url: str | None = None) -> None:
        self._home, self._root, self._folder, self._url = home, root, folder, url
        home.mkdir(parents=True, exist_ok=True)
        self.fetched: dict[str, int] = {}

    def refresh(self, now: datetime | None = None) -> Updater:
        """Look once; `now` is what its clock says."""
        fetcher = FolderFetcher(self._folder) if self._url is None else None
        base = self._url or "folder://"
        updater = Updater(
            str(self._home),
            f"{base}metadata/",
            str(self._home),
            f"{base}targets/",
            fetcher,
            bootstrap=self._root,
        )
        if now is not None:
            updater._trusted_set.reference_time = now
        updater.refresh()
        if fetcher is not None:
            self.fetched = fetcher.fetched
        return updater

    def find(self, target: str, now: datetime | None = None) -> TargetFile | None:
        return self.refresh(now).get_targetinfo(target)

    def fetch(self, target: str) -> bytes:
        """Look, and download; whatever does not verify raises."""
        updater = self.refresh()
        found = updater.get_targetinfo(target)
        assert found is not None, f"{target} is not listed"
        return Path(updater.download_target(found)).read_bytes()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A plain static web server; yields its URL."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


DAY = timedelta(days=1)
