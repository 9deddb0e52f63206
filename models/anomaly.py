"""The anomaly model: a small convolutional autoencoder over time, made for int8 on a device.

Rule: only operations that every TFLite runtime and the Edge TPU compiler know (CONV_2D and RESHAPE), batch
fixed at 1 when exported, fewer than 32 kB as int8. Time lies on the width axis and features are channels, so
a kernel is 1 x k; going back up is a pixel shuffle: a convolution with twice the channels, then a reshape
(Shi et al., CVPR 2016).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

from models.backend import keras, tf


@dataclass(frozen=True, slots=True)
class AutoencoderConfig:
    """The shape of the network."""

    context: int
    """T: windows that it sees at once; a multiple of 4."""
    features: int
    """F: features of one window."""
    wide: int = 24
    """Channels at full and half time resolution."""
    narrow: int = 16
    """Channels at a quarter of the time resolution."""
    code: int = 6
    """Channels of the code; T / 4 x code numbers are all that passes."""


def build_model(config: AutoencoderConfig) -> Any:
    """Build the untrained network.

    Returns:
        A Keras model from float32 (batch, 1, T, F) to the same shape: standardised features in and out.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # tf_keras 2.16 draws its seeds up to a float
        return _build(config)


def _build(config: AutoencoderConfig) -> Any:
    t, f, wide, narrow = config.context, config.features, config.wide, config.narrow
    x = inputs = keras.Input((1, t, f), name="standardised")  # (1, T, F)
    x = _conv(x, wide, 3)  # (1, T, wide)
    x = _conv(x, wide, 4, stride=2)  # (1, T/2, wide)
    x = _conv(x, narrow, 4, stride=2)  # (1, T/4, narrow)
    x = _conv(x, config.code, 1, activation=None)  # (1, T/4, code)
    x = _conv(x, 2 * narrow, 1)  # (1, T/4, 2 narrow)
    x = keras.layers.Reshape((1, t // 2, narrow))(x)  # (1, T/2, narrow)
    x = _conv(x, 2 * wide, 3)  # (1, T/2, 2 wide)
    x = keras.layers.Reshape((1, t, wide))(x)  # (1, T, wide)
    x = _conv(x, f, 3, activation=None)  # (1, T, F)
    return keras.Model(inputs, x, name="autoencoder")


def masked_error(target: Any, reconstructed: Any) -> Any:
    """Mean squared error over what is valid.

    Args:
        target: float32 (batch, 1, T, 2 F): the clean features, then 1 where they are valid and 0 where not.
        reconstructed: float32 (batch, 1, T, F).

    Returns:
        float32 (batch,).
    """
    clean, valid = tf.split(target, 2, axis=-1)
    squared = valid * tf.square(reconstructed - clean)
    return tf.reduce_sum(squared, axis=[1, 2, 3]) / tf.maximum(tf.reduce_sum(valid, axis=[1, 2, 3]), 1.0)


def _conv(x: Any, channels: int, width: int, stride: int = 1, activation: str | None = "relu") -> Any:
    layer = keras.layers.Conv2D(
        channels, (1, width), strides=(1, stride), padding="same", activation=activation
    )
    return layer(x)
