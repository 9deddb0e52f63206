"""What was asked for: which release, for which devices, in which groups, and what stops it.

Rule: pure values; a plan that could not be carried out cannot be built. Attributes of a device are names with
a text each (`device`, `version`, `agent_version`, `accelerator`, and labels such as `site` and `line`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from fnmatch import fnmatchcase

from contract.checks import TEXT_PATTERN
from ota.errors import RolloutError
from ota.layout import bundle_target
from ota.maintenance import MaintenanceWindow

MAX_GROUPS = 20
MAX_VALUES = 10_000
_SHA256 = re.compile("[0-9a-f]{64}")
_HOUR, _DAY = 3600.0, 86_400.0


@dataclass(frozen=True, slots=True)
class ReleaseRef:
    """A published release, as an assignment names it.

    Raises:
        RolloutError: values that no release has.
    """

    family: str
    version: str
    sha256: str
    """Of the whole bundle, hexadecimal."""
    length: int
    """Of the whole bundle, in bytes."""

    def __post_init__(self) -> None:
        bundle_target(self.family, self.version)
        if not _SHA256.fullmatch(self.sha256) or self.length < 1:
            raise RolloutError("a release needs the 64 digits of its sha256 and its length in bytes")


@dataclass(frozen=True, slots=True)
class Filter:
    """Devices by their attributes: each named one must match one of its patterns, in which * stands for any.

    >>> Filter({"site": ("north", "east-*")}).matches({"site": "east-2", "device": "pump-07"})
    True
    >>> Filter({"line": ("3",)}).matches({"device": "pump-07"})
    False
    """

    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if any(not patterns for patterns in self.where.values()):
            raise RolloutError("a filter's attribute needs at least one value; leave it out to take any")
        if sum(map(len, self.where.values())) > MAX_VALUES:
            raise RolloutError(f"a filter has at most {MAX_VALUES} values; use * or a label")

    def matches(self, attributes: Mapping[str, str]) -> bool:
        """Whether a device is one of these."""
        return all(
            any(fnmatchcase(attributes.get(name, ""), pattern) for pattern in patterns)
            for name, patterns in self.where.items()
        )


@dataclass(frozen=True, slots=True)
class Group:
    """Devices that are updated together, before the next group begins."""

    name: str
    share: float = 1.0
    """Of those that match and that no group before took, 0..1."""
    where: Filter = Filter()
    success_share: float = 0.9
    """Of the reachable: so many must be confirmed before the next group."""
    error_share: float = 0.1
    """Of the reachable: more failures than that halt the rollout."""
    soak_s: float = 0.0
    """How long that success must have lasted, in s."""
    windows: tuple[MaintenanceWindow, ...] = ()
    """When its devices may be assigned the release; none: always."""

    def __post_init__(self) -> None:
        if not self.name or not TEXT_PATTERN.fullmatch(self.name):
            raise RolloutError("a group needs a name of up to 80 plain characters")
        if not (0 < self.share <= 1 and 0 < self.success_share <= 1 and 0 <= self.error_share < 1):
            raise RolloutError(
                f"group {self.name}: share and success_share lie in 0..1 and above 0, error_share below 1"
            )
        if not 0 <= self.soak_s < 366 * _DAY:
            raise RolloutError(f"group {self.name}: soak_s must lie between 0 and a year")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a reachable device may stay in a state, in s; then it counts as failed and holds nobody up."""

    pending: float = 8 * _DAY
    """Wanted, but its hours or its alarm did not let it; then it is left for later and did not fail. One that
    was told in that time, and did not begin before its hours were over, has failed."""
    assigned: float = 6 * _HOUR
    """Until it says anything."""
    waiting: float = 8 * _DAY
    downloading: float = _DAY
    verified: float = 6 * _HOUR
    staged: float = 6 * _HOUR
    self_test: float = 6 * _HOUR
    shadow: float = 4 * _DAY
    probation: float = 8 * _DAY
    returning: float = 12 * _DAY
    """From the order to go back until it has."""

    def __post_init__(self) -> None:
        for each in fields(self):
            if not 0 < getattr(self, each.name) <= 366 * _DAY:
                raise RolloutError(f"timeout {each.name}: above 0 s and up to a year")

    @classmethod
    def usual_but(cls, changes: Mapping[str, float]) -> Timeouts:
        """The usual ones with other values for some states.

        Raises:
            RolloutError: there is no such state, or no such timeout.
        """
        names = [each.name for each in fields(cls)]
        if unknown := sorted(changes.keys() - set(names)):
            raise RolloutError(f"no timeout for {unknown[0][:40]!r}; there is one for {', '.join(names)}")
        return cls(**changes)

    def of(self, state: str) -> timedelta:
        """Of a state by its name."""
        return timedelta(seconds=getattr(self, state))


@dataclass(frozen=True, slots=True)
class Plan:
    """A rollout as it was written down; it does not change."""

    release: ReleaseRef
    groups: tuple[Group, ...]
    author: str
    where: Filter = Filter()
    """Which devices of the release's family."""
    needs_approval: bool = False
    """By somebody else than its author."""
    back_to: ReleaseRef | None = None
    """What devices are sent back to where an abort asks for it."""
    reachable_s: float = 900.0
    """A device that was heard within so many s is reachable."""
    not_while_alarming: bool = True
    timeouts: Timeouts = Timeouts()
    deadline_s: float = 60 * _DAY
    """From the start until all groups are through, in s; then it halts."""
    assignment_s: float = 90 * _DAY
    """How long an assignment is valid, in s."""
    false_halt: float | None = 0.01
    """Chance that the comparison of alarms halts a release that changes nothing; None: no comparison."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.groups) <= MAX_GROUPS:
            raise RolloutError(f"a rollout has 1 to {MAX_GROUPS} groups")
        if len({group.name for group in self.groups}) < len(self.groups):
            raise RolloutError("two groups have the same name")
        if not is_person(self.author):
            raise RolloutError("a rollout needs an author: a name of 1 to 80 characters")
        if self.back_to is not None and self.back_to.family != self.release.family:
            raise RolloutError("back_to must be a release of the same family")
        if self.back_to is not None and self.back_to.version == self.release.version:
            raise RolloutError("back_to must be another version than the one that is rolled out")
        if not (self.reachable_s > 0 and self.deadline_s > 0 and self.assignment_s > 0):
            raise RolloutError("reachable_s, deadline_s and assignment_s must be positive")
        if self.false_halt is not None and not 0 < self.false_halt <= 0.5:
            raise RolloutError("false_halt must lie above 0 and up to 0.5")


def is_person(name: str) -> bool:
    """Whether this can be somebody's name."""
    return 1 <= len(name.strip()) <= 80 and name.isprintable()


def is_same_person(one: str, other: str) -> bool:
    """Whether two names are the same, however they are written.

    >>> is_same_person("Aylin  Kaya ", "aylin kaya")
    True
    """
    return one.casefold().split() == other.casefold().split()
