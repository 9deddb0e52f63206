"""From a trained network to a file for a device.

Rule: int8 from the first number to the last, one context at a time. Calibrated after training, the ranges
come from healthy contexts of which a tenth are scaled up as far as a standardised feature can go: from
healthy ones alone, the network would clip what it is there to see. A network that was tuned for int8
(`models.aware`) brings its ranges with it.
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

Values = npt.NDArray[np.float32]


def quantize(model: Any, contexts: Values, seed: int) -> bytes:
    """Convert with full-integer post-training quantisation.

    Args:
        model: From `build_model`, trained.
        contexts: float32 (n, T, F), healthy and standardised.
        seed: Which of them are used and how they are widened.

    Returns:
        The TFLite file; int8 (1, 1, T, F) in and out.
    """
    return calibrate_to_int8(model, representative_set(contexts, seed))


def calibrate_to_int8(model: Any, contexts: Values) -> bytes:
    """The same with ranges from these contexts, exactly as they are."""
    converter = _int8_converter(model)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.representative_dataset = lambda: _one_by_one(contexts)
    return _convert(converter)


def convert_aware(model: Any) -> bytes:
    """Convert a network tuned by `models.aware.tune_to_int8`, with the ranges that it learned.

    Returns:
        The TFLite file; int8 (1, 1, T, F) in and out.
    """
    return _convert(_int8_converter(model))


def convert_float(model: Any) -> bytes:
    """The float32 file of a network from `build_model`, to compare with; (1, 1, T, F) in and out."""
    return _convert(_converter(model))


def _int8_converter(model: Any) -> Any:
    converter = _converter(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    return converter


def _converter(model: Any) -> Any:
    function = tf.function(lambda x: model(x, training=False))
    concrete = function.get_concrete_function(tf.TensorSpec((1, *model.input_shape[1:]), tf.float32))
    return tf.lite.TFLiteConverter.from_concrete_functions([concrete], model)


def _convert(converter: Any) -> bytes:
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


def _one_by_one(contexts: Values) -> Iterator[list[Values]]:
    for context in contexts:
        yield [context[np.newaxis, np.newaxis]]
