"""The repository's folder, as any static web server serves it.

Rule: knows names and bytes, not what they mean. A file appears whole or not at all, and what carries a
version or a hash in its name is never changed after a device could have seen it.

    FOLDER/metadata/VERSION.ROLE.json      and timestamp.json, the only one that is written over
    FOLDER/targets/DIRECTORY/HASH.NAME     bundles and deltas
    FOLDER/proposed/ROLE.json              waits for signatures; devices never look here
    FOLDER/policy.toml                     optional (`ota.roles.Policy`)
    FOLDER/lock                            held by whoever writes
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from contract.archive import write_atomically
from contract.durable import exclusive, make_folder
from ota.errors import RepositoryError
from ota.roles import TIMESTAMP

LOCK_WAIT_S = 30.0
"""How long a writer waits for another one, in s."""
METADATA, TARGET_FILES, PROPOSED = "metadata", "targets", "proposed"
_NAME = re.compile(r"(?P<version>[1-9][0-9]{0,15})\.(?P<role>[a-z][a-z0-9_-]{0,59})\.json")
_TARGET = re.compile(r"[0-9a-f]{64}\..+")
_ASIDE = re.compile(r"\..+\.[a-z0-9_]{8}")
"""What `write_atomically` leaves when it is killed."""
_PROPOSAL = re.compile(r"(?P<role>[a-z][a-z0-9_-]{0,59})\.json")


class RepositoryFolder:
    """Files of a repository.

    Args:
        path: Its folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the only writer; errors of the file system become ours.

        Raises:
            RepositoryError: another one writes, or the disk refuses.
        """
        try:
            for name in (METADATA, TARGET_FILES, PROPOSED):
                make_folder(self.path / name)
            with exclusive(self.path / "lock", LOCK_WAIT_S):
                yield
        except OSError as error:
            raise RepositoryError(f"the repository {self.path} cannot be written: {error}") from error

    def versions(self) -> dict[str, list[int]]:
        """Role to the versions of it that there are, newest first; without timestamp, which has none."""
        found: dict[str, list[int]] = {}
        for path in (self.path / METADATA).iterdir():
            if name := _NAME.fullmatch(path.name):
                found.setdefault(name["role"], []).append(int(name["version"]))
        return {role: sorted(versions, reverse=True) for role, versions in found.items()}

    def read_metadata(self, role: str, version: int) -> bytes:
        """The bytes of one version.

        Raises:
            RepositoryError: it cannot be read.
        """
        return _read(self.path / METADATA / f"{version}.{role}.json")

    def write_metadata(self, role: str, version: int, data: bytes) -> None:
        """Put a version in place."""
        write_atomically(self.path / METADATA / f"{version}.{role}.json", data)

    def read_timestamp(self) -> bytes | None:
        """The bytes of the timestamp; None before the first.

        Raises:
            RepositoryError: it cannot be read.
        """
        path = self.path / METADATA / f"{TIMESTAMP}.json"
        return _read(path) if path.exists() else None

    def write_timestamp(self, data: bytes) -> None:
        """From here on devices see what it leads to."""
        write_atomically(self.path / METADATA / f"{TIMESTAMP}.json", data)

    def read_target(self, target: str, digest: str) -> bytes:
        """A target's bytes.

        Raises:
            RepositoryError: it cannot be read, or was changed.
        """
        path = self._target(target, digest)
        data = _read(path)
        if hashlib.sha256(data).hexdigest() != digest:
            raise RepositoryError(f"{path} was changed after it was published; restore it from a copy")
        return data

    def write_target(self, target: str, data: bytes) -> str:
        """Put a target in place; nothing happens when it is there.

        Returns:
            Its SHA-256, hexadecimal.
        """
        digest = hashlib.sha256(data).hexdigest()
        path = self._target(target, digest)
        if not path.exists() or path.read_bytes() != data:
            make_folder(path.parent)
            write_atomically(path, data)
        return digest

    def read_proposals(self) -> dict[str, bytes]:
        """Role to what is proposed for it."""
        folder = self.path / PROPOSED
        paths = sorted(folder.iterdir()) if folder.is_dir() else []
        return {name["role"]: _read(path) for path in paths if (name := _PROPOSAL.fullmatch(path.name))}

    def write_proposals(self, proposals: Mapping[str, bytes]) -> None:
        """Keep these, and no others."""
        for role, data in proposals.items():
            path = self.path / PROPOSED / f"{role}.json"
            if not path.exists() or path.read_bytes() != data:
                write_atomically(path, data)
        for path in (self.path / PROPOSED).iterdir():
            name = _PROPOSAL.fullmatch(path.name)
            if (name and name["role"] not in proposals) or _ASIDE.fullmatch(path.name):
                path.unlink()

    def sweep(self, metadata: Collection[tuple[str, int]], targets: Collection[tuple[str, str]]) -> None:
        """Delete everything else of a repository's, and what killed writers left; no other files.

        Args:
            metadata: Role and version of what stays.
            targets: Path and SHA-256 of what stays.
        """
        names = {f"{version}.{role}.json" for role, version in metadata} | {f"{TIMESTAMP}.json"}
        for path in (self.path / METADATA).iterdir():
            if path.name not in names and (_NAME.fullmatch(path.name) or _ASIDE.fullmatch(path.name)):
                path.unlink()
        kept = {self._target(target, digest) for target, digest in targets}
        for path in (self.path / TARGET_FILES).rglob("*"):
            is_ours = _TARGET.fullmatch(path.name) or _ASIDE.fullmatch(path.name)
            if is_ours and path not in kept and path.is_file():
                path.unlink()
        for path in sorted((self.path / TARGET_FILES).rglob("*"), reverse=True):
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()

    def _target(self, target: str, digest: str) -> Path:
        folder, _, name = target.rpartition("/")
        return self.path / TARGET_FILES / folder / f"{digest}.{name}"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RepositoryError(f"{path} cannot be read: {error.strerror}") from error
