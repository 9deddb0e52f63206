"""Alarms as Protobuf, with everything that explains them.

Rule: part of `contract.codec`, which gives the bytes; here values become Protobuf objects and back.
"""

from __future__ import annotations

from contract.explanation import BandShare, Hint, HintFact, HintStrength, SensorShare
from contract.messages import Alarm, AlarmKind, AlarmTransition, Contribution, Spectrum
from contract.proto import industrialguard_pb2 as pb
from contract.wire_values import from_us, to_enum, to_flags, to_us


def alarm_to_proto(body: Alarm) -> pb.Alarm:
    """An alarm as its Protobuf object."""
    part = pb.Alarm(
        alarm_id=body.alarm_id,
        transition=int(body.transition),  # type: ignore[arg-type]  # the stub knows only names
        score=body.score,
        threshold=body.threshold,
        since_us=to_us(body.since),
        regime=body.regime,
        contributions=[
            pb.Contribution(feature=c.feature, sensor=c.sensor, share=c.share, deviation=c.deviation)
            for c in body.contributions
        ],
        error_profile=body.error_profile,
        kind=int(body.kind),  # type: ignore[arg-type]
        sensor=body.sensor,
        flags=int(body.flags),
        sensor_shares=[pb.SensorShare(sensor=s.sensor, share=s.share) for s in body.sensor_shares],
        band_shares=[
            pb.BandShare(sensor=b.sensor, low_hz=b.low_hz, high_hz=b.high_hz, share=b.share)
            for b in body.band_shares
        ],
        hints=[_hint_to_proto(hint) for hint in body.hints],
    )
    if body.spectrum is not None:
        s = body.spectrum
        part.spectrum.CopyFrom(
            pb.Spectrum(
                sensor=s.sensor, start_hz=s.start_hz, step_hz=s.step_hz, unit=s.unit, amplitude=s.amplitude
            )
        )
    return part


def alarm_from_proto(part: pb.Alarm) -> Alarm:
    """The alarm in a Protobuf object.

    Raises:
        InvalidMessageError: values that cannot be true.
    """
    spectrum = None
    if part.HasField("spectrum"):
        s = part.spectrum
        spectrum = Spectrum(s.sensor, s.start_hz, s.step_hz, s.unit, tuple(s.amplitude))
    return Alarm(
        alarm_id=part.alarm_id,
        transition=to_enum(AlarmTransition, part.transition),
        score=part.score,
        threshold=part.threshold,
        since=from_us(part.since_us, "since"),
        regime=part.regime,
        contributions=tuple(
            Contribution(c.feature, c.sensor, c.share, c.deviation) for c in part.contributions
        ),
        error_profile=tuple(part.error_profile),
        spectrum=spectrum,
        kind=to_enum(AlarmKind, part.kind),
        sensor=part.sensor,
        flags=to_flags(part.flags),
        sensor_shares=tuple(SensorShare(s.sensor, s.share) for s in part.sensor_shares),
        band_shares=tuple(BandShare(b.sensor, b.low_hz, b.high_hz, b.share) for b in part.band_shares),
        hints=tuple(_hint_from_proto(hint) for hint in part.hints),
    )


def _hint_to_proto(hint: Hint) -> pb.Hint:
    facts = [
        pb.HintFact(
            measure=f.measure,
            sensor=f.sensor,
            unit=f.unit,
            value=f.value,
            baseline=f.baseline,
            deviation=f.deviation,
            frequency_hz=f.frequency_hz,
        )
        for f in hint.facts
    ]
    strength = int(hint.strength)
    return pb.Hint(code=hint.code, strength=strength, facts=facts)  # type: ignore[arg-type]


def _hint_from_proto(part: pb.Hint) -> Hint:
    facts = tuple(
        HintFact(f.measure, f.sensor, f.unit, f.value, f.baseline, f.deviation, f.frequency_hz)
        for f in part.facts
    )
    return Hint(part.code, to_enum(HintStrength, part.strength), facts)
