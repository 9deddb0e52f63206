"""The messages between device and cloud, as values.

Rule: a message that could not be true (a score of 3, a naive time, a NaN) cannot be built, neither by the
device that sends nor by the cloud that decodes. Bytes are `contract.codec`'s business.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from operator import attrgetter
from types import MappingProxyType

from contract.aggregates import MAX_SENSORS, NO_FEATURES, ChannelQuality, FeatureTable, require_quality
from contract.checks import (
    MAX_INT63,
    MAX_UINT32,
    require,
    require_count,
    require_finite,
    require_line,
    require_share,
    require_text,
    require_time,
    require_unit,
)
from contract.errors import ConfigError, InvalidMessageError
from contract.explanation import MAX_BAND_SHARES, MAX_HINTS, BandShare, Hint, SensorShare
from contract.profiles import parse_profile
from contract.signals import QualityFlag
from contract.updates import UpdateReport

SCHEMA_VERSION = 3
"""Newest schema this code reads and writes; it reads all from 1. Version 2 knows kinds of alarm, and machines
that are never steady; version 3 has the features of a summary as columns (ADR 15), and reports of updates."""

DEVICE_ID_PATTERN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,62}[A-Za-z0-9])?")
"""Device ids: 1 to 64 letters, digits, - and _; nothing that could change the meaning of a topic."""

MAX_CONTRIBUTIONS = 8
MAX_SPECTRUM_BANDS = 64
MAX_CONTEXT = 128
MAX_PROFILE_BYTES = 32 * 1024
"""Room for the 64 sensors that a profile may have, and half of what a message may hold."""
MAX_PROFILE_LINE = 1000
"""Characters; a TOML reader needs time with the square of a dotted key's length."""
MIN_STEP_HZ = 1e-6


class Kind(StrEnum):
    """The kinds of message a device sends; also the last level of its topics."""

    SUMMARY = "summary"
    ALARM = "alarm"
    STATUS = "status"
    BIRTH = "birth"
    DEATH = "death"
    UPDATE = "update"


class MachineState(IntEnum):
    """What the device says of its machine."""

    WARMING_UP = 1
    WATCHING = 2
    ALARMING = 3
    STANDSTILL = 4
    BLIND = 5
    UNSTEADY = 6
    """It runs, but never steadily enough to be learned or judged."""


class AlarmTransition(IntEnum):
    """The two edges of an alarm."""

    RAISED = 1
    CLEARED = 2


class AlarmKind(IntEnum):
    """What an alarm is about."""

    ANOMALY = 0
    """The machine behaves unlike itself."""
    SENSOR_FAULT = 1
    """A sensor cannot be believed; that says nothing of the machine."""
    DRIFT = 2
    """The machine changes slowly; not a fault yet."""


_SHARES = ("score_mean", "score_max", "score_p50", "score_p90", "confidence")
_SHARES_OF = attrgetter(*_SHARES)


@dataclass(frozen=True, slots=True)
class ScoreSummary:
    """What a device knows of its machine over an interval that ends at the envelope's event time."""

    interval_s: float
    state: MachineState
    window_count: int
    scored_count: int
    score_mean: float = 0.0
    score_max: float = 0.0
    score_p50: float = 0.0
    score_p90: float = 0.0
    confidence: float = 1.0
    """Share of the features that were believable, 0..1."""
    regime: str = ""
    features: FeatureTable = NO_FEATURES
    quality: tuple[ChannelQuality, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.interval_s <= 86_400:
            raise InvalidMessageError(f"interval_s must lie in 0..86400, not {self.interval_s}")
        require_count(self.window_count, "window_count", MAX_UINT32)
        require(
            0 <= self.scored_count <= self.window_count, "scored_count must lie between 0 and window_count"
        )
        for name, share in zip(_SHARES, _SHARES_OF(self), strict=True):
            require_share(share, name)
        require(self.score_mean <= self.score_max + 1e-4, "score_mean must not exceed score_max")
        require_text(self.regime, "regime")
        require_quality(self.quality)


@dataclass(frozen=True, slots=True)
class Contribution:
    """One feature's part in an alarm."""

    feature: str
    sensor: str
    share: float
    """Of the model's error, 0..1."""
    deviation: float
    """From the machine's own baseline, in its standard deviations, signed."""

    def __post_init__(self) -> None:
        require_text(self.feature, "contribution feature")
        require_text(self.sensor, "contribution sensor")
        require_share(self.share, "contribution share")
        require_finite((self.deviation,), "contribution deviation")


@dataclass(frozen=True, slots=True)
class Spectrum:
    """A spectrum small enough to send: at most 64 bands, each holding its largest line."""

    sensor: str
    start_hz: float
    step_hz: float
    unit: str
    amplitude: tuple[float, ...] = field(repr=False)

    def __post_init__(self) -> None:
        require_text(self.sensor, "spectrum sensor")
        require_unit(self.unit, "spectrum")
        require(
            self.start_hz >= 0 and MIN_STEP_HZ <= self.step_hz < 1e7,
            "spectrum needs start_hz >= 0 and a step_hz of 1e-6 or more",
        )
        require(
            0 < len(self.amplitude) <= MAX_SPECTRUM_BANDS, f"a spectrum has 1 to {MAX_SPECTRUM_BANDS} bands"
        )
        require_finite((self.start_hz, self.step_hz, *self.amplitude), "spectrum")
        require(min(self.amplitude) >= 0, "spectrum amplitudes are not negative")


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm's edge with its evidence; never a raw stream."""

    alarm_id: int
    transition: AlarmTransition
    score: float
    """0..1; of a sensor fault the share of the window's samples that were not believed."""
    threshold: float
    since: datetime
    """First anomalous window of this alarm."""
    regime: str = ""
    contributions: tuple[Contribution, ...] = ()
    error_profile: tuple[float, ...] = ()
    """Model error of each window in the context, oldest first."""
    spectrum: Spectrum | None = None
    kind: AlarmKind = AlarmKind.ANOMALY
    sensor: str = ""
    """Which one cannot be believed; empty unless `kind` is SENSOR_FAULT."""
    flags: QualityFlag = QualityFlag.NONE
    """Why it cannot."""
    sensor_shares: tuple[SensorShare, ...] = ()
    """Every sensor, largest share first; they add up to 1."""
    band_shares: tuple[BandShare, ...] = ()
    """Bands of the waveforms, largest first."""
    hints: tuple[Hint, ...] = ()
    """Strongest first; if more shows later, the same alarm is raised once more, with all its evidence."""

    def __post_init__(self) -> None:
        require(0 < self.alarm_id <= MAX_INT63, "alarm_id must lie in 1..2^63-1")
        require_share(self.score, "alarm score")
        require_share(self.threshold, "alarm threshold")
        require_time(self.since, "alarm since")
        require_text(self.regime, "regime")
        require(len(self.contributions) <= MAX_CONTRIBUTIONS, f"at most {MAX_CONTRIBUTIONS} contributions")
        require(len(self.error_profile) <= MAX_CONTEXT, f"at most {MAX_CONTEXT} windows in error_profile")
        require_finite(self.error_profile, "error_profile")
        require(
            (self.kind is AlarmKind.SENSOR_FAULT) == bool(self.sensor),
            "a sensor fault, and only that, names a sensor",
        )
        require_text(self.sensor, "alarm sensor")
        require_count(int(self.flags), "alarm flags", MAX_UINT32)
        require(len(self.sensor_shares) <= MAX_SENSORS, f"at most {MAX_SENSORS} sensor shares")
        require(len(self.band_shares) <= MAX_BAND_SHARES, f"at most {MAX_BAND_SHARES} band shares")
        require(len(self.hints) <= MAX_HINTS, f"at most {MAX_HINTS} hints")


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """How the device itself is doing; counters run since boot."""

    agent_version: str
    uptime_s: float
    samples: int
    windows: int
    outbox_messages: int
    outbox_bytes: int
    dropped: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Messages the outbox gave up, by kind."""
    rejected: int = 0
    window_cost_us: float = 0.0
    rss_bytes: int = 0
    quality_flags: QualityFlag = QualityFlag.NONE
    accelerator: str = ""
    """What computes the model: `cpu` or `edge_tpu`; empty from agents that do not say."""
    accelerator_reason: str = ""
    """Why that one: one line for people, at most 200 characters."""

    def __post_init__(self) -> None:
        require_text(self.agent_version, "agent_version")
        require(0 <= self.uptime_s < math.inf, "uptime_s must not be negative")
        require(0 <= self.window_cost_us < math.inf, "window_cost_us must not be negative")
        for name in ("samples", "windows", "outbox_messages", "outbox_bytes", "rejected", "rss_bytes"):
            require_count(getattr(self, name), name)
        require_count(int(self.quality_flags), "quality_flags", MAX_UINT32)
        require_text(self.accelerator, "accelerator")
        require_line(self.accelerator_reason, "accelerator_reason")
        require(len(self.dropped) <= len(Kind), "dropped has more kinds than there are")
        for kind, count in self.dropped.items():
            require(kind in list(Kind), f"dropped: unknown kind {kind[:40]!r}")
            require_count(count, f"dropped {kind}")


@dataclass(frozen=True, slots=True)
class Birth:
    """Sent on every connect, retained: who is there and how it is built.

    It describes the machine in full, so that a cloud knows the units, axes and bearing of a machine whose
    profile it has never seen.
    """

    agent_version: str
    profile: str = field(repr=False)
    """The machine profile as TOML; `contract.profiles.parse_profile` reads it."""

    def __post_init__(self) -> None:
        require_text(self.agent_version, "agent_version")
        size = len(self.profile.encode("utf-8", "replace"))
        require(size <= MAX_PROFILE_BYTES, f"profile: at most {MAX_PROFILE_BYTES} bytes, not {size}")
        longest = max(map(len, self.profile.splitlines()), default=0)
        require(longest <= MAX_PROFILE_LINE, f"profile: lines of at most {MAX_PROFILE_LINE} characters")
        try:
            parse_profile(self.profile)
        except ConfigError as error:
            raise InvalidMessageError(str(error)) from error


@dataclass(frozen=True, slots=True)
class Death:
    """The Last Will, or a polite goodbye."""

    reason: str

    def __post_init__(self) -> None:
        require_text(self.reason, "reason")


Body = ScoreSummary | Alarm | DeviceStatus | Birth | Death | UpdateReport

KIND_OF: dict[type[Body], Kind] = {
    ScoreSummary: Kind.SUMMARY,
    Alarm: Kind.ALARM,
    DeviceStatus: Kind.STATUS,
    Birth: Kind.BIRTH,
    Death: Kind.DEATH,
    UpdateReport: Kind.UPDATE,
}
SEQUENCED = frozenset({Kind.SUMMARY, Kind.ALARM, Kind.STATUS, Kind.UPDATE})
"""Kinds that go through the outbox; Birth and Death only say who is connected and carry sequence 0."""


@dataclass(frozen=True, slots=True)
class Message:
    """An envelope: who, when, which one, and what. (device_id, boot_id, sequence) is unique for ever."""

    device_id: str
    boot_id: int
    sequence: int
    event_time: datetime
    body: Body
    model_version: str = ""

    def __post_init__(self) -> None:
        if not DEVICE_ID_PATTERN.fullmatch(self.device_id):
            raise InvalidMessageError(f"device_id {self.device_id[:80]!r}: 1-64 letters, digits, - and _")
        require(0 < self.boot_id <= MAX_INT63, "boot_id must lie in 1..2^63-1")
        require_count(self.sequence, "sequence")
        require_time(self.event_time, "event_time")
        require_text(self.model_version, "model_version")
        if (self.sequence > 0) != (self.kind in SEQUENCED):
            raise InvalidMessageError(f"a {self.kind} cannot have sequence {self.sequence}")

    @property
    def kind(self) -> Kind:
        """The kind of the body."""
        return KIND_OF[type(self.body)]

    @property
    def schema_version(self) -> int:
        """The oldest schema whose readers take this message for what it means.

        Fields that were added are ignored by older readers; a kind of alarm that they do not know would be
        taken for an alarm of the machine, a state that they do not know has no meaning, and columns that they
        do not read would leave a summary without features, so they have to refuse all three.
        """
        if isinstance(self.body, ScoreSummary):
            if self.body.features or self.body.quality:
                return 3
            return 2 if self.body.state is MachineState.UNSTEADY else 1
        if isinstance(self.body, UpdateReport):
            return 3
        is_new_alarm = isinstance(self.body, Alarm) and self.body.kind is not AlarmKind.ANOMALY
        return 2 if is_new_alarm else 1


@dataclass(frozen=True, slots=True)
class BootAck:
    """What the cloud took over from one boot of a device."""

    boot_id: int
    stored: frozenset[int] = frozenset()
    rejected: frozenset[int] = frozenset()
    """Refused for good: sending again would not help."""

    def __post_init__(self) -> None:
        require(0 < self.boot_id <= MAX_INT63, "boot_id must lie in 1..2^63-1")
        require(not self.stored & self.rejected, "a message is stored or rejected, not both")
        require(all(0 < s <= MAX_INT63 for s in self.stored | self.rejected), "sequences start at 1")


@dataclass(frozen=True, slots=True)
class Ack:
    """The cloud's own acknowledgement; only this empties an outbox."""

    boots: tuple[BootAck, ...]
