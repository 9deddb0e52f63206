"""What a network is shown: noise, silence, wandering and what goes astray."""

import numpy as np
import pytest

from contract.scoring import Z_CLIP, Values
from models.augment import (
    HEALTHY_MARGIN,
    LEAST_ASTRAY,
    OFFSET_REACH,
    corrupt,
    healthy_range,
    let_stray,
    let_wander,
)
from models.config import FitConfig
from models.wander import OFFSET_SPREADS
from tests.models.networks import LENGTH, WIDTH, correlated


def test_corruption_hides_whole_features_and_windows_but_never_the_last() -> None:
    clean = np.ones((400, LENGTH, WIDTH), np.float32)
    valid = np.ones_like(clean, np.bool_)
    valid[:, :, 0] = False
    config = FitConfig(noise=0.01, lost_features=0.2, lost_windows=0.5)
    hidden = corrupt(clean, valid, config, np.random.default_rng(0)) == 0
    assert hidden[:, :, 0].all()
    lost_windows = hidden.all(axis=2)
    assert not lost_windows[:, -1].any()
    assert lost_windows.any(axis=1).mean() == pytest.approx(0.5, abs=0.1)
    assert hidden[:, -1, 1:].mean() == pytest.approx(0.2, abs=0.03)
    every_second = lost_windows[:, :-1].sum(axis=1) >= LENGTH // 2 - 1
    assert every_second.any()


def test_corruption_shows_nothing_that_a_device_cannot_see() -> None:
    clean = np.full((50, LENGTH, WIDTH), Z_CLIP, np.float32)
    seen = corrupt(clean, np.ones_like(clean, np.bool_), FitConfig(noise=1.0), np.random.default_rng(0))
    assert seen.max() == Z_CLIP


WANDERING = np.array((0.0, *[1.0] * (WIDTH - 2), 3.0), np.float32)
"""One feature holds its level, the others wander, the last one far."""
ALL = np.ones((2000, LENGTH, WIDTH), np.bool_)


def wandered(offset: Values, seed: int = 5) -> Values:
    clean = np.zeros((500, LENGTH, WIDTH), np.float32)
    return let_wander(clean, ALL[:500], offset, np.random.default_rng(seed))


def test_what_wanders_gets_another_level_and_a_slope_and_the_others_neither() -> None:
    moved = wandered(WANDERING)
    assert not moved[..., 0].any()
    levels, slopes = moved.mean(axis=1), moved[:, -1] - moved[:, 0]
    assert levels[:, 1:-1].std() == pytest.approx(1.0, rel=0.1)
    assert slopes[:, 1:-1].std() == pytest.approx(1.0, rel=0.1)
    assert levels[:, -1].std() == pytest.approx(3.0, rel=0.15)
    bends = np.diff(moved, n=2, axis=1)
    assert np.median(np.abs(bends)) < 1e-5, "nothing but a level and a slope"
    assert np.abs(moved).max() == Z_CLIP, "a device sees no more"
    assert abs(np.corrcoef(levels[:, 1], levels[:, 2])[0, 1]) < 0.2, "each feature wanders by itself"


def test_what_is_not_valid_does_not_wander() -> None:
    clean = np.zeros((40, LENGTH, WIDTH), np.float32)
    valid = np.random.default_rng(1).random(clean.shape) < 0.5
    moved = let_wander(clean, valid, WANDERING, np.random.default_rng(2))
    assert not moved[~valid].any()
    assert (moved[..., 1:][valid[..., 1:]] != 0).all()


def test_wander_is_drawn_from_the_seed_and_leaves_what_it_got_alone() -> None:
    np.testing.assert_array_equal(wandered(WANDERING, seed=1), wandered(WANDERING, seed=1))
    assert not np.array_equal(wandered(WANDERING, seed=1), wandered(WANDERING, seed=2))
    clean = correlated(10, 1).standardised
    kept = clean.copy()
    moved = let_wander(clean, ALL[:10], WANDERING, np.random.default_rng(0))
    np.testing.assert_array_equal(clean, kept)
    assert moved.dtype == np.float32


def noise(count: int = len(ALL)) -> Values:
    return np.random.default_rng(9).normal(size=(count, LENGTH, WIDTH)).astype(np.float32)


def test_where_healthy_machines_go_is_what_they_wander_and_a_margin_on_what_was_seen() -> None:
    found = healthy_range(noise(), ALL, FitConfig(wander=tuple(WANDERING.tolist())))
    np.testing.assert_array_equal(found.offset, WANDERING)
    np.testing.assert_allclose(found.reach[1:], np.minimum(OFFSET_REACH * WANDERING[1:], Z_CLIP))
    largest = np.abs(noise().mean(axis=1)).max(axis=0)
    assert found.reach[0] == pytest.approx(HEALTHY_MARGIN * largest[0])


def test_where_one_healthy_machine_was_seen_is_healthy_too() -> None:
    clean = noise()
    clean[:40, :, :3] += 4.0
    wander = (0.0, 1.0, 0.5, *[0.0] * (WIDTH - 3))
    found = healthy_range(clean, ALL, FitConfig(wander=wander))
    seen = np.abs(clean.mean(axis=1)).max(axis=0)
    assert found.offset[0] == 0, "what holds its level is not taught to be followed"
    np.testing.assert_allclose(found.reach[:3], HEALTHY_MARGIN * seen[:3])
    factor = seen[1:3] / (OFFSET_REACH * OFFSET_SPREADS)
    np.testing.assert_allclose(found.offset[1:3], np.array([1.0, 0.5]) * factor, rtol=1e-5)


def test_a_feature_that_nobody_knows_reaches_nowhere_and_none_beyond_the_clip() -> None:
    clean, valid = noise(), ALL.copy()
    clean[:, :, 1] = Z_CLIP
    valid[..., 2] = False
    found = healthy_range(clean, valid, FitConfig())
    assert (found.reach[1], found.reach[2]) == (Z_CLIP, 0)
    assert not found.offset.any()
    assert found.offset.dtype == found.reach.dtype == np.float32


def test_what_healthy_machines_take_to_the_clip_never_strays() -> None:
    reach = np.full(WIDTH, Z_CLIP - LEAST_ASTRAY, np.float32)
    reach[3] += 0.1
    _, moved, seen, _ = strayed(reach, 0.5)
    np.testing.assert_array_equal(seen[..., 3], moved[..., 3])
    assert (seen[..., 2] != moved[..., 2]).any()


def strayed(reach: Values, share: float) -> tuple[Values, Values, Values, Values]:
    """Clean contexts, the same as they wander, what is seen and what is wanted back."""
    random = np.random.default_rng(3)
    clean = noise()
    moved = let_wander(clean, ALL, WANDERING, random)
    return clean, moved, *let_stray(clean, moved, reach, share, random)


REACH = np.minimum(OFFSET_REACH * WANDERING, Z_CLIP).astype(np.float32)


def test_what_strays_must_come_back_at_its_own_level_and_all_else_where_it_is() -> None:
    clean, moved, seen, wanted = strayed(REACH, 0.15)
    is_far = (seen != wanted).any(axis=1)
    assert is_far[:, :-1].mean() == pytest.approx(0.15, abs=0.01)
    far = np.broadcast_to(is_far[:, np.newaxis], clean.shape)
    np.testing.assert_array_equal(wanted[far], clean[far])
    np.testing.assert_array_equal(seen[~far], moved[~far])
    np.testing.assert_array_equal(wanted[~far], moved[~far])
    shares = is_far.mean(axis=1)
    assert shares.min() == 0, "some contexts are all healthy"
    assert shares.max() > 0.4, "in others, much is wrong at once"
    assert seen.dtype == wanted.dtype == np.float32


def test_nothing_is_called_astray_that_healthy_machines_do() -> None:
    clean, _, seen, wanted = strayed(REACH, 0.5)
    is_far = (seen != wanted).any(axis=1)
    off = np.median(seen - clean, axis=1)
    for feature in (0, 1):
        size = np.abs(off[:, feature][is_far[:, feature]])
        assert size.min() > 0.7 * REACH[feature]
        assert size.min() < REACH[feature] + 0.5, "from there on"
    assert np.abs(seen).max() == Z_CLIP, "a device sees no more"
    assert np.mean(off[is_far] > 0) == pytest.approx(0.5, abs=0.05), "to both sides"


def test_a_share_of_none_leaves_all_as_it_wanders() -> None:
    _, moved, seen, wanted = strayed(REACH, 0.0)
    np.testing.assert_array_equal(seen, moved)
    np.testing.assert_array_equal(wanted, moved)
