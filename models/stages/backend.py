"""The one place where the stages load TensorFlow.

Rule: the environment is that of the models of remaining life, which train on a GPU where there is one; the
edge models' `models.backend` would hide it.
"""

from __future__ import annotations

import warnings

import models.keras3  # noqa: F401  # settles TensorFlow's environment before it wakes up

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import tensorflow as tf

__all__ = ["tf"]
