"""The real training fits the pipeline's seam: measured, trained, exported, kept and read back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contract.errors import ConfigError
from contract.forecast import assemble
from models.forecast.release import build_bundle
from models.forecast.serving import ServingModel, require_same
from models.stages import forecast_training
from models.stages.life_training import TrainingTask, training
from tests.models.stages.fleet import SPEC, make_sides

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.usefixtures("eager")]

TINY = {"n_folds": 2, "n_rows": 64, "n_cuts": 200, "n_judged": 2, "fit": {"epochs": 1, "steps": 2}}


def measured() -> dict[str, Any]:
    lives = make_sides()["train"]
    rows = [np.concatenate([getattr(life, part) for life in lives]) for part in ("settings", "sensors")]
    found = forecast_training.measure(*rows)
    text = json.dumps({name: value.tolist() for name, value in found.items()})
    return dict(json.loads(text))  # as the transform graph keeps it


def test_trained_exported_and_read_back_it_answers_the_same(tmp_path: Path) -> None:
    sides = make_sides()
    task = TrainingTask(SPEC, sides["train"], sides["calibrate"], measured(), TINY)
    trained = training("models.stages.forecast_training").train(task)
    trained.save(tmp_path)
    inputs = assemble(sides["eval"], trained.inputs)
    names = [life.machine for life in sides["eval"]]
    served = ServingModel(build_bundle(trained, sides["eval"], "press-1", {})).answer(inputs)
    require_same(served, trained.answer(inputs), names, SPEC.horizon)
    require_same(served, forecast_training.load(tmp_path).answer(inputs), names, SPEC.horizon)
    again = forecast_training.train(replace(task, warm_start=tmp_path))
    assert again.fold_of == forecast_training.load(tmp_path).fold_of, (
        "it went on with the networks that know these machines"
    )


def test_networks_that_cannot_be_read_cost_the_warm_start_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "forecast.json").write_text("{}")
    sides = make_sides()
    task = TrainingTask(SPEC, sides["train"], sides["calibrate"], measured(), TINY, tmp_path)
    assert forecast_training.train(task).encoders
    assert "training starts from scratch" in caplog.text


def test_settings_that_the_training_does_not_have_are_refused() -> None:
    sides = make_sides()
    task = TrainingTask(SPEC, sides["train"], sides["calibrate"], measured(), {"speed": 1})
    with pytest.raises(ConfigError, match="settings: unknown key"):
        forecast_training.train(task)
