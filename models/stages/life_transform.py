"""The Transform's work on lives: what the training side says of each setting and sensor.

Rule: what is measured is `ForecastTraining.measure`, the same function that plain training calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from contract.life_columns import SENSOR, SETTING
from models.stages.life_training import training
from models.stages.transform import measure_once, stack_rows


def preprocessing_fn(inputs: Mapping[str, Any], custom_config: Mapping[str, Any]) -> dict[str, Any]:
    """Measure the training side; TFX's Transform calls this.

    Args:
        inputs: Column name to ragged tensor, a row for each life.
        custom_config: `settings` and `sensors`, names in order, and `training`, the module that measures.

    Returns:
        `measures`: the same JSON text for every life.
    """
    settings = [f"{SETTING}{name}" for name in custom_config["settings"]]
    sensors = [f"{SENSOR}{name}" for name in custom_config["sensors"]]
    tensors = [stack_rows(inputs, settings, "age"), stack_rows(inputs, sensors, "age")]
    return measure_once(tensors, partial(_measure, custom_config["training"]), inputs["age"].nrows())


def _measure(module: str, settings: Any, sensors: Any) -> Mapping[str, Any]:
    return training(module).measure(settings, sensors)
