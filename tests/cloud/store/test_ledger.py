"""Runs of sequences behave like the set they stand for."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.errors import RecordRefusedError
from cloud.store import ledger
from cloud.store.ledger import Sequences, pack_sequences, unpack_sequences

NUMBERS = st.integers(1, 40) | st.integers(1, 2**63 - 1)


@given(st.lists(NUMBERS, max_size=120))
def test_it_is_a_set(numbers: list[int]) -> None:
    kept, wanted = Sequences(), set[int]()
    for number in numbers:
        assert kept.add(number) == (number not in wanted)
        wanted.add(number)
    assert len(kept) == len(wanted)
    assert all(number in kept for number in wanted)
    assert not any(
        near in kept for number in numbers for near in (number - 1, number + 1) if near not in wanted
    )
    runs = kept.runs
    assert all(first <= last for first, last in runs)
    assert all(second[0] > first[1] + 1 for first, second in pairwise(runs))


@given(st.sets(NUMBERS))
def test_it_comes_back_from_its_bytes(numbers: set[int]) -> None:
    kept = Sequences()
    for number in numbers:
        kept.add(number)
    again = unpack_sequences(pack_sequences(kept))
    assert again.runs == kept.runs
    assert len(pack_sequences(kept)) == 16 * len(kept.runs)


def test_it_does_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "MAX_RUNS", 3)
    kept = Sequences([(1, 1), (3, 3), (5, 5)])
    with pytest.raises(RecordRefusedError, match="more than 3 gaps"):
        kept.add(7)
    assert kept.add(6), "what joins a run still fits"
    assert kept.add(2)
    assert kept.runs == [(1, 3), (5, 6)]
