"""The exported file, as the pipeline's stages ask it.

Rule: whatever judges a model in the pipeline asks this file, never the network that it was exported from;
only the serving gate compares the two.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from contract.forecast import LEVELS
from contract.lives import Life
from contract.rul_bundle import MEAN, QUANTILES, read_rul_bundle
from models.forecast.serving import ServingModel

BUNDLE_FILE = "model.igr"

_P05, _P50, _P95 = (list(LEVELS).index(name) for name in ("p05", "p50", "p95"))


@lru_cache(maxsize=4)
def load_serving_model(folder: str) -> ServingModel:
    """The model of an artifact's serving folder; kept, because several stages ask the same one.

    Raises:
        BundleError: it is damaged, or the runtime refuses it.
    """
    return ServingModel(read_rul_bundle(Path(folder) / BUNDLE_FILE))


def predict(path: str, lives: list[Life]) -> Any:
    """Expected RUL and calibrated 90 % interval, float64 (n, 3), as the exported file forecasts them.

    Raises:
        BundleError: the file is damaged, or the runtime refuses it.
    """
    model = load_serving_model(path)
    horizon = model.manifest.inputs.life.horizon
    answer = model.answer_lives(lives)
    quantiles = np.clip(answer[QUANTILES].astype(np.float64), 0, horizon)
    low, high = model.manifest.interval_90.apply(
        quantiles[:, _P50], quantiles[:, _P05], quantiles[:, _P95], horizon
    )
    return np.stack([np.clip(answer[MEAN][:, 0], 0, horizon), low, high], axis=1)
