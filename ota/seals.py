"""Snapshot and timestamp: by them devices see an edition, and that it is the newest.

Rule: pure. Both are made of what they stand over, never edited; a version is never used twice.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from tuf.api.metadata import Metadata, MetaFile, Snapshot, Timestamp

from ota.draft import Draft, Edition
from ota.keys import KeyRing
from ota.metadata import add_signatures, describe_missing, is_signed, keys_of
from ota.roles import ROOT, SNAPSHOT, TIMESTAMP, expiry, is_due


@dataclass(frozen=True, slots=True)
class Shown:
    """What devices see now."""

    snapshot: Metadata[Snapshot] | None
    """None: none that root's keys signed."""
    timestamp: Metadata[Timestamp] | None
    """None: none that root's keys signed."""
    timestamp_version: int
    """Of the file, whoever signed it; 0: there is none."""


@dataclass(frozen=True, slots=True)
class Seals:
    """What must take their places; None: what is shown stays."""

    snapshot: Metadata[Snapshot] | None
    timestamp: Metadata[Timestamp] | None
    lacks: tuple[str, ...]
    """Signatures without which nothing can be published."""


@dataclass(frozen=True, slots=True)
class Sealer:
    """Makes the seals over one edition."""

    draft: Draft
    edition: Edition
    ring: KeyRing
    renew: Collection[str] = ()
    """Roles to be signed again though they hold."""

    def seal(self, shown: Shown) -> Seals:
        """What is new of both.

        Raises:
            KeyUriError: a key does not sign.
        """
        before = (
            {name: meta.version for name, meta in shown.snapshot.signed.meta.items()}
            if shown.snapshot
            else {}
        )
        listed = {f"{role}.json": version for role, version in self.edition.listed().items()}
        meta = before | listed  # a device refuses a snapshot from which something went away
        number = self.draft.newest.get(SNAPSHOT, 0)
        snapshot = timestamp = None
        if meta != before or self._must_renew(SNAPSHOT, shown.snapshot):
            number += 1
            snapshot = self._snapshot(number, meta)
        elif shown.snapshot:
            number = shown.snapshot.signed.version
        seen = shown.timestamp.signed.snapshot_meta.version if shown.timestamp else 0
        if seen != number or self._must_renew(TIMESTAMP, shown.timestamp):
            timestamp = self._timestamp(shown.timestamp_version + 1, number)
        new = ((SNAPSHOT, snapshot), (TIMESTAMP, timestamp))
        lacks = [describe_missing(each, role, self.edition.root.signed) for role, each in new if each]
        return Seals(snapshot, timestamp, tuple(each for each in lacks if each))

    def _snapshot(self, version: int, meta: dict[str, int]) -> Metadata[Snapshot]:
        files = {name: MetaFile(number) for name, number in sorted(meta.items())}
        expires = expiry(SNAPSHOT, self.draft.policy, self.draft.now)
        return self._signed(SNAPSHOT, Metadata(Snapshot(version, expires=expires, meta=files)))

    def _timestamp(self, version: int, snapshot: int) -> Metadata[Timestamp]:
        expires = expiry(TIMESTAMP, self.draft.policy, self.draft.now)
        signed = Timestamp(version, expires=expires, snapshot_meta=MetaFile(snapshot))
        return self._signed(TIMESTAMP, Metadata(signed))

    def _signed(self, role: str, metadata: Metadata[Any]) -> Metadata[Any]:
        """Signed with the keys of the old root too, so that devices can follow that know no other yet."""
        add_signatures(metadata, role, self.draft.delegators(ROOT), self.ring)
        return metadata

    def _must_renew(self, role: str, metadata: Metadata[Any] | None) -> bool:
        """Whether it must be signed again, or should be and can."""
        root = self.edition.root.signed
        if metadata is None or role in self.renew or not is_signed(metadata, role, root):
            return True
        expires = metadata.signed.expires
        can = bool(self.ring.of(keys_of(role, root)))
        return expires <= self.draft.now or (can and is_due(role, expires, self.draft.policy, self.draft.now))
