"""Whatever the bytes: a message, or a MessageError, in bounded memory."""

from __future__ import annotations

import random
import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contract.codec import MAX_MESSAGE_BYTES, decode, decode_ack, encode, peek_key
from contract.errors import MessageError
from contract.messages import Message
from tests.contract.strategies import messages

VARINT, FIXED64, LENGTH, START, END, FIXED32 = range(6)
MOST_MEMORY = 192 * MAX_MESSAGE_BYTES
"""What decoding may take at its worst: an object for each two bytes, before they are counted."""


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, wire: int, value: int | bytes) -> bytes:
    tag = varint(number << 3 | wire)
    if isinstance(value, bytes):
        return tag + varint(len(value)) + value
    if wire in (FIXED32, FIXED64):
        size = 4 if wire == FIXED32 else 8
        return tag + (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")
    return tag + varint(value)


numbers = st.one_of(st.integers(0, 20), st.integers(0, 2**64 - 1))
tags = st.one_of(st.integers(1, 15), st.integers(1, 2**29 - 1))
scalars = st.builds(field, tags, st.sampled_from([VARINT, FIXED32, FIXED64]), numbers)
texts = st.builds(field, tags, st.just(LENGTH), st.binary(max_size=30))
wires = st.recursive(
    st.lists(st.one_of(scalars, texts), max_size=6).map(b"".join),
    lambda inner: st.lists(
        st.one_of(scalars, texts, st.builds(field, tags, st.just(LENGTH), inner)), max_size=6
    ).map(b"".join),
    max_leaves=20,
)
envelope = b"".join(
    (
        field(1, VARINT, 1),
        field(2, LENGTH, b"press-7"),
        field(3, FIXED64, 5),
        field(4, VARINT, 1),
        field(5, VARINT, 2 * 1_770_000_000_000_000),
    )
)


def read(data: bytes) -> None:
    for reader in (decode, decode_ack):
        try:
            again = reader(data)
        except MessageError as error:
            assert str(error).isprintable()
        else:
            assert not isinstance(again, Message) or decode(encode(again)).event_time == again.event_time
    peek_key(data)


@given(st.binary(max_size=600))
@example(b"")
def test_any_bytes(data: bytes) -> None:
    read(data)


@given(wires)
def test_any_fields(data: bytes) -> None:
    read(data)


@given(body=st.sampled_from([10, 11, 12, 13, 14]), inner=wires)
@settings(max_examples=300)
def test_any_fields_in_the_body_of_an_honest_envelope(body: int, inner: bytes) -> None:
    read(envelope + field(body, LENGTH, inner))


@given(message=messages(), at=st.floats(0, 1), replacement=st.binary(max_size=9), gone=st.integers(0, 9))
def test_any_message_with_some_bytes_replaced(
    message: Message, at: float, replacement: bytes, gone: int
) -> None:
    data = encode(message)
    start = int(at * len(data))
    read(data[:start] + replacement + data[start + gone :])


MAP_ENTRIES = b"".join(field(7, LENGTH, field(1, LENGTH, b"%d" % n)) for n in range(7000))


def fill(part: bytes) -> bytes:
    return part * ((MAX_MESSAGE_BYTES - 200) // len(part))


@pytest.mark.parametrize(
    ("body", "content"),
    [
        pytest.param(10, fill(field(11, LENGTH, b"")), id="features"),
        pytest.param(10, fill(field(12, LENGTH, b"")), id="quality"),
        pytest.param(11, fill(field(7, LENGTH, b"")), id="contributions"),
        pytest.param(11, field(8, LENGTH, bytes(65_000)), id="error_profile"),
        pytest.param(11, field(9, LENGTH, field(5, LENGTH, bytes(64_000))), id="amplitude"),
        pytest.param(11, fill(field(15, LENGTH, field(3, LENGTH, b""))), id="hints"),
        pytest.param(11, field(15, LENGTH, fill(field(3, LENGTH, b""))[:60_000]), id="facts"),
        pytest.param(12, MAP_ENTRIES, id="map"),
        pytest.param(13, field(2, LENGTH, b"[" * 30_000), id="brackets"),
        pytest.param(13, field(2, LENGTH, b"a=1\n" * 7000), id="keys"),
        pytest.param(13, field(2, LENGTH, (b"a." * 450 + b"b=1\n") * 35), id="dots"),
        pytest.param(13, field(2, LENGTH, b"[[sensor]]\n" * 2900), id="sensors"),
        pytest.param(99, fill(field(98, LENGTH, b"")), id="unknown"),
    ],
)
def test_the_worst_bodies_cost_little_memory(body: int, content: bytes) -> None:
    data = envelope + field(body, LENGTH, content)
    assert len(data) <= MAX_MESSAGE_BYTES
    with pytest.raises(MessageError):
        decode(data)  # what is loaded once does not count
    tracemalloc.start()
    with pytest.raises(MessageError):
        decode(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MOST_MEMORY


@pytest.mark.parametrize("depth", [10, 99, 100, 101, 5000, 30_000])
def test_nesting_has_an_end(depth: int) -> None:
    groups = varint(99 << 3 | START) * depth + varint(99 << 3 | END) * depth
    nested = b""
    for _ in range(min(depth, 8000)):
        nested = field(10, LENGTH, nested)
    for data in (groups, envelope + groups, nested, envelope + nested):
        read(data[:MAX_MESSAGE_BYTES])


def test_a_thousand_seeds_of_noise() -> None:
    for seed in range(1000):
        read(envelope + random.Random(seed).randbytes(200))
