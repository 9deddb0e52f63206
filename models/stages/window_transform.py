"""The Transform's work on windows: brings the training side to `models.stages.window_measures`.

Rule: machines stay apart, though their windows travel one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from contract.profiles import parse_profile
from models.recorded import GAP, REGIME, feature_columns
from models.stages.transform import measure_once, stack_rows
from models.stages.window_measures import measure_windows


def preprocessing_fn(inputs: Mapping[str, Any], custom_config: Mapping[str, Any]) -> dict[str, Any]:
    """Measure the training side; TFX's Transform calls this.

    Args:
        inputs: Column name to ragged tensor, a row for each machine.
        custom_config: `profile`, as TOML.

    Returns:
        `measures`: the same JSON text for every machine.
    """
    toml = custom_config["profile"]
    features = stack_rows(inputs, feature_columns(parse_profile(toml)), GAP)
    tensors = [features, inputs[REGIME].flat_values, inputs[GAP].row_lengths()]
    return measure_once(tensors, partial(measure_windows, toml), inputs[GAP].nrows())
