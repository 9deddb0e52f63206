"""Archives and tensors are what this code writes, to the byte, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from contract.archive import Tensor, format_tensor, pack, parse_tensor, unpack, write_atomically
from contract.errors import BundleError


def test_optional_parts_come_last_in_their_order_and_once() -> None:
    needed = {"a": b"1", "b": b"2"}
    assert list(unpack(pack({**needed, "d": b"4"}), ("a", "b"), ("c", "d"))) == ["a", "b", "d"]
    assert list(unpack(pack({**needed, "c": b"", "d": b""}), ("a", "b"), ("c", "d"))) == ["a", "b", "c", "d"]
    for names in ("abdc", "acb", "cab", "abe", "a"):
        with pytest.raises(BundleError, match="nothing else"):
            unpack(pack(dict.fromkeys(names, b"")), ("a", "b"), ("c", "d"))


@pytest.mark.parametrize(
    "data", [b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00\x05\x00abcde", b"\x93NUMPY\x02\x00", b"x" * 100]
)
def test_what_is_no_tensor_is_refused(data: bytes) -> None:
    with pytest.raises(BundleError):
        parse_tensor(data, "input.npy")


@given(arrays(np.int8, array_shapes(max_dims=4)))
def test_a_tensor_survives(tensor: Tensor) -> None:
    again = parse_tensor(format_tensor(tensor), "input.npy")
    np.testing.assert_array_equal(again, tensor)
    assert again.dtype == tensor.dtype and again.shape == tensor.shape


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_what_was_packed_is_unpacked(one: bytes, two: bytes) -> None:
    parts = {"a": one, "b": two}
    assert unpack(pack(parts), ("a", "b")) == parts
    assert pack(parts) == pack(dict(parts))


def test_a_write_replaces_the_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for data in (b"old", b"new"):
        write_atomically(path, data)
        assert path.read_bytes() == data
    assert list(tmp_path.iterdir()) == [path]
