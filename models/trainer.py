"""The story of a bundle: read, standardise, train or adapt, quantise, calibrate, measure, write.

Rule: each step is a module of its own; this one only says the order, and what is too little to go on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from functools import partial
from typing import Any

import numpy as np

from contract.bundle import Bundle, load_bundle, write_bundle
from contract.creep import Creep
from contract.errors import ConfigError, DataError
from contract.profiles import MachineProfile, load_profile
from contract.scoring import Baseline
from models.calibrate import fleet_error, fleet_yardstick, machine_errors
from models.config import FitConfig, TrainConfig
from models.dataset import (
    MIN_MACHINES,
    Contexts,
    MachineVectors,
    cut_contexts,
    cut_stretches,
    fleet_wander,
    prior_windows,
    read_vectors,
    split_machines,
)
from models.errors import TooLittleDataError
from models.export import TrainedModel, code_version, data_digest, make_bundle
from models.metrics import Healthy, measure
from models.parity import DeviceModel, Int8
from models.progress import Progress
from models.recorded import fingerprint
from models.recordings import Recording, open_recordings
from models.release import require_releasable
from models.wander import Wander

LEAST_CONTEXTS = 200
"""Fewest contexts to train on."""


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Machines as the model will see them."""

    profile: MachineProfile
    machines: tuple[MachineVectors, ...] = field(repr=False)
    wander: Wander = field(repr=False)
    """Of healthy machines, in model space."""
    learning: tuple[Contexts, ...] = field(repr=False)
    held_out: tuple[Contexts, ...] = field(repr=False)


def prepare(config: TrainConfig) -> TrainingData:
    """Read and standardise what training needs; TensorFlow is not loaded yet.

    Raises:
        ConfigError: the profile is unknown or malformed, or nothing is left to train on.
        DataError: the recordings cannot be read, are of another profile, or are too little.
    """
    profile = load_profile(config.profile)
    machines = read_machines(choose_recordings(config, profile), profile, config.healthy_fraction)
    return prepare_machines(machines, profile, config.fit.seed)


def prepare_machines(machines: Sequence[MachineVectors], profile: MachineProfile, seed: int) -> TrainingData:
    """Standardise healthy machines and divide them.

    Raises:
        DataError: they are too little.
    """
    wander = fleet_wander(machines, profile)
    parts = machines if len(machines) >= MIN_MACHINES else cut_stretches(machines)
    make_baseline = baseline_factory(profile, wander)
    contexts = [cut_contexts(m, profile, make_baseline, from_start=True) for m in parts]
    if parts is not machines:
        _require_long(contexts, len(machines))
    learning, held_out = split_machines(contexts, seed)
    _require_enough(learning)
    return TrainingData(profile, tuple(machines), wander, tuple(learning), tuple(held_out))


def prepare_sides(
    learning: Sequence[MachineVectors],
    held_out: Sequence[MachineVectors],
    profile: MachineProfile,
    wander: Wander,
) -> TrainingData:
    """Standardise healthy machines that somebody else has divided.

    Args:
        learning: To learn from.
        held_out: To stop by.
        profile: Of all of them.
        wander: Of those to learn from.

    Raises:
        TooLittleDataError: they are too little, or none that is held out was recorded beyond its warm-up.
    """
    make_baseline = baseline_factory(profile, wander)
    sides = [
        [cut_contexts(machine, profile, make_baseline, from_start=True) for machine in side]
        for side in (learning, held_out)
    ]
    taught, asked = ([each for each in side if len(each.standardised)] for side in sides)
    _require_enough(taught)
    if not asked:
        raise TooLittleDataError(
            f"none of the {len(held_out)} machines to calibrate on was recorded beyond its warm-up"
        )
    return TrainingData(profile, (*learning, *held_out), wander, tuple(taught), tuple(asked))


def baseline_factory(profile: MachineProfile, wander: Wander) -> Callable[[], Baseline]:
    """Empty baselines that know how far the fleet wanders."""
    return partial(Baseline, profile, wander.spread.astype(np.float32), prior_windows(profile))


def train(config: TrainConfig) -> Bundle:
    """Train a bundle and write it to `config.out`.

    Raises:
        ConfigError, DataError: as `prepare`.
        NotReleasableError: the model does not fit a device.
        BundleError: the file cannot be written, or there is no bundle to start from.
    """
    if config.fit.start_from:  # before minutes are spent on the recordings
        open_start(config.fit.start_from, load_profile(config.profile))
    data = prepare(config)
    bundle = require_releasable(build_bundle(data, config.fit, _lineage(config, data.machines)))
    write_bundle(config.out, bundle)
    return bundle


def build_bundle(data: TrainingData, config: FitConfig, lineage: Mapping[str, Any]) -> Bundle:
    """Everything from the data to a bundle: taught from scratch, or adapted from another bundle.

    Raises:
        ConfigError: the bundle to start from is another profile's, or of another shape.
        BundleError: there is none.
        TooLittleDataError, NotReleasableError: as `assemble`.
    """
    if config.start_from:
        return adapt_bundle(data, config, lineage)
    from models.student import learn_student

    student = learn_student(data.learning, data.held_out, with_wander(data, config))
    metrics = {
        "teacher_error": round(student.teacher_error, 4),
        "student_error": round(student.error, 4),
        "model_bytes": float(len(student.int8)),
    }
    return assemble(data, student.int8, config.seed, metrics, {**lineage, "epochs": list(student.epochs)})


def adapt_bundle(
    data: TrainingData, config: FitConfig, lineage: Mapping[str, Any], layers: Collection[str] = ()
) -> Bundle:
    """Adapt the bundle that the configuration names, and calibrate it anew.

    Args:
        data: Best the machines that it knows, and new ones.
        config: How, and which bundle.
        lineage: Of the result.
        layers: The only ones that may change; none: all.

    Raises:
        ConfigError, BundleError, TooLittleDataError, NotReleasableError: as `build_bundle`.
    """
    from models.adapt import adapt

    begun = open_start(config.start_from, data.profile)
    adapted = adapt(begun.model, data.learning, data.held_out, with_wander(data, config), layers)
    metrics = {
        "start_error": round(adapted.start_error, 4),
        "float_error": round(adapted.float_error, 4),
        "student_error": round(adapted.error, 4),
        "model_bytes": float(len(adapted.int8)),
    }
    told = {**lineage, "epochs": [adapted.epochs], "start_from": begun.manifest.version}
    return assemble(data, adapted.int8, config.seed, metrics, told, begun.golden_input)


def open_start(name: str, profile: MachineProfile) -> Bundle:
    """Read the bundle that training starts from.

    Raises:
        ConfigError: it is another profile's, or of another state of it.
        BundleError: there is none, or it is damaged.
    """
    begun = load_bundle(name)
    if fingerprint(begun.profile) != fingerprint(profile):
        raise ConfigError(
            f"--start-from {name} is of {fingerprint(begun.profile)}, not {fingerprint(profile)}: its "
            "network reads other numbers; train from scratch"
        )
    return begun


def with_wander(data: TrainingData, config: FitConfig) -> FitConfig:
    """The configuration for machines that wander as these do."""
    return replace(config, wander=data.wander.offsets)


def assemble(
    data: TrainingData,
    model: bytes,
    seed: int,
    metrics: Mapping[str, float],
    lineage: Mapping[str, Any],
    golden: Int8 | None = None,
) -> Bundle:
    """Calibrate an int8 file on the machines as a device would meet them, and put a bundle together.

    Args:
        data: The machines.
        model: The file.
        seed: Which contexts become golden inputs.
        metrics: What training measured.
        lineage: Of the bundle.
        golden: Inputs that become golden ones if runtimes agree on them; None: new ones are drawn.

    Raises:
        TooLittleDataError: no machine was recorded beyond its warm-up.
        NotReleasableError: runtimes do not agree on enough contexts.
    """
    device = DeviceModel(model)
    yardstick = fleet_yardstick((*data.learning, *data.held_out), device, data.profile)
    make_baseline = baseline_factory(data.profile, data.wander)
    as_on_device = [cut_contexts(m, data.profile, make_baseline) for m in data.machines]
    on_device = [machine_errors(m, device, yardstick, Creep(data.profile)) for m in as_on_device]
    errors = fleet_error(on_device, data.profile)
    measured = measure(data.held_out, device, Healthy(data.profile, yardstick, errors), seed)
    spread = data.wander.spread.astype(np.float32)
    trained = TrainedModel(
        data.profile, model, spread, yardstick.residual, errors, {**measured, **metrics}, lineage, golden
    )
    contexts = np.concatenate([m.standardised for m in data.held_out])
    return make_bundle(trained, contexts, seed)


def choose_recordings(config: TrainConfig, profile: MachineProfile) -> list[Recording]:
    """The recordings to train on, without those excluded.

    Raises:
        DataError: they cannot be read, or one belongs to another profile.
        ConfigError: an exclusion matches nothing (a misspelt one would train on what should be left out), or
            nothing is left.
    """
    # A table says nothing of its profile; every other format does, and must be asked.
    told = config.profile if config.data.startswith("csv:") else None
    recordings = open_recordings(config.data, told)
    for pattern in config.exclude:
        if not any(fnmatch(r.machine_id, pattern) for r in recordings):
            raise ConfigError(f"--exclude {pattern}: no such machine in {config.data}")
    chosen = [r for r in recordings if not any(fnmatch(r.machine_id, p) for p in config.exclude)]
    if not chosen:
        raise ConfigError(f"all {len(recordings)} machines of {config.data} are excluded; leave some in")
    others = {r.profile for r in chosen} - {profile.name, config.profile}
    if others:
        raise DataError(f"{config.data} is of profile {', '.join(sorted(others))}, not {profile.name}")
    return chosen


def read_machines(
    recordings: Sequence[Recording], profile: MachineProfile, healthy_fraction: float
) -> list[MachineVectors]:
    """Compute every machine's feature vectors, with progress."""
    progress = Progress("reading: machine", len(recordings))
    machines = []
    for number, recording in enumerate(recordings, start=1):
        machines.append(read_vectors(recording, profile, healthy_fraction))
        progress.advance(number, recording.machine_id)
    return machines


def _require_long(stretches: Sequence[Contexts], machines: int) -> None:
    if sum(len(s.standardised) > 0 for s in stretches) < MIN_MACHINES:
        raise TooLittleDataError(
            f"too few machines ({machines}), and recorded too short to learn from stretches instead: "
            f"record {MIN_MACHINES} machines, or longer"
        )


def _require_enough(learning: Sequence[Contexts]) -> None:
    count = sum(len(m.standardised) for m in learning)
    if count < LEAST_CONTEXTS:
        raise TooLittleDataError(
            f"only {count} contexts to learn from, at least {LEAST_CONTEXTS} are needed: add machines, "
            "record longer, or raise --healthy-fraction"
        )


def _lineage(config: TrainConfig, machines: Sequence[MachineVectors]) -> dict[str, Any]:
    is_by_machine = len(machines) >= MIN_MACHINES
    return {
        "code_version": code_version(),
        "validated_on": "other machines" if is_by_machine else "other times of the same machine",
        "data_format": config.data.partition(":")[0],
        "data_sha256": data_digest(machines),
        "machines": sorted(m.machine_id for m in machines),
        "windows": sum(len(m.vectors) for m in machines),
        "excluded": sorted(config.exclude),
        "healthy_fraction": config.healthy_fraction,
        "seed": config.fit.seed,
    }
