"""What a device says of the model update that it was assigned.

Rule: the version in charge is said in every report, so that nobody has to conclude from "installed" what a
device runs. Only `CONFIRMED` is health-confirmed: the new version is in charge and has passed its probation.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from contract.checks import require, require_count, require_line, require_text, require_time


class UpdateState(IntEnum):
    """Where an update stands on a device."""

    WAITING = 1
    """The assignment is known; what it waits for stands in the reason."""
    DOWNLOADING = 2
    VERIFIED = 3
    """All bytes are there and are those that were signed."""
    STAGED = 4
    """It lies in its slot, whole and on disk."""
    SELF_TEST = 5
    SHADOW = 6
    """It scores beside the model in charge, and nobody hears it."""
    PROBATION = 7
    """It is in charge; the old one waits to come back."""
    CONFIRMED = 8
    REFUSED = 9
    """It was never in charge."""
    ROLLED_BACK = 10
    """It was in charge and is not any more."""
    CANCELLED = 11
    """It was called off before it was confirmed."""


@dataclass(frozen=True, slots=True)
class UpdateReport:
    """One step of an update; versions are those of the model registry, empty where there is none."""

    assignment: int
    """Its number; 0: none asked for this, as with a bundle that somebody brought on a stick."""
    rollout: str
    """Id of the rollout; empty: none."""
    state: UpdateState
    in_charge: str
    """The version whose scores count now."""
    under_way: str
    """The version that this is about, in charge or not."""
    previous: str
    """The version that comes back if this one does not last."""
    since: datetime
    """When this state began, the device's clock."""
    reason_code: str = ""
    """Why, for programs; empty where there is nothing to explain."""
    reason: str = ""
    """Why, for people: one line."""

    def __post_init__(self) -> None:
        require_count(self.assignment, "update assignment")
        for name in ("rollout", "in_charge", "under_way", "previous", "reason_code"):
            require_text(getattr(self, name), f"update {name}")
        require_time(self.since, "update since")
        require_line(self.reason, "update reason")
        is_true = self.state is not UpdateState.CONFIRMED or self.in_charge == self.under_way
        require(is_true, "an update is confirmed only when its version is in charge")
