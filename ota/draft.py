"""What is in force in a repository, and what is to take its place.

Rule: pure. What is in force is the newest of each role that its delegators signed; what is proposed comes
into force with all that depends on it, or not at all, and nothing here decides that a signature may lack.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from tuf.api.metadata import Metadata, Root, Targets

from ota.errors import RepositoryError
from ota.keys import KeyRing
from ota.metadata import Delegator, add_signatures, describe_missing, is_signed, reissue
from ota.roles import ROOT, TARGETS, Policy, expiry


@dataclass(slots=True)
class Draft:
    """A repository while it is changed."""

    now: datetime
    policy: Policy
    in_force: dict[str, Metadata[Any]] = field(default_factory=dict)
    """Root, targets and families, by role."""
    proposed: dict[str, Metadata[Any]] = field(default_factory=dict)
    """What shall take their places."""
    newest: dict[str, int] = field(default_factory=dict)
    """Highest version of each role that there is a file of."""
    to_sign: set[str] = field(default_factory=set)
    """Proposals to be signed now; those that waited already are not, unless somebody says so."""

    @property
    def root(self) -> Root:
        """Root as it shall be."""
        return cast(Root, self._signed(ROOT))

    @property
    def targets(self) -> Targets:
        """Targets as they shall be."""
        return cast(Targets, self._signed(TARGETS))

    def family(self, role: str) -> Targets:
        """A family's releases as they shall be; empty before the first."""
        known = self.proposed.get(role) or self.in_force.get(role)
        return cast(Targets, known.signed) if known else Targets()

    def edit(self, role: str) -> Any:
        """The signed part of a role's next version, to be changed; signatures on it so far are void."""
        before = self.proposed.get(role) or self.in_force.get(role)
        if before is None:
            before = Metadata(Root() if role == ROOT else Targets())
        version = 1 + (self._root_version() if role == ROOT else self.newest.get(role, 0))
        self.to_sign.add(role)
        self.proposed[role] = reissue(before, version, expiry(role, self.policy, self.now))
        return self.proposed[role].signed

    def sign(self, ring: KeyRing) -> tuple[Metadata[Any], ...]:
        """Sign what is to be signed with the keys at hand.

        Raises:
            KeyUriError: a key does not sign.
        """
        signed = [(role, each) for role, each in self.proposed.items() if role in self.to_sign]
        for role, metadata in signed:
            add_signatures(metadata, role, self.delegators(role), ring)
        return tuple(metadata for _, metadata in signed)

    def delegators(self, role: str) -> Sequence[Delegator]:
        """Who says which keys may sign a role: as it is in force, and as it is proposed."""
        above = ROOT if role in (ROOT, TARGETS) else TARGETS
        found = (self.in_force.get(above), self.proposed.get(above))
        return [metadata.signed for metadata in found if metadata is not None]

    def choose(self) -> Edition | None:
        """The newest that can be in force together; None while there is no root that is."""
        for root in self._candidates(ROOT):
            if not self._is_root_signed(root):
                continue
            for targets in self._candidates(TARGETS):
                if not is_signed(targets, TARGETS, root.signed):
                    continue
                families = self._choose_families(targets.signed)
                if families is not None:
                    return Edition(root, targets, families)
        return None

    def waiting(self, chosen: Edition | None) -> tuple[str, ...]:
        """Why each proposal that was not chosen is not in force yet."""
        in_force = set() if chosen is None else {id(metadata) for metadata in chosen.all()}
        reasons = []
        for role, metadata in self.proposed.items():
            if id(metadata) in in_force:
                continue
            lacks = [describe_missing(metadata, role, delegator) for delegator in self._signers_of(role)]
            told = dict.fromkeys(each for each in lacks if each)
            reasons += list(told) or [f"{role} {metadata.signed.version} waits for the others"]
        return tuple(reasons)

    def _signed(self, role: str) -> Any:
        known = self.proposed.get(role) or self.in_force.get(role)
        if known is None:
            raise RepositoryError("there is no repository yet; make one with `industrialguard ota init`")
        return known.signed

    def _root_version(self) -> int:
        root = self.in_force.get(ROOT)
        return int(root.signed.version) if root else 0

    def _candidates(self, role: str) -> Iterator[Metadata[Any]]:
        for metadata in (self.proposed.get(role), self.in_force.get(role)):
            if metadata is not None:
                yield metadata

    def _is_root_signed(self, root: Metadata[Any]) -> bool:
        """A new root needs the keys of the one before it, and its own."""
        before = self.in_force.get(ROOT)
        has_old = before is None or is_signed(root, ROOT, before.signed)
        return has_old and is_signed(root, ROOT, root.signed)

    def _signers_of(self, role: str) -> Sequence[Delegator]:
        """Whose keys must have signed a proposal before it comes into force."""
        if role == ROOT:
            return [*self.delegators(ROOT)]
        return self.delegators(role)[-1:]

    def _choose_families(self, targets: Targets) -> dict[str, Metadata[Any]] | None:
        """For each delegated family what its keys signed; None where they would lose what they have."""
        chosen = {}
        for role in family_roles(targets):
            signed = [each for each in self._candidates(role) if is_signed(each, role, targets)]
            if role in self.in_force and not signed:
                return None
            if signed:
                chosen[role] = signed[0]
        return chosen


@dataclass(frozen=True, slots=True)
class Edition:
    """Metadata that belong together."""

    root: Metadata[Any]
    targets: Metadata[Any]
    families: dict[str, Metadata[Any]]

    def all(self) -> Iterator[Metadata[Any]]:
        """All of them."""
        yield self.root
        yield self.targets
        yield from self.families.values()

    def listed(self) -> dict[str, int]:
        """What a snapshot says of them: role to version."""
        below = {TARGETS: self.targets, **self.families}
        return {role: metadata.signed.version for role, metadata in below.items()}


def family_roles(targets: Targets) -> tuple[str, ...]:
    """The roles that targets delegate to."""
    roles = targets.delegations.roles if targets.delegations else None
    return tuple(roles or ())
