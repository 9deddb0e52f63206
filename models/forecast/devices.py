"""Where networks are fitted: on every GPU that there is, in mixed precision where it has it, else on the CPU.

Rule: devices change how fast a network is fitted, not what comes of it, but for rounding and for each GPU
clipping the gradient of its own share of a batch: its weights are float32 everywhere, and what a network
answers afterwards is asked in full precision. Nobody sets anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from models.keras3 import keras, tf

FULL, MIXED = "float32", "mixed_bfloat16"
"""Keras' names. bfloat16 has the range of float32, so that losses need no scaling."""
HAS_BFLOAT16 = (8, 0)
"""Compute capability of the first NVIDIA GPUs that compute in it (Ampere)."""


@dataclass(frozen=True, slots=True)
class Devices:
    """What a network is built and fitted on."""

    strategy: Any
    """Of `tf.distribute`."""
    policy: str
    """Keras' name of the precision that layers compute in."""

    @contextmanager
    def scope(self) -> Iterator[None]:
        """What is built in here is fitted there."""
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(self.policy)
        try:
            with self.strategy.scope():
                yield
        finally:
            keras.config.set_dtype_policy(before)


@lru_cache(maxsize=1)
def find_devices() -> Devices:
    """All GPUs of this machine, else its CPU."""
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return Devices(tf.distribute.get_strategy(), FULL)
    capable = all(_capability(gpu) >= HAS_BFLOAT16 for gpu in gpus)
    return Devices(tf.distribute.MirroredStrategy(), MIXED if capable else FULL)


def _capability(gpu: Any) -> tuple[int, int]:
    found = tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0))
    return int(found[0]), int(found[1])
