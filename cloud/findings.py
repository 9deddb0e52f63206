"""What a technician found, in words that a reliability engineer can count.

Rule: pure. A case is closed with a verdict; what was really wrong is said in the codes of ISO 14224:2016,
annex B, from lists short enough to pick from on a phone. A finding that contradicts itself cannot be built,
because it becomes a label: a component that was replaced before it failed is censored, not failed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cloud.machine_events import MachineEvent
from contract.errors import DataError
from contract.labels import ComponentEnd, Verdict
from contract.life_log import LogKind

MAX_NOTE = 2000
"""Characters."""


class FailureMode(StrEnum):
    """How it showed: ISO 14224:2016, table B.6, those that a monitored rotating machine can have."""

    BREAKDOWN = "BRD"
    VIBRATION = "VIB"
    NOISE = "NOI"
    OVERHEATING = "OHE"
    LEAKAGE_PROCESS = "ELP"
    LEAKAGE_UTILITY = "ELU"
    """Of lubricant, coolant or seal fluid."""
    LOW_OUTPUT = "LOO"
    PARAMETER_DEVIATION = "PDE"
    PLUGGED = "PLU"
    STRUCTURAL = "STD"
    FAILED_TO_START = "FTS"
    SPURIOUS_STOP = "UST"
    INSTRUMENT = "AIR"
    """Abnormal instrument reading: the sensor, not the machine."""
    OTHER = "OTH"


class FailureCause(StrEnum):
    """Why: ISO 14224:2016, table B.3."""

    DESIGN = "1"
    FABRICATION_INSTALLATION = "2"
    OFF_DESIGN_SERVICE = "3.1"
    OPERATING_ERROR = "3.2"
    MAINTENANCE_ERROR = "3.3"
    WEAR_AND_TEAR = "3.4"
    """Expected."""
    MANAGEMENT = "4"
    ANOTHER_UNIT = "5.4"
    """Something beside it failed first."""
    UNKNOWN = "5.6"


class Activity(StrEnum):
    """What was done: ISO 14224:2016, table B.5."""

    REPLACE = "1"
    REPAIR = "2"
    MODIFY = "3"
    ADJUST = "4"
    REFIT = "5"
    CHECK = "6"
    SERVICE = "7"
    TEST = "8"
    INSPECTION = "9"
    OVERHAUL = "10"
    OTHER = "12"


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict, and what it rests on.

    Raises:
        DataError: values that contradict each other; says which.
    """

    verdict: Verdict
    found_at: datetime
    """Aware UTC."""
    mode: FailureMode | None = None
    cause: FailureCause | None = None
    activity: Activity | None = None
    component: str = ""
    """As the maintenance log names it; empty: none in particular."""
    end: ComponentEnd = ComponentEnd.RUNS_ON
    note: str = ""

    def __post_init__(self) -> None:
        _require(self.found_at.utcoffset() is not None, "found_at must be aware")
        _require(len(self.note) <= MAX_NOTE, f"a note has at most {MAX_NOTE} characters")
        said = (self.mode, self.cause, self.activity)
        if self.is_right:
            _require(None not in said, "say what it was: failure mode, cause and activity")
        else:
            _require(self.mode is None and self.cause is None, f"{self.verdict}: there is no failure to name")
        if self.verdict is Verdict.NOT_CHECKED:
            _require(self.activity is None, "who has not looked has not done anything")
        is_over = self.end is not ComponentEnd.RUNS_ON
        _require(
            not is_over or self.is_right, f"{self.verdict}: then nothing failed and nothing was replaced"
        )
        _require(not is_over or bool(self.component), "say which component failed or was replaced")
        _require(
            self.verdict is not Verdict.EARLY or self.end is not ComponentEnd.FAILED,
            "what has failed was not early",
        )

    @property
    def is_right(self) -> bool:
        """Whether there was something to find."""
        return self.verdict in (Verdict.TRUE, Verdict.EARLY)

    @property
    def is_label(self) -> bool:
        """Whether a training can learn from it."""
        return self.verdict is not Verdict.NOT_CHECKED


def log_of(finding: Finding, device_id: str, source: str) -> Iterator[MachineEvent]:
    """What a finding adds to a machine's maintenance log: the end of a component's life, if it ended.

    Args:
        finding: Of a case of that machine.
        device_id: The machine.
        source: Where it was said, for whoever reads the log.

    Raises:
        DataError: its component is no name.
    """
    kinds = {ComponentEnd.FAILED: LogKind.FAILURE, ComponentEnd.REPLACED: LogKind.REPLACEMENT}
    if kind := kinds.get(finding.end):
        yield MachineEvent(device_id, finding.component, finding.found_at, kind, source=source)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise DataError(message)
