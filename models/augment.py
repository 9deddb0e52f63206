"""What a network is shown in training: healthy machines as they wander, fall silent and go astray.

Rule: what is wanted back is what a healthy machine does. Features that wander are followed as far as healthy
machines take them and no farther; one that has gone beyond must come back at its own level, or the network
would hide the very fault that it is there to show.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from contract.scoring import Z_CLIP, Mask, Values
from models.config import FitConfig
from models.wander import OFFSET_SPREADS

OFFSET_REACH = 2.5
"""How far a feature that wanders is followed, in standard deviations of the offsets that it learns from."""
HEALTHY_MARGIN = 1.5
"""A healthy machine may go half as far again as those that were recorded."""
LEAST_ASTRAY = 1.0
"""Spreads that must be left up to the clip for a feature to go astray; one that healthy machines take nearly
there never does."""


@dataclass(frozen=True, slots=True)
class HealthyRange:
    """Where healthy machines take each feature, in spreads from its level."""

    offset: Values
    """float32 (F,), standard deviation of the offsets that are followed; 0: it holds its level."""
    reach: Values
    """float32 (F,), farther off than this is astray; at most `Z_CLIP`."""


def healthy_range(clean: Values, valid: Mask, config: FitConfig) -> HealthyRange:
    """Join what a fleet's wander says with what contexts show.

    A temperature that is seven spreads off after each change of load of some pump is not astray, nor may it
    be followed only as far as the typical machine's wanders.
    """
    counts = np.maximum(valid.sum(axis=1), 1)
    seen = np.abs((clean * valid).sum(axis=1) / counts).max(axis=0)
    taught = np.array(config.wander or (0.0,) * len(seen), np.float32)
    offset = taught * np.maximum(1.0, seen / (OFFSET_REACH * OFFSET_SPREADS))
    reach = np.minimum(np.maximum(OFFSET_REACH * offset, HEALTHY_MARGIN * seen), Z_CLIP)
    return HealthyRange(offset.astype(np.float32), reach.astype(np.float32))


def let_wander(clean: Values, valid: Mask, offset: Values, random: np.random.Generator) -> Values:
    """Move features that wander to another level and give them a slope: healthy machines do that later on.

    What the network must give back has moved too, so that it learns to follow such features and to hold the
    others against their own level. float32 (n, T, F).
    """
    count, length, width = clean.shape
    drawn = random.standard_normal((2, count, 1, width), dtype=np.float32)
    level, slope = drawn * offset
    along = np.linspace(-0.5, 0.5, length, dtype=np.float32)[:, np.newaxis]
    moved = np.clip(clean + level + slope * along, -Z_CLIP, Z_CLIP)
    return np.where(valid, moved, 0.0).astype(np.float32, copy=False)


def let_stray(
    clean: Values, wandered: Values, reach: Values, share: float, random: np.random.Generator
) -> tuple[Values, Values]:
    """Put some features farther off than healthy machines take them: those must come back at their own level.

    A network that was only shown how features wander goes on following them beyond; how far is chance, and
    trained again with another seed it finds other faults.

    Args:
        clean: float32 (n, T, F).
        wandered: The same after `let_wander`.
        reach: float32 (F,), from `healthy_range`.
        share: Of features that stray; contexts have from none to twice as many.
        random: Source of chance.

    Returns:
        What is seen and what is wanted back, float32 (n, T, F) each; what is not valid may be anything.
    """
    count, _, width = clean.shape
    size = random.uniform(reach, Z_CLIP, (count, 1, width)).astype(np.float32)
    far = clean + np.where(random.random((count, 1, width)) < 1 / 2, size, -size)
    is_far = random.random((count, 1, width)) < random.uniform(0.0, 2 * share, (count, 1, 1))
    is_far &= reach <= Z_CLIP - LEAST_ASTRAY
    seen = np.where(is_far, np.clip(far, -Z_CLIP, Z_CLIP), wandered)
    return seen.astype(np.float32, copy=False), np.where(is_far, clean, wandered)


def corrupt(clean: Values, valid: Mask, config: FitConfig, random: np.random.Generator) -> Values:
    """What the network sees in training: noise, lost features, lost windows. float32 (n, T, F)."""
    count, length, width = clean.shape
    noisy = clean + config.noise * random.standard_normal(clean.shape, dtype=np.float32)
    kept = valid & (random.random((count, 1, width)) >= config.lost_features)
    lossy = random.random(count) < config.lost_windows
    every_second = (np.arange(length) + random.integers(0, 2, (count, 1))) % 2 == 0
    some = random.random((count, length)) < random.uniform(0.0, 0.5, (count, 1))
    lost = np.where(random.random((count, 1)) < 1 / 2, every_second, some) & lossy[:, np.newaxis]
    lost[:, -1] = False  # a device judges only windows that it has seen
    noisy[~kept | lost[:, :, np.newaxis]] = 0.0
    return np.clip(noisy, -Z_CLIP, Z_CLIP).astype(np.float32, copy=False)
