"""Fine-tuning: the network of a bundle goes on learning where its file left off.

Rule: what it does not learn anew keeps its bytes, so that the difference that devices fetch is small. Its
weights begin on the int8 grid of the file and every range stays as the file says: a weight that moves less
than half a step is written as the same byte. Where the held-out machines gain nothing, the file stays.

It learns from the data alone: a teacher would have to be trained anew, which is most of a training's time.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.anomaly import AutoencoderConfig, build_model, masked_error
from models.aware import PREFIX, convolutions_of, set_input_range, set_range, wrap
from models.backend import tf
from models.config import FitConfig
from models.dataset import Contexts
from models.errors import ModelFileError
from models.fit import Lesson, exam_error, learn, start
from models.flatbuffer import Convolution, read_convolutions
from models.quantize import convert_aware

_LOWEST, _HIGHEST, _LARGEST_WEIGHT = -128, 127, 127


@dataclass(frozen=True, slots=True)
class Adapted:
    """A file for a device that another one was adapted to."""

    int8: bytes = field(repr=False)
    """TFLite; int8 (1, 1, T, F) in and out."""
    start_error: float
    """Of the file that it started from: mean squared error on the held-out machines, in squared spreads."""
    float_error: float
    """The same of the adapted network without any rounding."""
    error: float
    """The same of the adapted network, rounded to int8."""
    epochs: int


def adapt(
    model: bytes,
    training: Sequence[Contexts],
    held_out: Sequence[Contexts],
    config: FitConfig,
    layers: Collection[str] = (),
) -> Adapted:
    """Let the network of an int8 file learn from other machines.

    Args:
        model: From `convert_aware`, at any time.
        training: Machines to learn from; best those that it knows, and new ones.
        held_out: Machines to stop by.
        config: How; its settings for adapting apply.
        layers: Names of the layers that may change, as in `models.anomaly`; none: all.

    Raises:
        ModelFileError: the file is none that a network of this shape gives.
    """
    start(config)
    network = Reopened.of(model, *training[0].standardised.shape[1:])
    aware = network.aware
    chosen = (each for each in aware.layers if not layers or each.name.removeprefix(PREFIX) in layers)
    taught = [variable for layer in chosen for variable in layer.trainable_variables]

    def loss(inputs: Any, targets: Any) -> Any:
        return tf.reduce_mean(masked_error(targets, aware(inputs, training=True)))

    start_error = exam_error(aware, training, held_out, config)
    lesson = Lesson("adapting", aware, loss, taught=taught, is_widened=True, settle=network.pin)
    result = learn(lesson, training, held_out, config.for_adapting())
    float_error = exam_error(network.unrounded(), training, held_out, config)
    file = convert_aware(aware) if result.error < start_error else model
    return Adapted(file, start_error, float_error, result.error, result.epochs)


@dataclass(frozen=True, slots=True)
class Reopened:
    """A rounded network with the weights and ranges of a file; converted again it gives the same weights."""

    aware: Any
    """As from `models.aware.make_aware`."""
    convolutions: dict[str, Convolution] = field(repr=False)
    """Of the file, by layer."""

    @classmethod
    def of(cls, model: bytes, context: int, features: int) -> Reopened:
        """Build the network of a file.

        Raises:
            ModelFileError: the file is none that a network of this shape gives.
        """
        student, read = build_model(AutoencoderConfig.student(context, features)), read_convolutions(model)
        layers = convolutions_of(student)
        expected = [tuple(layer.kernel.shape[i] for i in (3, 0, 1, 2)) for layer in layers]
        if [each.kernel.shape for each in read] != expected:
            raise ModelFileError(
                "the model's layers are not those that are trained today; train from scratch"
            )
        for layer, each in zip(layers, read, strict=True):
            kernel = each.kernel * each.kernel_scales[:, np.newaxis, np.newaxis, np.newaxis]
            layer.set_weights([kernel.transpose(1, 2, 3, 0), each.bias * each.bias_scales.astype(np.float64)])
        named = {layer.name: each for layer, each in zip(layers, read, strict=True)}
        reopened = cls(wrap(student), named)
        reopened.pin()
        return reopened

    def pin(self) -> None:
        """Set every range to what the file says."""
        set_input_range(self.aware)
        for name, each in self.convolutions.items():
            largest = each.kernel_scales * np.float32(_LARGEST_WEIGHT)
            set_range(self.aware, f"{name}/kernel", -largest, largest)
            ends = ((end - each.zero_point) * np.float32(each.scale) for end in (_LOWEST, _HIGHEST))
            set_range(self.aware, f"{name}/post_activation", *ends)

    def unrounded(self) -> Any:
        """A network from `build_model` with the same weights."""
        twin = build_model(AutoencoderConfig.student(*self.aware.input_shape[2:]))
        for layer in convolutions_of(twin):
            wrapped = self.aware.get_layer(PREFIX + layer.name)
            weights = {variable.name.rpartition("/")[-1]: variable for variable in wrapped.weights}
            layer.set_weights([weights[f"{part}:0"].numpy() for part in ("kernel", "bias")])
        return twin
