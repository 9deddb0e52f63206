"""From a trained float network to an int8 file.

Rule: int8 from the first number to the last. The ranges are calibrated on healthy contexts of which a tenth
are scaled up as far as a standardised feature can go: calibrated on healthy ones alone, the network would
clip what it is there to see.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from models.backend import tf
from models.representative import representative_set


def quantize(model: Any, contexts: npt.NDArray[np.float32], seed: int) -> bytes:
    """Convert with full-integer post-training quantisation.

    Args:
        model: From `build_model`, trained.
        contexts: float32 (n, T, F), healthy and standardised.
        seed: Which of them are used and how they are widened.

    Returns:
        The TFLite file; int8 (1, 1, T, F) in and out.
    """
    chosen = representative_set(contexts, seed)
    shape = (1, 1, *contexts.shape[1:])
    function = tf.function(lambda x: model(x, training=False))
    concrete = function.get_concrete_function(tf.TensorSpec(shape, tf.float32))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _one_by_one(chosen)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    with _native_stderr_aside():
        return bytes(converter.convert())


@contextmanager
def _native_stderr_aside() -> Iterator[None]:
    """Keep the converter's chatter, which no log level silences, off the terminal unless conversion fails."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except BaseException:
            aside.seek(0)
            os.write(terminal, aside.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


def _one_by_one(contexts: npt.NDArray[np.float32]) -> Iterator[list[npt.NDArray[np.float32]]]:
    for context in contexts:
        yield [context[np.newaxis, np.newaxis]]
