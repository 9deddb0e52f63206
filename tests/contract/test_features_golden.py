"""Features of a released version never change: a model was trained on them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from contract.features import compute_features, feature_specs
from contract.profiles import FEATURE_VERSION, MachineProfile, WindowSpec, load_profile, profile_names
from tests.contract.golden_features import FOLDER, definition, golden_of, read, write_missing

CURRENT = FOLDER / f"v{FEATURE_VERSION}"
RELEASED = {
    "bearing-rig": "875f0b455ec3994830ead376c1df36ac1c95feec83df56460696b019d6b6dfe4",
    "cwru-bearing": "c5519290e83e554b6ded4ca082dc3bb1ee55ad25c0e025841a0ff3801e770f3e",
    "pump-loop": "2de4234d0a95221aeec113d3933470b2492a43af61a01d555e588b44eff7d3ad",
    "pump": "1473107371c474978f5ed6fc1bde4caa92fb8ceca2175e7fed6aeb8c8119113f",
    "pump.v3": "e4b9c546b592aefb060f7584fe358e8e6be653a604a78260da386214e296416b",
    "turbofan": "595349e21885bc83e1e4dcf395403c218225c8e3366f2729401d37437a4e7012",
}
"""SHA-256 of the files that were released with feature version 1; a line is added, never changed."""


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_file_is_the_file_that_was_released(name: str) -> None:
    data = (FOLDER / "v1" / f"{name}.npz").read_bytes()
    assert hashlib.sha256(data).hexdigest() == RELEASED[name], "restore it, and raise FEATURE_VERSION"


def test_every_shipped_profile_has_a_golden_file_and_every_file_a_profile() -> None:
    for name in profile_names():
        assert golden_of(load_profile(name), CURRENT), "write it: python -m tests.contract.golden_features"
    assert {read(path)[0].name for path in CURRENT.iterdir()} == set(profile_names())


@pytest.mark.parametrize("path", sorted(CURRENT.iterdir()), ids=lambda path: path.stem)
def test_the_values_are_those_of_the_release(path: Path) -> None:
    profile, names, cases = read(path)
    assert [spec.name for spec in feature_specs(profile)] == names, "raise FEATURE_VERSION"
    for window, values, regime in cases:
        vector = compute_features(window, profile)
        np.testing.assert_allclose(vector.values, values, rtol=1e-4, err_msg="raise FEATURE_VERSION")
        assert vector.regime == regime


@pytest.mark.parametrize("name", profile_names())
def test_a_shipped_profile_yields_the_features_of_its_golden_file(name: str) -> None:
    """Also a later version of it than the file holds: its hops and contexts are no part of a window."""
    profile = load_profile(name)
    path = golden_of(profile, CURRENT)
    assert path is not None
    kept, names, cases = read(path)
    assert kept.name == name and kept.version <= profile.version
    assert [spec.name for spec in feature_specs(profile)] == names
    for window, values, regime in cases:
        vector = compute_features(window, profile)
        np.testing.assert_allclose(vector.values, values, rtol=1e-4)
        assert vector.regime == regime


def test_golden_windows_hold_something_and_lack_something() -> None:
    values = [case[1] for path in CURRENT.iterdir() for case in read(path)[2]]
    assert all(np.isfinite(row).mean() > 0.8 for row in values)
    assert any(np.isnan(row).any() for row in values)


def longer(profile: MachineProfile, version: int) -> MachineProfile:
    """The same machine, cut into windows of twice the length."""
    length_s = 2 * profile.window.length_s
    window = WindowSpec(length_s, length_s, profile.window.context)
    return replace(profile, version=version, window=window, summary_interval_s=length_s)


def test_what_features_do_not_depend_on_is_no_other_definition() -> None:
    profile = load_profile("pump-loop")
    other_hop = replace(profile, version=9, window=replace(profile.window, hop_s=5.0, context=8))
    assert definition(other_hop) == definition(profile)
    assert definition(longer(profile, profile.version)) != definition(profile)
    assert definition(replace(profile, sensors=profile.sensors[:-1])) != definition(profile)


def test_the_tool_never_overwrites(tmp_path: Path) -> None:
    profile = load_profile("cwru-bearing")
    write_missing(tmp_path, [profile])
    (kept,) = tmp_path.iterdir()
    before = kept.read_bytes()
    assert write_missing(tmp_path, [profile, replace(profile, version=2)]) == []
    assert len(write_missing(tmp_path)) == len(profile_names()) - 1
    assert kept.read_bytes() == before
    assert write_missing(tmp_path) == []


def test_a_version_with_other_features_gets_a_file_of_its_own(tmp_path: Path) -> None:
    first = replace(load_profile("cwru-bearing"), version=1)
    assert write_missing(tmp_path, [first]) == ["cwru-bearing"]
    with pytest.raises(FileExistsError):
        write_missing(tmp_path, [longer(first, 1)])
    assert write_missing(tmp_path, [longer(first, 2)]) == ["cwru-bearing.v2"]
    assert golden_of(first, tmp_path) == tmp_path / "cwru-bearing.npz"
    assert golden_of(longer(first, 2), tmp_path) == tmp_path / "cwru-bearing.v2.npz"
