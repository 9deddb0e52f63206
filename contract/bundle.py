"""One file with everything a device needs to score a kind of machine, and to prove that it does so rightly.

Rule: a bundle is read whole or refused whole. It is an uncompressed zip of `manifest.json`, `profile.toml`,
`model.tflite` and `golden.npz` (model inputs with the outputs they must give), and, where Coral's compiler
was at hand, `model_edgetpu.tflite`; the same content gives the same bytes, and a file that is not byte for
byte what `write_bundle` makes of its parts is damaged. Whether a bundle comes from the right hands is not
this module's question.

A bundle without the compiled part is the same bytes as before there was one, and every agent reads it. An
agent older than the compiled part refuses a bundle that has it, whole and by name: such a bundle goes out
after the agents that read it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.archive import Tensor, format_tensor, pack, parse_tensor, unpack
from contract.checks import TEXT_PATTERN
from contract.errors import BundleError, ConfigError
from contract.features import feature_specs
from contract.profiles import MachineProfile, format_profile, parse_profile
from contract.scoring import Yardstick
from contract.sealed import MANIFEST, Seal, read_sealed, require_tflite, take_fields, write_sealed
from contract.signals import LARGEST

FORMAT = 3
"""2: the error is weighted by `fleet_residual`, its score by `contract.calibration`. 3: the error is that of
the sensor which is farthest off, and `fleet_residual` knows what is rare of each."""
SUFFIX = ".igb"

_PROFILE, _MODEL, _GOLDEN = "profile.toml", "model.tflite", "golden.npz"
_EDGE_TPU_MODEL = "model_edgetpu.tflite"
_SEAL = Seal(
    FORMAT,
    "update the agent, or train an older bundle anew",
    (_PROFILE, _MODEL, _GOLDEN),
    (_EDGE_TPU_MODEL,),
)
MAX_BUNDLE_BYTES = _SEAL.largest
_GOLDEN_PARTS = ("input.npy", "output.npy")
_PER_FEATURE = ("fleet_spread", "fleet_residual")


@dataclass(frozen=True, slots=True, eq=False)
class Manifest:
    """What a bundle says of itself.

    Raises:
        BundleError: a value that cannot be right.
    """

    name: str
    version: str
    """Of the model; travels as `model_version` in every message."""
    profile_name: str
    profile_version: int
    feature_version: int
    features: tuple[str, ...]
    context: int
    """Windows the model sees at once."""
    fleet_spread: npt.NDArray[np.float32] = field(repr=False)
    """float32 (n_features,), spread of each feature within one healthy machine, in model space."""
    fleet_residual: npt.NDArray[np.float32] = field(repr=False)
    """float32 (n_features,), squared residual that counts as 1 (`contract.scoring.Yardstick`), in squared
    spreads."""
    fleet_error_spread: float
    """Standard deviation of the natural log of the model's error within one healthy machine."""
    fleet_error_location: float
    """Median of the natural log of the model's error over healthy machines."""
    prior_windows: int = 12
    """Windows of a machine's own that weigh as much as the fleet's spreads."""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    """What the model achieved on machines it was not trained on; plain JSON."""
    lineage: Mapping[str, Any] = field(default_factory=dict)
    """Where it comes from: recordings, seed, commit; plain JSON."""
    sha256: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Of every other part; filled in by `write_bundle`."""

    @property
    def error_prior(self) -> tuple[float, float, int]:
        """What `contract.calibration.ErrorCalibration` starts from: location, spread, weight in windows."""
        return self.fleet_error_location, self.fleet_error_spread, self.prior_windows

    def __post_init__(self) -> None:
        for name in ("name", "version", "profile_name"):
            value = getattr(self, name)
            _require(isinstance(value, str) and bool(value), f"manifest: {name} must be text")
            _require(
                bool(TEXT_PATTERN.fullmatch(value)), f"manifest: {name} must be up to 80 plain characters"
            )
        for name, least in (
            ("profile_version", 1),
            ("feature_version", 1),
            ("context", 1),
            ("prior_windows", 0),
        ):
            value = getattr(self, name)
            is_count = isinstance(value, int) and not isinstance(value, bool) and value >= least
            _require(is_count, f"manifest: {name} must be a whole number from {least} up")
        for name in _PER_FEATURE:
            values = getattr(self, name)
            is_usable = values.shape == (len(self.features),)
            is_usable = is_usable and bool(np.all(np.isfinite(values) & (values > 0)))
            _require(is_usable, f"manifest: {name} needs one positive number for each feature")
        _require(0 < self.fleet_error_spread < math.inf, "manifest: fleet_error_spread must be positive")
        _require(math.isfinite(self.fleet_error_location), "manifest: fleet_error_location must be finite")


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """A model with everything needed to run and check it.

    Raises:
        BundleError: the parts do not fit together.
    """

    manifest: Manifest
    profile: MachineProfile
    model: bytes = field(repr=False)
    """An int8 TFLite file: one input and one output of shape (1, 1, context, n_features)."""
    golden_input: Tensor = field(repr=False)
    """int8 (n, 1, context, n_features), quantised as the model file says."""
    golden_output: Tensor = field(repr=False)
    """int8 of the same shape: what the model must answer."""
    edge_tpu_model: bytes | None = field(default=None, repr=False)
    """The same model as Coral's compiler made it for the Edge TPU; None: nobody compiled it."""

    @property
    def yardstick(self) -> Yardstick:
        """What the model's error is measured with."""
        return Yardstick.of(self.manifest.fleet_residual, feature_specs(self.profile))

    def __post_init__(self) -> None:
        manifest, profile = self.manifest, self.profile
        says = (manifest.profile_name, manifest.profile_version, manifest.feature_version, manifest.context)
        is_ = (profile.name, profile.version, profile.feature_version, profile.window.context)
        _require(
            says == is_, f"manifest is for profile, version, features, context {says}, the profile is {is_}"
        )
        names = tuple(spec.name for spec in feature_specs(profile))
        _require(manifest.features == names, "the manifest's features are not those of the profile")
        require_tflite(self.model, _MODEL)
        if self.edge_tpu_model is not None:
            require_tflite(self.edge_tpu_model, _EDGE_TPU_MODEL)
        for tensor in (self.golden_input, self.golden_output):
            fits = tensor.dtype == np.int8 and tensor.ndim == len(("n", 1, "T", "F")) and tensor.shape[0] >= 1
            fits = fits and tensor.shape[1:] == (1, manifest.context, len(names))
            _require(fits, f"golden tensors must be int8 (n, 1, {manifest.context}, {len(names)})")
        _require(
            self.golden_input.shape == self.golden_output.shape, "golden input and output differ in number"
        )


def write_bundle(path: Path, bundle: Bundle) -> None:
    """Write a bundle; readers see the old file or the new one, never half of it.

    Raises:
        BundleError: a part is too large, or the file cannot be written.
    """
    write_sealed(path, format_bundle(bundle))


def read_bundle(path: Path) -> Bundle:
    """Read a bundle and check everything in it that can be checked without running the model.

    Raises:
        BundleError: one line that says what is wrong.
    """
    data = read_sealed(path, MAX_BUNDLE_BYTES)
    try:
        return parse_bundle(data)
    except BundleError as error:
        raise BundleError(f"bundle {path}: {error}") from error


def format_bundle(bundle: Bundle) -> bytes:
    """A bundle's bytes.

    Raises:
        BundleError: a part is too large.
    """
    tensors = dict(zip(_GOLDEN_PARTS, (bundle.golden_input, bundle.golden_output), strict=True))
    parts = {
        _PROFILE: format_profile(bundle.profile).encode(),
        _MODEL: bundle.model,
        _GOLDEN: pack({name: format_tensor(tensor) for name, tensor in tensors.items()}),
    }
    if bundle.edge_tpu_model is not None:
        parts[_EDGE_TPU_MODEL] = bundle.edge_tpu_model
    return _SEAL.close(_content(bundle.manifest), parts)


def parse_bundle(data: bytes) -> Bundle:
    """Read a bundle's bytes, with every check that needs no model to run.

    Raises:
        BundleError: one line that says what is wrong.
    """
    content, parts = _SEAL.open(data)
    manifest = _parse_manifest(content)
    try:
        profile = parse_profile(parts[_PROFILE].decode(), _PROFILE)
    except (ConfigError, UnicodeDecodeError) as error:
        raise BundleError(str(error)) from error
    golden = unpack(parts[_GOLDEN], _GOLDEN_PARTS)
    golden_input, golden_output = (parse_tensor(golden[name], name) for name in _GOLDEN_PARTS)
    return Bundle(manifest, profile, parts[_MODEL], golden_input, golden_output, parts.get(_EDGE_TPU_MODEL))


def load_bundle(name_or_path: str) -> Bundle:
    """Read the bundle that ships for a profile (`pump`), or any bundle by path (`./mine.igb`).

    Raises:
        BundleError: there is none, or it is damaged; says how to train one.
    """
    folder = resources.files("contract") / "bundles_shipped"
    shipped = Path(str(folder / f"{Path(name_or_path).name}{SUFFIX}"))
    if Path(name_or_path).name == name_or_path and shipped.is_file():
        return read_bundle(shipped)
    if not Path(name_or_path).is_file():
        raise BundleError(
            f"no bundle {name_or_path!r}: train one with "
            f"`industrialguard train edge --profile PROFILE --data SPEC --out FILE{SUFFIX}`"
        )
    return read_bundle(Path(name_or_path))


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise BundleError(message)


def _content(manifest: Manifest) -> dict[str, Any]:
    content = {f.name: getattr(manifest, f.name) for f in fields(Manifest)}
    return content | {name: content[name].tolist() for name in _PER_FEATURE}


def _parse_manifest(content: Mapping[str, Any]) -> Manifest:
    values = take_fields(content, {f.name for f in fields(Manifest)})
    values["features"] = _text_tuple(values["features"])
    for name in _PER_FEATURE:
        values[name] = np.array([_number(v, name) for v in _list(values[name])], np.float32)
    for name in ("fleet_error_spread", "fleet_error_location"):
        values[name] = _number(values[name], name)
    for name in ("metrics", "lineage", "sha256"):
        _require(isinstance(values[name], dict), f"{MANIFEST}: {name} must be an object")
    return Manifest(**values)


def _list(value: Any) -> list[Any]:
    _require(isinstance(value, list), f"{MANIFEST}: features and what is per feature must be lists")
    items: list[Any] = value
    return items


def _text_tuple(value: Any) -> tuple[str, ...]:
    items = _list(value)
    _require(all(isinstance(item, str) for item in items), f"{MANIFEST}: features must be names")
    return tuple(items)


def _number(value: Any, name: str) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    is_number = is_number and abs(value) <= LARGEST
    _require(is_number, f"{MANIFEST}: {name} must be finite numbers")
    return float(value)
