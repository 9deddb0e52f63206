"""Fitting one network of remaining life to lives that have ended, or not yet.

Rule: a network is fitted to random cuts of its machines' lives and judged, epoch by epoch, on machines that
it never learns from; the weights kept are those of the best epoch there. A life that did not fail teaches
that it lasted at least so long, and nothing else.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt

from contract.forecast import InputSpec, assemble
from contract.lives import Life
from models.forecast.devices import Devices, find_devices
from models.forecast.emphasis import weigh
from models.forecast.prepare import Prepare
from models.keras3 import keras, ops
from models.rul import chance_of


class Takeable(Protocol):
    """Examples side by side."""

    def take(self, which: npt.NDArray[Any]) -> Self:
        """Some of them, by mask or by place."""
        ...

    def __len__(self) -> int: ...


Examples = TypeVar("Examples", bound=Takeable)
Arrays = dict[str, npt.NDArray[Any]]
Targets = npt.NDArray[np.float32]
Tensor = Any

CHUNK = 512
"""Lives prepared, or judged, at a time."""


@dataclass(frozen=True, slots=True)
class FitSpec:
    """How a network is fitted."""

    epochs: int = 12
    steps: int = 100
    """Batches in an epoch."""
    batch: int = 128
    rate: float = 2e-3
    """Peak of the learning rate: it rises over a tenth of all steps, then falls to 0 as a cosine."""
    decay: float = 1e-2
    """Weight decay (AdamW: Loshchilov and Hutter 2019)."""
    ema: float = 0.99
    """Weights are averaged over steps with this factor; the averages are judged and kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Cuts:
    """Prepared examples."""

    inputs: Arrays
    """What the encoder reads, each (n, ...)."""
    targets: Targets
    """float32 (n, 2), see `SurvivalLoss`."""
    machines: npt.NDArray[np.str_]
    """str (n,)."""

    def take(self, which: npt.NDArray[Any]) -> Cuts:
        """Some of them, by mask or by place."""
        inputs = {name: values[which] for name, values in self.inputs.items()}
        return Cuts(inputs, self.targets[which], self.machines[which])

    def join(self, other: Cuts) -> Cuts:
        """These and others, in this order."""
        inputs = {name: np.concatenate([values, other.inputs[name]]) for name, values in self.inputs.items()}
        targets, machines = (
            np.concatenate([getattr(each, name) for each in (self, other)])
            for name in ("targets", "machines")
        )
        return Cuts(inputs, targets, machines)

    def __len__(self) -> int:
        return len(self.targets)


def draw_cuts(lives: Sequence[Life], n_cuts: int, horizon: float, random: np.random.Generator) -> list[Life]:
    """Lives as they stood at random rows, each as often as it teaches; none twice."""
    chances = weigh(np.concatenate([life.end_age - life.age for life in lives]), horizon)
    return [lives[place].cut(n_rows) for place, n_rows in draw_rows(lives, n_cuts, random, chances)]


def draw_rows(
    lives: Sequence[Life],
    n_cuts: int,
    random: np.random.Generator,
    chances: npt.NDArray[np.float64] | None = None,
) -> list[tuple[int, int]]:
    """Where lives are cut: the life's place, and how many rows are kept; in order of both.

    Args:
        lives: Which.
        n_cuts: Of all together; there are not more than they have rows.
        random: Draws them.
        chances: Of each row of all lives, above 0, beside those of others; None: all alike.
    """
    ends = np.cumsum([len(life.age) for life in lives])
    # Without replacement: the least of waiting times (Efraimidis and Spirakis 2006).
    waits = random.exponential(size=int(ends[-1])) / (1.0 if chances is None else chances)
    picked = np.sort(np.argsort(waits)[:n_cuts])
    places = np.searchsorted(ends, picked, side="right")
    rows = picked - np.concatenate([[0], ends])[places] + 1
    return list(zip(places.tolist(), rows.tolist(), strict=True))


def draw_evenly(lives: Sequence[Life], n_cuts: int, random: np.random.Generator) -> list[Life]:
    """Each life as it stood at so many random rows of its own (at all of them where it has fewer)."""
    drawn = []
    for life in lives:
        rows = random.permutation(len(life.age))[:n_cuts] + 1
        drawn += [life.cut(int(n_rows)) for n_rows in np.sort(rows)]
    return drawn


def prepare_cuts(prepare: Prepare, spec: InputSpec, lives: Sequence[Life]) -> Cuts:
    """What encoders read of lives as they stand, and what is to be learned of each."""
    # Side by side stand lives of like length, so that little is empty.
    order = np.argsort([len(life.age) for life in lives], kind="stable")
    inputs: Arrays = {}
    for start in range(0, len(lives), CHUNK):
        places = order[start : start + CHUNK]
        some = [lives[place] for place in places]
        n_rows = min(spec.n_rows, max(spec.head_rows + 1, math.ceil(len(some[-1].age) / 32) * 32))
        for name, values in prepare(assemble(some, replace(spec, n_rows=n_rows))).items():
            ready = ops.convert_to_numpy(values)
            inputs.setdefault(name, np.empty((len(lives), *ready.shape[1:]), ready.dtype))[places] = ready
    horizon = spec.life.horizon
    targets = np.array([[life.remaining / horizon, life.is_censored] for life in lives], np.float32)
    return Cuts(inputs, targets, np.array([life.machine for life in lives], np.str_))


class Workpiece:
    """A network that is worked on again and again; its graph is built once.

    Args:
        build: Makes what is trained.
        spec: How.
        loss: What Keras takes as one.
        devices: On what; None: on the best that there is.
    """

    def __init__(
        self, build: Callable[[], keras.Model], spec: FitSpec, loss: Any, devices: Devices | None = None
    ) -> None:
        with (devices or find_devices()).scope():
            self.network = build()
            self._optimizer = build_optimizer(spec)
            self.network.compile(self._optimizer, loss, jit_compile=False)
            self._optimizer.build(self.network.trainable_variables)
        self._fresh = [ops.convert_to_numpy(each) for each in self._optimizer.variables]
        self._noises = [
            layer.seed_generator for layer in self.network.layers if hasattr(layer, "seed_generator")
        ]

    def start_over(self, seed: int) -> None:
        """Forget the last fit but for the weights: averages, what the optimiser knows, and the noise."""
        for variable, value in zip(self._optimizer.variables, self._fresh, strict=True):
            variable.assign(value)
        averages = self._optimizer._model_variables_moving_average
        for average, variable in zip(averages, self.network.trainable_variables, strict=True):
            average.assign(variable)
        for number, noise in enumerate(self._noises):
            noise.state.assign(np.array([seed * len(self._noises) + number, 0], np.uint32))

    def take_averages(self) -> None:
        """Put the averages of the weights in their places."""
        self._optimizer.finalize_variable_values(self.network.trainable_variables)


class Fitter:
    """Fits encoders of one shape; its graph is built once and serves them all.

    Args:
        build: Makes the encoder that is worked on.
        n_bins: Of that encoder.
        spec: How.
        devices: On what; None: on the best that there is.
    """

    def __init__(
        self, build: Callable[[], keras.Model], n_bins: int, spec: FitSpec, devices: Devices | None = None
    ) -> None:
        self._spec = spec
        self._loss = SurvivalLoss(n_bins)
        self._workpiece = Workpiece(build, spec, self._loss, devices)
        self.encoder = self._workpiece.network

    def fit(
        self, encoder: keras.Model, train: Cuts, held: Cuts, seed: int, watch: Callable[[int, float], None]
    ) -> None:
        """Fit another encoder, from where it stands, and leave it as it was at its best, be it at the start.

        Args:
            encoder: What is fitted.
            train: Cuts to learn from.
            held: Cuts of other machines, which choose the epoch.
            seed: Of all that is random.
            watch: Told the epoch, from 1, and the loss on `held` after it.
        """
        self.encoder.set_weights(encoder.get_weights())
        self._workpiece.start_over(seed)
        best = self._judge(held)

        def judge_epoch(epoch: int, _: object) -> None:
            nonlocal best
            going = self.encoder.get_weights()
            self._workpiece.take_averages()
            loss = self._judge(held)
            if loss < best:
                best = loss
                encoder.set_weights(self.encoder.get_weights())
            self.encoder.set_weights(going)
            watch(epoch + 1, loss)

        judge = keras.callbacks.LambdaCallback(on_epoch_end=judge_epoch)
        with _Batches(train, self._spec, seed) as batches:
            self.encoder.fit(batches, epochs=self._spec.epochs, shuffle=False, verbose=0, callbacks=[judge])

    def _judge(self, held: Cuts) -> float:
        said = chance_of(self.encoder.predict(held.inputs, batch_size=CHUNK, verbose=0))
        return float(ops.mean(self._loss.of_chance(held.targets, said)))


def ask(encoder: keras.Model, cuts: Cuts) -> npt.NDArray[np.float32]:
    """What an encoder's readers say together, float32 (n, n_bins + 1); in its own precision."""
    chunks = [slice(start, start + CHUNK) for start in range(0, len(cuts), CHUNK)]
    parts = [{name: values[chunk] for name, values in cuts.inputs.items()} for chunk in chunks]
    return np.concatenate(
        [ops.convert_to_numpy(chance_of(encoder(part, training=False))) for part in parts], dtype=np.float32
    )


class Drawn(keras.utils.PyDataset, ABC, Generic[Examples]):  # type: ignore[misc]  # Keras is untyped
    """An epoch's random batches; every epoch draws others.

    TensorFlow remembers what a fit has read for as long as the process lives. So examples are let go at the
    end of a block: a process that fits again and again would fill its memory with them.
    """

    def __init__(self, examples: Examples, spec: FitSpec, seed: int) -> None:
        super().__init__()
        self._examples: Examples | None = examples
        self._spec = spec
        self.random = np.random.default_rng(seed)

    @abstractmethod
    def make(self, some: Examples) -> tuple[Arrays, Any]:
        """What is learned from examples: inputs and targets."""

    def __len__(self) -> int:
        return self._spec.steps

    def __getitem__(self, _: int) -> tuple[Arrays, Any]:
        if self._examples is None:
            raise RuntimeError("the fit is over")
        return self.make(self._examples.take(self.random.integers(0, len(self._examples), self._spec.batch)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._examples = None


class _Batches(Drawn[Cuts]):
    def make(self, some: Cuts) -> tuple[Arrays, Targets]:
        return some.inputs, some.targets


class Rates(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]  # Keras is untyped
    """Rises evenly, then falls to 0 as a cosine; read from a table, since Keras asks once for each weight."""

    def __init__(self, spec: FitSpec) -> None:
        super().__init__()
        total = spec.epochs * spec.steps
        rise = total // 10
        rising = np.arange(rise) / max(rise, 1)
        falling = 0.5 + 0.5 * np.cos(np.pi * np.linspace(0, 1, total - rise + 1))
        self.table = (spec.rate * np.concatenate([rising, falling])).astype(np.float32)

    def __call__(self, step: Tensor) -> Tensor:
        """At a step, from 0."""
        last = len(self.table) - 1
        return ops.take(self.table, ops.minimum(ops.cast(step, "int32"), last))


def build_optimizer(spec: FitSpec) -> keras.optimizers.Optimizer:
    """AdamW with `Rates` and averaged weights."""
    return keras.optimizers.AdamW(
        Rates(spec), weight_decay=spec.decay, clipnorm=1.0, use_ema=True, ema_momentum=spec.ema
    )


class SurvivalLoss(keras.losses.Loss):  # type: ignore[misc]  # Keras is untyped
    """How far a distribution lies from an end, or from what is known of it, and its mean from an end.

    The first part is the continuous ranked probability score, for censored lives only up to their bound
    (Avati et al. 2020, "Countdown regression"); the second the squared error of the mean, which RMSE asks
    for. Both in shares of the horizon; targets are float32 (B, 2): remaining time in horizons, and 1 where
    censored.
    """

    def __init__(self, n_bins: int) -> None:
        super().__init__(name="survival")
        self._n_bins = n_bins
        self._edges = (np.arange(1, n_bins + 1) / n_bins).astype(np.float32)
        self._middles = ((np.arange(n_bins) + 0.5) / n_bins).astype(np.float32)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Of each reader by itself: (B, 2) and logits (B, n_readers, n_bins + 1) -> (B,)."""
        chance = ops.softmax(ops.cast(y_pred, "float32"), -1)
        return ops.mean(self.of_chance(y_true[:, None], chance), -1)

    def of_chance(self, y_true: Tensor, chance: Tensor) -> Tensor:
        """Of distributions: (..., 2) and (..., n_bins + 1) -> (...)."""
        reached = ops.cumsum(chance[..., :-1], -1)  # (..., K), distribution function at the upper edges
        left, censored = ops.minimum(y_true[..., :1], 1.0), y_true[..., 1:]
        # What the function should be: a step, averaged over the bin around each edge, so that it is not late.
        ended = ops.clip((self._edges - left) * self._n_bins + 0.5, 0.0, 1.0)
        ended = ended * ops.cast(left < 1.0, "float32")
        known = 1.0 - censored * ops.cast(ended > 0, "float32")  # after a censored life's bound nothing is
        score = ops.sum(ops.square(reached - ended) * known, -1) / self._n_bins
        mean = ops.sum(chance[..., :-1] * self._middles, -1) + chance[..., -1]
        has_end = ops.maximum(1.0 - censored, ops.cast(left >= 1.0, "float32"))[..., 0]
        return score + has_end * ops.square(mean - left[..., 0])
