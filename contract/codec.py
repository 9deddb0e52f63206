"""Messages as bytes: Protobuf, schema versions 1 to 3.

Rule: with `contract.alarm_codec`, the only importer of the generated code. Whatever the bytes are, decoding
gives a valid message or raises one of `DecodeError`, `SchemaVersionError`, `InvalidMessageError`; it never
raises anything else and never allocates more than a small multiple of `MAX_MESSAGE_BYTES`. Changes to the
schema are additive; fields that a newer writer added are ignored. A message carries the version of the oldest
reader that takes it for what it means, so that devices and cloud need not be updated on the same day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from operator import attrgetter
from typing import Any, TypeVar, cast

from google.protobuf.message import DecodeError as ProtobufError
from google.protobuf.message import Message as ProtobufMessage

from contract.aggregates import MAX_FEATURES, ChannelQuality, FeatureAggregate, FeatureTable
from contract.alarm_codec import alarm_from_proto, alarm_to_proto
from contract.checks import EARLIEST, require, require_text
from contract.errors import DecodeError, InvalidMessageError, SchemaVersionError
from contract.messages import (
    SCHEMA_VERSION,
    Ack,
    Birth,
    Body,
    BootAck,
    Death,
    DeviceStatus,
    Kind,
    MachineState,
    Message,
    ScoreSummary,
)
from contract.proto import industrialguard_pb2 as pb
from contract.updates import UpdateReport, UpdateState
from contract.wire_values import from_us, to_enum, to_flags, to_us

MAX_MESSAGE_BYTES = 64 * 1024
"""Longer messages are neither written nor read."""
ACK_VERSION = 1
"""Acks have not changed since; devices in the field refuse a version that they do not know."""
MAX_ACK_SEQUENCES = 10_000
"""Sequences in one Ack; a few bytes could otherwise name 2^63 of them."""

_AGGREGATE_OF = attrgetter(*FeatureAggregate._fields)
_QUALITY_COUNTS = len(ChannelQuality._fields) - 1
_Proto = TypeVar("_Proto", bound=ProtobufMessage)


def encode(message: Message) -> bytes:
    """Write a message; equal messages give equal bytes.

    Numbers that are `float` on the wire are rounded to 32 bits.

    Raises:
        InvalidMessageError: longer than `MAX_MESSAGE_BYTES`.
    """
    envelope = pb.Envelope(
        schema_version=message.schema_version,
        device_id=message.device_id,
        boot_id=message.boot_id,
        sequence=message.sequence,
        event_time_us=to_us(message.event_time),
        model_version=message.model_version,
    )
    part = cast("ProtobufMessage", getattr(envelope, message.kind))
    part.SetInParent()  # an empty body is still this kind
    part.CopyFrom(_TO_PROTO[message.kind](message.body))
    return _serialise(envelope)


def decode(data: bytes) -> Message:
    """Read a message.

    Raises:
        DecodeError: the bytes are too long or no envelope, or the envelope is empty.
        SchemaVersionError: a schema version this code does not speak.
        InvalidMessageError: values that cannot be true.
    """
    envelope = _parse(data, pb.Envelope())
    _require_version(envelope.schema_version)
    name = envelope.WhichOneof("body")
    if name is None:
        raise DecodeError("a message without a body")
    return Message(
        device_id=envelope.device_id,
        boot_id=envelope.boot_id,
        sequence=envelope.sequence,
        event_time=from_us(envelope.event_time_us, "event_time"),
        body=_FROM_PROTO[Kind(name)](getattr(envelope, name)),
        model_version=envelope.model_version,
    )


def peek_key(data: bytes) -> tuple[str, int, int] | None:
    """The key (device, boot, sequence) of a message that may be wrong in every other way.

    With it a poison message can be acknowledged as rejected. None when there is no such key, as in Birth and
    Death.
    """
    try:
        envelope = _parse(data, pb.Envelope())
        key = (envelope.device_id, envelope.boot_id, envelope.sequence)
        # Built only to have the key judged by the one rule there is.
        Message(*key, EARLIEST, DeviceStatus("", 0.0, 0, 0, 0, 0))
    except (DecodeError, InvalidMessageError):
        return None
    return key


def encode_ack(ack: Ack) -> bytes:
    """Write an acknowledgement; runs of sequences become ranges.

    Raises:
        InvalidMessageError: more than `MAX_ACK_SEQUENCES`, or longer than `MAX_MESSAGE_BYTES`.
    """
    if sum(len(boot.stored) + len(boot.rejected) for boot in ack.boots) > MAX_ACK_SEQUENCES:
        raise InvalidMessageError(f"an Ack holds at most {MAX_ACK_SEQUENCES} sequences; split it")
    parts = [
        pb.BootAck(boot_id=b.boot_id, stored=_to_ranges(b.stored), rejected=_to_ranges(b.rejected))
        for b in ack.boots
    ]
    return _serialise(pb.Ack(schema_version=ACK_VERSION, boots=parts))


def decode_ack(data: bytes) -> Ack:
    """Read an acknowledgement.

    Raises:
        DecodeError: the bytes are too long or no Ack.
        SchemaVersionError: a schema version this code does not speak.
        InvalidMessageError: values that cannot be true, or more than `MAX_ACK_SEQUENCES`.
    """
    parsed = _parse(data, pb.Ack())
    _require_version(parsed.schema_version)
    ranges = [r for boot in parsed.boots for r in (*boot.stored, *boot.rejected)]
    if any(r.first > r.last for r in ranges):
        raise InvalidMessageError("an Ack with a range that ends before it starts")
    if sum(r.last - r.first + 1 for r in ranges) > MAX_ACK_SEQUENCES:
        raise InvalidMessageError(f"an Ack with more than {MAX_ACK_SEQUENCES} sequences")
    return Ack(
        tuple(BootAck(b.boot_id, _from_ranges(b.stored), _from_ranges(b.rejected)) for b in parsed.boots)
    )


def _serialise(message: ProtobufMessage) -> bytes:
    data = message.SerializeToString(deterministic=True)
    if len(data) > MAX_MESSAGE_BYTES:
        raise InvalidMessageError(f"a message of {len(data)} bytes; at most {MAX_MESSAGE_BYTES} may travel")
    return data


def _parse(data: bytes, empty: _Proto) -> _Proto:
    """The one gate for Protobuf's own errors."""
    if len(data) > MAX_MESSAGE_BYTES:
        raise DecodeError(f"a message of {len(data)} bytes; at most {MAX_MESSAGE_BYTES} may travel")
    try:
        empty.ParseFromString(data)
    except (ProtobufError, ValueError) as error:
        raise DecodeError(f"not a Protobuf message: {error}") from error
    return empty


def _require_version(version: int) -> None:
    if not 1 <= version <= SCHEMA_VERSION:
        raise SchemaVersionError(f"schema version {version}; this code reads 1 to {SCHEMA_VERSION}")


def _to_ranges(sequences: Iterable[int]) -> list[pb.SequenceRange]:
    ranges: list[pb.SequenceRange] = []
    for sequence in sorted(sequences):
        if ranges and ranges[-1].last == sequence - 1:
            ranges[-1].last = sequence
        else:
            ranges.append(pb.SequenceRange(first=sequence, last=sequence))
    return ranges


def _from_ranges(ranges: Iterable[pb.SequenceRange]) -> frozenset[int]:
    return frozenset(sequence for r in ranges for sequence in range(r.first, r.last + 1))


def _summary_to_proto(body: ScoreSummary) -> pb.ScoreSummary:
    return pb.ScoreSummary(
        interval_s=body.interval_s,
        state=int(body.state),  # type: ignore[arg-type]  # the stub knows only names
        window_count=body.window_count,
        scored_count=body.scored_count,
        score_mean=body.score_mean,
        score_max=body.score_max,
        score_p50=body.score_p50,
        score_p90=body.score_p90,
        confidence=body.confidence,
        regime=body.regime,
        feature_names="\n".join(body.features.names),
        feature_values=body.features.packed,
        quality_sensors="\n".join(q.sensor for q in body.quality),
        quality_counts=[int(number) for q in body.quality for number in q[1:]],
    )


def _summary_from_proto(part: pb.ScoreSummary) -> ScoreSummary:
    return ScoreSummary(
        interval_s=part.interval_s,
        state=to_enum(MachineState, part.state),
        window_count=part.window_count,
        scored_count=part.scored_count,
        score_mean=part.score_mean,
        score_max=part.score_max,
        score_p50=part.score_p50,
        score_p90=part.score_p90,
        confidence=part.confidence,
        regime=part.regime,
        features=_features_from_proto(part),
        quality=_quality_from_proto(part),
    )


def _features_from_proto(part: pb.ScoreSummary) -> FeatureTable:
    """Columns; rows from those who write schema version 1 or 2."""
    if part.feature_values:
        return FeatureTable(_split_names(part.feature_names), part.feature_values)
    return FeatureTable.of(FeatureAggregate(*_AGGREGATE_OF(f)) for f in part.features)


def _quality_from_proto(part: pb.ScoreSummary) -> tuple[ChannelQuality, ...]:
    """Likewise."""
    if not part.quality_counts:
        return tuple(
            ChannelQuality(q.sensor, q.good, q.uncertain, q.bad, to_flags(q.flags)) for q in part.quality
        )
    return _quality_columns(part.quality_sensors, tuple(part.quality_counts))


@lru_cache(maxsize=1024)
def _quality_columns(joined: str, numbers: tuple[int, ...]) -> tuple[ChannelQuality, ...]:
    """Of sensors without fault a machine says the same in most of its summaries."""
    names = _split_names(joined)
    if len(numbers) != _QUALITY_COUNTS * len(names):
        raise InvalidMessageError(f"{len(names)} sensors with {len(numbers)} counts")
    good, uncertain, bad, flags = (numbers[n::_QUALITY_COUNTS] for n in range(_QUALITY_COUNTS))
    return tuple(map(ChannelQuality, names, good, uncertain, bad, map(to_flags, flags)))


@lru_cache(maxsize=256)
def _split_names(joined: str) -> tuple[str, ...]:
    """The same object for equal names: thousands of machines have the same features."""
    names = tuple(joined.split("\n", MAX_FEATURES))
    require(len(names) <= MAX_FEATURES, f"at most {MAX_FEATURES} names")
    for name in names:
        require_text(name, "name")  # before it is kept
    return names


def _status_to_proto(body: DeviceStatus) -> pb.DeviceStatus:
    return pb.DeviceStatus(
        agent_version=body.agent_version,
        uptime_s=body.uptime_s,
        samples=body.samples,
        windows=body.windows,
        outbox_messages=body.outbox_messages,
        outbox_bytes=body.outbox_bytes,
        dropped={str(kind): count for kind, count in body.dropped.items()},
        rejected=body.rejected,
        window_cost_us=body.window_cost_us,
        rss_bytes=body.rss_bytes,
        quality_flags=int(body.quality_flags),
        accelerator=body.accelerator,
        accelerator_reason=body.accelerator_reason,
    )


def _status_from_proto(part: pb.DeviceStatus) -> DeviceStatus:
    return DeviceStatus(
        agent_version=part.agent_version,
        uptime_s=part.uptime_s,
        samples=part.samples,
        windows=part.windows,
        outbox_messages=part.outbox_messages,
        outbox_bytes=part.outbox_bytes,
        dropped=dict(part.dropped),
        rejected=part.rejected,
        window_cost_us=part.window_cost_us,
        rss_bytes=part.rss_bytes,
        quality_flags=to_flags(part.quality_flags),
        accelerator=part.accelerator,
        accelerator_reason=part.accelerator_reason,
    )


def _birth_to_proto(body: Birth) -> pb.Birth:
    return pb.Birth(agent_version=body.agent_version, profile=body.profile)


def _birth_from_proto(part: pb.Birth) -> Birth:
    return Birth(part.agent_version, part.profile)


def _death_to_proto(body: Death) -> pb.Death:
    return pb.Death(reason=body.reason)


def _death_from_proto(part: pb.Death) -> Death:
    return Death(part.reason)


def _update_to_proto(body: UpdateReport) -> pb.UpdateReport:
    return pb.UpdateReport(
        assignment=body.assignment,
        rollout=body.rollout,
        state=int(body.state),  # type: ignore[arg-type]  # the stub knows only names
        in_charge=body.in_charge,
        under_way=body.under_way,
        previous=body.previous,
        since_us=to_us(body.since),
        reason_code=body.reason_code,
        reason=body.reason,
    )


def _update_from_proto(part: pb.UpdateReport) -> UpdateReport:
    return UpdateReport(
        assignment=part.assignment,
        rollout=part.rollout,
        state=to_enum(UpdateState, part.state),
        in_charge=part.in_charge,
        under_way=part.under_way,
        previous=part.previous,
        since=from_us(part.since_us, "update since"),
        reason_code=part.reason_code,
        reason=part.reason,
    )


_TO_PROTO: dict[Kind, Callable[[Any], ProtobufMessage]] = {
    Kind.SUMMARY: _summary_to_proto,
    Kind.ALARM: alarm_to_proto,
    Kind.STATUS: _status_to_proto,
    Kind.BIRTH: _birth_to_proto,
    Kind.DEATH: _death_to_proto,
    Kind.UPDATE: _update_to_proto,
}
_FROM_PROTO: dict[Kind, Callable[[Any], Body]] = {
    Kind.SUMMARY: _summary_from_proto,
    Kind.ALARM: alarm_from_proto,
    Kind.STATUS: _status_from_proto,
    Kind.BIRTH: _birth_from_proto,
    Kind.DEATH: _death_from_proto,
    Kind.UPDATE: _update_from_proto,
}
