"""One file with everything needed to forecast a machine type's remaining useful life (RUL).

Rule: a bundle is read whole or refused whole, and the same content gives the same bytes. It is a sealed
archive (`contract.sealed`) of `manifest.json`, `model.tflite` and `golden.npz` (inputs as
`contract.forecast.assemble` names them, and the outputs that the model must give). What a model's numbers
mean, and how its intervals are widened until they are true, stands in the manifest, so that training, its
gate and the cloud make the same forecast of the same outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.archive import AnyTensor, format_tensor, pack, parse_tensor, unpack
from contract.checks import TEXT_PATTERN
from contract.errors import BundleError, DataError
from contract.forecast import LEVELS, Calibration, Forecast, Inputs, InputSpec
from contract.lives import LARGEST, NAME_LISTS, LifeSpec
from contract.sealed import Seal, read_sealed, require_tflite, take_fields, write_sealed

FORMAT = 1
SUFFIX = ".igr"
MAX_PART_BYTES = 64 * 1024 * 1024
"""An ensemble of float32 networks takes megabytes, and its training machine has room for them."""
QUANTILES, MEAN = OUTPUTS = ("quantiles", "mean")
"""What a model answers: float32 (n, 7), the quantiles of `LEVELS`, and float32 (n, 1), the expected RUL; both
in the type's time unit."""
MAX_DIFFERENCE = 1e-3
"""Of the horizon: how far an answer may lie from what the network said. Machines and runtimes round
differently, by much less; whoever loads or releases a file holds it to this."""

_MODEL, _GOLDEN = "model.tflite", "golden.npz"
_SEAL = Seal(FORMAT, "update this program, or train the model anew", (_MODEL, _GOLDEN), (), MAX_PART_BYTES)
_NAMES = tuple(LEVELS)
_SIZES = ("n_rows", "n_events", "head_rows")
_FIELDS = ("name", "version", "life", *_SIZES, "step", "levels", "outputs", "interval_80", "interval_90")
_LIFE_FIELDS = ("machine_type", "time_unit", "horizon", *NAME_LISTS)


@dataclass(frozen=True, slots=True)
class RulManifest:
    """What a bundle says of itself.

    Raises:
        BundleError: a name or version that is no plain text.
    """

    name: str
    version: str
    """Of the model, as its training named it."""
    inputs: InputSpec
    """Machine type, columns, units, horizon, and how much of a life is read."""
    interval_80: Calibration
    """By how much p10 and p90 are corrected."""
    interval_90: Calibration
    """By how much p05 and p95 are corrected."""
    step: float = 0.0
    """Time between rows of the lives that taught it, their median, in the type's unit; 0: not known."""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    """What the model achieved on machines it was not trained on; plain JSON."""
    lineage: Mapping[str, Any] = field(default_factory=dict)
    """Where it comes from: snapshot, schema, code version, seed; plain JSON."""

    def __post_init__(self) -> None:
        for name in ("name", "version"):
            value = getattr(self, name)
            is_text = isinstance(value, str) and bool(value) and bool(TEXT_PATTERN.fullmatch(value))
            _require(is_text, f"manifest: {name} must be text of up to 80 plain characters")
        _require(0 <= self.step <= LARGEST, "manifest: step must be a length of time, or 0")

    def forecasts(self, outputs: Mapping[str, npt.NDArray[Any]]) -> list[Forecast | None]:
        """What a model's outputs say of each life.

        Args:
            outputs: `quantiles` (n, 7) and `mean` (n, 1), as the model gave them.

        Returns:
            One forecast for each life, its 80 % interval corrected, all numbers within 0 and the horizon;
            None where the model's answer is no number.

        Raises:
            BundleError: the outputs have other shapes.
        """
        quantiles, mean = (np.asarray(outputs[name], np.float64) for name in OUTPUTS)
        n = len(quantiles)
        _require(
            quantiles.shape == (n, len(LEVELS)) and mean.shape == (n, 1),
            f"the model answers {quantiles.shape} and {mean.shape}, not (n, {len(LEVELS)}) and (n, 1)",
        )
        horizon = self.inputs.life.horizon
        p10, median, p90 = (quantiles[:, _NAMES.index(name)] for name in ("p10", "p50", "p90"))
        median = np.clip(median, 0, horizon)
        lower, upper = self.interval_80.apply(median, p10, p90, horizon)
        usable = np.isfinite(quantiles).all(axis=1) & np.isfinite(mean[:, 0])
        columns = usable, np.clip(mean[:, 0], 0, horizon), lower, median, upper
        return [
            Forecast(expected, low, middle, high, horizon) if is_usable else None
            for is_usable, expected, low, middle, high in zip(*(c.tolist() for c in columns), strict=True)
        ]


@dataclass(frozen=True, slots=True, eq=False)
class RulBundle:
    """A model of remaining useful life with everything needed to run and check it.

    Raises:
        BundleError: the parts do not fit together.
    """

    manifest: RulManifest
    model: bytes = field(repr=False)
    """A TFLite file with one signature: inputs as `input_kinds` names them, outputs as `OUTPUTS`."""
    golden_input: Inputs = field(repr=False)
    """Of at least one life, as `contract.forecast.assemble` gives it."""
    golden_output: Inputs = field(repr=False)
    """What the model must answer: `quantiles` float32 (n, 7) and `mean` float32 (n, 1)."""

    def __post_init__(self) -> None:
        require_tflite(self.model, _MODEL, MAX_PART_BYTES)
        kinds = input_kinds(self.manifest.inputs)
        n = len(self.golden_input.get("mask", ()))
        _require(n >= 1, "golden inputs must hold a life")
        _require_tensors(self.golden_input, kinds, n)
        _require_tensors(self.golden_output, _output_kinds(), n)


def input_kinds(spec: InputSpec) -> dict[str, tuple[type[np.generic], tuple[int, ...]]]:
    """Name, type and shape behind the batch of every input, in `assemble`'s order."""
    rows, life = spec.n_rows, spec.life
    kinds: dict[str, tuple[type[np.generic], tuple[int, ...]]] = {
        "age": (np.float32, (rows,)),
        "mask": (np.float32, (rows,)),
        "settings": (np.float32, (rows, len(life.settings))),
        "sensors": (np.float32, (rows, len(life.sensors))),
    }
    if spec.n_events:
        kinds |= {"event_code": (np.int32, (spec.n_events,)), "event_ago": (np.float32, (spec.n_events,))}
    if len(life.components) > 1:
        kinds["component"] = (np.int32, ())
    return kinds


def write_rul_bundle(path: Path, bundle: RulBundle) -> None:
    """Write a bundle; readers see the old file or the new one, never half of it.

    Raises:
        BundleError: a part is too large, or the file cannot be written.
    """
    write_sealed(path, format_rul_bundle(bundle))


def read_rul_bundle(path: Path) -> RulBundle:
    """Read a bundle and check everything in it that can be checked without running the model.

    Raises:
        BundleError: one line that says what is wrong.
    """
    data = read_sealed(path, _SEAL.largest)
    try:
        return parse_rul_bundle(data)
    except BundleError as error:
        raise BundleError(f"bundle {path}: {error}") from error


def format_rul_bundle(bundle: RulBundle) -> bytes:
    """The bytes of a bundle.

    Raises:
        BundleError: a part is too large.
    """
    tensors = {**_prefixed("input", bundle.golden_input), **_prefixed("output", bundle.golden_output)}
    golden = pack({name: format_tensor(tensor) for name, tensor in tensors.items()}, MAX_PART_BYTES)
    return _SEAL.close(_content(bundle.manifest), {_MODEL: bundle.model, _GOLDEN: golden})


def parse_rul_bundle(data: bytes) -> RulBundle:
    """Read what `format_rul_bundle` wrote.

    Raises:
        BundleError: one line that says what is wrong.
    """
    content, parts = _SEAL.open(data)
    manifest = _parse_manifest(content)
    kinds = {f"input_{name}.npy": kind for name, (kind, _) in input_kinds(manifest.inputs).items()}
    kinds |= {f"output_{name}.npy": kind for name, (kind, _) in _output_kinds().items()}
    golden = unpack(parts[_GOLDEN], tuple(kinds), largest=MAX_PART_BYTES)
    tensors = {name: parse_tensor(golden[name], name, kind) for name, kind in kinds.items()}
    return RulBundle(manifest, parts[_MODEL], _without("input", tensors), _without("output", tensors))


def _prefixed(prefix: str, tensors: Inputs) -> Inputs:
    return {f"{prefix}_{name}.npy": tensor for name, tensor in tensors.items()}


def _without(prefix: str, tensors: Mapping[str, AnyTensor]) -> Inputs:
    start = f"{prefix}_"
    return {
        name.removeprefix(start).removesuffix(".npy"): t
        for name, t in tensors.items()
        if name.startswith(start)
    }


def _output_kinds() -> dict[str, tuple[type[np.generic], tuple[int, ...]]]:
    return {QUANTILES: (np.float32, (len(LEVELS),)), MEAN: (np.float32, (1,))}


def _require_tensors(
    tensors: Inputs, kinds: Mapping[str, tuple[type[np.generic], tuple[int, ...]]], n: int
) -> None:
    _require(list(tensors) == list(kinds), f"golden tensors are {', '.join(tensors)}, not {', '.join(kinds)}")
    for name, (kind, shape) in kinds.items():
        tensor = tensors[name]
        fits = tensor.dtype == kind and tensor.shape == (n, *shape)
        _require(fits, f"golden {name} must be {np.dtype(kind).name} {(n, *shape)}")


def _content(manifest: RulManifest) -> dict[str, Any]:
    inputs, life = manifest.inputs, manifest.inputs.life
    return {
        "name": manifest.name,
        "version": manifest.version,
        "life": {name: getattr(life, name) for name in _LIFE_FIELDS},
        **{name: getattr(inputs, name) for name in _SIZES},
        "step": manifest.step,
        "levels": dict(LEVELS),
        "outputs": list(OUTPUTS),
        "interval_80": manifest.interval_80.to_json(),
        "interval_90": manifest.interval_90.to_json(),
        "metrics": manifest.metrics,
        "lineage": manifest.lineage,
    }


def _parse_manifest(content: Mapping[str, Any]) -> RulManifest:
    values = take_fields(content, {*_FIELDS, "metrics", "lineage"})
    _require(values["levels"] == dict(LEVELS), "manifest: levels are not those that this program reads")
    _require(values["outputs"] == list(OUTPUTS), f"manifest: outputs must be {', '.join(OUTPUTS)}")
    for name in ("metrics", "lineage", "life"):
        _require(isinstance(values[name], dict), f"manifest: {name} must be an object")
    life = _parse_life(take_fields(values["life"], set(_LIFE_FIELDS)))
    sizes = {name: values[name] for name in _SIZES}
    _require(
        all(type(size) is int for size in sizes.values()),
        f"manifest: {', '.join(_SIZES)} must be whole numbers",
    )
    _require(type(values["step"]) in (int, float), "manifest: step must be a number")
    return RulManifest(
        name=values["name"],
        version=values["version"],
        inputs=InputSpec(life, **sizes),
        interval_80=Calibration.from_json(values["interval_80"]),
        interval_90=Calibration.from_json(values["interval_90"]),
        step=float(values["step"]),
        metrics=values["metrics"],
        lineage=values["lineage"],
    )


def _parse_life(values: Mapping[str, Any]) -> LifeSpec:
    names = {what: values[what] for what in NAME_LISTS}
    for what, listed in names.items():
        is_names = isinstance(listed, list) and all(isinstance(name, str) for name in listed)
        _require(is_names, f"manifest: {what} must be names")
    _require(
        all(isinstance(values[what], str) for what in ("machine_type", "time_unit")),
        "manifest: machine_type and time_unit must be names",
    )
    horizon = values["horizon"]
    _require(type(horizon) in (int, float), "manifest: horizon must be a number")
    try:
        return LifeSpec(
            machine_type=values["machine_type"],
            time_unit=values["time_unit"],
            horizon=horizon,
            **{what: tuple(listed) for what, listed in names.items()},
        )
    except DataError as error:
        raise BundleError(f"manifest: {error}") from error


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise BundleError(message)
