import numpy as np

from contract.scoring import Z_CLIP
from models.representative import REPRESENTATIVE_CONTEXTS, WIDENED_SHARE, representative_set, widen
from tests.models.networks import correlated


def test_the_representative_set_reaches_the_clip() -> None:
    contexts = correlated(1000, 1).standardised
    chosen = representative_set(contexts, seed=1)
    peaks = np.abs(chosen).max(axis=(1, 2))
    assert len(chosen) == REPRESENTATIVE_CONTEXTS
    assert (peaks > Z_CLIP - 0.01).sum() == round(REPRESENTATIVE_CONTEXTS * WIDENED_SHARE)
    np.testing.assert_array_equal(chosen, representative_set(contexts, seed=1))
    assert len(representative_set(contexts[:5], seed=1)) == 5


def test_widening_scales_and_changes_nothing_else() -> None:
    contexts = correlated(20, 2).standardised
    kept = contexts.copy()
    widened = widen(contexts)
    np.testing.assert_array_equal(contexts, kept)
    np.testing.assert_allclose(np.abs(widened).max(axis=(1, 2)), Z_CLIP, rtol=1e-6)
    ratios = widened / contexts
    np.testing.assert_allclose(ratios, ratios[:, :1, :1] * np.ones_like(ratios), rtol=1e-4)
    assert not widen(np.zeros((1, 8, 3), np.float32)).any()
