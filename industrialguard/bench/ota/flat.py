"""The baseline: a plain TUF repository with one list of everything, and python-tuf's own client.

Rule: as python-tuf's documentation builds it: one targets role, no facts, no deltas, whole files; consistent
snapshots and the same kind of keys, so that only the layout differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.ngclient import Updater

from industrialguard.bench.ota.publisher import make_release
from ota.layout import bundle_target
from ota.releases import Release
from ota.roles import ROOT, SNAPSHOT, TARGETS, TIMESTAMP, TOP_ROLES

_LIFE = timedelta(days=365)


class FlatRepository:
    """A repository in a folder.

    Args:
        folder: Its own.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.has_deltas = False
        (folder / "metadata").mkdir(parents=True)
        self._expires = (datetime.now(UTC) + _LIFE).replace(microsecond=0)
        self._signers = {role: CryptoSigner.generate_ed25519() for role in TOP_ROLES}
        root = Root(expires=self._expires)
        for role, signer in self._signers.items():
            root.add_key(signer.public_key, role)
        self._targets = Targets(expires=self._expires)
        self.root = self._write(ROOT, Metadata(root), "1.root.json")

    def list_all(self, entries: Iterable[TargetFile]) -> None:
        """Put entries on the list, and publish it."""
        self._targets.targets |= {entry.path: entry for entry in entries}
        self._targets.version += 1
        number = self._targets.version
        self._write(TARGETS, Metadata(self._targets), f"{number}.targets.json")
        meta = MetaFile(number)
        snapshot = Snapshot(number, expires=self._expires, meta={"targets.json": meta})
        self._write(SNAPSHOT, Metadata(snapshot), f"{number}.snapshot.json")
        timestamp = Timestamp(number, expires=self._expires, snapshot_meta=meta)
        self._write(TIMESTAMP, Metadata(timestamp), "timestamp.json")

    def publish(self, family: str, number: int) -> Release:
        """Put one more release on the list, with its file."""
        release = make_release(family, number)
        entry = TargetFile.from_data(bundle_target(family, release.version), release.bundle, ["sha256"])
        directory, _, name = entry.path.rpartition("/")
        target = self.folder / "targets" / directory / f"{entry.hashes['sha256']}.{name}"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(release.bundle)
        self.list_all((entry,))
        return release

    @contextmanager
    def session(self, home: Path, url: str) -> Iterator[FlatSession]:
        """A look of the device that keeps what it knows in that folder."""
        home.mkdir(exist_ok=True)
        yield FlatSession(
            Updater(str(home), f"{url}metadata/", str(home), f"{url}targets/", bootstrap=self.root)
        )

    def _write(self, role: str, metadata: Metadata[Any], name: str) -> bytes:
        metadata.sign(self._signers[role])
        data: bytes = metadata.to_bytes()
        (self.folder / "metadata" / name).write_bytes(data)
        return data


class FlatSession:
    """One look with python-tuf's client as it is.

    Args:
        updater: New.
    """

    def __init__(self, updater: Updater) -> None:
        self._updater = updater

    def look(self, release: Release | None = None) -> None:
        """See what is new, and what is said of a release."""
        self._updater.refresh()
        if release is not None:
            self._find(release)

    def fetch(self, release: Release, held: Path | None = None) -> None:
        """Bring its whole file."""
        del held
        self._updater.download_target(self._find(release))

    def _find(self, release: Release) -> TargetFile:
        found = self._updater.get_targetinfo(bundle_target(release.family, release.version))
        assert found is not None  # noqa: S101  (it was listed)
        return found
