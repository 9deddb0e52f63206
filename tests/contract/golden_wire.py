"""The messages whose bytes are kept for ever, and the tool that writes them.

`python -m tests.contract.golden_wire` writes the bytes of a schema version that has none yet; it never
overwrites.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contract.aggregates import ChannelQuality, FeatureAggregate, FeatureTable
from contract.codec import encode, encode_ack
from contract.explanation import BandShare, Hint, HintCode, HintFact, HintStrength, SensorShare
from contract.messages import (
    SCHEMA_VERSION,
    Ack,
    Alarm,
    AlarmKind,
    AlarmTransition,
    Birth,
    BootAck,
    Contribution,
    Death,
    DeviceStatus,
    MachineState,
    Message,
    ScoreSummary,
    Spectrum,
)
from contract.proto import industrialguard_pb2 as pb
from contract.signals import QualityFlag
from contract.updates import UpdateReport, UpdateState

FOLDER = Path(__file__).resolve().parent.parent / "golden" / "wire"
_TIME = datetime(2024, 5, 17, 11, 22, 33, 444555, tzinfo=UTC)
_BOOT = 0x1122334455667788

PROFILE = """\
name = "press"
version = 3
[window]
length_s = 10.0
hop_s = 5.0
[[sensor]]
name = "oil"
quantity = "temperature"
unit = "Cel"
rate_hz = 1.0
axis = "gearbox"
"""

# Every number is exact in 32 bits, so that bytes and values describe each other without rounding.
EXAMPLES: dict[str, Message] = {
    "summary": Message(
        "press-7",
        _BOOT,
        41,
        _TIME,
        ScoreSummary(
            interval_s=60.0,
            state=MachineState.WATCHING,
            window_count=12,
            scored_count=11,
            score_mean=0.125,
            score_max=0.5,
            score_p50=0.0625,
            score_p90=0.25,
            confidence=0.75,
            regime="full_load",
            features=FeatureTable.of(
                [
                    FeatureAggregate("vib_h_rms", 1.5, 1.25, 2.0),
                    FeatureAggregate("speed_level", 1480.0, 1475.5, 1490.0),
                ]
            ),
            quality=(ChannelQuality("vib_h", 24_000, 500, 76, QualityFlag.CLIPPED | QualityFlag.GAP),),
        ),
        "pump 2024.1",
    ),
    "alarm": Message(
        "press-7",
        _BOOT,
        42,
        _TIME,
        Alarm(
            alarm_id=0x0102030405060708,
            transition=AlarmTransition.RAISED,
            score=0.875,
            threshold=0.5,
            since=datetime(2024, 5, 17, 11, 20, tzinfo=UTC),
            regime="full_load",
            contributions=(
                Contribution("vib_h_env_bpfo", "vib_h", 0.625, 7.5),
                Contribution("temperature_level", "temperature", 0.125, -2.0),
            ),
            error_profile=(0.5, 1.0, 4.0, 16.0),
            spectrum=Spectrum("vib_h", 0.0, 100.0, "m/s2", (0.5, 0.25, 2.0)),
        ),
        "pump 2024.1",
    ),
    "status": Message(
        "press-7",
        _BOOT,
        43,
        _TIME,
        DeviceStatus(
            "0.1.0",
            3600.5,
            9_000_000_000,
            720,
            3,
            1234,
            {"summary": 5, "status": 2},
            1,
            650.25,
            52_428_800,
            QualityFlag.STUCK,
        ),
    ),
    "birth": Message("press-7", _BOOT, 0, _TIME, Birth("0.1.0", PROFILE)),
    "death": Message("press-7", _BOOT, 0, _TIME, Death("connection lost")),
}
_EXPLAINED = Alarm(
    alarm_id=0x0102030405060708,
    transition=AlarmTransition.RAISED,
    score=0.875,
    threshold=0.5,
    since=datetime(2024, 5, 17, 11, 20, tzinfo=UTC),
    regime="full_load",
    contributions=(Contribution("vib_h_env_bpfo", "vib_h", 0.625, 7.5),),
    sensor_shares=(SensorShare("vib_h", 0.75), SensorShare("oil", 0.25)),
    band_shares=(BandShare("vib_h", 3200.0, 6400.0, 0.125),),
    hints=(
        Hint(
            HintCode.BEARING_OUTER_RACE,
            HintStrength.MODERATE,
            (
                HintFact("vib_h_env_bpfo", "vib_h", "1", 8.0, 1.25, 7.5, 107.5),
                HintFact("oil_level", "oil", "Cel", 72.5, 60.0, 3.0),
            ),
        ),
        Hint("gear_tooth", HintStrength.WEAK, (HintFact("line_2x", "vib_h", "mm/s", 2.0, 0.5),)),
    ),
)
_SENSOR_FAULT = Alarm(
    alarm_id=0x1112131415161718,
    transition=AlarmTransition.RAISED,
    score=0.75,
    threshold=0.0625,
    since=datetime(2024, 5, 17, 11, 20, tzinfo=UTC),
    kind=AlarmKind.SENSOR_FAULT,
    sensor="vib_h",
    flags=QualityFlag.CLIPPED | QualityFlag.STUCK,
)
_DRIFT = Alarm(
    alarm_id=0x2122232425262728,
    transition=AlarmTransition.CLEARED,
    score=0.25,
    threshold=0.5,
    since=datetime(2024, 5, 17, 11, 20, tzinfo=UTC),
    kind=AlarmKind.DRIFT,
)
_STATUS = DeviceStatus(
    "0.2.0",
    3600.5,
    9_000_000_000,
    720,
    3,
    1234,
    accelerator="edge_tpu",
    accelerator_reason="an Edge TPU answers through libedgetpu.so.1",
)
_UNSTEADY = ScoreSummary(60.0, MachineState.UNSTEADY, 12, 0, confidence=0.75, regime="transition")
EXAMPLES_2: dict[str, Message] = EXAMPLES | {
    "status": Message("press-7", _BOOT, 43, _TIME, _STATUS, "pump 2024.2"),
    "alarm": Message("press-7", _BOOT, 42, _TIME, _EXPLAINED, "pump 2024.2"),
    "sensor_fault": Message("press-7", _BOOT, 44, _TIME, _SENSOR_FAULT, "pump 2024.2"),
    "drift": Message("press-7", _BOOT, 45, _TIME, _DRIFT, "pump 2024.2"),
    "unsteady": Message("press-7", _BOOT, 46, _TIME, _UNSTEADY, "pump 2024.2"),
}
_UPDATE = UpdateReport(
    assignment=7,
    rollout="r-12",
    state=UpdateState.ROLLED_BACK,
    in_charge="6-112233445566",
    under_way="7-0a1b2c3d4e5f",
    previous="6-112233445566",
    since=datetime(2024, 5, 17, 11, 20, tzinfo=UTC),
    reason_code="disagrees",
    reason="its scores lie far from the old model's",
)
EXAMPLES_3: dict[str, Message] = EXAMPLES_2 | {"update": Message("press-7", _BOOT, 47, _TIME, _UPDATE)}
RELEASED: dict[str, dict[str, Message]] = {"v1": EXAMPLES, "v2": EXAMPLES_2, "v3": EXAMPLES_3}
"""The examples of each schema version."""
EXAMPLE_ACK = Ack((BootAck(_BOOT, frozenset({1, 2, 3, 9}), frozenset({4, 5})), BootAck(7)))


def describe(message: Any) -> dict[str, Any]:
    """Every value of a message by the names of the schema, as a reviewer would read them."""
    if isinstance(message, pb.Envelope | pb.Ack):
        return _fields(message)
    data = encode_ack(message) if isinstance(message, Ack) else encode(message)
    return _fields((pb.Ack if isinstance(message, Ack) else pb.Envelope).FromString(data))


def _fields(part: Any) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for field, value in part.ListFields():
        if field.type == field.TYPE_BYTES:
            out[field.name] = value.hex()
        elif field.message_type is None:
            out[field.name] = list(value) if field.label == field.LABEL_REPEATED else value
        elif field.message_type.GetOptions().map_entry:
            out[field.name] = dict(sorted(value.items()))
        elif field.label == field.LABEL_REPEATED:
            out[field.name] = [_fields(item) for item in value]
        else:
            out[field.name] = _fields(value)
    return out


def describe_schema() -> dict[str, dict[str, list[str]]]:
    """Number, type and label of every field, by message and name; and of every enum value."""
    schema: dict[str, dict[str, list[str]]] = {}
    for name, message in sorted(pb.DESCRIPTOR.message_types_by_name.items()):
        schema[name] = {f.name: [str(f.number), str(f.type), str(f.label)] for f in message.fields}
    for name, enum in sorted(pb.DESCRIPTOR.enum_types_by_name.items()):
        schema[name] = {value.name: [str(value.number)] for value in enum.values}
    return schema


def write(folder: Path, examples: Mapping[str, Message]) -> None:
    """Write one released version: bytes, what they say, and the schema."""
    folder.mkdir(parents=True)
    everything: Mapping[str, Message | Ack] = {**examples, "ack": EXAMPLE_ACK}
    for name, message in everything.items():
        data = encode_ack(message) if isinstance(message, Ack) else encode(message)
        (folder / f"{name}.bin").write_bytes(data)
        (folder / f"{name}.json").write_text(json.dumps(describe(message), indent=1, sort_keys=True) + "\n")
    (folder / "descriptor.json").write_text(json.dumps(describe_schema(), indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    target = FOLDER / f"v{SCHEMA_VERSION}"
    if target.exists():
        sys.exit(f"{target} exists: released bytes never change")
    write(target, RELEASED[target.name])
