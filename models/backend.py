"""The one place that loads TensorFlow.

Rule: whoever trains imports `tf` and `keras` from here and nowhere else, so that the legacy Keras, the log
level and the threads are settled before TensorFlow wakes up.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # a model of 20 kB gains nothing from a GPU

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import tensorflow as tf
    import tf_keras as keras

tf.get_logger().setLevel("ERROR")  # it counts graphs that are compiled on purpose, one for each network

__all__ = ["keras", "load_optimization", "seed_everything", "tf", "use_threads"]


def load_optimization() -> Any:
    """Load TensorFlow Model Optimization, only when asked for: it takes seconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it compares versions with what the standard library has given up
        import tensorflow_model_optimization
    return tensorflow_model_optimization


def seed_everything(seed: int) -> None:
    """Make every following random choice of Python, NumPy and TensorFlow the same for the same seed."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def use_threads(count: int) -> None:
    """Limit TensorFlow's threads; must be called before its first computation, later calls change nothing."""
    if tf.config.threading.get_intra_op_parallelism_threads() != count:
        try:
            tf.config.threading.set_intra_op_parallelism_threads(count)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        except RuntimeError:  # TensorFlow is already running: its threads cannot change any more
            return
