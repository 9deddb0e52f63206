"""A forecast's graph as the one file that the cloud runs.

Rule: float32, any number of lives at a time, one signature, built-in operations only: whatever runs TFLite
runs it.
"""

from __future__ import annotations

import tempfile

from contract.forecast import InputSpec
from models.backend import tf
from models.keras3 import keras
from models.rul import raw_inputs

SIGNATURE = "serving_default"


def export_tflite(network: keras.Model, spec: InputSpec) -> bytes:
    """Convert a network.

    Args:
        network: From raw inputs to `quantiles` and `mean`.
        spec: What the raw inputs are.

    Returns:
        A TFLite file; its inputs and outputs go by their names.
    """
    places = {
        name: keras.InputSpec(shape=place.shape, dtype=place.dtype, name=name)
        for name, place in raw_inputs(spec).items()
    }
    with tempfile.TemporaryDirectory() as folder:
        network.export(folder, format="tf_saved_model", input_signature=[places], verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        return bytes(converter.convert())
