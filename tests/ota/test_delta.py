from __future__ import annotations

import bz2
import random
import struct
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ota.delta import apply_delta, can_apply, make_delta
from ota.errors import DeltaError

OLD = random.Random(1).randbytes(20_000)
NEW = OLD[:9_000] + b"a few weights moved" + OLD[9_000:]


def crafted(length: int, *blocks: bytes) -> bytes:
    packed = [bz2.compress(block) for block in blocks]
    return struct.pack("<8sQQQ", b"BSDIFF40", len(packed[0]), len(packed[1]), length) + b"".join(packed)


def test_this_device_can_use_deltas() -> None:
    assert can_apply()


@given(st.binary(max_size=500), st.binary(max_size=500))
def test_a_delta_gives_exactly_the_new_bytes(old: bytes, new: bytes) -> None:
    delta = make_delta(old, new)
    assert delta == make_delta(old, new)
    assert apply_delta(old, delta, len(new)) == new


def test_a_small_change_is_a_small_delta() -> None:
    assert len(make_delta(OLD, NEW)) < len(NEW) / 20


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_delta_is_refused_or_gives_as_many_bytes_as_signed(data: st.DataObject) -> None:
    delta = bytearray(make_delta(OLD[:2000], NEW[:2100]))
    for _ in range(data.draw(st.integers(1, 4))):
        delta[data.draw(st.integers(0, len(delta) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(delta[: data.draw(st.integers(0, len(delta)))])
    for damaged in (bytes(delta), cut):
        with suppress(DeltaError):
            assert len(apply_delta(OLD[:2000], damaged, 2100)) == 2100


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_a_sentence(data: bytes) -> None:
    for delta in (data, b"BSDIFF40" + data):
        with pytest.raises(DeltaError):
            apply_delta(OLD, delta, 1000)


BOMB = bytes(200_000_000)


@pytest.mark.parametrize("block", range(3))
def test_a_block_that_would_unpack_to_gigabytes_is_not_unpacked(block: int) -> None:
    blocks = [b"", b"", b""]
    blocks[block] = BOMB
    delta = crafted(1000, *blocks)
    assert len(delta) < 1000
    tracemalloc.start()
    with pytest.raises(DeltaError, match="larger than its bundle"):
        apply_delta(OLD, delta, 1000)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_a_delta_that_claims_another_length_is_refused_before_it_is_unpacked() -> None:
    for claimed in (0, 999, 2**62, 2**63):
        with pytest.raises(DeltaError, match="signed are 1000"):
            apply_delta(OLD, crafted(claimed, b"", b"", b""), 1000)


def test_a_second_stream_behind_a_block_is_refused() -> None:
    delta = make_delta(OLD, NEW) + bz2.compress(b"more")  # bz2.decompress would read both
    with pytest.raises(DeltaError, match="something stands behind a block"):
        apply_delta(OLD, delta, len(NEW))


def test_a_step_outside_the_old_bundle_is_refused() -> None:
    control = struct.pack("<qqq", 1000, 0, 0)
    with pytest.raises(DeltaError, match="does not fit"):
        apply_delta(b"short", crafted(1000, control, b"", b""), 1000)


def test_the_wrong_old_bundle_gives_wrong_bytes_which_their_hash_betrays() -> None:
    assert apply_delta(bytes(len(OLD)), make_delta(OLD, NEW), len(NEW)) != NEW
