from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MachineState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MACHINE_STATE_UNSPECIFIED: _ClassVar[MachineState]
    MACHINE_STATE_WARMING_UP: _ClassVar[MachineState]
    MACHINE_STATE_WATCHING: _ClassVar[MachineState]
    MACHINE_STATE_ALARMING: _ClassVar[MachineState]
    MACHINE_STATE_STANDSTILL: _ClassVar[MachineState]
    MACHINE_STATE_BLIND: _ClassVar[MachineState]
    MACHINE_STATE_UNSTEADY: _ClassVar[MachineState]

class AlarmTransition(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ALARM_TRANSITION_UNSPECIFIED: _ClassVar[AlarmTransition]
    ALARM_TRANSITION_RAISED: _ClassVar[AlarmTransition]
    ALARM_TRANSITION_CLEARED: _ClassVar[AlarmTransition]

class AlarmKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ALARM_KIND_ANOMALY: _ClassVar[AlarmKind]
    ALARM_KIND_SENSOR_FAULT: _ClassVar[AlarmKind]
    ALARM_KIND_DRIFT: _ClassVar[AlarmKind]

class HintStrength(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HINT_STRENGTH_UNSPECIFIED: _ClassVar[HintStrength]
    HINT_STRENGTH_WEAK: _ClassVar[HintStrength]
    HINT_STRENGTH_MODERATE: _ClassVar[HintStrength]
    HINT_STRENGTH_STRONG: _ClassVar[HintStrength]

class UpdateState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UPDATE_STATE_UNSPECIFIED: _ClassVar[UpdateState]
    UPDATE_STATE_WAITING: _ClassVar[UpdateState]
    UPDATE_STATE_DOWNLOADING: _ClassVar[UpdateState]
    UPDATE_STATE_VERIFIED: _ClassVar[UpdateState]
    UPDATE_STATE_STAGED: _ClassVar[UpdateState]
    UPDATE_STATE_SELF_TEST: _ClassVar[UpdateState]
    UPDATE_STATE_SHADOW: _ClassVar[UpdateState]
    UPDATE_STATE_PROBATION: _ClassVar[UpdateState]
    UPDATE_STATE_CONFIRMED: _ClassVar[UpdateState]
    UPDATE_STATE_REFUSED: _ClassVar[UpdateState]
    UPDATE_STATE_ROLLED_BACK: _ClassVar[UpdateState]
    UPDATE_STATE_CANCELLED: _ClassVar[UpdateState]
MACHINE_STATE_UNSPECIFIED: MachineState
MACHINE_STATE_WARMING_UP: MachineState
MACHINE_STATE_WATCHING: MachineState
MACHINE_STATE_ALARMING: MachineState
MACHINE_STATE_STANDSTILL: MachineState
MACHINE_STATE_BLIND: MachineState
MACHINE_STATE_UNSTEADY: MachineState
ALARM_TRANSITION_UNSPECIFIED: AlarmTransition
ALARM_TRANSITION_RAISED: AlarmTransition
ALARM_TRANSITION_CLEARED: AlarmTransition
ALARM_KIND_ANOMALY: AlarmKind
ALARM_KIND_SENSOR_FAULT: AlarmKind
ALARM_KIND_DRIFT: AlarmKind
HINT_STRENGTH_UNSPECIFIED: HintStrength
HINT_STRENGTH_WEAK: HintStrength
HINT_STRENGTH_MODERATE: HintStrength
HINT_STRENGTH_STRONG: HintStrength
UPDATE_STATE_UNSPECIFIED: UpdateState
UPDATE_STATE_WAITING: UpdateState
UPDATE_STATE_DOWNLOADING: UpdateState
UPDATE_STATE_VERIFIED: UpdateState
UPDATE_STATE_STAGED: UpdateState
UPDATE_STATE_SELF_TEST: UpdateState
UPDATE_STATE_SHADOW: UpdateState
UPDATE_STATE_PROBATION: UpdateState
UPDATE_STATE_CONFIRMED: UpdateState
UPDATE_STATE_REFUSED: UpdateState
UPDATE_STATE_ROLLED_BACK: UpdateState
UPDATE_STATE_CANCELLED: UpdateState

class Envelope(_message.Message):
    __slots__ = ("schema_version", "device_id", "boot_id", "sequence", "event_time_us", "model_version", "summary", "alarm", "status", "birth", "death", "update")
    SCHEMA_VERSION_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    BOOT_ID_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    EVENT_TIME_US_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    ALARM_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    BIRTH_FIELD_NUMBER: _ClassVar[int]
    DEATH_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    schema_version: int
    device_id: str
    boot_id: int
    sequence: int
    event_time_us: int
    model_version: str
    summary: ScoreSummary
    alarm: Alarm
    status: DeviceStatus
    birth: Birth
    death: Death
    update: UpdateReport
    def __init__(self, schema_version: _Optional[int] = ..., device_id: _Optional[str] = ..., boot_id: _Optional[int] = ..., sequence: _Optional[int] = ..., event_time_us: _Optional[int] = ..., model_version: _Optional[str] = ..., summary: _Optional[_Union[ScoreSummary, _Mapping]] = ..., alarm: _Optional[_Union[Alarm, _Mapping]] = ..., status: _Optional[_Union[DeviceStatus, _Mapping]] = ..., birth: _Optional[_Union[Birth, _Mapping]] = ..., death: _Optional[_Union[Death, _Mapping]] = ..., update: _Optional[_Union[UpdateReport, _Mapping]] = ...) -> None: ...

class FeatureAggregate(_message.Message):
    __slots__ = ("name", "mean", "minimum", "maximum")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_FIELD_NUMBER: _ClassVar[int]
    name: str
    mean: float
    minimum: float
    maximum: float
    def __init__(self, name: _Optional[str] = ..., mean: _Optional[float] = ..., minimum: _Optional[float] = ..., maximum: _Optional[float] = ...) -> None: ...

class ChannelQuality(_message.Message):
    __slots__ = ("sensor", "good", "uncertain", "bad", "flags")
    SENSOR_FIELD_NUMBER: _ClassVar[int]
    GOOD_FIELD_NUMBER: _ClassVar[int]
    UNCERTAIN_FIELD_NUMBER: _ClassVar[int]
    BAD_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    sensor: str
    good: int
    uncertain: int
    bad: int
    flags: int
    def __init__(self, sensor: _Optional[str] = ..., good: _Optional[int] = ..., uncertain: _Optional[int] = ..., bad: _Optional[int] = ..., flags: _Optional[int] = ...) -> None: ...

class ScoreSummary(_message.Message):
    __slots__ = ("interval_s", "state", "window_count", "scored_count", "score_mean", "score_max", "score_p50", "score_p90", "confidence", "regime", "features", "quality", "feature_names", "feature_values", "quality_sensors", "quality_counts")
    INTERVAL_S_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    WINDOW_COUNT_FIELD_NUMBER: _ClassVar[int]
    SCORED_COUNT_FIELD_NUMBER: _ClassVar[int]
    SCORE_MEAN_FIELD_NUMBER: _ClassVar[int]
    SCORE_MAX_FIELD_NUMBER: _ClassVar[int]
    SCORE_P50_FIELD_NUMBER: _ClassVar[int]
    SCORE_P90_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    REGIME_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    FEATURE_NAMES_FIELD_NUMBER: _ClassVar[int]
    FEATURE_VALUES_FIELD_NUMBER: _ClassVar[int]
    QUALITY_SENSORS_FIELD_NUMBER: _ClassVar[int]
    QUALITY_COUNTS_FIELD_NUMBER: _ClassVar[int]
    interval_s: float
    state: MachineState
    window_count: int
    scored_count: int
    score_mean: float
    score_max: float
    score_p50: float
    score_p90: float
    confidence: float
    regime: str
    features: _containers.RepeatedCompositeFieldContainer[FeatureAggregate]
    quality: _containers.RepeatedCompositeFieldContainer[ChannelQuality]
    feature_names: str
    feature_values: bytes
    quality_sensors: str
    quality_counts: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, interval_s: _Optional[float] = ..., state: _Optional[_Union[MachineState, str]] = ..., window_count: _Optional[int] = ..., scored_count: _Optional[int] = ..., score_mean: _Optional[float] = ..., score_max: _Optional[float] = ..., score_p50: _Optional[float] = ..., score_p90: _Optional[float] = ..., confidence: _Optional[float] = ..., regime: _Optional[str] = ..., features: _Optional[_Iterable[_Union[FeatureAggregate, _Mapping]]] = ..., quality: _Optional[_Iterable[_Union[ChannelQuality, _Mapping]]] = ..., feature_names: _Optional[str] = ..., feature_values: _Optional[bytes] = ..., quality_sensors: _Optional[str] = ..., quality_counts: _Optional[_Iterable[int]] = ...) -> None: ...

class Contribution(_message.Message):
    __slots__ = ("feature", "sensor", "share", "deviation")
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    SENSOR_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    DEVIATION_FIELD_NUMBER: _ClassVar[int]
    feature: str
    sensor: str
    share: float
    deviation: float
    def __init__(self, feature: _Optional[str] = ..., sensor: _Optional[str] = ..., share: _Optional[float] = ..., deviation: _Optional[float] = ...) -> None: ...

class Spectrum(_message.Message):
    __slots__ = ("sensor", "start_hz", "step_hz", "unit", "amplitude")
    SENSOR_FIELD_NUMBER: _ClassVar[int]
    START_HZ_FIELD_NUMBER: _ClassVar[int]
    STEP_HZ_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    AMPLITUDE_FIELD_NUMBER: _ClassVar[int]
    sensor: str
    start_hz: float
    step_hz: float
    unit: str
    amplitude: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, sensor: _Optional[str] = ..., start_hz: _Optional[float] = ..., step_hz: _Optional[float] = ..., unit: _Optional[str] = ..., amplitude: _Optional[_Iterable[float]] = ...) -> None: ...

class SensorShare(_message.Message):
    __slots__ = ("sensor", "share")
    SENSOR_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    sensor: str
    share: float
    def __init__(self, sensor: _Optional[str] = ..., share: _Optional[float] = ...) -> None: ...

class BandShare(_message.Message):
    __slots__ = ("sensor", "low_hz", "high_hz", "share")
    SENSOR_FIELD_NUMBER: _ClassVar[int]
    LOW_HZ_FIELD_NUMBER: _ClassVar[int]
    HIGH_HZ_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    sensor: str
    low_hz: float
    high_hz: float
    share: float
    def __init__(self, sensor: _Optional[str] = ..., low_hz: _Optional[float] = ..., high_hz: _Optional[float] = ..., share: _Optional[float] = ...) -> None: ...

class HintFact(_message.Message):
    __slots__ = ("measure", "sensor", "unit", "value", "baseline", "deviation", "frequency_hz")
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    SENSOR_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    BASELINE_FIELD_NUMBER: _ClassVar[int]
    DEVIATION_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_HZ_FIELD_NUMBER: _ClassVar[int]
    measure: str
    sensor: str
    unit: str
    value: float
    baseline: float
    deviation: float
    frequency_hz: float
    def __init__(self, measure: _Optional[str] = ..., sensor: _Optional[str] = ..., unit: _Optional[str] = ..., value: _Optional[float] = ..., baseline: _Optional[float] = ..., deviation: _Optional[float] = ..., frequency_hz: _Optional[float] = ...) -> None: ...

class Hint(_message.Message):
    __slots__ = ("code", "strength", "facts")
    CODE_FIELD_NUMBER: _ClassVar[int]
    STRENGTH_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    code: str
    strength: HintStrength
    facts: _containers.RepeatedCompositeFieldContainer[HintFact]
    def __init__(self, code: _Optional[str] = ..., strength: _Optional[_Union[HintStrength, str]] = ..., facts: _Optional[_Iterable[_Union[HintFact, _Mapping]]] = ...) -> None: ...

class Alarm(_message.Message):
    __slots__ = ("alarm_id", "transition", "score", "threshold", "since_us", "regime", "contributions", "error_profile", "spectrum", "kind", "sensor", "flags", "sensor_shares", "band_shares", "hints")
    ALARM_ID_FIELD_NUMBER: _ClassVar[int]
    TRANSITION_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    SINCE_US_FIELD_NUMBER: _ClassVar[int]
    REGIME_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTIONS_FIELD_NUMBER: _ClassVar[int]
    ERROR_PROFILE_FIELD_NUMBER: _ClassVar[int]
    SPECTRUM_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SENSOR_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    SENSOR_SHARES_FIELD_NUMBER: _ClassVar[int]
    BAND_SHARES_FIELD_NUMBER: _ClassVar[int]
    HINTS_FIELD_NUMBER: _ClassVar[int]
    alarm_id: int
    transition: AlarmTransition
    score: float
    threshold: float
    since_us: int
    regime: str
    contributions: _containers.RepeatedCompositeFieldContainer[Contribution]
    error_profile: _containers.RepeatedScalarFieldContainer[float]
    spectrum: Spectrum
    kind: AlarmKind
    sensor: str
    flags: int
    sensor_shares: _containers.RepeatedCompositeFieldContainer[SensorShare]
    band_shares: _containers.RepeatedCompositeFieldContainer[BandShare]
    hints: _containers.RepeatedCompositeFieldContainer[Hint]
    def __init__(self, alarm_id: _Optional[int] = ..., transition: _Optional[_Union[AlarmTransition, str]] = ..., score: _Optional[float] = ..., threshold: _Optional[float] = ..., since_us: _Optional[int] = ..., regime: _Optional[str] = ..., contributions: _Optional[_Iterable[_Union[Contribution, _Mapping]]] = ..., error_profile: _Optional[_Iterable[float]] = ..., spectrum: _Optional[_Union[Spectrum, _Mapping]] = ..., kind: _Optional[_Union[AlarmKind, str]] = ..., sensor: _Optional[str] = ..., flags: _Optional[int] = ..., sensor_shares: _Optional[_Iterable[_Union[SensorShare, _Mapping]]] = ..., band_shares: _Optional[_Iterable[_Union[BandShare, _Mapping]]] = ..., hints: _Optional[_Iterable[_Union[Hint, _Mapping]]] = ...) -> None: ...

class DeviceStatus(_message.Message):
    __slots__ = ("agent_version", "uptime_s", "samples", "windows", "outbox_messages", "outbox_bytes", "dropped", "rejected", "window_cost_us", "rss_bytes", "quality_flags", "accelerator", "accelerator_reason")
    class DroppedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    AGENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    UPTIME_S_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    WINDOWS_FIELD_NUMBER: _ClassVar[int]
    OUTBOX_MESSAGES_FIELD_NUMBER: _ClassVar[int]
    OUTBOX_BYTES_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    WINDOW_COST_US_FIELD_NUMBER: _ClassVar[int]
    RSS_BYTES_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FLAGS_FIELD_NUMBER: _ClassVar[int]
    ACCELERATOR_FIELD_NUMBER: _ClassVar[int]
    ACCELERATOR_REASON_FIELD_NUMBER: _ClassVar[int]
    agent_version: str
    uptime_s: float
    samples: int
    windows: int
    outbox_messages: int
    outbox_bytes: int
    dropped: _containers.ScalarMap[str, int]
    rejected: int
    window_cost_us: float
    rss_bytes: int
    quality_flags: int
    accelerator: str
    accelerator_reason: str
    def __init__(self, agent_version: _Optional[str] = ..., uptime_s: _Optional[float] = ..., samples: _Optional[int] = ..., windows: _Optional[int] = ..., outbox_messages: _Optional[int] = ..., outbox_bytes: _Optional[int] = ..., dropped: _Optional[_Mapping[str, int]] = ..., rejected: _Optional[int] = ..., window_cost_us: _Optional[float] = ..., rss_bytes: _Optional[int] = ..., quality_flags: _Optional[int] = ..., accelerator: _Optional[str] = ..., accelerator_reason: _Optional[str] = ...) -> None: ...

class Birth(_message.Message):
    __slots__ = ("agent_version", "profile")
    AGENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    agent_version: str
    profile: str
    def __init__(self, agent_version: _Optional[str] = ..., profile: _Optional[str] = ...) -> None: ...

class Death(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class UpdateReport(_message.Message):
    __slots__ = ("assignment", "rollout", "state", "in_charge", "under_way", "previous", "since_us", "reason_code", "reason")
    ASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    ROLLOUT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    IN_CHARGE_FIELD_NUMBER: _ClassVar[int]
    UNDER_WAY_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    SINCE_US_FIELD_NUMBER: _ClassVar[int]
    REASON_CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    assignment: int
    rollout: str
    state: UpdateState
    in_charge: str
    under_way: str
    previous: str
    since_us: int
    reason_code: str
    reason: str
    def __init__(self, assignment: _Optional[int] = ..., rollout: _Optional[str] = ..., state: _Optional[_Union[UpdateState, str]] = ..., in_charge: _Optional[str] = ..., under_way: _Optional[str] = ..., previous: _Optional[str] = ..., since_us: _Optional[int] = ..., reason_code: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class SequenceRange(_message.Message):
    __slots__ = ("first", "last")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    first: int
    last: int
    def __init__(self, first: _Optional[int] = ..., last: _Optional[int] = ...) -> None: ...

class BootAck(_message.Message):
    __slots__ = ("boot_id", "stored", "rejected")
    BOOT_ID_FIELD_NUMBER: _ClassVar[int]
    STORED_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    boot_id: int
    stored: _containers.RepeatedCompositeFieldContainer[SequenceRange]
    rejected: _containers.RepeatedCompositeFieldContainer[SequenceRange]
    def __init__(self, boot_id: _Optional[int] = ..., stored: _Optional[_Iterable[_Union[SequenceRange, _Mapping]]] = ..., rejected: _Optional[_Iterable[_Union[SequenceRange, _Mapping]]] = ...) -> None: ...

class Ack(_message.Message):
    __slots__ = ("schema_version", "boots")
    SCHEMA_VERSION_FIELD_NUMBER: _ClassVar[int]
    BOOTS_FIELD_NUMBER: _ClassVar[int]
    schema_version: int
    boots: _containers.RepeatedCompositeFieldContainer[BootAck]
    def __init__(self, schema_version: _Optional[int] = ..., boots: _Optional[_Iterable[_Union[BootAck, _Mapping]]] = ...) -> None: ...
