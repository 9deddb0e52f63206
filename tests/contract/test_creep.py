"""What creeps is followed, what jumps is not, and vibration never is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from contract.creep import CREEP_RATE, Creep
from contract.errors import StateError
from contract.features import feature_specs, showing_wear
from contract.profiles import load_profile
from contract.scoring import Z_CLIP, Values

PUMP = load_profile("pump")
NAMES = [spec.name for spec in feature_specs(PUMP)]
F = len(NAMES)
PRESSURE, VIBRATION = NAMES.index("pressure_level"), NAMES.index("vib_h_rms")
BASELINE = PUMP.warmup.baseline_windows
T = PUMP.window.context
ALL = np.ones(F, np.bool_)


def at(value: float) -> Values:
    return np.full(F, value, np.float32)


def feed(creep: Creep, values: list[float]) -> Creep:
    for value in values:
        creep.add(at(value), ALL)
    return creep


def left_of(creep: Creep, value: float, expected: float = 0.0) -> Values:
    """What remains to be explained of a context that stays at a value, when the network expects another."""
    seen, network = np.full((T, F), value, np.float32), np.full((T, F), expected, np.float32)
    left: Values = (seen - creep.forgive(seen, network))[-1]
    return left


def test_what_creeps_is_followed_wherever_it_goes_and_vibration_is_not() -> None:
    slope = 0.75 * CREEP_RATE / BASELINE
    course = np.minimum(slope * np.arange(40 * BASELINE), Z_CLIP).tolist()
    creep = feed(Creep(PUMP), course)
    left = left_of(creep, Z_CLIP)
    assert left[PRESSURE] == pytest.approx(0.0, abs=1e-6)
    np.testing.assert_array_equal(left[showing_wear(PUMP)], Z_CLIP)


@pytest.mark.parametrize("size", [2.0, 5.0, Z_CLIP])
def test_what_jumps_is_left_over_but_for_what_is_slow_of_it(size: float) -> None:
    creep = feed(Creep(PUMP), [0.0] * 100)
    assert left_of(creep, size)[PRESSURE] == size
    feed(creep, [size] * BASELINE)
    assert left_of(creep, size)[PRESSURE] == pytest.approx(size - CREEP_RATE)


def test_a_spike_moves_it_no_more_than_any_window() -> None:
    for spike in (0.1, Z_CLIP):
        assert left_of(feed(Creep(PUMP), [spike]), 1.0)[PRESSURE] == pytest.approx(1 - CREEP_RATE / BASELINE)


def test_noise_moves_it_hardly() -> None:
    noise = np.random.default_rng(1).normal(size=4000).tolist()
    assert abs(left_of(feed(Creep(PUMP), noise), 3.0)[PRESSURE] - 3.0) < 0.5


def test_a_machine_that_has_crept_may_be_off_by_as_much_and_no_farther_than_there() -> None:
    creep = feed(Creep(PUMP), [3.0] * 6 * BASELINE)
    for expected, value, left in (
        (0.0, 1.5, 0.0),
        (0.0, 3.0, 0.0),
        (0.0, 0.0, 0.0),
        (0.0, 4.0, 1.0),
        (0.0, -1.0, -1.0),
        (2.0, 3.0, 0.0),
        (2.0, 4.0, 1.0),
        (-2.0, 1.0, 0.0),
        (-2.0, 3.0, 2.0),
        (5.0, 5.0, 0.0),
        (5.0, 3.0, -2.0),
    ):
        assert left_of(creep, value, expected)[PRESSURE] == pytest.approx(left, abs=1e-5), (expected, value)
        assert left_of(creep, value, expected)[VIBRATION] == value - expected


def test_a_machine_that_has_not_crept_must_do_what_the_network_expects() -> None:
    """Its usual level is no excuse: a current that stays where it was although the load has changed."""
    assert (left_of(Creep(PUMP), 0.0, 3.0) == -3.0).all()


def test_what_is_not_known_moves_nothing() -> None:
    creep = Creep(PUMP)
    for _ in range(BASELINE):
        creep.add(at(5.0), ~ALL)
    assert left_of(creep, 5.0)[PRESSURE] == 5.0


VECTORS = arrays(np.float32, F, elements=st.floats(-Z_CLIP, Z_CLIP, width=32))


@given(st.lists(VECTORS, max_size=30), VECTORS, VECTORS)
def test_it_forgives_and_never_accuses(course: list[Values], seen: Values, network: Values) -> None:
    creep = Creep(PUMP)
    for values in course:
        creep.add(values, ALL)
    found = creep.forgive(seen[np.newaxis], network[np.newaxis])[0]
    assert found.dtype == np.float32
    assert (np.abs(seen - found) <= np.abs(seen - network)).all()
    held = showing_wear(PUMP)
    np.testing.assert_array_equal(found[held], network[held])


@given(st.lists(VECTORS, max_size=10), VECTORS, VECTORS)
def test_it_goes_on_after_a_restart(course: list[Values], seen: Values, network: Values) -> None:
    creep = Creep(PUMP)
    for values in course:
        creep.add(values, ALL)
    again = Creep.from_state(creep.to_state(), PUMP)
    context = seen[np.newaxis], network[np.newaxis]
    np.testing.assert_array_equal(again.forgive(*context), creep.forgive(*context))
    assert again.to_state() == creep.to_state()


@pytest.mark.parametrize(
    "state",
    [{}, {"levels": None}, {"levels": [0.0] * (F - 1)}, {"levels": ["x"] * F}, {"levels": [float("nan")] * F},
     {"levels": [9.0] * F}],
)  # fmt: skip
def test_a_damaged_state_is_refused(state: dict[str, object]) -> None:
    with pytest.raises(StateError, match="creep"):
        Creep.from_state(state, PUMP)
