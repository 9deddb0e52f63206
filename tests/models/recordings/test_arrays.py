from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import DataError
from models.recordings.arrays import ArrayStream, load_array


def write(folder: Path, compressed: bool = True) -> Path:
    path = folder / "a.npz"
    save = np.savez_compressed if compressed else np.savez
    save(path, x=np.arange(24, dtype=np.int16).reshape(12, 2), name=np.array(["a"]), scalar=np.float32(1))
    return path


@pytest.mark.parametrize("compressed", [True, False])
def test_slices_join_to_the_whole(tmp_path: Path, compressed: bool) -> None:
    path = write(tmp_path, compressed)
    with ArrayStream(path, "x") as stream:
        assert stream.shape == (12, 2)
        parts = [stream.take(n) for n in (1, 0, 4, 7)]
    np.testing.assert_array_equal(np.concatenate(parts), load_array(path, "x"))
    assert load_array(path, "x")[-1].tolist() == [22, 23]


def test_more_than_there_is_cannot_be_taken(tmp_path: Path) -> None:
    with ArrayStream(write(tmp_path), "x") as stream:
        stream.take(10)
        with pytest.raises(DataError, match="ends after 10 of 12"):
            stream.take(3)


@pytest.mark.parametrize(
    ("name", "why"), [("y", "no such array"), ("name", "not an array of numbers"), ("scalar", "not an array")]
)
def test_other_arrays_are_refused(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(DataError, match=why):
        load_array(write(tmp_path), name)


def test_a_whole_number_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds int16"):
        load_array(write(tmp_path), "x", kinds="f")


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "evil.npz"
    np.savez(path, x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DataError, match="damaged"):
        load_array(path, "x")


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        load_array(tmp_path / "nothing.npz", "x")


@given(cut=st.integers(min_value=0, max_value=400), flip=st.integers(min_value=0, max_value=400))
def test_damage_anywhere_is_a_data_error_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, cut: int, flip: int
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    path = write(folder)
    data = bytearray(path.read_bytes())
    data[flip % len(data)] ^= 0x5A
    path.write_bytes(bytes(data[: len(data) - cut]))
    try:
        assert load_array(path, "x").shape[1:] in {(2,), ()}
    except DataError as error:
        assert str(path) in str(error)
