"""The pipeline asks the exported file, and loads it once."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from contract.forecast import InputSpec
from contract.rul_bundle import write_rul_bundle
from models.forecast.release import build_bundle
from models.stages.serving_file import BUNDLE_FILE, load_serving_model, predict
from tests.models.stages.fleet import SPEC, make_sides
from tests.models.stages.stub_forecast import StubForecast, build_network, measure

LIVES = make_sides()["eval"]


def test_predictions_stay_within_the_horizon(tmp_path: Path) -> None:
    rows = [np.concatenate([getattr(life, part) for life in LIVES]) for part in ("settings", "sensors")]
    inputs = InputSpec(SPEC, 40, 0)
    network = StubForecast(inputs, build_network(inputs, measure(*rows)))
    bundle = build_bundle(network, LIVES, "press-1", {"span": "1"})
    write_rul_bundle(tmp_path / BUNDLE_FILE, bundle)
    predicted = predict(str(tmp_path), LIVES)
    assert predicted.shape == (len(LIVES), 3)
    assert np.all((predicted >= 0) & (predicted <= SPEC.horizon))
    assert np.all(predicted[:, 1] <= predicted[:, 2])
    assert load_serving_model(str(tmp_path)) is load_serving_model(str(tmp_path))
