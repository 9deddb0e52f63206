"""What a row holds goes into its example, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import DataError
from contract.life_columns import INSTALLED
from models.stages.records import encode_row, parse_record, text_of, values_of

VALUES = (
    st.lists(st.text(max_size=5))
    | st.lists(st.integers(-(2**63), 2**63 - 1))
    | st.lists(st.floats(width=32, allow_nan=False))
)


@settings(max_examples=50, deadline=None)
@given(VALUES)
def test_lists_come_back(values: list[str] | list[int] | list[float]) -> None:
    held = values_of(parse_record(encode_row({"column": values}))["column"])
    assert [text_of(each) if isinstance(each, bytes) else each for each in held] == values


def test_what_nobody_knows_is_no_number() -> None:
    held = values_of(parse_record(encode_row({"column": [1.5, None, float("nan")]}))["column"])
    np.testing.assert_array_equal(held, [1.5, np.nan, np.nan])
    assert list(values_of(parse_record(encode_row({"column": None}))["column"])) == []


@pytest.mark.parametrize(("stamp", "held"), [(1_750_000_000.9, [1_750_000_000]), (None, []), (np.nan, [])])
def test_a_moment_is_kept_to_the_second(stamp: float | None, held: list[int]) -> None:
    assert list(values_of(parse_record(encode_row({INSTALLED: stamp}))[INSTALLED])) == held


def test_what_is_no_column_is_refused() -> None:
    with pytest.raises(DataError, match="column odd: holds dict"):
        encode_row({"odd": [{}]})
