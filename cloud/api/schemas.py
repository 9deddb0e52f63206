"""What the API answers, as OpenAPI describes it.

Rule: every number says its unit and range, every time is aware UTC, and null means "not known", never 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from cloud.alerts import AlertKind, AlertStatus
from cloud.health import Health
from cloud.hint_words import hint_words
from cloud.store.rows import AlertRow, FeatureTrend, TrendPoint
from contract.messages import MachineState
from contract.profiles import MachineProfile

Responses = dict[int | str, dict[str, Any]]
"""What else than success a route may answer, for OpenAPI."""


def _state_name(value: Any) -> Any:
    return value.name.lower() if isinstance(value, MachineState) else value


def _profile_name(value: Any) -> Any:
    return value.name if isinstance(value, MachineProfile) else ""


Score = Annotated[
    float | None,
    Field(description="0..1, higher is more anomalous; 0.5 is one window in 10,000 when healthy"),
]
ProfileName = Annotated[str, BeforeValidator(_profile_name)]
StateName = Annotated[str | None, BeforeValidator(_state_name), Field(examples=["watching"])]


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class MachineOut(_Out):
    """A machine as it stands now."""

    device_id: str = Field(examples=["pump-07"])
    profile: ProfileName = Field(
        description="Name of its machine profile; empty before the first birth", examples=["pump"]
    )
    health: Health = Field(description="The one word to show; offline, unknown and unsteady are never ok")
    state: StateName = Field(description="What the device last said of its machine")
    is_online: bool
    last_event_time: datetime | None = Field(description="Newest summary or alarm, the device's clock, UTC")
    last_ingest_time: datetime | None = Field(description="When it was last heard, the cloud's clock, UTC")
    score: Score = Field(description="Mean of the newest summary", examples=[0.08])
    score_max: Score = Field(description="Maximum of the newest summary", examples=[0.17])
    regime: str = Field(
        description="Operating regime; empty when the profile has none", examples=["full_load"]
    )
    confidence: float | None = Field(description="Share of believable features, 0..1", examples=[1.0])
    open_alert_id: int | None = Field(description="The alert about the machine itself, not cleared yet")
    faulty_sensors: list[str] = Field(
        description="Sensors with a fault that is not cleared; they say nothing of the machine", examples=[[]]
    )
    is_drifting: bool = Field(description="Slow drift is reported and not cleared")
    clock_error_s: float | None = Field(
        description="Device's clock minus the cloud's, in s, where it cannot be right; null: it can"
    )
    model_version: str
    agent_version: str
    messages_stored: int = Field(description="Messages taken over from this device")
    outbox_messages: int | None = Field(description="Messages waiting on the device at its last status")
    window_cost_us: float | None = Field(description="From samples to decision on the device, in µs")
    accelerator: str = Field(
        description="What computes the model on the device; empty where it did not say", examples=["cpu"]
    )
    accelerator_reason: str = Field(description="Why that one, in one line for people")


class MachineList(BaseModel):
    """All machines, by device id."""

    machines: list[MachineOut]


class ScoreSeries(BaseModel):
    """Scores over time in columns of equal length, oldest first."""

    event_time: list[datetime] = Field(description="End of each summary, the device's clock, UTC")
    mean: list[float | None] = Field(description="0..1; null where nothing was scored")
    max: list[float | None] = Field(description="0..1; null where nothing was scored")
    confidence: list[float] = Field(description="Share of believable features, 0..1")


class FeatureSeries(BaseModel):
    """One feature over time in columns of equal length, oldest first."""

    name: str = Field(examples=["vib_h_velocity_rms"])
    sensor: str = Field(examples=["vib_h"])
    unit: str = Field(description="UCUM code of all values", examples=["mm/s"])
    event_time: list[datetime]
    mean: list[float]
    min: list[float]
    max: list[float]


class History(BaseModel):
    """Scores and features of one machine."""

    device_id: str
    score: ScoreSeries
    features: list[FeatureSeries]


class ContributionOut(_Out):
    """One feature's part in an alert."""

    feature: str = Field(examples=["vib_h_env_bpfo"])
    sensor: str = Field(examples=["vib_h"])
    share: float = Field(description="Of the model's error, 0..1", examples=[0.62])
    deviation: float = Field(
        description="From the machine's own baseline, in standard deviations, signed", examples=[7.4]
    )


class SpectrumOut(_Out):
    """A spectrum of at most 64 bands, each holding its largest line."""

    sensor: str
    start_hz: float = Field(description="Lower edge of the first band, in Hz")
    step_hz: float = Field(description="Width of a band, in Hz")
    unit: str = Field(description="UCUM code of the amplitudes", examples=["m/s2"])
    amplitude: list[float]


class SensorShareOut(_Out):
    """One sensor's part in an alert."""

    sensor: str = Field(examples=["vib_h"])
    share: float = Field(description="Of the model's error, 0..1; all sensors together 1", examples=[0.7])


class BandShareOut(_Out):
    """One frequency band's part in an alert."""

    sensor: str = Field(examples=["vib_h"])
    low_hz: float
    high_hz: float
    share: float = Field(description="Of the model's error, 0..1", examples=[0.2])


class HintOut(BaseModel):
    """What an alert looks like; never a diagnosis."""

    code: str = Field(examples=["bearing_outer_race"])
    strength: str = Field(description="weak, moderate or strong; never certain", examples=["moderate"])
    looks_like: str = Field(examples=["bearing damage at the outer race"])
    because: list[str] = Field(description="Measurements against the machine's own baseline, with units")
    check: str = Field(description="What to look at before believing it; empty for an unknown code")


class AlertOut(_Out):
    """An alert with the evidence of its strongest alarm."""

    id: int = Field(examples=[17])
    device_id: str = Field(examples=["pump-07"])
    kind: AlertKind = Field(description="What it is about: the machine, one of its sensors, or slow drift")
    sensor: str = Field(description="Of a sensor fault; empty otherwise", examples=[""])
    flags: list[str] = Field(description="Why that sensor is not believed", examples=[["stuck"]])
    status: AlertStatus
    title: str = Field(
        description="What it looks like, in one sentence", examples=["Temperature higher than usual"]
    )
    opened_at: datetime = Field(description="Event time of the alarm that opened it, UTC")
    since: datetime = Field(description="First anomalous window, event time, UTC")
    last_seen_at: datetime = Field(description="Event time of its newest alarm edge, UTC")
    case_id: int | None = Field(description="Case in which people say what they do about it", examples=[41])
    cleared_at: datetime | None = Field(description="Event time, UTC")
    score: float = Field(description="Highest score among its alarms, 0..1", examples=[0.93])
    threshold: float = Field(
        description="Score from which a window counts as anomalous, 0..1", examples=[0.5]
    )
    occurrences: int = Field(description="Alarms folded into it")
    regime: str
    model_version: str
    contributions: list[ContributionOut]
    error_profile: list[float] = Field(description="Model error of each window in the context, oldest first")
    spectrum: SpectrumOut | None
    sensor_shares: list[SensorShareOut] = Field(description="Every sensor, largest first; empty if not sent")
    band_shares: list[BandShareOut] = Field(description="Bands of the waveforms, largest first")
    hints: list[HintOut] = Field(description="What it looks like, strongest first")


class AlertPage(BaseModel):
    """Alerts, newest first."""

    alerts: list[AlertOut]
    next_before: int | None = Field(description="Give it as `before` for the next page; null on the last")


class IngestOut(_Out):
    """How the road from the broker to the store is doing."""

    messages_stored: int
    redelivered: int = Field(description="Arrived again and recognised")
    dead_letters: int = Field(description="Kept and not replayed since")
    dropped_letters: int = Field(description="Dead letters of which only the number is left")
    messages_per_s: float = Field(description="Stored per second of cloud time, lately")
    stream_lag: int = Field(description="Records in the stream that the sink has not taken yet")
    last_ingest_time: datetime | None = Field(description="Cloud time, UTC")


class Ready(BaseModel):
    """The process serves."""

    status: str = Field(examples=["ok"])


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(description="One sentence: what is wrong and what to do")


def alert_out(row: AlertRow) -> AlertOut:
    """A row with its hints in words."""
    hints = []
    for hint in row.hints:
        said = hint_words(hint, row.profile)
        hints.append(
            HintOut(
                code=hint.code,
                strength=said.strength,
                looks_like=said.looks_like,
                because=list(said.because),
                check=said.check,
            )
        )
    names = AlertOut.model_fields.keys() - {"hints"}
    return AlertOut.model_validate({name: getattr(row, name) for name in names} | {"hints": hints})


def score_series(points: Sequence[TrendPoint]) -> ScoreSeries:
    """Points turned into columns."""
    return ScoreSeries(
        event_time=[p.event_time for p in points],
        mean=[p.score_mean for p in points],
        max=[p.score_max for p in points],
        confidence=[p.confidence for p in points],
    )


def feature_series(trend: FeatureTrend) -> FeatureSeries:
    """One trend turned into columns."""
    return FeatureSeries(
        name=trend.name,
        sensor=trend.sensor,
        unit=trend.unit,
        event_time=[p.event_time for p in trend.points],
        mean=[p.mean for p in trend.points],
        min=[p.minimum for p in trend.points],
        max=[p.maximum for p in trend.points],
    )
