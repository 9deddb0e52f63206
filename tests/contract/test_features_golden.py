"""Features of a released version never change: a model was trained on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from contract.features import compute_features, feature_specs
from contract.profiles import FEATURE_VERSION, load_profile, profile_names
from tests.contract.golden_features import FOLDER, read, write_missing

CURRENT = FOLDER / f"v{FEATURE_VERSION}"


def test_every_shipped_profile_has_a_golden_file() -> None:
    assert {path.stem for path in CURRENT.iterdir()} == set(profile_names())


@pytest.mark.parametrize("path", sorted(CURRENT.iterdir()), ids=lambda path: path.stem)
def test_the_values_are_those_of_the_release(path: Path) -> None:
    profile, names, cases = read(path)
    assert [spec.name for spec in feature_specs(profile)] == names, "raise FEATURE_VERSION"
    for window, values, regime in cases:
        vector = compute_features(window, profile)
        np.testing.assert_allclose(vector.values, values, rtol=1e-4, err_msg="raise FEATURE_VERSION")
        assert vector.regime == regime


@pytest.mark.parametrize("name", profile_names())
def test_a_shipped_profile_still_yields_the_features_of_its_golden_file(name: str) -> None:
    golden, names, _ = read(CURRENT / f"{name}.npz")
    profile = load_profile(name)
    is_changed = [spec.name for spec in feature_specs(profile)] != names
    assert not is_changed or profile.version > golden.version, (
        "a profile with other features is another version"
    )


def test_golden_windows_hold_something_and_lack_something() -> None:
    values = [case[1] for path in CURRENT.iterdir() for case in read(path)[2]]
    assert all(np.isfinite(row).mean() > 0.8 for row in values)
    assert any(np.isnan(row).any() for row in values)


def test_the_tool_never_overwrites(tmp_path: Path) -> None:
    kept = tmp_path / "pump.npz"
    kept.write_bytes(b"released")
    assert set(write_missing(tmp_path)) == set(profile_names()) - {"pump"}
    assert kept.read_bytes() == b"released"
    assert write_missing(tmp_path) == []
