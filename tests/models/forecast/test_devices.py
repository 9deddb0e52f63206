"""Where a network is fitted makes no difference to what it learns, but for rounding."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.forecast.devices import FULL, find_devices
from models.keras3 import keras, tf

SCRIPT = Path(__file__).with_name("on_two_devices.py")


@pytest.fixture(scope="module")
def fits() -> dict[str, Any]:
    """The same fit on one device, on two, and on two in mixed precision; devices are settled at the start."""
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("name", ["two devices", "two devices, mixed"])
def test_what_is_learned_is_the_same_but_for_rounding(fits: dict[str, Any], name: str) -> None:
    alone, other = fits["one device"], fits[name]
    assert alone["losses"][-1] < 0.9 * alone["losses"][0], "something was learned"
    assert other["losses"] == pytest.approx(alone["losses"], rel=0.03)
    apart = np.abs(np.subtract(other["said"], alone["said"]))
    assert apart.mean() < 0.01, "distribution functions"


@pytest.mark.slow
@pytest.mark.long
def test_devices_and_precision_are_those_that_were_asked_for(fits: dict[str, Any]) -> None:
    assert [fits[name]["replicas"] for name in fits] == [1, 2, 2]
    assert [fits[name]["computes"] for name in fits] == ["float32", "float32", "bfloat16"]
    assert {fits[name]["keeps"] for name in fits} == {"float32"}
    assert {fits[name]["after"] for name in fits} == {"float32"}


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="this machine has a GPU")
def test_without_a_gpu_it_is_the_cpu_in_full_precision() -> None:
    found = find_devices()
    assert (found.strategy.num_replicas_in_sync, found.policy) == (1, FULL)
    with found.scope():
        assert keras.config.dtype_policy().name == FULL


def test_a_training_of_forecasts_leaves_the_gpu_visible() -> None:
    code = (
        "import os, models.rul_command, models.forecast.train; print(os.environ.get('CUDA_VISIBLE_DEVICES'))"
    )
    command = [sys.executable, "-c", code]
    fresh = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300, env=fresh)
    assert done.stdout.splitlines()[-1] == "None"
