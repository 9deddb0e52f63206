"""Messages as honest devices send them, of every kind.

Rule: whatever is built here is valid; what differs between two of them comes from the random numbers given.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from contract.aggregates import ChannelQuality, FeatureAggregate, FeatureTable
from contract.explanation import BandShare, Hint, HintCode, HintFact, HintStrength, SensorShare
from contract.messages import (
    SEQUENCED,
    Alarm,
    AlarmKind,
    AlarmTransition,
    Birth,
    Body,
    Contribution,
    Death,
    DeviceStatus,
    Kind,
    MachineState,
    Message,
    ScoreSummary,
    Spectrum,
)
from contract.profiles import format_profile, load_profile
from contract.signals import QualityFlag
from contract.updates import UpdateReport, UpdateState

PROFILE = format_profile(load_profile("pump"))


def sample(
    rng: random.Random, device: str, number: int, kind: Kind | None = None, boot_id: int | None = None
) -> Message:
    """A valid message of a device.

    Args:
        rng: Decides everything else.
        device: Who sends it.
        number: Its sequence, where its kind has one.
        kind: One of `BODIES`; any when None.
        boot_id: Of the device; one of a few when None.
    """
    chosen = kind or rng.choices(list(BODIES), (8, 2, 4, 1, 1, 1))[0]
    when = datetime.now(UTC) - timedelta(seconds=rng.randrange(86_400))
    boot = boot_id if boot_id is not None else rng.randrange(1, 4)
    sequence = number if chosen in SEQUENCED else 0
    return Message(device, boot, sequence, when, BODIES[chosen](rng, when), "pump-1")


def _summary(rng: random.Random, when: datetime) -> Body:
    level = rng.random()
    features = FeatureTable.of(
        FeatureAggregate(f"vib_{i}_rms", level, level / 2, level * 2) for i in range(rng.randrange(6))
    )
    quality = (ChannelQuality("vib", 90, 6, 4, QualityFlag.CLIPPED),)
    state = rng.choice(list(MachineState))
    return ScoreSummary(60.0, state, 6, 6, level, level, level, level, 0.5, "full", features, quality)


def _alarm(rng: random.Random, when: datetime) -> Body:
    kind = rng.choice(list(AlarmKind))
    fact = HintFact("vib_env_bpfo", "vib", "m/s2", 8.0, 1.0, 5.5, 107.5)
    return Alarm(
        alarm_id=rng.randrange(1, 200),
        transition=rng.choice(list(AlarmTransition)),
        score=rng.random(),
        threshold=0.5,
        since=when - timedelta(seconds=30),
        contributions=(Contribution("vib_rms", "vib", 1.0, 8.0),),
        error_profile=(0.25, 0.5, 1.5),
        spectrum=Spectrum("vib", 0.0, 100.0, "m/s2", (0.5, 2.0, 0.25)),
        kind=kind,
        sensor="vib" if kind is AlarmKind.SENSOR_FAULT else "",
        flags=QualityFlag.STUCK,
        sensor_shares=(SensorShare("vib", 1.0),),
        band_shares=(BandShare("vib", 25.0, 50.0, 0.5),),
        hints=(Hint(HintCode.BEARING_OUTER_RACE, HintStrength.MODERATE, (fact,)),),
    )


def _status(rng: random.Random, when: datetime) -> Body:
    samples, waiting = rng.randrange(10_000), rng.randrange(1000)
    return DeviceStatus(
        "1.0", 60.0, samples, samples, waiting, 9 * waiting, {"summary": 3}, accelerator="cpu"
    )


def _birth(rng: random.Random, when: datetime) -> Body:
    return Birth("1.0", PROFILE)


def _death(rng: random.Random, when: datetime) -> Body:
    return Death("connection lost")


def _update(rng: random.Random, when: datetime) -> Body:
    state = rng.choice(list(UpdateState))
    in_charge = (
        "7-0a1b2c3d4e5f" if state in (UpdateState.PROBATION, UpdateState.CONFIRMED) else "6-112233445566"
    )
    return UpdateReport(rng.randrange(9), "r-1", state, in_charge, "7-0a1b2c3d4e5f", "6-112233445566", when)


BODIES: dict[Kind, Callable[[random.Random, datetime], Body]] = {
    Kind.SUMMARY: _summary,
    Kind.ALARM: _alarm,
    Kind.STATUS: _status,
    Kind.BIRTH: _birth,
    Kind.DEATH: _death,
    Kind.UPDATE: _update,
}
