"""What both sides have, compared.

Rule: pure. It only says what does not match; what to do about it is for people.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from cloud.work_orders import Said

SHOWN = 100
"""Keys that a report names of each kind."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What does not match."""

    checked: int
    """Orders of ours that are there and not over."""
    missing: tuple[str, ...] = ()
    """Keys of orders that it should have and does not."""
    doubled: tuple[str, ...] = ()
    """Keys that it has more than once."""
    unknown: tuple[str, ...] = ()
    """Keys that it has and we do not."""
    caught_up: int = 0
    """Things that it had said and that had been missed."""

    @property
    def is_clean(self) -> bool:
        """Whether everything matches."""
        return not (self.missing or self.doubled or self.unknown)

    def dump(self) -> dict[str, Any]:
        """For the store; long lists are cut."""
        return {
            name: list(value[:SHOWN]) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }


def compare(ours: Mapping[str, bool], theirs: Iterable[Said]) -> Reconciliation:
    """Compare.

    Args:
        ours: Every key of ours that they name or should have, and whether they should have it.
        theirs: What they have.
    """
    there = Counter(each.key for each in theirs)
    return Reconciliation(
        checked=sum(ours.values()),
        missing=tuple(sorted(key for key, is_due in ours.items() if is_due and key not in there)),
        doubled=tuple(sorted(key for key, count in there.items() if count > 1)),
        unknown=tuple(sorted(key for key in there if key not in ours)),
    )
