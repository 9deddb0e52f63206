"""Messages survive the wire; nothing else does."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given

from contract.aggregates import FeatureAggregate, FeatureTable
from contract.codec import (
    MAX_ACK_SEQUENCES,
    MAX_MESSAGE_BYTES,
    decode,
    decode_ack,
    encode,
    encode_ack,
    peek_key,
)
from contract.errors import DecodeError, InvalidMessageError, MessageError, SchemaVersionError
from contract.messages import (
    SCHEMA_VERSION,
    Ack,
    Birth,
    BootAck,
    Death,
    DeviceStatus,
    MachineState,
    Message,
    ScoreSummary,
)
from contract.proto import industrialguard_pb2 as pb
from contract.signals import QualityFlag
from tests.contract.golden_wire import EXAMPLE_ACK, EXAMPLES, PROFILE
from tests.contract.strategies import acks, messages

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)
STATUS = DeviceStatus("0.1.0", 1.0, 2, 3, 4, 5)
MALFORMED_PAYLOADS = 20_000


@given(messages())
def test_every_message_survives_the_wire(message: Message) -> None:
    data = encode(message)
    assert decode(data) == message
    assert encode(decode(data)) == data
    key = (message.device_id, message.boot_id, message.sequence)
    assert peek_key(data) == (key if message.sequence else None)


@given(acks)
def test_every_ack_survives_the_wire(ack: Ack) -> None:
    assert decode_ack(encode_ack(ack)) == ack


def test_the_longest_summary_fits() -> None:
    features = FeatureTable.of(FeatureAggregate("n" * 80, 1.5, -3e38, 3e38) for _ in range(512))
    body = ScoreSummary(60.0, MachineState.WATCHING, 12, 12, features=features)
    assert len(encode(Message("d", 1, 1, NOON, body))) < MAX_MESSAGE_BYTES


def test_scores_do_not_leave_their_range_by_rounding() -> None:
    body = ScoreSummary(60.0, MachineState.WATCHING, 1, 1, 0.9999999999, 0.9999999999, 1.0, 1.0)
    again = decode(encode(Message("d", 1, 1, NOON, body))).body
    assert isinstance(again, ScoreSummary)
    assert again.score_max == 1.0


def _malformed(count: int, seed: int) -> Iterator[bytes]:
    """Noise, flipped bits, truncations, spliced fields, repetitions: what broken or hostile senders send."""
    rng = random.Random(seed)
    good = [encode(message) for message in EXAMPLES.values()] + [encode_ack(EXAMPLE_ACK)]
    makers: list[Callable[[bytes], bytes]] = [
        lambda base: rng.randbytes(rng.randrange(200)),
        lambda base: _flip(base, rng),
        lambda base: base[: rng.randrange(len(base))],
        lambda base: base[: rng.randrange(len(base))] + rng.choice(good)[rng.randrange(8) :],
        lambda base: base + bytes([rng.randrange(1, 128) << 3 & 0xFF | rng.randrange(8)]) + rng.randbytes(9),
        lambda base: base.replace(rng.randbytes(1), rng.randbytes(2)),
        lambda base: base * rng.randrange(2, 5),
    ]
    for number in range(count):
        yield makers[number % len(makers)](rng.choice(good))


def _flip(base: bytes, rng: random.Random) -> bytes:
    flipped = bytearray(base)
    for _ in range(rng.randrange(1, 6)):
        flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
    return bytes(flipped)


def test_malformed_payloads_are_refused_or_true_and_never_crash() -> None:
    outcomes: Counter[str] = Counter()
    readers: tuple[Callable[[bytes], Message | Ack], ...] = (decode, decode_ack)
    for data in _malformed(MALFORMED_PAYLOADS, seed=1):
        for reader in readers:
            try:
                again: Message | Ack = reader(data)
            except MessageError as error:
                outcomes[type(error).__name__] += 1
                assert "\n" not in str(error)
            else:
                outcomes["read"] += 1
                # What is read could have been sent.
                assert encode(again) if isinstance(again, Message) else encode_ack(again)
        key = peek_key(data)
        assert key is None or (0 < key[1] < 2**63 and 0 < key[2] < 2**63)
    assert sum(outcomes.values()) == 2 * MALFORMED_PAYLOADS
    assert {"DecodeError", "SchemaVersionError", "InvalidMessageError"} <= set(outcomes)


def test_a_good_message_between_bad_ones_is_read() -> None:
    good = encode(EXAMPLES["summary"])
    for data in _malformed(50, seed=2):
        with pytest.raises(MessageError):
            decode(b"\xff" + data)
        assert decode(good) == decode(good)


def test_too_long_is_refused_before_it_is_parsed() -> None:
    for reader in (decode, decode_ack):
        with pytest.raises(DecodeError, match="at most 65536"):
            reader(b"\0" * (MAX_MESSAGE_BYTES + 1))


def test_too_long_is_not_written() -> None:
    boots = tuple(BootAck(2**62 + n, frozenset({2**62})) for n in range(4000))
    with pytest.raises(InvalidMessageError, match="may travel"):
        encode_ack(Ack(boots))


@pytest.mark.parametrize("version", [0, SCHEMA_VERSION + 1, 2**32 - 1])
def test_other_schema_versions_are_refused(version: int) -> None:
    envelope = pb.Envelope.FromString(encode(EXAMPLES["birth"]))
    envelope.schema_version = version
    with pytest.raises(SchemaVersionError, match=str(version)):
        decode(envelope.SerializeToString())
    ack = pb.Ack(schema_version=version)
    with pytest.raises(SchemaVersionError):
        decode_ack(ack.SerializeToString())


def test_what_a_newer_writer_added_is_ignored() -> None:
    message = EXAMPLES["summary"]
    unknown_field = bytes([0xF8, 0x07, 0x2A])  # field 127, varint 42
    assert decode(encode(message) + unknown_field) == message


def test_an_envelope_without_a_body_is_refused() -> None:
    envelope = pb.Envelope(schema_version=1, device_id="d", boot_id=1, sequence=1)
    with pytest.raises(DecodeError, match="without a body"):
        decode(envelope.SerializeToString())


def test_the_last_of_two_bodies_counts() -> None:
    two = encode(Message("d", 1, 0, NOON, Birth("0", PROFILE))) + encode(Message("d", 1, 0, NOON, Death("x")))
    assert decode(two).body == Death("x")


@pytest.mark.parametrize("field", ["state", "transition"])
def test_unknown_enum_values_are_refused(field: str) -> None:
    envelope = pb.Envelope.FromString(encode(EXAMPLES["summary" if field == "state" else "alarm"]))
    setattr(envelope.summary if field == "state" else envelope.alarm, field, 99)
    with pytest.raises(InvalidMessageError, match="99"):
        decode(envelope.SerializeToString())


@pytest.mark.parametrize("time_us", [-(2**63), 2**63 - 1, 0])
def test_absurd_times_are_refused(time_us: int) -> None:
    envelope = pb.Envelope.FromString(encode(EXAMPLES["status"]))
    envelope.event_time_us = time_us
    with pytest.raises(InvalidMessageError):
        decode(envelope.SerializeToString())


def test_nan_cannot_come_in() -> None:
    envelope = pb.Envelope.FromString(encode(EXAMPLES["summary"]))
    envelope.summary.score_max = float("nan")
    with pytest.raises(InvalidMessageError, match="score_max"):
        decode(envelope.SerializeToString())


def test_the_key_of_a_poison_message_can_be_read() -> None:
    envelope = pb.Envelope.FromString(encode(EXAMPLES["summary"]))
    envelope.summary.score_max = 7.0
    data = envelope.SerializeToString()
    with pytest.raises(InvalidMessageError):
        decode(data)
    original = EXAMPLES["summary"]
    assert peek_key(data) == (original.device_id, original.boot_id, original.sequence)


def test_a_key_that_could_not_be_acknowledged_is_none() -> None:
    for bad in (
        {"device_id": "a/b"},
        {"boot_id": 0},
        {"sequence": 0},
        {"sequence": 2**63},
        {"boot_id": 2**64 - 1},
    ):
        fields: dict[str, object] = {
            "schema_version": 1,
            "device_id": "d",
            "boot_id": 1,
            "sequence": 1,
            **bad,
        }
        assert peek_key(pb.Envelope(**fields).SerializeToString()) is None  # type: ignore[arg-type]
    assert peek_key(b"\xff\xff") is None
    assert peek_key(b"\0" * (MAX_MESSAGE_BYTES + 1)) is None


@pytest.mark.parametrize(("first", "last"), [(1, 2**63), (0, 2**64 - 1), (1, MAX_ACK_SEQUENCES + 1)])
def test_a_hostile_range_costs_nothing(first: int, last: int) -> None:
    boot = pb.BootAck(boot_id=1, stored=[pb.SequenceRange(first=first, last=last)])
    with pytest.raises(InvalidMessageError, match="10000"):
        decode_ack(pb.Ack(schema_version=1, boots=[boot]).SerializeToString())


def test_many_small_ranges_are_bounded_too() -> None:
    ranges = [pb.SequenceRange(first=1, last=100)] * 101
    boot = pb.BootAck(boot_id=1, stored=ranges)
    with pytest.raises(InvalidMessageError, match="10000"):
        decode_ack(pb.Ack(schema_version=1, boots=[boot]).SerializeToString())


def test_a_range_that_ends_before_it_starts_is_refused() -> None:
    boot = pb.BootAck(boot_id=1, stored=[pb.SequenceRange(first=5, last=4)])
    with pytest.raises(InvalidMessageError, match="before it starts"):
        decode_ack(pb.Ack(schema_version=1, boots=[boot]).SerializeToString())


def test_runs_of_sequences_are_short_on_the_wire() -> None:
    ack = Ack((BootAck(1, frozenset(range(1, 5001))),))
    assert len(encode_ack(ack)) < 40
    assert decode_ack(encode_ack(ack)) == ack


def test_an_ack_too_many_is_not_written() -> None:
    with pytest.raises(InvalidMessageError, match="split it"):
        encode_ack(Ack((BootAck(1, frozenset(range(1, MAX_ACK_SEQUENCES + 2))),)))


def test_a_sequence_stored_and_rejected_is_refused() -> None:
    part = pb.SequenceRange(first=1, last=2)
    boot = pb.BootAck(boot_id=1, stored=[part], rejected=[part])
    with pytest.raises(InvalidMessageError, match="not both"):
        decode_ack(pb.Ack(schema_version=1, boots=[boot]).SerializeToString())


def test_flags_of_newer_writers_are_ignored_and_not_kept_for_ever() -> None:
    envelope = pb.Envelope.FromString(encode(EXAMPLES["summary"]))
    envelope.summary.quality_counts[3] |= 2**31
    assert decode(envelope.SerializeToString()) == EXAMPLES["summary"]
    assert 2**31 not in {member & 2**31 for member in QualityFlag._value2member_map_}


def test_a_name_that_no_feature_has_is_not_kept() -> None:
    envelope = pb.Envelope.FromString(encode(EXAMPLES["summary"]))
    envelope.summary.feature_names = "n" * 40_000
    with pytest.raises(InvalidMessageError, match="80 plain characters"):
        decode(envelope.SerializeToString())
