"""What every maintenance system is asked, whichever it is.

Rule: an order has a key of ours for ever, which the system keeps, so that it can be found by it. Asking twice
with one key makes one order where the system itself can see to that, and where it cannot, whoever asks looks
first. A request either does what it says, or raises an error that tells whether another try can help; after
an `EamUnavailableError` it may have been done all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cloud.triage import Urgency
from cloud.work_orders import Said


@dataclass(frozen=True, slots=True)
class Placement:
    """An order as it is sent."""

    key: str
    title: str
    text: str
    asset: str
    """The machine, as the maintenance system calls it."""
    urgency: Urgency
    due: datetime | None = None
    """Aware UTC."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a system can do."""

    is_keyed: bool
    """Asking twice with one key makes one order, also at the same time."""
    can_find: bool = True
    """It can be searched by key."""
    can_list: bool = True
    """It tells what has changed; else it must call."""
    can_close: bool = True


class Eam(Protocol):
    """A maintenance system."""

    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    def upsert(self, order: Placement) -> Said:
        """Make an order, or bring the one of this key up to date.

        Raises:
            EamError: see the classes.
        """
        ...

    def find(self, key: str) -> Sequence[Said]:
        """What it has of a key, oldest first; more than one: it was made twice.

        Raises:
            EamError: see the classes.
        """
        ...

    def changes_since(self, time: datetime | None) -> Sequence[Said]:
        """Our orders that changed at or after a time of its clock, as they are now; None: all of them.

        Raises:
            EamError: see the classes.
        """
        ...

    def close(self, eam_id: str, note: str) -> None:
        """Mark an order as done; again changes nothing.

        Raises:
            EamError: see the classes.
        """
        ...
