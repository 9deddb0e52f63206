"""The one place that loads TensorFlow.

Rule: whoever trains imports `tf` and `keras` from here and nowhere else, so that the legacy Keras, the log
level and the threads are settled before TensorFlow wakes up.
"""

from __future__ import annotations

import os
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # a model of 20 kB gains nothing from a GPU

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import tensorflow as tf
    import tf_keras as keras

__all__ = ["keras", "seed_everything", "tf", "use_threads"]


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
