"""A bundle is read whole or refused whole."""

from __future__ import annotations

import io
import json
import random
import stat
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contract.archive import MAX_PART_BYTES, format_tensor, pack, unpack, write_atomically
from contract.bundle import FORMAT, MAX_BUNDLE_BYTES, Bundle, Manifest, load_bundle, read_bundle, write_bundle
from contract.errors import BundleError
from contract.features import feature_specs
from contract.profiles import format_profile, load_profile

PROFILE = load_profile("cwru-bearing")
NAMES = tuple(spec.name for spec in feature_specs(PROFILE))
SHAPE = (3, 1, PROFILE.window.context, len(NAMES))
RNG = np.random.default_rng(0)
GOLDEN_IN = RNG.integers(-128, 128, SHAPE).astype(np.int8)
GOLDEN_OUT = RNG.integers(-128, 128, SHAPE).astype(np.int8)
COMPILED_PART = "model_edgetpu.tflite"
MODEL = b"\x1c\0\0\0TFL3" + RNG.bytes(3000)
MANIFEST = Manifest(
    name="bearing",
    version="bearing 1.2.0",
    profile_name=PROFILE.name,
    profile_version=PROFILE.version,
    feature_version=PROFILE.feature_version,
    features=NAMES,
    context=PROFILE.window.context,
    fleet_spread=np.linspace(0.1, 1.0, len(NAMES), dtype=np.float32),
    fleet_residual=np.linspace(0.2, 2.0, len(NAMES), dtype=np.float32),
    fleet_error_spread=0.31,
    fleet_error_location=-1.25,
    prior_windows=20,
    metrics={"auc_pr": 0.91, "per_machine": [1, 2, None]},
    lineage={"commit": "abc", "seed": 7},
)
BUNDLE = Bundle(MANIFEST, PROFILE, MODEL, GOLDEN_IN, GOLDEN_OUT)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "model.igb"
    write_bundle(path, BUNDLE)
    return path


def parts_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def refuse(path: Path, match: str = ".") -> None:
    with pytest.raises(BundleError, match=match) as caught:
        read_bundle(path)
    assert "\n" not in str(caught.value)


def with_manifest(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Rewrite the manifest as a wrong tool could."""
    parts = parts_of(path)
    content = json.loads(parts["manifest.json"])
    change(content)
    path.write_bytes(pack({**parts, "manifest.json": json.dumps(content).encode()}))


def with_part(path: Path, name: str, part: bytes) -> None:
    """Replace a part and make the manifest agree, as a wrong tool could."""
    import hashlib

    path.write_bytes(pack({**parts_of(path), name: part}))
    with_manifest(path, lambda m: m["sha256"].update({name: hashlib.sha256(part).hexdigest()}))


def test_what_was_written_is_read(path: Path) -> None:
    again = read_bundle(path)
    assert again.profile == PROFILE
    assert again.model == MODEL
    np.testing.assert_array_equal(again.golden_input, GOLDEN_IN)
    np.testing.assert_array_equal(again.golden_output, GOLDEN_OUT)
    for name in ("name", "version", "features", "context", "prior_windows", "metrics", "lineage"):
        assert getattr(again.manifest, name) == getattr(MANIFEST, name)
    assert (again.manifest.fleet_error_spread, again.manifest.fleet_error_location) == (0.31, -1.25)
    assert again.manifest.error_prior == (-1.25, 0.31, 20)
    np.testing.assert_array_equal(again.manifest.fleet_spread, MANIFEST.fleet_spread)
    np.testing.assert_array_equal(again.manifest.fleet_residual, MANIFEST.fleet_residual)
    assert set(again.manifest.sha256) == {"profile.toml", "model.tflite", "golden.npz"}


def test_a_compiled_model_travels_along(tmp_path: Path) -> None:
    compiled = b"\x1c\0\0\0TFL3" + RNG.bytes(500)
    write_bundle(tmp_path / "a.igb", replace(BUNDLE, edge_tpu_model=compiled))
    again = read_bundle(tmp_path / "a.igb")
    assert again.edge_tpu_model == compiled
    assert again.model == MODEL
    assert set(again.manifest.sha256) == {"profile.toml", "model.tflite", "golden.npz", COMPILED_PART}
    write_bundle(tmp_path / "b.igb", again)
    assert (tmp_path / "b.igb").read_bytes() == (tmp_path / "a.igb").read_bytes()


def test_a_bundle_without_a_compiled_model_is_what_it_always_was(path: Path) -> None:
    assert read_bundle(path).edge_tpu_model is None
    assert list(parts_of(path)) == ["manifest.json", "profile.toml", "model.tflite", "golden.npz"]


@pytest.mark.parametrize("compiled", [b"", b"\x1c\0\0\0ELF3", b"\x1c\0\0\0TFL3" + bytes(MAX_PART_BYTES)])
def test_a_compiled_model_that_is_none_is_refused(compiled: bytes) -> None:
    with pytest.raises(BundleError, match=COMPILED_PART):
        replace(BUNDLE, edge_tpu_model=compiled)


def test_a_compiled_model_that_the_manifest_does_not_know_is_refused(path: Path) -> None:
    path.write_bytes(pack({**parts_of(path), COMPILED_PART: b"\x1c\0\0\0TFL3"}))
    refuse(path, f"{COMPILED_PART} is not what the manifest says")


def test_a_compiled_model_that_was_taken_out_is_missed(tmp_path: Path) -> None:
    path = tmp_path / "a.igb"
    write_bundle(path, replace(BUNDLE, edge_tpu_model=MODEL))
    parts = parts_of(path)
    del parts[COMPILED_PART]
    path.write_bytes(pack(parts))
    refuse(path, f"{COMPILED_PART} is not what the manifest says")


def test_the_same_content_gives_the_same_bytes(path: Path, tmp_path: Path) -> None:
    write_bundle(tmp_path / "other" / "again.igb", read_bundle(path))
    assert (tmp_path / "other" / "again.igb").read_bytes() == path.read_bytes()


def test_anyone_can_read_the_file_and_nothing_is_left_beside_it(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [p.name for p in path.parent.iterdir()] == ["model.igb"]
    assert sorted(parts_of(path)) == ["golden.npz", "manifest.json", "model.tflite", "profile.toml"]
    golden = np.load(io.BytesIO(parts_of(path)["golden.npz"]))
    np.testing.assert_array_equal(golden["input"], GOLDEN_IN)


def test_every_flipped_byte_is_found(path: Path) -> None:
    whole = path.read_bytes()
    rng = random.Random(0)
    places = {*range(0, 400), *range(len(whole) - 600, len(whole)), *rng.sample(range(len(whole)), 400)}
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        refuse(path)


def test_every_truncation_is_found(path: Path) -> None:
    whole = path.read_bytes()
    for length in (0, 1, 10, *random.Random(0).sample(range(len(whole)), 60), len(whole) - 1):
        path.write_bytes(whole[:length])
        refuse(path)


def test_bytes_before_or_after_are_found(path: Path) -> None:
    whole = path.read_bytes()
    for damaged in (whole + b"\0", b"\0" + whole, whole + whole):
        path.write_bytes(damaged)
        refuse(path)


def test_noise_is_no_bundle(path: Path) -> None:
    rng = random.Random(0)
    for length in (0, 3, 22, 100, 5000):
        path.write_bytes(rng.randbytes(length))
        refuse(path, "damaged, or no bundle")


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "extra.txt", "MANIFEST.JSON", "model.tflite/x"])
def test_a_part_too_many_or_of_another_name_is_refused(path: Path, name: str) -> None:
    parts = parts_of(path)
    path.write_bytes(pack({**parts, name: b"x"}))
    refuse(path, "nothing else")
    del parts["model.tflite"]
    path.write_bytes(pack({**parts, name: b"x"}))
    refuse(path, "nothing else")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_part_named_twice_is_refused(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("model.tflite", b"other")
    refuse(path, "nothing else")


def test_a_zip_bomb_costs_nothing(path: Path) -> None:
    parts = parts_of(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part if name != "model.tflite" else b"\0" * (MAX_PART_BYTES + 1))
    refuse(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    refuse(path, "compressed")


def test_a_huge_file_is_not_read(path: Path) -> None:
    with path.open("wb") as sparse:
        sparse.truncate(MAX_BUNDLE_BYTES * 1000)
    refuse(path, "larger than")


def test_a_huge_part_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="larger than"):
        replace(BUNDLE, model=MODEL + b"\0" * MAX_PART_BYTES)
    with pytest.raises(BundleError, match="larger than"):
        write_bundle(
            tmp_path / "x.igb",
            replace(BUNDLE, manifest=replace(MANIFEST, lineage={"x": "y" * MAX_PART_BYTES})),
        )


def test_a_tensor_that_claims_more_than_there_is_costs_nothing(path: Path) -> None:
    honest = format_tensor(GOLDEN_IN)
    lying = honest.replace(str(SHAPE).encode(), b"(9999999999, 1, 8, 16)")
    lying = (
        lying[:8]
        + (len(lying) - len(honest) + int.from_bytes(honest[8:10], "little")).to_bytes(2, "little")
        + lying[10:]
    )
    with_part(path, "golden.npz", pack({"input.npy": lying, "output.npy": honest}))
    refuse(path, "int8")


@pytest.mark.parametrize(
    "array",
    [np.zeros(SHAPE, np.float32), np.zeros(SHAPE[1:], np.int8), np.asfortranarray(np.zeros(SHAPE, np.int8))],
)
def test_golden_tensors_of_another_kind_are_refused(path: Path, array: np.ndarray[Any, Any]) -> None:
    buffer = io.BytesIO()
    np.save(buffer, array)
    with_part(
        path, "golden.npz", pack({"input.npy": buffer.getvalue(), "output.npy": format_tensor(GOLDEN_OUT)})
    )
    refuse(path, "int8")


PER_FEATURE = ("fleet_spread", "fleet_residual")


@pytest.mark.parametrize("wrong", [*PER_FEATURE, "fleet_error_spread", "fleet_error_location"])
@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), 10**400, "1", True, None],
    ids=["nan", "inf", "huge", "text", "true", "null"],
)
def test_numbers_that_are_none_are_refused(path: Path, wrong: str, value: Any) -> None:
    with_manifest(path, lambda m: m.update({wrong: [value] * len(NAMES) if wrong in PER_FEATURE else value}))
    refuse(path)


WRONG_MANIFESTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "the format before this": lambda m: m.update(format=1),
    "the format after this": lambda m: m.update(format=FORMAT + 1),
    "no format": lambda m: m.pop("format"),
    "no context": lambda m: m.pop("context"),
    "no sha256": lambda m: m.pop("sha256"),
    "empty sha256": lambda m: m.update(sha256={}),
    "sha256 of nothing": lambda m: m["sha256"].update({"model.tflite": "0" * 64}),
    "sha256 as text": lambda m: m.update(sha256="abc"),
    "another profile": lambda m: m.update(profile_name="pump"),
    "another profile version": lambda m: m.update(profile_version=2),
    "another feature version": lambda m: m.update(feature_version=2),
    "another context": lambda m: m.update(context=16),
    "context as text": lambda m: m.update(context="8"),
    "context as float": lambda m: m.update(context=8.0),
    "another order of features": lambda m: m["features"].reverse(),
    "a feature too few": lambda m: m["features"].pop(),
    "features as text": lambda m: m.update(features="abc"),
    "features as numbers": lambda m: m.update(features=list(range(len(NAMES)))),
    "a spread too few": lambda m: m["fleet_spread"].pop(),
    "a spread of zero": lambda m: m["fleet_spread"].__setitem__(0, 0.0),
    "a negative spread": lambda m: m["fleet_spread"].__setitem__(0, -0.1),
    "spreads in a table": lambda m: m.update(fleet_spread={}),
    "no residuals": lambda m: m.pop("fleet_residual"),
    "a residual too few": lambda m: m["fleet_residual"].pop(),
    "a residual of zero": lambda m: m["fleet_residual"].__setitem__(0, 0.0),
    "residuals as text": lambda m: m.update(fleet_residual="abc"),
    "an error spread of zero": lambda m: m.update(fleet_error_spread=0),
    "a negative prior": lambda m: m.update(prior_windows=-1),
    "a version with a line break": lambda m: m.update(version="1\n2"),
    "no name": lambda m: m.update(name=""),
    "a number as name": lambda m: m.update(name=5),
    "metrics in a list": lambda m: m.update(metrics=[]),
    "lineage as text": lambda m: m.update(lineage="x"),
}


@pytest.mark.parametrize("change", WRONG_MANIFESTS.values(), ids=WRONG_MANIFESTS)
def test_a_manifest_that_cannot_be_right_is_refused(
    path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    with_manifest(path, change)
    refuse(path, "model.igb")


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"5", b'{"format": 2}', b"\xff", b"[" * 100_000, b'{"format": NaN}']
)
def test_a_manifest_that_is_no_object_is_refused(path: Path, text: bytes) -> None:
    path.write_bytes(pack({**parts_of(path), "manifest.json": text}))
    refuse(path)


def test_what_a_newer_tool_added_is_left_aside(path: Path) -> None:
    with_manifest(path, lambda m: m.update(licence="something new"))
    assert read_bundle(path).manifest.version == MANIFEST.version


def test_a_profile_that_does_not_fit_is_refused(path: Path) -> None:
    with_part(path, "profile.toml", format_profile(load_profile("pump")).encode())
    refuse(path, "profile")
    with_part(path, "profile.toml", b"name = ")
    refuse(path, "TOML")
    with_part(path, "profile.toml", b"\xff\xfe")
    refuse(path)


def test_a_model_that_is_none_is_refused(path: Path) -> None:
    with_part(path, "model.tflite", b"#!/bin/sh")
    refuse(path, "no TFLite model")


def test_golden_tensors_must_fit_the_model() -> None:
    with pytest.raises(BundleError, match="golden"):
        replace(BUNDLE, golden_output=GOLDEN_OUT[:, :, :, :-1])
    with pytest.raises(BundleError, match="number"):
        replace(BUNDLE, golden_output=GOLDEN_OUT[:1])
    with pytest.raises(BundleError, match="golden"):
        replace(BUNDLE, golden_input=GOLDEN_IN[:0], golden_output=GOLDEN_OUT[:0])


def test_metrics_must_be_plain(tmp_path: Path) -> None:
    for metrics in ({"x": object()}, {"x": float("nan")}):
        with pytest.raises(BundleError, match="plain JSON"):
            write_bundle(tmp_path / "x.igb", replace(BUNDLE, manifest=replace(MANIFEST, metrics=metrics)))


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    refuse(tmp_path / "nothing.igb", "cannot be read")
    refuse(tmp_path, "cannot be read")


def test_a_failed_write_leaves_the_old_file(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(BundleError):
        write_bundle(path / "below" / "a-file.igb", BUNDLE)
    assert path.read_bytes() == before
    with pytest.raises(OSError):
        write_atomically(path.parent, b"a folder is in the way")
    assert [p.name for p in path.parent.iterdir()] == ["model.igb"]
    assert not list(path.parent.parent.glob(f".{path.parent.name}.*"))


def test_a_bundle_is_loaded_by_path(path: Path) -> None:
    assert load_bundle(str(path)).manifest.version == MANIFEST.version


@pytest.mark.parametrize("name", ["no-such-profile", "./no/such/file.igb", ""])
def test_a_missing_bundle_says_how_to_train_one(name: str) -> None:
    with pytest.raises(BundleError, match="industrialguard train edge --profile") as caught:
        load_bundle(name)
    assert "\n" not in str(caught.value)


def test_shipped_bundles_can_be_read() -> None:
    from importlib import resources

    folder = resources.files("contract") / "bundles_shipped"
    for name in [f.name for f in folder.iterdir() if f.name.endswith(".igb")]:
        bundle = load_bundle(name.removesuffix(".igb"))
        assert bundle.profile == load_profile(bundle.manifest.profile_name)


def test_packing_is_exact() -> None:
    parts = {"a": b"1", "b": b""}
    assert unpack(pack(parts), ("a", "b")) == parts
    with pytest.raises(BundleError):
        unpack(pack(parts), ("b", "a"))
