"""Messages as devices send them, for the tests of the cloud."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cloud.delivery import Delivery
from cloud.store.batch import Arrival
from cloud.stream import Record
from contract.aggregates import ChannelQuality, FeatureAggregate, FeatureTable
from contract.codec import encode
from contract.explanation import BandShare, Hint, HintCode, HintFact, HintStrength, SensorShare
from contract.messages import (
    Alarm,
    AlarmKind,
    AlarmTransition,
    Birth,
    Body,
    Contribution,
    Death,
    DeviceStatus,
    MachineState,
    Message,
    ScoreSummary,
    Spectrum,
)
from contract.profiles import format_profile, load_profile
from contract.signals import QualityFlag
from contract.topics import UpTopic

BEARING_RIG = format_profile(load_profile("bearing-rig"))
BOOT = 0x1F00D
EVIDENCE = (
    Contribution("vib_h_rms", "vib_h", 0.75, 8.0),
    Contribution("temp_level", "temp", 0.25, -2.5),
)
SENSOR_SHARES = (SensorShare("vib_h", 0.75), SensorShare("temp", 0.25))
BAND_SHARES = (BandShare("vib_h", 1600.0, 3200.0, 0.5), BandShare("vib_h", 25.0, 50.0, 0.125))
HINTS = (
    Hint(
        HintCode.BEARING_OUTER_RACE,
        HintStrength.MODERATE,
        (HintFact("vib_h_env_bpfo", "vib_h", "1", 8.0, 1.0, 5.5, 107.5),),
    ),
    Hint(HintCode.LUBRICATION, HintStrength.WEAK, (HintFact("temp_level", "temp", "Cel", 70.0, 60.0, 4.0),)),
)
OWN_PROFILE = """\
name = "dough-mixer"
version = 4
description = "Spiral mixer of line 2"
[window]
length_s = 10.0
hop_s = 10.0
[[sensor]]
name = "temp"
quantity = "temperature"
unit = "[degF]"
rate_hz = 1.0
axis = "gearbox"
"""
"""A machine profile that no package ships."""
EVENT = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""When the devices' clocks start; not when the cloud hears of it."""
INGEST = datetime(2026, 3, 2, 8, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """Event time after the start."""
    return EVENT + timedelta(seconds=seconds)


def message(body: Body, sequence: int, device: str = "press-1", **changes: Any) -> Message:
    """A message at one minute of event time for each sequence, unless told otherwise."""
    fields: dict[str, Any] = {
        "boot_id": BOOT,
        "event_time": at(60.0 * sequence),
        "model_version": "m1",
    } | changes
    return Message(device_id=device, sequence=sequence, body=body, **fields)


def summary(sequence: int, device: str = "press-1", score: float = 0.1, **changes: Any) -> Message:
    names = {f for f in ScoreSummary.__dataclass_fields__ if f in changes}
    body: dict[str, Any] = {
        "interval_s": 60.0,
        "state": MachineState.WATCHING,
        "window_count": 6,
        "scored_count": 6,
        "score_mean": score,
        "score_max": min(1.0, score * 1.5),
        "score_p50": score,
        "score_p90": score,
        "confidence": 0.75,
        "regime": "full_load",
        "features": FeatureTable.of(
            [
                FeatureAggregate("vib_h_rms", 2.5 + sequence, 1.0, 4.0 + sequence),
                FeatureAggregate("temp_level", -3.25, -4.0, -3.0),
            ]
        ),
        "quality": (ChannelQuality("vib_h", 90, 6, 4, QualityFlag.CLIPPED | QualityFlag.GAP),),
    }
    body |= {name: changes.pop(name) for name in names}
    return message(ScoreSummary(**body), sequence, device, **changes)


def alarm(
    sequence: int, alarm_id: int, transition: str = "raised", device: str = "press-1", **changes: Any
) -> Message:
    when = changes.get("event_time", at(60.0 * sequence))
    body = Alarm(
        alarm_id=alarm_id,
        transition=AlarmTransition[transition.upper()],
        score=changes.pop("score", 0.875),
        threshold=0.5,
        since=when - timedelta(seconds=30),
        regime="full_load",
        contributions=changes.pop("contributions", EVIDENCE),
        error_profile=(0.25, 0.5, 1.5),
        spectrum=Spectrum("vib_h", 0.0, 100.0, "m/s2", (0.5, 2.0, 0.25)),
        kind=changes.pop("kind", AlarmKind.ANOMALY),
    )
    if changes.pop("explained", False):
        body = replace(body, sensor_shares=SENSOR_SHARES, band_shares=BAND_SHARES, hints=HINTS)
    return message(body, sequence, device, **changes)


def sensor_fault(
    sequence: int, alarm_id: int, sensor: str, flags: QualityFlag, transition: str = "raised", **changes: Any
) -> Message:
    when = changes.get("event_time", at(60.0 * sequence))
    body = Alarm(
        alarm_id=alarm_id,
        transition=AlarmTransition[transition.upper()],
        score=1.0,
        threshold=0.0625,
        since=when - timedelta(seconds=30),
        regime="full_load",
        kind=AlarmKind.SENSOR_FAULT,
        sensor=sensor,
        flags=flags,
    )
    return message(body, sequence, changes.pop("device", "press-1"), **changes)


def status(sequence: int, device: str = "press-1", **changes: Any) -> Message:
    body = DeviceStatus(
        "1.2.3",
        60.0,
        1000,
        10,
        changes.pop("outbox", 3),
        900,
        window_cost_us=55.0,
        accelerator=changes.pop("accelerator", "cpu"),
        accelerator_reason="the settings say so",
    )
    return message(body, sequence, device, **changes)


def birth(
    device: str = "press-1", boot_id: int = BOOT, profile: str = BEARING_RIG, **changes: Any
) -> Message:
    body = Birth("1.2.3", profile)
    return message(body, 0, device, boot_id=boot_id, **changes)


def death(device: str = "press-1", boot_id: int = BOOT, **changes: Any) -> Message:
    return message(Death("connection lost"), 0, device, boot_id=boot_id, **changes)


def arrive(*messages: Message, ingest_time: datetime = INGEST, is_retained: bool = False) -> list[Arrival]:
    return [Arrival(m, ingest_time, is_retained) for m in messages]


def deliver(sent: Message, is_retained: bool = False) -> Delivery:
    return Delivery(str(UpTopic(sent.device_id, sent.kind)), encode(sent), is_retained)


def record(sent: Message) -> Record:
    delivery = deliver(sent)
    return Record(sent.device_id, delivery.payload, {"topic": delivery.topic, "retained": "0"})
