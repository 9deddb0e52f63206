"""A trained forecast of a machine type: several networks that are asked, kept and served as one.

Rule: what was saved is read back whole, to the last bit of its answers, or refused.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from contract.errors import BundleError, DataError
from contract.forecast import Calibration, InputSpec
from contract.lives import NAME_LISTS, LifeSpec
from models.errors import ModelFileError
from models.forecast.graph_forecast import GraphForecast
from models.forecast.metrics import Figure
from models.forecast.prepare import Prepare
from models.keras3 import keras
from models.rul import Constants, RulConfig, build_encoder, build_model

_DAMAGED = (
    *(OSError, EOFError, zipfile.BadZipFile),  # no file, or half of one
    *(ValueError, KeyError, IndexError, TypeError, AttributeError),  # another file
    *(BundleError, DataError),  # values that cannot be
)
WEIGHTS, SETTINGS = "weights.npz", "forecast.json"


@dataclass(frozen=True, slots=True, eq=False)
class Ensemble(GraphForecast):
    """Networks of one `RulConfig`, with their intervals."""

    config: RulConfig
    constants: Constants = field(repr=False)
    encoders: tuple[keras.Model, ...] = field(repr=False)
    network: keras.Model = field(repr=False)
    """All encoders in one graph, from raw inputs to `quantiles` and `mean`."""
    fold_of: Mapping[str, int] = field(repr=False)
    """By machine: the place of the encoder that did not learn from it."""
    interval_80: Calibration
    interval_90: Calibration
    figures: Mapping[str, Figure] = field(default_factory=dict)
    """How it did on machines that it had not learned from, by `models.forecast.metrics`."""

    @property
    def inputs(self) -> InputSpec:
        """What is read of a life."""
        return self.config.inputs

    def save(self, folder: Path) -> None:
        """Write what `load_ensemble` reads into a folder that exists."""
        content = {
            "config": asdict(self.config),
            "constants": {name: value.tolist() for name, value in asdict(self.constants).items()},
            "interval_80": self.interval_80.to_json(),
            "interval_90": self.interval_90.to_json(),
            "n_encoders": len(self.encoders),
            "fold_of": dict(self.fold_of),
            "figures": dict(self.figures),
        }
        (folder / SETTINGS).write_text(json.dumps(content, indent=1) + "\n", "utf-8")
        weights = {
            f"{number}/{place}": values
            for number, encoder in enumerate(self.encoders)
            for place, values in enumerate(encoder.get_weights())
        }
        np.savez(folder / WEIGHTS, **weights)


def build_parts(
    config: RulConfig, constants: Constants, n_encoders: int
) -> tuple[Prepare, tuple[keras.Model, ...]]:
    """What comes before the encoders, and encoders that have learned nothing yet."""
    prepare = Prepare(config, constants, name="prepare")
    return prepare, tuple(build_encoder(config, prepare, f"encoder_{n}") for n in range(n_encoders))


def load_ensemble(folder: Path) -> Ensemble:
    """Read back what `Ensemble.save` wrote.

    Raises:
        ModelFileError: it is not there, damaged, or of another version of this code.
    """
    try:
        content = json.loads((folder / SETTINGS).read_text("utf-8"))
        config = _parse_config(content["config"])
        constants = Constants(**{k: np.array(v, np.float32) for k, v in content["constants"].items()})
        prepare, encoders = build_parts(config, constants, content["n_encoders"])
        with (folder / WEIGHTS).open("rb") as file, np.load(file) as weights:
            for number, encoder in enumerate(encoders):
                n_weights = len(encoder.get_weights())
                encoder.set_weights([weights[f"{number}/{place}"] for place in range(n_weights)])
        of_80, of_90 = (Calibration.from_json(content[name]) for name in ("interval_80", "interval_90"))
        network = build_model(config, prepare, encoders)
        folds, figures = content["fold_of"], content["figures"]
        return Ensemble(config, constants, encoders, network, folds, of_80, of_90, figures)
    except _DAMAGED as error:
        raise ModelFileError(f"{folder}: holds no forecast that this version reads ({error})") from error


def _parse_config(content: dict[str, Any]) -> RulConfig:
    inputs = content.pop("inputs")
    life = inputs.pop("life")
    life |= {name: tuple(life[name]) for name in NAME_LISTS}
    spec = InputSpec(LifeSpec(**life), **inputs)
    return RulConfig(spec, look_back=tuple(content.pop("look_back")), **content)
