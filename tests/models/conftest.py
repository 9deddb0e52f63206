"""What tests of the models share: one bundle trained on a small fleet, and Coral's compiler, there or not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from contract.bundle import Bundle
from contract.features import feature_specs
from models.anomaly import AutoencoderConfig, build_model
from models.config import FitConfig
from models.fit import stack, start
from models.quantize import quantize
from models.trainer import TrainingData, assemble, prepare_machines
from tests.models.machines import PROFILE, loop_machine

FAKE_COMPILER = Path(__file__).with_name("fake_edgetpu_compiler.sh")


@pytest.fixture
def fake_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for `edgetpu_compiler`, first on the PATH; the variable `FAKE_MODE` makes it misbehave."""
    program = tmp_path / "bin" / "edgetpu_compiler"
    program.parent.mkdir()
    shutil.copy(FAKE_COMPILER, program)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join((str(program.parent), os.defpath)))
    return program


@pytest.fixture
def no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PATH without `edgetpu_compiler`."""
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture(scope="session")
def loops() -> TrainingData:
    """Four healthy pump loops, ready to train on."""
    machines = [loop_machine(f"loop-{seed}", seconds=600, seed=seed) for seed in range(4)]
    return prepare_machines(machines, PROFILE, seed=1)


@pytest.fixture(scope="session")
def bundle(loops: TrainingData) -> Bundle:
    """Of profile pump-loop, calibrated on `loops`, with a network that nobody trained.

    These loops are noise about their levels, of which no network can predict anything: a trained one has the
    same error on them and takes a minute.
    """
    start(FitConfig())
    network = build_model(AutoencoderConfig.student(PROFILE.window.context, len(feature_specs(PROFILE))))
    model = quantize(network, stack(loops.held_out)[0], seed=1)
    lineage = {"machines": [m.machine_id for m in loops.machines], "validated_on": "other machines"}
    return assemble(loops, model, 1, {}, lineage)
