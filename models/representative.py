"""Contexts that stand for everything a device may see, for quantisation and for golden inputs.

Rule: a tenth of the healthy contexts are scaled up as far as a standardised feature can go; with ranges
calibrated on healthy ones alone, an int8 network clips what it is there to see.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from contract.scoring import Z_CLIP

Values = npt.NDArray[np.float32]

REPRESENTATIVE_CONTEXTS = 300
WIDENED_SHARE = 0.1


def representative_set(contexts: Values, seed: int) -> Values:
    """Choose contexts and widen a tenth of them so that their largest feature lies at `Z_CLIP`.

    Returns:
        float32 (m, T, F), m at most `REPRESENTATIVE_CONTEXTS`.
    """
    random = np.random.default_rng(seed)
    count = min(len(contexts), REPRESENTATIVE_CONTEXTS)
    chosen: Values = contexts[random.permutation(len(contexts))[:count]].copy()
    widened = max(1, round(count * WIDENED_SHARE))
    chosen[:widened] = widen(chosen[:widened])
    return chosen


def widen(contexts: Values) -> Values:
    """Scale each context so that its largest feature lies at `Z_CLIP`. float32 (n, T, F)."""
    peaks = np.abs(contexts).max(axis=(1, 2), keepdims=True)
    widened: Values = contexts * (Z_CLIP / np.maximum(peaks, 1e-3))
    return widened
