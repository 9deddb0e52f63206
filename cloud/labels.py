"""What technicians found, as training learns it.

Rule: pure. Machines stand in it under pseudonyms, nobody's name and nobody's note is in it, and whoever has
not looked teaches nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cloud.findings import Finding
from contract.labels import Label
from contract.snapshot import pseudonym


@dataclass(frozen=True, slots=True)
class FoundCase:
    """A closed case, and what was believed of it."""

    device_id: str
    symptom: str
    opened_at: datetime
    noted_at: datetime
    """When the cloud was told, aware UTC."""
    peak_score: float | None
    """Highest of its alerts, 0..1; None: none is known any more."""
    finding: Finding


def labels_of(found: Iterable[FoundCase], key: bytes) -> list[Label]:
    """The labels that cases give.

    Args:
        found: Closed cases.
        key: Of the pseudonyms.
    """
    return [_label(each, key) for each in found if each.finding.is_label]


def _label(found: FoundCase, key: bytes) -> Label:
    finding = found.finding
    return Label(
        machine=pseudonym(found.device_id, key),
        opened_at=found.opened_at,
        found_at=finding.found_at,
        symptom=found.symptom,
        verdict=finding.verdict,
        peak_score=found.peak_score,
        mode=finding.mode or "",
        cause=finding.cause or "",
        activity=finding.activity or "",
        component=finding.component,
        end=finding.end,
    )
