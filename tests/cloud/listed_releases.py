"""A signed repository on a web server, whose lists a test changes, and the cloud's look at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from cloud.catalogue import Catalogue
from cloud.settings import RepositorySettings
from ota.layout import bundle_target, family_role
from ota.rollout_plan import ReleaseRef
from tests.cloud.release_samples import NEW, OLD
from tests.ota.fault_server import FaultServer
from tests.ota.small_repository import FAMILY, SmallRepository

ROLES = (FAMILY, family_role(FAMILY), "snapshot", "timestamp")


@dataclass
class Listed:
    """Releases of pumps: `OLD` and `NEW` at first."""

    server: FaultServer
    folder: Path
    repository: SmallRepository = field(init=False)

    def __post_init__(self) -> None:
        self.repository = SmallRepository(self.server.files, datetime.now(UTC))
        (self.folder / "root.json").write_bytes(self.repository.first_root)
        self.add(OLD.version, NEW.version)

    def add(self, *versions: str, data: bytes = b"") -> None:
        for version in versions:
            self.repository.add_bundle(version, data or bundle(version))
        self.repository.publish(*ROLES)

    def remove(self, version: str) -> None:
        del self.repository.signed[family_role(FAMILY)].targets[bundle_target(FAMILY, version)]
        self.repository.publish(*ROLES)

    def settings(self, address: str = "") -> RepositorySettings:
        return RepositorySettings(address or self.server.url, self.folder / "root.json")

    def catalogue(self, address: str = "") -> Catalogue:
        return Catalogue(self.settings(address), self.folder / "known")

    def write(self, folder: Path) -> Path:
        """Everything that is served, as a folder."""
        for name, data in self.server.files.items():
            path = folder / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return folder


def bundle(version: str) -> bytes:
    return f"the bundle {version}".encode()


def ref(version: str) -> ReleaseRef:
    data = bundle(version)
    return ReleaseRef(FAMILY, version, sha256(data).hexdigest(), len(data))


@contextmanager
def open_listed(folder: Path) -> Iterator[Listed]:
    with FaultServer() as server:
        yield Listed(server, folder)
