"""The one place that loads Keras 3, for models of remaining life.

Rule: whoever builds or trains such a model imports `keras`, `ops` and `tf` from here. The edge models'
legacy Keras (`models.backend`) lives beside it in the same process; TensorFlow's environment is settled here
as there, but for the GPU, which these models use where there is one.
"""

from __future__ import annotations

import os
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import keras
    import tensorflow as tf
    from keras import ops

__all__ = ["keras", "ops", "tf"]
