"""A bundle for remaining useful life is read whole or refused whole, and says what its numbers mean."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from contract import bundle as edge_bundle
from contract.archive import format_tensor, pack, unpack
from contract.errors import BundleError
from contract.forecast import LEVELS, InputSpec, assemble
from contract.lives import LifeSpec
from contract.rul_bundle import (
    FORMAT,
    MAX_PART_BYTES,
    RulBundle,
    format_rul_bundle,
    input_kinds,
    parse_rul_bundle,
    read_rul_bundle,
    write_rul_bundle,
)
from tests.contract.rul_samples import MODEL, PLAIN, SPEC, make_bundle, make_life, make_manifest

PARTS = ("manifest.json", "model.tflite", "golden.npz")
WHOLE = format_rul_bundle(make_bundle())


def parts_of(data: bytes = WHOLE) -> dict[str, bytes]:
    return unpack(data, PARTS, largest=MAX_PART_BYTES)


def with_manifest(change: Callable[[dict[str, Any]], object], data: bytes = WHOLE) -> bytes:
    """A bundle whose manifest a wrong tool rewrote."""
    parts = parts_of(data)
    content = json.loads(parts["manifest.json"])
    change(content)
    return pack({**parts, "manifest.json": json.dumps(content).encode()})


def with_part(name: str, part: bytes) -> bytes:
    """A bundle with another part that its manifest agrees with."""
    data = pack({**parts_of(), name: part})
    return with_manifest(lambda m: m["sha256"].update({name: hashlib.sha256(part).hexdigest()}), data)


def refuse(data: bytes, match: str = ".") -> None:
    with pytest.raises(BundleError, match=match) as caught:
        parse_rul_bundle(data)
    assert "\n" not in str(caught.value)


def assert_same(one: RulBundle, other: RulBundle) -> None:
    assert one.manifest == other.manifest
    assert one.model == other.model
    for tensors, others in (
        (one.golden_input, other.golden_input),
        (one.golden_output, other.golden_output),
    ):
        assert list(tensors) == list(others)
        for name, tensor in tensors.items():
            np.testing.assert_array_equal(tensor, others[name])
            assert tensor.dtype == others[name].dtype


def test_what_was_written_is_read(tmp_path: Path) -> None:
    bundle = make_bundle()
    write_rul_bundle(tmp_path / "deep" / "a.igr", bundle)
    assert_same(read_rul_bundle(tmp_path / "deep" / "a.igr"), bundle)


def test_a_type_without_events_or_settings_is_read_too() -> None:
    spec = LifeSpec("fan", "cycle", 125, sensors=("s_1",), components=("rotor",))
    manifest = make_manifest(InputSpec(spec, 30, 0, head_rows=3))
    golden = {
        "age": np.zeros((1, 30), np.float32),
        "mask": np.ones((1, 30), np.float32),
        "settings": np.zeros((1, 30, 0), np.float32),
        "sensors": np.zeros((1, 30, 1), np.float32),
    }
    answer = {"quantiles": np.zeros((1, 7), np.float32), "mean": np.zeros((1, 1), np.float32)}
    bundle = RulBundle(manifest, MODEL, golden, answer)
    assert_same(parse_rul_bundle(format_rul_bundle(bundle)), bundle)


def test_a_model_of_several_components_asks_which_one() -> None:
    inputs = InputSpec(replace(SPEC, components=("bearing", "gear")), n_rows=24, n_events=3)
    lives = [make_life(5, component=name) for name in ("gear", "bearing")]
    bundle = replace(make_bundle(manifest=make_manifest(inputs)), golden_input=assemble(lives, inputs))
    assert input_kinds(inputs)["component"] == (np.int32, ())
    assert bundle.golden_input["component"].tolist() == [1, 0]
    data = format_rul_bundle(bundle)
    assert_same(parse_rul_bundle(data), bundle)
    refuse(with_manifest(lambda m: m["life"].update(components=["bearing"]), data), "and nothing else")
    refuse(with_manifest(lambda m: m["life"].update(components=[]), data), "needs a component")
    refuse(with_manifest(lambda m: m["life"].pop("components"), data), "components")


def test_the_same_content_gives_the_same_bytes() -> None:
    assert format_rul_bundle(parse_rul_bundle(WHOLE)) == WHOLE


def test_an_ensemble_larger_than_a_device_could_hold_has_room() -> None:
    large = replace(make_bundle(), model=MODEL + bytes(edge_bundle.MAX_BUNDLE_BYTES))
    assert len(parse_rul_bundle(format_rul_bundle(large)).model) > edge_bundle.MAX_BUNDLE_BYTES
    with pytest.raises(BundleError, match=r"model\.tflite is larger"):
        replace(large, model=MODEL + bytes(MAX_PART_BYTES))


def test_every_flipped_byte_and_every_truncation_is_found() -> None:
    rng = random.Random(0)
    for place in {*range(300), *range(len(WHOLE) - 300, len(WHOLE)), *rng.sample(range(len(WHOLE)), 200)}:
        damaged = bytearray(WHOLE)
        damaged[place] ^= 1 << rng.randrange(8)
        refuse(bytes(damaged))
    for length in (0, 1, *rng.sample(range(len(WHOLE)), 40), len(WHOLE) - 1):
        refuse(WHOLE[:length])


def test_an_edge_bundle_is_none() -> None:
    refuse(pack({"manifest.json": b"{}", "profile.toml": b"", "model.tflite": MODEL, "golden.npz": b""}))


WRONG_MANIFESTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "another format": lambda m: m.update(format=FORMAT + 1),
    "no life": lambda m: m.pop("life"),
    "life as text": lambda m: m.update(life="pump"),
    "no horizon": lambda m: m["life"].pop("horizon"),
    "a horizon of none": lambda m: m["life"].update(horizon=0),
    "a horizon as text": lambda m: m["life"].update(horizon="500"),
    "a horizon that is true": lambda m: m["life"].update(horizon=True),
    "an endless horizon": lambda m: m["life"].update(horizon=10**400),
    "a unit that is no name": lambda m: m["life"].update(time_unit=1),
    "sensors as text": lambda m: m["life"].update(sensors="abc"),
    "sensors as numbers": lambda m: m["life"].update(sensors=[1, 2]),
    "a sensor twice": lambda m: m["life"].update(sensors=["a", "a"]),
    "a sensor more": lambda m: m["life"]["sensors"].append("more"),
    "too few rows": lambda m: m.update(n_rows=5),
    "other rows": lambda m: m.update(n_rows=25),
    "rows as text": lambda m: m.update(n_rows="24"),
    "rows that are true": lambda m: m.update(n_events=True),
    "no first rows": lambda m: m.pop("head_rows"),
    "more first rows than rows": lambda m: m.update(head_rows=24),
    "no events read": lambda m: m.update(n_events=0),
    "no step": lambda m: m.pop("step"),
    "a step as text": lambda m: m.update(step="1"),
    "a step back": lambda m: m.update(step=-1.0),
    "a step that is none": lambda m: m.update(step=float("nan")),
    "other levels": lambda m: m["levels"].update(p50=0.4),
    "a level less": lambda m: m["levels"].pop("p25"),
    "other outputs": lambda m: m.update(outputs=["mean", "quantiles"]),
    "no calibration": lambda m: m.pop("interval_80"),
    "an empty calibration": lambda m: m.update(interval_90=[]),
    "a calibration as text": lambda m: m.update(interval_90="x"),
    "a correction that is none": lambda m: m.update(interval_80=[[0, None, 1]]),
    "metrics in a list": lambda m: m.update(metrics=[]),
    "no name": lambda m: m.update(name=""),
    "a version with a line break": lambda m: m.update(version="1\n2"),
    "a version as number": lambda m: m.update(version=3),
}


@pytest.mark.parametrize("change", WRONG_MANIFESTS.values(), ids=WRONG_MANIFESTS)
def test_a_manifest_that_cannot_be_right_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    refuse(with_manifest(change))


def test_what_a_newer_tool_added_is_left_aside() -> None:
    assert parse_rul_bundle(with_manifest(lambda m: m.update(licence="new"))).manifest == make_manifest()


def test_a_model_that_is_none_is_refused() -> None:
    refuse(with_part("model.tflite", b"#!/bin/sh"), "no TFLite model")


def golden_parts() -> dict[str, bytes]:
    bundle = make_bundle()
    tensors = {f"input_{name}.npy": tensor for name, tensor in bundle.golden_input.items()}
    tensors |= {f"output_{name}.npy": tensor for name, tensor in bundle.golden_output.items()}
    return {name: format_tensor(tensor) for name, tensor in tensors.items()}


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("input_age.npy", np.zeros((2, 24), np.float64)),
        ("input_age.npy", np.zeros((3, 24), np.float32)),
        ("input_sensors.npy", np.zeros((2, 24, 3), np.float32)),
        ("input_event_code.npy", np.zeros((2, 3), np.float32)),
        ("output_quantiles.npy", np.zeros((2, 6), np.float32)),
        ("output_mean.npy", np.zeros((2,), np.float32)),
    ],
)
def test_golden_tensors_of_another_kind_are_refused(name: str, tensor: np.ndarray[Any, Any]) -> None:
    parts = golden_parts()
    assert parse_rul_bundle(with_part("golden.npz", pack(parts))).model == MODEL
    refuse(with_part("golden.npz", pack({**parts, name: format_tensor(tensor)})))


def test_golden_tensors_must_all_be_there_and_hold_a_life() -> None:
    parts = golden_parts()
    del parts["input_event_ago.npy"]
    refuse(with_part("golden.npz", pack(parts)), "nothing else")
    bundle = make_bundle()
    with pytest.raises(BundleError, match="golden"):
        replace(bundle, golden_input={name: t[:0] for name, t in bundle.golden_input.items()})
    with pytest.raises(BundleError, match="golden"):
        replace(bundle, golden_input={name: bundle.golden_input[name] for name in ("mask",)})


def test_a_file_that_is_not_there_or_is_huge_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="cannot be read"):
        read_rul_bundle(tmp_path / "none.igr")
    with (tmp_path / "huge.igr").open("wb") as sparse:
        sparse.truncate(100 * MAX_PART_BYTES)
    with pytest.raises(BundleError, match=r"huge\.igr: larger than"):
        read_rul_bundle(tmp_path / "huge.igr")


class TestForecasts:
    MANIFEST = make_manifest()

    def outputs(self, *rows: Sequence[float], mean: float = 50.0) -> dict[str, Any]:
        return {
            "quantiles": np.array(rows, np.float32),
            "mean": np.full((len(rows), 1), mean, np.float32),
        }

    def test_the_80_percent_interval_is_corrected_by_its_range(self) -> None:
        near, far = [5, 20, 30, 50, 60, 70, 80], [50, 120, 130, 150, 160, 170, 180]
        first, second = self.MANIFEST.forecasts(self.outputs(near, far))
        assert first is not None and second is not None
        assert (first.p10, first.p50, first.p90, first.mean) == (15, 50, 80, 50)
        assert (second.p10, second.p50, second.p90) == (100, 150, 210)
        assert not first.is_beyond and first.horizon == SPEC.horizon

    def test_nothing_is_said_beyond_the_horizon(self) -> None:
        (forecast,) = self.MANIFEST.forecasts(self.outputs([490, 495, 499, 505, 600, 700, 800], mean=510))
        assert forecast is not None
        assert forecast.is_beyond
        assert (forecast.p50, forecast.p90, forecast.mean) == (500, 500, 500)

    @pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
    def test_an_answer_that_is_no_number_is_no_forecast_and_spoils_no_other(self, wrong: float) -> None:
        fine = [5, 20, 30, 50, 60, 70, 80]
        bad, good = self.MANIFEST.forecasts(self.outputs([5, 20, 30, wrong, 60, 70, 80], fine))
        assert bad is None and good is not None
        outputs = self.outputs(fine)
        outputs["mean"][0] = wrong
        assert self.MANIFEST.forecasts(outputs) == [None]

    def test_other_shapes_are_refused(self) -> None:
        outputs = self.outputs([5, 20, 30, 50, 60, 70])
        with pytest.raises(BundleError, match="the model answers"):
            self.MANIFEST.forecasts(outputs)
        outputs = self.outputs([5, 20, 30, 50, 60, 70, 80]) | {"mean": np.zeros((2, 1))}
        with pytest.raises(BundleError, match="the model answers"):
            self.MANIFEST.forecasts(outputs)

    @given(arrays(np.float32, (4, len(LEVELS)), elements=st.floats(-1000, 2000, width=32)))
    def test_every_forecast_is_in_order_and_within_the_horizon(self, rows: Any) -> None:
        outputs = {"quantiles": np.sort(rows, axis=1), "mean": rows[:, :1]}
        for manifest in (self.MANIFEST, make_manifest(interval_80=PLAIN)):
            for forecast in manifest.forecasts(outputs):
                assert forecast is not None
                assert 0 <= forecast.p10 <= forecast.p50 <= forecast.p90 <= SPEC.horizon
                assert 0 <= forecast.mean <= SPEC.horizon
