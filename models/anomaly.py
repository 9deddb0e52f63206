"""The anomaly model: a convolutional autoencoder over time, in two sizes; the small one is made for a device.

Rule: only operations that every TFLite runtime and the Edge TPU compiler know (CONV_2D and RESHAPE), batch
fixed at 1 when exported, the student fewer than 32 kB as int8. Time lies on the width axis and features
are channels, so a kernel is 1 x k; going back up is a pixel shuffle: a convolution with twice the channels,
then a reshape (Shi et al., CVPR 2016).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

from models.backend import keras, tf

CODE = "code"
"""Name of the layer whose output is the code."""


@dataclass(frozen=True, slots=True)
class AutoencoderConfig:
    """The shape of the network."""

    context: int
    """T: windows that it sees at once; a multiple of 4."""
    features: int
    """F: features of one window."""
    halvings: int
    """How often time resolution is halved before the code."""
    wide: int
    """Channels down to twice the code's time resolution."""
    narrow: int
    """Channels at the code's time resolution."""
    code: int
    """Channels of the code; T / 2^halvings x code numbers are all that passes."""

    @classmethod
    def student(cls, context: int, features: int) -> AutoencoderConfig:
        """The shape that ships: at most 32 kB as int8 up to 40 features, whatever the context."""
        return cls(context, features, _halvings(context), wide=24, narrow=16, code=_code(features))

    @classmethod
    def teacher(cls, context: int, features: int) -> AutoencoderConfig:
        """The shape that the student learns from: four times as wide, about ten times the weights.

        No more passes through its code than through the student's: what a healthy machine does not do must
        not come out again, however good the network is.
        """
        return cls(context, features, _halvings(context), wide=96, narrow=64, code=_code(features))


LONG_CONTEXT = 32
"""Windows from which a context is halved three times: between neighbours there is little news in it."""
FEATURES_PER_CODE = 4
LEAST_CODE, MOST_CODE = 2, 6


def _halvings(context: int) -> int:
    return 3 if context >= LONG_CONTEXT and context % 8 == 0 else 2


def _code(features: int) -> int:
    """Channels of the code: one for four features, so that about one number in thirty passes."""
    return min(max(round(features / FEATURES_PER_CODE), LEAST_CODE), MOST_CODE)


def build_model(config: AutoencoderConfig) -> Any:
    """Build the untrained network.

    Its layers have names of their own, because names end up in the exported file and Keras would count them
    on from one model to the next.

    Returns:
        A Keras model from float32 (batch, 1, T, F) to the same shape: standardised features in and out.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # tf_keras 2.16 draws its seeds up to a float
        return _build(config)


def _build(config: AutoencoderConfig) -> Any:
    t, f, wide, narrow = config.context, config.features, config.wide, config.narrow
    down = [*[wide] * (config.halvings - 1), narrow]
    x = inputs = keras.Input((1, t, f), name="standardised")  # (1, T, F)
    x = _conv("enter", wide, 3)(x)  # (1, T, wide)
    for level, channels in enumerate(down, start=1):
        x = _conv(f"halve{level}", channels, 4, stride=2)(x)  # (1, T / 2^level, channels)
    x = _conv(CODE, config.code, 1, activation=None)(x)  # (1, T / 2^halvings, code)
    for level, channels in zip(
        range(config.halvings, 0, -1), [narrow, *[wide] * (config.halvings - 1)], strict=True
    ):
        width = 1 if level == config.halvings else 3
        x = _conv(f"regain{level}", 2 * channels, width)(x)  # (1, T / 2^level, 2 channels)
        shape = (1, t // 2 ** (level - 1), channels)
        x = keras.layers.Reshape(shape, name=f"shuffle{level}")(x)  # (1, T / 2^(level - 1), channels)
    x = _conv("reconstructed", f, 3, activation=None)(x)  # (1, T, F)
    return keras.Model(inputs, x, name="autoencoder")


def code_model(model: Any) -> Any:
    """The same network, sharing its weights, that also says its code.

    Args:
        model: From `build_model`, or what quantisation-aware training or pruning made of it.

    Returns:
        A Keras model from float32 (batch, 1, T, F) to [reconstructed (batch, 1, T, F), code
        (batch, 1, T / 2^halvings, code)].
    """
    (code,) = [layer for layer in model.layers if layer.name.endswith(CODE)]  # wrappers put words before it
    return keras.Model(model.input, [model.output, code.output], name="with_code")


def masked_error(target: Any, reconstructed: Any) -> Any:
    """Mean squared error over what is valid.

    Args:
        target: float32 (batch, 1, T, 2 F): the clean features, then 1 where they are valid and 0 where not.
        reconstructed: float32 (batch, 1, T, F).

    Returns:
        float32 (batch,); 0 where nothing is valid.
    """
    clean, valid = tf.split(target, 2, axis=-1)
    squared = valid * tf.square(reconstructed - clean)
    return tf.reduce_sum(squared, axis=[1, 2, 3]) / tf.maximum(tf.reduce_sum(valid, axis=[1, 2, 3]), 1.0)


def _conv(name: str, channels: int, width: int, stride: int = 1, activation: str | None = "relu") -> Any:
    return keras.layers.Conv2D(
        channels, (1, width), strides=(1, stride), padding="same", activation=activation, name=name
    )
