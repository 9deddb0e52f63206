"""What is saved answers as before, and what is damaged is refused in one line."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import ModelFileError
from models.forecast.ensemble import SETTINGS, WEIGHTS, Ensemble, load_ensemble
from tests.models.forecast.ensembles import LIVES, untrained_ensemble


@pytest.fixture(scope="module")
def small() -> Ensemble:
    return untrained_ensemble()


@pytest.fixture(scope="module")
def saved(small: Ensemble, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forecast")
    small.save(folder)
    return folder


@pytest.mark.slow
def test_what_is_loaded_answers_the_same_bits(ensemble: Ensemble, tmp_path: Path) -> None:
    ensemble.save(tmp_path)
    loaded = load_ensemble(tmp_path)
    for name, values in ensemble.answer_lives(LIVES).items():
        np.testing.assert_array_equal(loaded.answer_lives(LIVES)[name], values)


def test_what_is_loaded_is_all_that_was_saved(small: Ensemble, saved: Path) -> None:
    loaded = load_ensemble(saved)
    for name in ("config", "interval_80", "interval_90", "figures", "fold_of", "inputs"):
        assert getattr(loaded, name) == getattr(small, name), name
    for name in ("offset", "scale", "centres", "mean", "gain"):
        kept = getattr(loaded.constants, name)
        assert kept.dtype == np.float32
        np.testing.assert_array_equal(kept, getattr(small.constants, name))


def rewrite(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    """Damage that changes the settings' content."""

    def damage(folder: Path) -> None:
        content = json.loads((folder / SETTINGS).read_text("utf-8"))
        change(content)
        (folder / SETTINGS).write_text(json.dumps(content), "utf-8")

    return damage


def put(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def flip(folder: Path) -> None:
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[len(content) // 2] ^= 0xFF
    (folder / WEIGHTS).write_bytes(content)


def fewer(folder: Path) -> None:
    with np.load(folder / WEIGHTS) as weights:
        np.savez(folder / WEIGHTS, **dict(list(weights.items())[:-1]))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "no folder": shutil.rmtree,
    "no settings": lambda folder: (folder / SETTINGS).unlink(),
    "empty settings": put(SETTINGS, b""),
    "no text": put(SETTINGS, b"\xff\xfe"),
    "a list": put(SETTINGS, b"[]"),
    "no config": rewrite(lambda content: content.pop("config")),
    "unknown config": rewrite(lambda content: content["config"].update(colour=1)),
    "bad width": rewrite(lambda content: content["config"].update(width=63)),
    "bad name": rewrite(lambda content: content["config"]["inputs"]["life"].update(machine_type="A B")),
    "no rows": rewrite(lambda content: content["config"]["inputs"].update(n_rows=0)),
    "no encoders": rewrite(lambda content: content.update(n_encoders=0)),
    "more encoders": rewrite(lambda content: content.update(n_encoders=2)),
    "bad constants": rewrite(lambda content: content["constants"].update(mean="x")),
    "no calibration": rewrite(lambda content: content.update(interval_90=[])),
    "no figures": rewrite(lambda content: content.pop("figures")),
    "no weights": lambda folder: (folder / WEIGHTS).unlink(),
    "empty weights": put(WEIGHTS, b""),
    "no archive": put(WEIGHTS, b"weights"),
    "cut weights": lambda folder: put(WEIGHTS, (folder / WEIGHTS).read_bytes()[:5000])(folder),
    "flipped byte": flip,
    "fewer weights": fewer,
    "other sizes": rewrite(lambda content: content["config"].update(n_bins=12)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_refused(damage: str, saved: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(saved, tmp_path / "copy")
    DAMAGES[damage](folder)
    with pytest.raises(ModelFileError) as refused:
        load_ensemble(folder)
    assert str(folder) in str(refused.value)


def test_nothing_else_is_kept_in_a_folder(saved: Path, small: Ensemble) -> None:
    assert {path.name for path in saved.iterdir()} == {SETTINGS, WEIGHTS}
    other = replace(small, figures={})
    other.save(saved)
    assert load_ensemble(saved).figures == {}
    small.save(saved)
