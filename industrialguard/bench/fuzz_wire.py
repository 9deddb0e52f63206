"""Protobuf as its fields, and ways to spoil it.

Rule: knows the wire format and no schema, so that it can write what no generated code would. Seeded: the same
random numbers spoil the same way.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass

VARINT, FIXED64, LENGTH, START, END, FIXED32 = range(6)
NUMBERS = (0, 1, 2, 99, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1)
DOUBLES = (float("nan"), float("inf"), -float("inf"), 5e-324, -1.0, 1e308, 3.5e38, -0.0, 1.0000001)
FLOATS = (float("nan"), float("inf"), -float("inf"), 1e-45, -1.0, 3.4028234e38, -0.0, 1.0000001)
TEXTS = (
    b"",
    b"\x00",
    b"a\x00b",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\xc0\x80",
    "ü\u202e\U0001f525".encode(),
    b"x" * 81,
    b"x" * 4000,
    b"'; DROP TABLE message; --",
    b"<script>alert(1)</script>",
    b"../../etc/passwd",
    b"a\r\nb",
    b"+/#",
)
MAX_NESTING = 200


@dataclass(frozen=True, slots=True)
class WireField:
    """One field as it travels; `value` is a number, or the bytes of what has a length."""

    number: int
    wire: int
    value: int | bytes


Fields = list[WireField]
Spoil = Callable[[random.Random, Fields], Fields]


def read_fields(data: bytes) -> Fields | None:
    """The fields of a message; None where these bytes are none."""
    fields: Fields = []
    at = 0
    while at < len(data):
        tag = _read_varint(data, at)
        if tag is None:
            return None
        number, wire, at = tag[0] >> 3, tag[0] & 7, tag[1]
        read = _read_value(data, at, wire) if number else None
        if read is None:
            return None
        fields.append(WireField(number, wire, read[0]))
        at = read[1]
    return fields


def write_fields(fields: Fields) -> bytes:
    """The bytes of fields, possible or not."""
    return b"".join(write_varint((f.number << 3 | f.wire) & (2**64 - 1)) + _write_value(f) for f in fields)


def write_varint(value: int) -> bytes:
    """A whole number in groups of seven bits."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def spoil(rng: random.Random, data: bytes, depth: int = 0) -> bytes:
    """Change one thing in a message, or in a message in it."""
    fields = read_fields(data)
    if not fields:
        return data + rng.randbytes(3)
    inner = [
        (i, f.value) for i, f in enumerate(fields) if isinstance(f.value, bytes) and read_fields(f.value)
    ]
    if inner and depth < 4 and rng.random() < 0.6:
        i, value = rng.choice(inner)
        fields[i] = WireField(fields[i].number, LENGTH, spoil(rng, value, depth + 1))
        return write_fields(fields)
    return write_fields(rng.choice(SPOILS)(rng, fields))


def spoil_value(rng: random.Random, data: bytes, depth: int = 0) -> bytes:
    """Put one extreme value where there is an ordinary one; the structure stays."""
    fields = read_fields(data)
    if not fields:
        return data
    i = rng.randrange(len(fields))
    field = fields[i]
    if isinstance(field.value, bytes):
        is_message = depth < 4 and bool(read_fields(field.value)) and rng.random() < 0.7
        value: int | bytes = spoil_value(rng, field.value, depth + 1) if is_message else rng.choice(TEXTS)
    elif field.wire == VARINT:
        value = rng.choice(NUMBERS)
    else:
        value = _extreme_bits(rng, field.wire)
    fields[i] = WireField(field.number, field.wire, value)
    return write_fields(fields)


def nested(depth: int) -> bytes:
    """A message in a message, so many times, in the field of a summary; then in groups of no known field."""
    data = b""
    for _ in range(depth):
        data = write_varint(10 << 3 | LENGTH) + write_varint(len(data)) + data
    groups = write_varint(99 << 3 | START) * depth + write_varint(99 << 3 | END) * depth
    return data + groups


def _drop(rng: random.Random, fields: Fields) -> Fields:
    i = rng.randrange(len(fields))
    return fields[:i] + fields[i + 1 :]


def _double(rng: random.Random, fields: Fields) -> Fields:
    return [*fields, rng.choice(fields)]


def _renumber(rng: random.Random, fields: Fields) -> Fields:
    i = rng.randrange(len(fields))
    number = rng.choice((fields[i].number + 1, 13, 99, 2**29 - 1, 2**29, 0))
    return [*fields[:i], WireField(number, fields[i].wire, fields[i].value), *fields[i + 1 :]]


def _retype(rng: random.Random, fields: Fields) -> Fields:
    i = rng.randrange(len(fields))
    wire = rng.choice((VARINT, FIXED64, LENGTH, START, END, FIXED32, 6, 7))
    value: int | bytes = rng.randbytes(rng.randrange(9)) if wire == LENGTH else rng.choice(NUMBERS)
    return [*fields[:i], WireField(fields[i].number, wire, value), *fields[i + 1 :]]


def _repeat(rng: random.Random, fields: Fields) -> Fields:
    field = rng.choice(fields)
    size = max(1, len(field.value)) if isinstance(field.value, bytes) else 4
    return fields + [field] * min(rng.choice((10, 600, 5000)), 60_000 // size)


def _shuffle(rng: random.Random, fields: Fields) -> Fields:
    return rng.sample(fields, len(fields))


SPOILS: tuple[Spoil, ...] = (_drop, _double, _renumber, _retype, _repeat, _shuffle)


def _extreme_bits(rng: random.Random, wire: int) -> int:
    if rng.random() < 0.3:
        return rng.choice(NUMBERS)
    if wire == FIXED64:
        return int.from_bytes(struct.pack("<d", rng.choice(DOUBLES)), "little")
    return int.from_bytes(struct.pack("<f", rng.choice(FLOATS)), "little")


def _read_varint(data: bytes, at: int) -> tuple[int, int] | None:
    value = 0
    for i, byte in enumerate(data[at : at + 10]):
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value, at + i + 1
    return None


def _read_value(data: bytes, at: int, wire: int) -> tuple[int | bytes, int] | None:
    if wire == VARINT:
        return _read_varint(data, at)
    if wire == LENGTH:
        found = _read_varint(data, at)
        if found is None:
            return None
        size, at = found
    elif wire in (FIXED32, FIXED64):
        size = 4 if wire == FIXED32 else 8
    else:
        return None
    part = data[at : at + size]
    if len(part) < size:
        return None
    return (part if wire == LENGTH else int.from_bytes(part, "little")), at + size


def _write_value(field: WireField) -> bytes:
    value = field.value
    if field.wire == LENGTH or isinstance(value, bytes):
        part = value if isinstance(value, bytes) else write_varint(value)
        return write_varint(len(part)) + part
    if field.wire in (FIXED32, FIXED64):
        size = 4 if field.wire == FIXED32 else 8
        return (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")
    return write_varint(value) if field.wire == VARINT else b""
