"""The wire format without a schema."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from contract.codec import encode
from industrialguard.bench.fuzz_samples import BODIES, sample
from industrialguard.bench.fuzz_wire import nested, read_fields, spoil, spoil_value, write_fields

seeds = st.integers(0, 2**32)


@given(seeds, st.sampled_from(list(BODIES)))
def test_a_message_is_its_fields(seed: int, kind: object) -> None:
    data = encode(sample(random.Random(seed), "d", 1, kind))  # type: ignore[arg-type]
    fields = read_fields(data)
    assert fields
    assert write_fields(fields) == data


@given(st.binary(max_size=60))
def test_bytes_are_fields_or_not_and_never_an_error(data: bytes) -> None:
    fields = read_fields(data)
    assert fields is None or read_fields(write_fields(fields)) == fields


@given(seeds)
def test_the_same_seed_spoils_the_same_way_and_changes_something_now_and_then(seed: int) -> None:
    data = encode(sample(random.Random(seed), "d", 1))
    for way in (spoil, spoil_value):
        twice = [way(random.Random(seed), data) for _ in range(2)]
        assert twice[0] == twice[1]
    assert any(spoil(random.Random(seed + n), data) != data for n in range(9))


def test_nesting_is_as_deep_as_asked() -> None:
    assert len(nested(50)) > len(nested(10)) > 20
