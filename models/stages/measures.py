"""What the Transform measured of the training side, read back from its graph.

Rule: the numbers come from the transform graph that is kept as an artifact, so lineage shows which ones a
model was trained with.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tensorflow_transform as tft

from models.stages.backend import tf

MEASURES = "measures"


def read_measures(graph: Path, record: bytes) -> dict[str, Any]:
    """What was measured, from the transform graph; any example makes it answer.

    Returns:
        Name to nested lists of numbers.
    """
    output = tft.TFTransformOutput(str(graph))
    raw = tf.io.parse_example(tf.constant([record]), output.raw_feature_spec())
    text = output.transform_raw_features(raw)[MEASURES].numpy()[0]
    return dict(json.loads(text))
