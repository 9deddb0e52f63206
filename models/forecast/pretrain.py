"""What the rows of all machines teach, whether or not they failed: pre-training of an encoder.

Rule: rows teach, ends do not. How, when and whether a life ended is never looked at, so a machine that still
runs teaches as much by each of its rows as one that failed.

From a life that is cut at a random row, both readers of an encoder learn to tell what its sensors will show
over the next windows of rows, and the transformer to tell hidden tokens of its history from the others. For
that the summary is hidden along with the tokens, which it would give away, and the reader of statistics is
not asked. What they say it with is thrown away.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contract.forecast import InputSpec
from contract.lives import Life
from models.forecast.fit import Arrays, Drawn, FitSpec, Tensor, Workpiece, draw_rows, prepare_cuts
from models.forecast.prepare import SENSED, Prepare
from models.keras3 import keras, ops
from models.rul import CONSTANT, PRECISE, Floats, RulConfig, build_encoder

AHEAD = (0, 8, 24, 56, 104)
"""Where windows begin and end, in rows after the newest."""
HIDING = 0.5
"""Share of examples whose history has holes; the others tell of what comes with all that is known."""
HIDDEN = 0.3
"""Share of tokens that are hidden in them."""
MEASURED = 10_000
"""Histories, at most, that tell how much each number varies."""
TOLD = ("hidden", "ahead", "ahead_mix")
"""What readers tell: what was hidden; and what comes, each of the two."""


@dataclass(frozen=True, slots=True, eq=False)
class Histories:
    """Cuts of lives, and what each life's rows showed after its cut."""

    inputs: Arrays
    """What the encoder reads, each (n, ...)."""
    ahead: Floats
    """float32 (n, n_windows, n_sensors), mean over each window of `AHEAD`, as the network's own input is
    normalised; over the rows that there are, 0 where there is none."""
    count: Floats
    """float32 (n, n_windows, n_sensors), share of the window's rows in which the sensor was seen."""
    machines: npt.NDArray[np.str_]
    """str (n,)."""

    def take(self, which: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Histories:
        """Some of them, by mask or by place."""
        inputs = {name: values[which] for name, values in self.inputs.items()}
        return Histories(inputs, self.ahead[which], self.count[which], self.machines[which])

    def __len__(self) -> int:
        return len(self.machines)


def draw_histories(
    prepare: Prepare, spec: InputSpec, lives: Sequence[Life], n_cuts: int, random: np.random.Generator
) -> Histories:
    """Lives as they stood at random rows, every row alike, and what came after; none twice."""
    drawn = draw_rows(lives, n_cuts, random)
    cuts = prepare_cuts(prepare, spec, [lives[place].cut(n_rows) for place, n_rows in drawn])
    places, rows = np.array(drawn).T
    told = [look_ahead(prepare, lives[place], rows[places == place]) for place in np.unique(places)]
    ahead, count = (np.concatenate(parts) for parts in zip(*told, strict=True))
    return Histories(cuts.inputs, ahead, count, cuts.machines)


def look_ahead(prepare: Prepare, life: Life, rows: npt.NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Of a life cut after so many rows each, int (n,): `Histories.ahead` and `.count`."""
    mask = np.ones((1, len(life.age)), np.float32)
    _, z, seen = prepare.normalise(life.settings[None], life.sensors[None], mask)
    sums, counts = (_running_sum(ops.convert_to_numpy(each)[0]) for each in (z, seen))
    edges = np.minimum(rows[:, None] + np.array(AHEAD), len(life.age))  # (n, W + 1)
    total, n_seen = np.diff(sums[edges], axis=1), np.diff(counts[edges], axis=1)  # (n, W, C)
    share = n_seen / np.diff(AHEAD)[None, :, None]
    return (total / np.maximum(n_seen, 1.0)).astype(np.float32), share.astype(np.float32)


def _running_sum(values: Floats) -> npt.NDArray[np.float64]:
    """Of the first 0, 1, … rows: (R, C) -> (R + 1, C)."""
    return np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])


class Pretrainer:
    """Pre-trains encoders of one make; its graph is built once and serves them all.

    Args:
        config: What the encoders are like.
        prepare: What comes before them.
        spec: How.
    """

    def __init__(self, config: RulConfig, prepare: Prepare, spec: FitSpec) -> None:
        self._spec = spec

        def build() -> keras.Model:
            self._pupil = build_encoder(config, prepare, "pupil")
            return keras.Model(self._pupil.inputs, _tell(config, self._pupil), name="pretraining")

        self._workpiece = Workpiece(build, spec, {name: KnownError() for name in TOLD})
        self._network = self._workpiece.network
        self._first = self._network.get_weights()

    def fit(
        self,
        encoder: keras.Model,
        histories: Histories,
        seed: int,
        watch: Callable[[int, float], None] = lambda *_: None,
    ) -> None:
        """Pre-train another encoder from where it stands; its last layers stay as they are.

        Args:
            encoder: What is pre-trained; it knows what summaries are like.
            histories: At least one.
            seed: Of all that is random.
            watch: Told the epoch, from 1, and the loss of all tasks in it, in shares of what was to tell.
        """
        self._network.set_weights(self._first)
        self._pupil.set_weights(encoder.get_weights())
        self._workpiece.start_over(seed)
        told = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: watch(epoch + 1, float(logs["loss"]))
        )
        with Puzzles(histories, self._spec, seed) as puzzles:
            self._network.fit(puzzles, epochs=self._spec.epochs, shuffle=False, verbose=0, callbacks=[told])
        self._workpiece.take_averages()
        encoder.set_weights(self._pupil.get_weights())


def _tell(config: RulConfig, encoder: keras.Model) -> dict[str, Tensor]:
    """What an encoder's readers tell: `hidden` (B, N, F), `ahead` and `ahead_mix` (B, F)."""
    n_sensors = len(config.inputs.life.sensors)
    tokens = encoder.get_layer(f"layer{config.layers - 1}").output[:, 1 : 1 + config.n_tokens]
    tokens = keras.layers.LayerNormalization(name="hidden_norm")(tokens)
    told = {"hidden": keras.layers.Dense(SENSED * n_sensors, name="hidden", dtype=PRECISE)(tokens)}
    for name, reader in (("ahead", "head"), ("ahead_mix", "mix_norm")):
        said = encoder.get_layer(reader).output
        told[name] = keras.layers.Dense((len(AHEAD) - 1) * n_sensors, name=name, dtype=PRECISE)(said)
    return told


class Puzzles(Drawn[Histories]):
    """An epoch's random batches: what encoders read, with holes, and what is to be told.

    Every number that is told has, over the histories, a mean of 0 and a spread of 1, so that they count
    alike; what never varies is not asked for. Targets are as `KnownError` reads them.
    """

    def __init__(self, histories: Histories, spec: FitSpec, seed: int) -> None:
        super().__init__(histories, spec, seed)
        self._n_sensed = SENSED * histories.ahead.shape[-1]
        every = math.ceil(len(histories) / MEASURED)
        some = histories.take(np.arange(0, len(histories), every))
        known = some.inputs["mask"][..., None].repeat(self._n_sensed, -1)
        tokens = some.inputs["tokens"][..., : self._n_sensed]
        self._of_tokens = _Scale.of(*(each.reshape(-1, self._n_sensed) for each in (tokens, known)))
        self._of_ahead = _Scale.of(*map(_flat, (some.ahead, some.count)))
        self._usual_summary = some.inputs["summary"].mean(0)

    def make(self, some: Histories) -> tuple[Arrays, Arrays]:
        """Hide, and tell what was hidden."""
        tokens, known = some.inputs["tokens"], some.inputs["mask"] > 0
        has_holes = self.random.random((len(some), 1)) < HIDING
        hidden = known & has_holes & (self.random.random(known.shape) < HIDDEN)  # (B, N)
        sensed = tokens[..., : self._n_sensed]
        told = self._of_tokens.pack(sensed, hidden[..., None].astype(np.float32).repeat(self._n_sensed, -1))
        ahead, count, is_whole = _flat(some.ahead), _flat(some.count), ~hidden.any(1)
        tokens[..., : self._n_sensed] = np.where(hidden[..., None], 0.0, sensed)
        some.inputs["summary"][~is_whole] = self._usual_summary
        return some.inputs, {
            "hidden": told,
            "ahead": self._of_ahead.pack(ahead, count),
            "ahead_mix": self._of_ahead.pack(ahead, count * is_whole[:, None]),
        }


def _flat(values: Floats) -> Floats:
    return values.reshape(len(values), -1)


class KnownError(keras.losses.Loss):  # type: ignore[misc]  # Keras is untyped
    """Squared error of what counts; targets float32 (B, …, 2 n) are numbers, then how much each counts."""

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """(B, …, 2 n) and (B, …, n) -> (B,); its mean is the error over the batch, by count."""
        told, count = ops.split(y_true, 2, -1)
        inner = tuple(range(1, len(told.shape)))
        error = ops.sum(count * ops.square(told - y_pred), inner)
        return error / ops.maximum(ops.mean(ops.sum(count, inner)), CONSTANT)


@dataclass(frozen=True, slots=True, eq=False)
class _Scale:
    """What numbers are measured in: their mean and spread, float32 (F,)."""

    mean: Floats
    gain: Floats
    """1 / spread; 0 where there is none."""

    @classmethod
    def of(cls, values: Floats, count: Floats) -> _Scale:
        """Of (n, F), each as it counts."""
        total = np.maximum(count.sum(0), CONSTANT)
        mean = (values * count).sum(0) / total
        spread = np.sqrt((np.square(values - mean) * count).sum(0) / total)
        return cls(mean, np.where(spread > CONSTANT, 1.0 / np.maximum(spread, CONSTANT), 0.0))

    def pack(self, values: Floats, count: Floats) -> Floats:
        """(…, F) twice -> (…, 2 F)."""
        scaled = (values - self.mean) * self.gain
        return np.concatenate([scaled, count * (self.gain > 0)], -1, dtype=np.float32)
