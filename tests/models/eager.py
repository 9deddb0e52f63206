"""Fits networks step by step, without a graph.

Rule: where a fit has a handful of steps, building its graph takes most of the time. So what is done with a
forecast is tested on one that was fitted in here; what is said of fitting itself is tested in the graph.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from models.keras3 import keras


@contextmanager
def eagerly() -> Iterator[None]:
    """Keras 3 fits and predicts without a graph in here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.Model, "run_eagerly", property(lambda _: True, lambda *_: None))
        yield
