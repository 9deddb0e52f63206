"""Which files of a repository some device may still ask for.

Rule: pure but for reading. A file stays while a timestamp that has not ended may lead to it: a snapshot is
gone for good when its successor is older than a timestamp lives, and a day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from tuf.api.metadata import Metadata, Snapshot, Targets

from ota.draft import Draft, Edition
from ota.folder import RepositoryFolder
from ota.metadata import parse_metadata
from ota.roles import ROOT, SNAPSHOT, TIMESTAMP, life

GRACE = timedelta(days=1)

Files = tuple[set[tuple[str, int]], set[tuple[str, str]]]
"""Role and version of metadata; path and SHA-256 of targets."""


def reachable(
    folder: RepositoryFolder, chosen: Edition, proposed: Mapping[str, Metadata[Any]], draft: Draft
) -> Files:
    """What must stay.

    Raises:
        RepositoryError: a snapshot that is needed cannot be read.
    """
    versions = folder.versions()
    metadata = {(ROOT, version) for version in versions.get(ROOT, ())}
    metadata |= {*chosen.listed().items()}
    for snapshot in _snapshots(folder, versions.get(SNAPSHOT, []), draft):
        metadata.add((SNAPSHOT, snapshot.version))
        metadata |= {(name.removesuffix(".json"), meta.version) for name, meta in snapshot.meta.items()}
    metadata = {(role, version) for role, version in metadata if version in versions.get(role, ())}
    targets = {each for signed in _listings(folder, metadata) for each in _files(signed)}
    for proposal in proposed.values():
        if isinstance(proposal.signed, Targets):
            targets |= set(_files(proposal.signed))
    return metadata, targets


def _snapshots(folder: RepositoryFolder, versions: list[int], draft: Draft) -> Iterator[Snapshot]:
    """The newest, and back from it those that a device may be following."""
    oldest = draft.now - life(TIMESTAMP, draft.policy) - GRACE
    for version in versions:
        data = folder.read_metadata(SNAPSHOT, version)
        snapshot = parse_metadata(data, Snapshot, f"{version}.{SNAPSHOT}.json").signed
        yield snapshot
        if snapshot.expires - life(SNAPSHOT, draft.policy) < oldest:
            return


def _listings(folder: RepositoryFolder, metadata: set[tuple[str, int]]) -> Iterator[Targets]:
    for role, version in metadata:
        if role not in (ROOT, SNAPSHOT):
            data = folder.read_metadata(role, version)
            yield parse_metadata(data, Targets, f"{version}.{role}.json").signed


def _files(signed: Targets) -> Iterator[tuple[str, str]]:
    for path, target in signed.targets.items():
        yield path, target.hashes["sha256"]
