"""What the store answers: plain frozen values, no database object among them.

Rule: what the API and the page read is exactly this. Times are aware UTC; None means "never" or "not known",
and is never replaced by a zero that looks like a measurement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cloud.alerts import AlertKind, AlertStatus
from cloud.health import Health
from contract.explanation import BandShare, Hint, SensorShare
from contract.messages import Contribution, MachineState, Spectrum
from contract.profiles import MachineProfile
from contract.updates import UpdateState


@dataclass(frozen=True, slots=True)
class MachineRow:
    """A machine as it stands now."""

    device_id: str
    profile: MachineProfile | None = field(repr=False)
    """As its newest Birth told it; None before the first."""
    state: MachineState | None
    """What the device last said of it; None before its first summary, or if only a newer cloud knows it."""
    health: Health
    is_online: bool
    last_event_time: datetime | None
    """Of the newest summary or alarm, by the device's clock."""
    last_ingest_time: datetime | None
    """When anything was last heard, by the cloud's clock."""
    score: float | None
    """Mean score of the newest summary, 0..1; None where no window was scored."""
    score_max: float | None
    regime: str
    confidence: float | None
    """Share of believable features, 0..1."""
    open_alert_id: int | None
    """The alert about the machine itself that is open."""
    model_version: str
    agent_version: str
    messages_stored: int = 0
    summary_interval_s: float | None = None
    """Machine time covered by one summary, in s."""
    outbox_messages: int | None = None
    """Messages waiting on the device at its last status."""
    window_cost_us: float | None = None
    """From samples to decision, on the device, in µs."""
    accelerator: str = ""
    """What computes the model on the device: `cpu`, `edge_tpu`; empty where it did not say."""
    accelerator_reason: str = ""
    """Why that one, in one line for people."""
    faulty_sensors: tuple[str, ...] = ()
    """Sensors with a fault that is not cleared; they say nothing of the machine."""
    is_drifting: bool = False
    """Whether slow drift is reported and not cleared."""
    clock_error_s: float | None = None
    """Device's clock minus the cloud's, where its newest message cannot be believed; None: it can."""


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """Scores over one summary, or over several when they were merged to fit `max_points`."""

    event_time: datetime
    """End of the newest summary in it."""
    score_mean: float | None
    """0..1, weighted by scored windows; None where nothing was scored, as in warm-up and standstill."""
    score_max: float | None
    confidence: float = 1.0
    """Lowest of the summaries in it, 0..1."""
    state: MachineState | None = None
    """The most serious state in it; None where this version knows none of them."""


@dataclass(frozen=True, slots=True)
class FeaturePoint:
    """One feature over one summary, or over several."""

    event_time: datetime
    mean: float
    minimum: float
    maximum: float


@dataclass(frozen=True, slots=True)
class FeatureTrend:
    """One feature of one machine over time."""

    name: str
    unit: str
    """UCUM code; empty when the machine's profile has no such feature."""
    points: tuple[FeaturePoint, ...] = field(repr=False)
    sensor: str = ""


@dataclass(frozen=True, slots=True)
class SensorQuality:
    """How believable one sensor was in the newest summary."""

    sensor: str
    good: int
    """Samples."""
    uncertain: int
    bad: int
    flags: tuple[str, ...]
    """Names of `contract.signals.QualityFlag`, lower case."""
    event_time: datetime


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert with the evidence of its strongest alarm."""

    id: int
    device_id: str
    status: AlertStatus
    opened_at: datetime
    """Event time of the alarm that opened it."""
    last_seen_at: datetime
    """Event time of its newest alarm edge."""
    case_id: int | None
    """In which people say what they do about it; None: its case went on without it."""
    cleared_at: datetime | None
    """Event time."""
    since: datetime
    """First anomalous window, event time."""
    score: float
    """Highest score among its alarms, 0..1."""
    threshold: float
    title: str
    """What it looks like, in one sentence for people."""
    occurrences: int
    """Alarms in it: 1, plus one for each that came back within the reopen window."""
    regime: str
    model_version: str
    contributions: tuple[Contribution, ...]
    error_profile: tuple[float, ...] = field(repr=False)
    spectrum: Spectrum | None = field(repr=False)
    profile: MachineProfile | None = field(default=None, repr=False)
    """Of its machine."""
    opened_ingest_time: datetime | None = None
    kind: AlertKind = AlertKind.ANOMALY
    sensor: str = ""
    """Of a sensor fault; empty otherwise."""
    flags: tuple[str, ...] = ()
    """Why that sensor is not believed: names of `contract.signals.QualityFlag`, lower case."""
    sensor_shares: tuple[SensorShare, ...] = ()
    """Every sensor, largest first."""
    band_shares: tuple[BandShare, ...] = ()
    """Largest first."""
    hints: tuple[Hint, ...] = ()
    """What it looks like, strongest first."""


@dataclass(frozen=True, slots=True)
class IngestHealth:
    """How the road from the broker to the store is doing."""

    messages_stored: int
    redelivered: int
    """Messages that arrived again and were recognised."""
    dead_letters: int
    """Kept and not replayed since."""
    dropped_letters: int
    """Dead letters of which only the number is left."""
    messages_per_s: float
    """Stored over the last `RATE_WINDOW_S`, per second of cloud time."""
    stream_lag: int
    """Records in the stream that the sink had not taken when it last wrote."""
    last_ingest_time: datetime | None


@dataclass(frozen=True, slots=True)
class DeviceCounts:
    """Counts of one device, or of all."""

    stored: int = 0
    """Rows in the message table."""
    duplicated: int = 0
    """Rows minus distinct (device, boot, sequence); anything but 0 is a defect."""
    redelivered: int = 0
    dead_lettered: int = 0
    """Kept or only counted, and not replayed since."""
    by_kind: Mapping[str, int] = field(default_factory=dict)
    """Stored, by message kind."""


@dataclass(frozen=True, slots=True)
class MessageCounts:
    """`DeviceCounts` in sum and per device; letters without a readable device count in the sum only."""

    total: DeviceCounts
    devices: Mapping[str, DeviceCounts]


@dataclass(frozen=True, slots=True)
class DeadLetterRow:
    """A message that could not travel on."""

    id: int
    ingest_time: datetime
    topic: str
    """Where it came from; not to be trusted."""
    device_id: str
    """Empty when it could not be read."""
    error: str
    """Class of the error."""
    detail: str
    attempts: int
    size_bytes: int
    """As received; `payload` holds at most 64 KiB of it."""
    payload: bytes = field(repr=False)
    resolved_at: datetime | None = None
    """When a replay let it through."""

    @property
    def is_complete(self) -> bool:
        """Whether all of its bytes were kept, so that it can be replayed."""
        return len(self.payload) == self.size_bytes


@dataclass(frozen=True, slots=True)
class ReportRow:
    """What a device said of an update."""

    id: int
    device_id: str
    event_time: datetime
    ingest_time: datetime
    assignment: int
    """0: none asked for it."""
    rollout: str
    state: UpdateState | None
    """None if only a newer cloud knows it."""
    in_charge: str
    """The version whose scores count, as the device says."""
    under_way: str
    previous: str
    since: datetime
    reason_code: str
    reason: str


@dataclass(frozen=True, slots=True)
class AssignmentRecord:
    """The newest assignment of a device, signed."""

    device_id: str
    number: int
    rank: int
    """Of the rollout that made it."""
    rollout_id: str
    version: str
    action: str
    issued: datetime
    expires: datetime
    tag: str
    """Other bytes, another tag."""
    envelope: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class RolloutEvent:
    """An entry of a rollout's audit trail."""

    id: int
    time: datetime
    who: str
    what: str
    why: str
    device_id: str
    """Empty: the rollout as a whole."""
