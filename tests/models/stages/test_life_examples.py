"""What goes into an example comes out of it, and what a file lacks is seen to be lacking."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import DataError
from contract.lives import Life
from models.stages.backend import tf
from models.stages.life_examples import decode_lives, read_lives
from models.stages.records import encode_row, split_folder
from tests.models.stages.fleet import CUT, SPEC, as_row, encode, installed, make_life, make_sides


def is_same(one: Life, other: Life) -> bool:
    """Whether two lives are the same, their ages to float32's precision."""
    texts = all(
        getattr(one, name) == getattr(other, name)
        for name in ("machine", "component", "number", "end", "group")
    )
    numbers = all(
        np.array_equal(np.float32(getattr(one, name)), np.float32(getattr(other, name)), equal_nan=True)
        for name in ("age", "settings", "sensors", "end_age")
    )
    events = [(e.kind, e.code, np.float32(e.age)) for e in one.events]
    return texts and numbers and events == [(e.kind, e.code, np.float32(e.age)) for e in other.events]


def test_lives_come_back_in_their_order() -> None:
    lives = make_sides()["train"]
    back, since = decode_lives(encode(lives), SPEC)
    assert all(is_same(one, other) for one, other in zip(lives, back, strict=True))
    assert since == {}


def test_the_day_of_installation_comes_back() -> None:
    lives = [make_life(1), make_life(2)]
    _, since = decode_lives(encode(lives, installed(lives)), SPEC)
    assert {key: round((CUT - moment).total_seconds() / 3600) for key, moment in since.items()} == {
        (life.machine, "bearing", 0): len(life.age) for life in lives
    }


def test_zeros_and_empty_texts_are_values() -> None:
    row = as_row(make_life(0)) | {"group": "", "number": 0}
    features = tf.train.Example.FromString(encode_row(row)).features.feature
    assert list(features["number"].int64_list.value) == [0]
    assert list(features["group"].bytes_list.value) == [b""]
    assert decode_lives([encode_row(row)], SPEC)[0][0].group == ""


def test_unknown_numbers_stay_unknown() -> None:
    row = as_row(make_life(0))
    row["sensor_heat"] = [None, *row["sensor_heat"][1:]]  # type: ignore[index]
    (life,), _ = decode_lives([encode_row(row)], SPEC)
    assert np.isnan(life.sensors[0, 0])
    assert not np.isnan(life.sensors[1:]).any()


@pytest.mark.parametrize("name", ["machine", "end_age", "end"])
def test_a_missing_single_value_is_named(name: str) -> None:
    row = {key: value for key, value in as_row(make_life(0)).items() if key != name}
    with pytest.raises(DataError, match=f"column {name}: life 1 holds 0 values"):
        decode_lives([encode_row(row)], SPEC)


def test_a_missing_sensor_is_named() -> None:
    row = {key: value for key, value in as_row(make_life(0)).items() if key != "sensor_shake"}
    with pytest.raises(DataError, match="column sensor_shake: machine 'press-000': 0 values for"):
        decode_lives([encode_row(row)], SPEC)


def test_a_split_is_read_from_its_folder(tmp_path: Path) -> None:
    folder = split_folder(str(tmp_path), "eval")
    folder.mkdir()
    lives = make_sides()["eval"][:3]
    with tf.io.TFRecordWriter(str(folder / "data.gz"), tf.io.TFRecordOptions("GZIP")) as writer:
        for record in encode(lives):
            writer.write(record)
    assert gzip.decompress((folder / "data.gz").read_bytes())
    assert [life.machine for life in read_lives(str(tmp_path), "eval", SPEC)] == [
        life.machine for life in lives
    ]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 200), st.integers(0, 5), st.integers(1, 40))
def test_any_cut_of_any_life_comes_back(number: int, seed: int, n_rows: int) -> None:
    life = make_life(number, seed).cut(n_rows)
    (back,), _ = decode_lives(encode([life]), SPEC)
    assert is_same(life, back)
