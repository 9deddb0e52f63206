"""Why there is an alarm: which sensors and frequencies, and what it looks like.

Rule: an explanation names codes and numbers, never sentences; language belongs to the cloud. A hint has a
strength, never a certainty, and nothing to say without a fact that speaks for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from contract.checks import require, require_finite, require_share, require_text, require_unit

MAX_BAND_SHARES = 64
MAX_HINTS = 3
MAX_FACTS = 4


class HintCode(StrEnum):
    """What a machine may look like, in words close to the failure modes of ISO 14224, annex B."""

    BEARING_OUTER_RACE = "bearing_outer_race"
    BEARING_INNER_RACE = "bearing_inner_race"
    BEARING_ROLLING_ELEMENT = "bearing_rolling_element"
    IMPACTS = "impacts"
    IMBALANCE = "imbalance"
    MISALIGNMENT = "misalignment"
    LUBRICATION = "lubrication"
    CAVITATION = "cavitation"
    MOTOR_ELECTRICAL = "motor_electrical"
    OVERHEATING = "overheating"
    BLOCKED_FLOW = "blocked_flow"
    SENSOR_FAULT = "sensor_fault"


class HintStrength(IntEnum):
    """How much speaks for a hint; there is no word for certainty."""

    WEAK = 1
    MODERATE = 2
    STRONG = 3


@dataclass(frozen=True, slots=True)
class SensorShare:
    """One sensor's part in an alarm."""

    sensor: str
    share: float
    """Of the model's error, 0..1."""

    def __post_init__(self) -> None:
        require_text(self.sensor, "share sensor")
        require_share(self.share, "sensor share")


@dataclass(frozen=True, slots=True)
class BandShare:
    """The part of one frequency band of one waveform in an alarm."""

    sensor: str
    low_hz: float
    high_hz: float
    share: float
    """Of the model's error, 0..1."""

    def __post_init__(self) -> None:
        require_text(self.sensor, "band sensor")
        require_share(self.share, "band share")
        require_finite((self.low_hz, self.high_hz), "band")
        require(0 <= self.low_hz <= self.high_hz, "a band needs 0 <= low_hz <= high_hz")


@dataclass(frozen=True, slots=True)
class HintFact:
    """One measurement that speaks for a hint."""

    measure: str
    """A feature's name, or a line of the spectrum: `line_1x`, `line_2x`, `line_3x`."""
    sensor: str
    unit: str
    """UCUM code of `value` and `baseline`."""
    value: float
    """Over the windows that raised the alarm."""
    baseline: float
    """This machine's own, while it was learned."""
    deviation: float = 0.0
    """In standard deviations of the baseline, signed; 0 where none is known."""
    frequency_hz: float = 0.0
    """Where it was measured; 0: nowhere in particular."""

    def __post_init__(self) -> None:
        require_text(self.measure, "fact measure")
        require_text(self.sensor, "fact sensor")
        require_unit(self.unit, "fact")
        require_finite((self.value, self.baseline, self.deviation, self.frequency_hz), "fact")
        require(self.frequency_hz >= 0, "fact frequency_hz must not be negative")


@dataclass(frozen=True, slots=True)
class Hint:
    """What an alarm looks like, and why; never a diagnosis."""

    code: str
    """A `HintCode`, or one that a newer device knows."""
    strength: HintStrength
    facts: tuple[HintFact, ...]

    def __post_init__(self) -> None:
        require_text(self.code, "hint code")
        require(0 < len(self.facts) <= MAX_FACTS, f"a hint has 1 to {MAX_FACTS} facts")
