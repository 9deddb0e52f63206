"""Payloads that are no messages, thousands of them, made from ones that are.

Rule: seeded, so that a failure can be repeated. `is_good` asks the contract alone.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

from contract.codec import MAX_MESSAGE_BYTES, decode, encode
from contract.errors import MessageError
from contract.proto import industrialguard_pb2 as pb
from tests.cloud.samples import alarm, birth, death, status, summary

NAN = struct.pack("<6f", 1.0, float("nan"), 2.0, 1.0, 1.0, 1.0)
SEEDS = [encode(m) for m in (summary(1), status(2), alarm(3, 7), alarm(4, 7, "cleared"), birth(), death())]


def malformed_payloads(count: int, seed: int) -> Iterator[bytes]:
    """Noise, mutations, wrong versions, impossible values and giants; none of them decodes."""
    rng = random.Random(seed)
    makers = (_noise, _flipped, _cut, _spliced, _grown, _wrong_version, _impossible, _empty)
    made = 0
    while made < count:
        payload = rng.choice(makers)(rng)
        if not is_good(payload):
            made += 1
            yield payload


def is_good(payload: bytes) -> bool:
    """Whether the contract takes it."""
    try:
        decode(payload)
    except MessageError:
        return False
    return True


def _noise(rng: random.Random) -> bytes:
    return rng.randbytes(rng.randrange(0, 400))


def _flipped(rng: random.Random) -> bytes:
    data = bytearray(rng.choice(SEEDS))
    for _ in range(rng.randrange(1, 12)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _cut(rng: random.Random) -> bytes:
    data = rng.choice(SEEDS)
    return data[: rng.randrange(len(data))]


def _spliced(rng: random.Random) -> bytes:
    left, right = rng.choice(SEEDS), rng.choice(SEEDS)
    return left[: rng.randrange(len(left))] + right[rng.randrange(len(right)) :]


def _grown(rng: random.Random) -> bytes:
    size = MAX_MESSAGE_BYTES + 1 if rng.random() < 0.02 else rng.randrange(1, 100)
    return rng.choice(SEEDS) + b"\xff" * size


def _wrong_version(rng: random.Random) -> bytes:
    envelope = pb.Envelope.FromString(rng.choice(SEEDS))
    envelope.schema_version = rng.choice([0, 2, 99, 2**32 - 1])
    return envelope.SerializeToString()


def _impossible(rng: random.Random) -> bytes:
    envelope = pb.Envelope.FromString(SEEDS[0])
    change = rng.randrange(7)
    if change == 0:
        envelope.summary.score_mean = rng.choice([float("nan"), float("inf"), -1.0, 3.0])
    elif change == 1:
        envelope.device_id = rng.choice(["", "a/b", "#", "+", "x" * 65, "ü", "a b"])
    elif change == 2:
        envelope.event_time_us = rng.choice([0, -(2**62), 2**62, 2**63 - 1])
    elif change == 3:
        envelope.boot_id = rng.choice([0, 2**63, 2**64 - 1])
    elif change == 4:
        envelope.sequence = rng.choice([0, 2**63, 2**64 - 1])
    elif change == 5:
        envelope.ParseFromString(SEEDS[4])
        text = envelope.birth.profile
        envelope.birth.profile = rng.choice(
            ["", "x = ", text[: len(text) // 2], text.replace("=", ":"), "[" * 9000]
        )
    else:
        envelope.summary.feature_values = rng.choice([NAN, envelope.summary.feature_values[1:]])
    return envelope.SerializeToString()


def _empty(_: random.Random) -> bytes:
    return b""
