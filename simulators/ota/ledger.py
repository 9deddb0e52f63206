"""What truly happened in the world, written down by the world and by no part of the system.

Rule: facts only; what to make of them is `simulators.ota.audit`'s business.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum


class Deed(StrEnum):
    """What a bundle did on a device."""

    TESTED = "tested"
    SHADOWED = "shadowed"
    """It scored, and nobody heard it."""
    RAN = "ran"
    """It was in charge."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Bytes were run."""

    device: str
    sha256: str
    """Of the very bytes."""
    deed: Deed
    time_s: float
    """Virtual."""


@dataclass(frozen=True, slots=True)
class Told:
    """The cloud made an assignment."""

    device: str
    number: int
    rollout: str
    time_s: float


@dataclass(slots=True)
class Ledger:
    """One world's."""

    published: dict[str, float] = field(default_factory=dict)
    """SHA-256 of every bundle that was signed, and since when; that of the factory's from the start."""
    scored: list[Scored] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    accepted: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Numbers of assignments, by device, in the order in which it heeded them."""
    running: dict[str, str] = field(default_factory=dict)
    """SHA-256 of what is in charge now, by device."""
    right_since: dict[str, float] = field(default_factory=dict)
    """Since when a device runs what it has in charge now."""
    sent: int = 0
    """Messages that devices numbered and that reached the cloud, each counted once."""
    stored: int = 0
    """Messages in the store."""

    def score(self, device: str, sha256: str, deed: Deed, time_s: float) -> None:
        """Bytes were run on a device."""
        self.scored.append(Scored(device, sha256, deed, time_s))
        if deed is Deed.RAN and self.running.get(device) != sha256:
            self.running[device] = sha256
            self.right_since[device] = time_s
