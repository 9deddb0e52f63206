"""What a broken, confused or hostile device might publish.

Rule: seeded and endless; the same seed gives the same inputs. Every input names its family, so that a report
can say what became of each. What is written here may be a valid message by accident: whoever judges it asks
the contract, not the family.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from contract.codec import MAX_MESSAGE_BYTES, encode
from contract.messages import Message
from contract.topics import PREFIX
from industrialguard.bench.fuzz_samples import BODIES, sample
from industrialguard.bench.fuzz_wire import (
    LENGTH,
    VARINT,
    WireField,
    nested,
    read_fields,
    spoil,
    spoil_value,
    write_fields,
)

DEVICES = 40
"""Names that strangers go by."""
MEGABYTE = 1_000_000
TIMES_US = (0, -1, -(10**15), -(2**62), 2**62, 2**63 - 1, 253_402_300_799_000_000, 946_684_799_999_999)
BAD_TOPICS = (
    b"ig/v1//up/summary",
    b"ig/v1/a b/up/summary",
    b"ig/v1/-/up/summary",
    b"ig/v1/%s/up/nonsense",
    b"ig/v1/%s/up/SUMMARY",
    b"ig/v1/%s/up/",
    b"ig/v1/%s/up/summary/more",
    b"ig/v1/%s/down/ack",
    b"ig/v2/%s/up/summary",
    b"/ig/v1/%s/up/summary",
    b"ig",
    b"elsewhere/entirely",
    "ig/v1/größe/up/summary".encode(),
    b"ig/v1/" + b"x" * 65 + b"/up/summary",
    b"ig/v1/" + b"x" * 60_000 + b"/up/summary",
    b"ig/v1/%s/up/+",
    b"ig/v1/#",
    b"",
    b"ig/v1/\xff\xfe/up/summary",
    b"ig/v1/a\x00b/up/summary",
    b"ig/v1/a\x01b/up/summary",
    b"ig/v1/\xed\xa0\x80/up/summary",
)
PROFILES = (
    "",
    "x = ",
    "[" * 9000,
    "a." * 400 + "b = 1",
    'name = "\\u0000"',
    '"a\\u0000b" = 1',
    'name = "x"\nversion = 99999999999999999999',
    "x = nan\n" * 300,
    "a = " + "9" * 5000,
    '"\\ud800" = 1',
)


@dataclass(frozen=True, slots=True)
class FuzzInput:
    """One publication."""

    family: str
    topic: bytes
    payload: bytes = field(repr=False)
    is_retained: bool = False


Maker = Callable[[random.Random, str, int], FuzzInput]


def fuzz_inputs(count: int, seed: int) -> Iterator[FuzzInput]:
    """So many inputs, families in turn."""
    rng = random.Random(seed)
    makers = list(FAMILIES.values())
    weights = [WEIGHTS.get(name, 10) for name in FAMILIES]
    for number in range(1, count + 1):
        device = f"fuzz-{rng.randrange(DEVICES)}"
        yield rng.choices(makers, weights)[0](rng, device, number)


def topic_of(message: Message) -> bytes:
    """Where a message belongs."""
    return f"{PREFIX}/{message.device_id}/up/{message.kind}".encode()


def _bytes(rng: random.Random, device: str, number: int) -> FuzzInput:
    """Noise, flipped bits, cuts, splices, tails."""
    message = sample(rng, device, number)
    data, other = bytearray(encode(message)), encode(sample(rng, device, number))
    way = rng.randrange(5)
    if way == 0:
        data = bytearray(rng.randbytes(rng.randrange(400)))
    elif way == 1:
        for _ in range(rng.randrange(1, 12)):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif way == 2:
        del data[rng.randrange(len(data)) :]
    elif way == 3:
        data[rng.randrange(len(data)) :] = other[rng.randrange(len(other)) :]
    else:
        data += rng.randbytes(rng.randrange(1, 100))
    return FuzzInput("bytes", topic_of(message), bytes(data))


def _wire(rng: random.Random, device: str, number: int) -> FuzzInput:
    """Fields dropped, doubled, renumbered, retyped, repeated, nested."""
    message = sample(rng, device, number)
    data = encode(message)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        data = spoil(rng, data)
    if rng.random() < 0.02:
        data += nested(rng.choice((10, 99, 101, 3000)))
    return FuzzInput("wire", topic_of(message), data[: 2 * MAX_MESSAGE_BYTES])


def _values(rng: random.Random, device: str, number: int) -> FuzzInput:
    """NaN, infinities, denormals, unknown enums, hostile text, where ordinary values were."""
    message = sample(rng, device, number)
    return FuzzInput("values", topic_of(message), spoil_value(rng, encode(message)))


def _clock(rng: random.Random, device: str, number: int) -> FuzzInput:
    """Ten years slow or fast, before 1970, beyond the year 9999."""
    message = sample(rng, device, number)
    if rng.random() < 0.5:
        years = rng.choice((-10, 10))
        when = datetime.now(UTC) + timedelta(days=365.25 * years, seconds=number)
        return FuzzInput("clock", topic_of(message), encode(replace(message, event_time=when)))
    time_us = rng.choice(TIMES_US)
    return FuzzInput("clock", topic_of(message), _with_number(message, 5, _zigzag(time_us)))


def _keys(rng: random.Random, device: str, number: int) -> FuzzInput:
    """Sequences and boots at their limits; keys used before, with other content."""
    message = sample(rng, device, number)
    way = rng.randrange(3)
    if way == 0:
        data = _with_number(message, 4, rng.choice((0, 2**63 - 1, 2**63, 2**64 - 1)))
    elif way == 1:
        data = _with_number(message, 3, rng.choice((0, 2**63 - 1, 2**63, 2**64 - 1)))
    else:
        data = encode(sample(rng, device, rng.randrange(1, 50), kind=message.kind))
    return FuzzInput("keys", topic_of(message), data)


def _versions(rng: random.Random, device: str, number: int) -> FuzzInput:
    """Schema versions that nobody speaks."""
    message = sample(rng, device, number)
    version = rng.choice((0, 3, 99, 2**31, 2**32 - 1, 2**64 - 1))
    return FuzzInput("versions", topic_of(message), _with_number(message, 1, version))


def _lies(rng: random.Random, device: str, number: int) -> FuzzInput:
    """Another device's id inside, or another kind than the topic's."""
    message = sample(rng, device, number)
    if rng.random() < 0.5:
        other = rng.choice((f"honest-{rng.randrange(4)}", "fuzz-0", "..", "a/b", "", "x" * 65))
        return FuzzInput("lies", topic_of(message), _with_text(message, 2, other))
    kind = rng.choice([k for k in BODIES if k is not message.kind])
    return FuzzInput("lies", f"{PREFIX}/{device}/up/{kind}".encode(), encode(message))


def _topics(rng: random.Random, device: str, number: int) -> FuzzInput:
    """Valid messages where none belongs."""
    topic = rng.choice(BAD_TOPICS)
    name = device.encode()
    return FuzzInput("topics", topic.replace(b"%s", name), encode(sample(rng, device, number)))


def _retained(rng: random.Random, device: str, number: int) -> FuzzInput:
    """What the broker shall remember, good and bad, and what makes it forget."""
    message = sample(rng, device, number)
    data = rng.choice((encode(message), b"", rng.randbytes(50)))
    return FuzzInput("retained", topic_of(message), data, is_retained=rng.random() < 0.8)


def _profiles(rng: random.Random, device: str, number: int) -> FuzzInput:
    """Births whose TOML is none, or a bomb."""
    message = sample(rng, device, number, kind=list(BODIES)[3])
    birth = write_fields([WireField(1, LENGTH, b"1.0"), WireField(2, LENGTH, rng.choice(PROFILES).encode())])
    fields = [f for f in read_fields(encode(message)) or [] if f.number < 10]
    return FuzzInput("profiles", topic_of(message), write_fields([*fields, WireField(13, LENGTH, birth)]))


def _giants(rng: random.Random, device: str, number: int) -> FuzzInput:
    """Just too long; rarely a megabyte, or ten."""
    message = sample(rng, device, number)
    size = rng.choice((MAX_MESSAGE_BYTES + 1,) * 7 + (MEGABYTE,) * 2 + (10 * MEGABYTE,))
    data = encode(message)
    return FuzzInput("giants", topic_of(message), data + bytes(size - len(data)))


FAMILIES: dict[str, Maker] = {
    "bytes": _bytes,
    "wire": _wire,
    "values": _values,
    "clock": _clock,
    "keys": _keys,
    "versions": _versions,
    "lies": _lies,
    "topics": _topics,
    "retained": _retained,
    "profiles": _profiles,
    "giants": _giants,
}
WEIGHTS = {"bytes": 20, "wire": 30, "values": 30, "topics": 1, "giants": 0.04}


def _with_number(message: Message, number: int, value: int) -> bytes:
    fields = read_fields(encode(message)) or []
    kept = [f for f in fields if f.number != number]
    wire = next((f.wire for f in fields if f.number == number), VARINT)
    return write_fields([WireField(number, wire, value), *kept])


def _with_text(message: Message, number: int, value: str) -> bytes:
    fields = read_fields(encode(message)) or []
    kept = [f for f in fields if f.number != number]
    return write_fields([WireField(number, LENGTH, value.encode()), *kept])


def _zigzag(value: int) -> int:
    return (value << 1 ^ value >> 63) & (2**64 - 1)
