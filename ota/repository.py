"""The repository: every change to it goes through `Repository.change`.

Rule: files first, then metadata from the leaf up, the timestamp last; each is whole, and none of them says
anything to a device before the timestamp (or, for its own keys, root) does. So a publisher may be killed at
any line: devices go on with what they see, and the next change completes or replaces what was begun.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from ota.draft import Draft, Edition, family_roles
from ota.errors import RepositoryError
from ota.folder import RepositoryFolder
from ota.keys import KeyRing
from ota.metadata import Delegator, format_metadata, is_signed, parse_any, parse_metadata
from ota.roles import ROOT, SNAPSHOT, TARGETS, TIMESTAMP, read_policy
from ota.seals import Sealer, Seals, Shown
from ota.sweep import reachable


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a change came to."""

    written: tuple[str, ...] = ()
    """Roles that have a new version in force; empty: nothing changed for devices."""
    waiting: tuple[str, ...] = ()
    """What is proposed and not in force yet, and which signatures it lacks."""
    signed: tuple[Metadata[Any], ...] = ()
    """What was put before the keys at hand, besides snapshot and timestamp."""


class Repository:
    """A repository in a folder.

    Args:
        path: The folder.
        ring: The private keys at hand; which of them a change needs follows from what it changes.
        clock: Tells the time, aware UTC.
    """

    def __init__(
        self, path: Path, ring: KeyRing, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.folder = RepositoryFolder(path)
        self._ring = ring
        self._clock = clock

    def change(self, edit: Callable[[Draft], None], renew: Collection[str] = ()) -> Outcome:
        """Change the repository, and publish what has all its signatures.

        Args:
            edit: Changes the draft; whatever it raises leaves the repository as it was.
            renew: Snapshot and timestamp, where they shall be signed again though they hold.

        Raises:
            RepositoryError: there is no repository, it is damaged or busy, or the disk refuses.
            KeyUriError: a key does not sign.
        """
        with self.folder.writing():
            draft = self.load()
            edit(draft)
            signed = draft.sign(self._ring)
            return replace(self._settle(draft, renew), signed=signed)

    def load(self) -> Draft:
        """What is in force, and what waits.

        Raises:
            RepositoryError: it cannot be read, or is damaged.
        """
        versions = self.folder.versions() if self.folder.path.is_dir() else {}
        newest = {role: found[0] for role, found in versions.items()}
        draft = Draft(self._clock(), read_policy(self.folder.path), newest=newest)
        root = self._newest(ROOT, versions, Root, None)
        if root is not None:
            draft.in_force[ROOT] = root
            targets = self._newest(TARGETS, versions, Targets, root.signed)
            if targets is not None:
                draft.in_force[TARGETS] = targets
                for role in family_roles(targets.signed):
                    family = self._newest(role, versions, Targets, targets.signed)
                    if family is not None:
                        draft.in_force[role] = family
        for role, data in self.folder.read_proposals().items():
            proposal = parse_any(data, f"proposed/{role}.json")
            before = draft.in_force.get(role)
            if before is None or proposal.signed.version > before.signed.version:
                draft.proposed[role] = proposal
        return draft

    def read_online(self, role: str, root: Root | None) -> Metadata[Any] | None:
        """Snapshot or timestamp as devices see it; None where root's keys signed none.

        Raises:
            RepositoryError: it cannot be read.
        """
        if role == SNAPSHOT:
            return self._newest(SNAPSHOT, self.folder.versions(), Snapshot, root)
        data = self.folder.read_timestamp()
        timestamp = parse_metadata(data, Timestamp, "timestamp.json") if data else None
        return timestamp if is_signed(timestamp, TIMESTAMP, root) else None

    def _newest(
        self, role: str, versions: dict[str, list[int]], kind: type[Any], delegator: Delegator | None
    ) -> Metadata[Any] | None:
        """The newest version that is signed as its delegator says; root as it says itself."""
        for version in versions.get(role, ()):
            where = f"{version}.{role}.json"
            metadata = parse_metadata(self.folder.read_metadata(role, version), kind, where)
            if is_signed(metadata, role, metadata.signed if role == ROOT else delegator):
                return metadata
        return None

    def _settle(self, draft: Draft, renew: Collection[str]) -> Outcome:
        """Publish what can be in force together; the rest goes on waiting."""
        chosen = draft.choose()
        if chosen is None and ROOT in draft.in_force:
            raise RepositoryError(
                f"{self.folder.path} is damaged: what is in force is not signed as root says; restore it"
            )
        waiting = draft.waiting(chosen)
        if chosen is None:
            self._write_proposals(draft, draft.proposed)
            return Outcome(waiting=waiting)
        seals = Sealer(draft, chosen, self._ring, renew).seal(self._read_shown(draft))
        if seals.lacks:
            self._write_proposals(draft, draft.proposed)
            return Outcome(waiting=(*waiting, *seals.lacks))
        if {ROOT, TARGETS} & draft.proposed.keys():  # taken up again by whoever comes after a kill
            self._write_proposals(draft, draft.proposed)
        written = self._publish(draft, chosen, seals)
        in_force = [id(metadata) for metadata in chosen.all()]
        left = {role: each for role, each in draft.proposed.items() if id(each) not in in_force}
        self._write_proposals(draft, left)
        if written:
            self.folder.sweep(*reachable(self.folder, chosen, left, draft))
        return Outcome(written, waiting)

    def _read_shown(self, draft: Draft) -> Shown:
        root = draft.in_force[ROOT].signed if ROOT in draft.in_force else None
        data = self.folder.read_timestamp()
        version = parse_metadata(data, Timestamp, "timestamp.json").signed.version if data else 0
        return Shown(self.read_online(SNAPSHOT, root), self.read_online(TIMESTAMP, root), version)

    def _publish(self, draft: Draft, chosen: Edition, seals: Seals) -> tuple[str, ...]:
        """Write what is new, from the leaf up."""
        proposed = {id(metadata): role for role, metadata in draft.proposed.items()}
        new = {proposed[id(each)]: each for each in chosen.all() if id(each) in proposed}
        for role in sorted(new, key=(TARGETS, ROOT).__contains__):  # families, then targets
            if role != ROOT:
                self._write(role, new[role])
        if seals.snapshot is not None:
            self._write(SNAPSHOT, seals.snapshot)
        if self._holds_under_old_root(draft, chosen, seals):
            self._write_timestamp(seals.timestamp)
            self._write(ROOT, new.get(ROOT))
        else:  # for want of the old keys, devices cannot go on between these two
            self._write(ROOT, new.get(ROOT))
            self._write_timestamp(seals.timestamp)
        written = [*new]
        written += [SNAPSHOT] if seals.snapshot else []
        return (*written, *([TIMESTAMP] if seals.timestamp else []))

    def _holds_under_old_root(self, draft: Draft, chosen: Edition, seals: Seals) -> bool:
        """Whether devices that do not know a new root yet can follow the new timestamp."""
        if ROOT not in draft.in_force:
            return False
        old = draft.in_force[ROOT].signed
        shown = ((TARGETS, chosen.targets), (SNAPSHOT, seals.snapshot), (TIMESTAMP, seals.timestamp))
        return all(is_signed(each, role, old) for role, each in shown if each is not None)

    def _write(self, role: str, metadata: Metadata[Any] | None) -> None:
        if metadata is not None:
            self.folder.write_metadata(role, metadata.signed.version, format_metadata(metadata))

    def _write_timestamp(self, timestamp: Metadata[Timestamp] | None) -> None:
        if timestamp is not None:
            self.folder.write_timestamp(format_metadata(timestamp))

    def _write_proposals(self, draft: Draft, proposals: dict[str, Metadata[Any]]) -> None:
        self.folder.write_proposals({role: format_metadata(each) for role, each in proposals.items()})
