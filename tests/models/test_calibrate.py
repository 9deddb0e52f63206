import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from contract.creep import CREEP_RATE, Creep
from contract.features import feature_specs
from contract.profiles import load_profile
from contract.scoring import JUDGED_WINDOWS, Z_CLIP, Mask, Values, Yardstick, model_error
from models.calibrate import (
    LEAST_PRACTICAL_RESIDUAL,
    LEAST_RESIDUAL,
    LEAST_SPREAD,
    Network,
    expected,
    fleet_error,
    fleet_yardstick,
    machine_errors,
)
from models.dataset import Contexts
from models.errors import TooLittleDataError
from tests.models.machines import PROFILE

NEEDED = PROFILE.warmup.calibration_windows
SPECS = feature_specs(PROFILE)
SHAPE = (PROFILE.window.context, len(SPECS))


@dataclass(frozen=True)
class Leaves:
    """A network that leaves so much of every feature."""

    residual: Values

    def reconstruct(self, contexts: Values) -> Values:
        return contexts - self.residual


def machine_of(name: str, count: int = 5, valid: Mask | None = None) -> Contexts:
    whole = np.ones(SHAPE, np.bool_) if valid is None else valid
    shape = (count, *SHAPE)
    return Contexts(
        name, np.arange(count, dtype=float), np.zeros(shape, np.float32), np.tile(whole, (count, 1, 1))
    )


def residual_of(machines: Sequence[Contexts], network: Network) -> Values:
    return fleet_yardstick(machines, network, PROFILE).residual


def test_location_is_of_the_calibration_and_spread_of_what_follows() -> None:
    errors = [
        np.concatenate([np.full(NEEDED, level), np.full(50, level * np.e)]) for level in (1.0, 2.0, 8.0)
    ]
    found = fleet_error(errors, PROFILE)
    assert found.location == pytest.approx(np.log(2.0))
    assert found.spread == pytest.approx(1.0)


def test_a_fleet_is_never_steadier_than_a_machine_can_be() -> None:
    assert fleet_error([np.ones(NEEDED + 5)], PROFILE).spread == LEAST_SPREAD
    # The alarm threshold of 0.5 lies 5.08 spreads up: the error must then have grown 2.8-fold.
    assert np.exp(5.08 * LEAST_SPREAD) == pytest.approx(2.8, abs=0.05)


def test_a_fleet_is_never_believed_to_be_better_than_usual() -> None:
    assert fleet_error([np.full(NEEDED + 5, 0.01)], PROFILE).location == 0.0


def test_short_machines_are_left_out_and_only_short_ones_refused() -> None:
    long = np.full(NEEDED + 50, 3.0)
    assert fleet_error([np.full(NEEDED, 90.0), long], PROFILE) == fleet_error([long], PROFILE)
    with pytest.raises(TooLittleDataError, match=f"more than {NEEDED} windows"):
        fleet_error([np.ones(NEEDED)], PROFILE)


def test_the_residual_is_the_usual_square_of_what_is_left_of_each_feature() -> None:
    left = np.linspace(1.0, 3.0, SHAPE[1], dtype=np.float32)
    yardstick = fleet_yardstick([machine_of("a"), machine_of("b")], Leaves(left), PROFILE)
    assert yardstick.residual.dtype == np.float32
    np.testing.assert_allclose(yardstick.residual, left**2, rtol=1e-6)
    np.testing.assert_allclose(
        machine_errors(machine_of("c"), Leaves(left), yardstick, Creep(PROFILE)), 1.0, rtol=1e-6
    )


def test_the_newest_windows_alone_are_judged() -> None:
    left = np.ones(SHAPE, np.float32)
    left[:-JUDGED_WINDOWS] = 100.0
    np.testing.assert_allclose(residual_of([machine_of("a")], Leaves(left)), 1.0)


def test_one_odd_machine_does_not_decide() -> None:
    class Odd:
        def reconstruct(self, contexts: Values) -> Values:
            return contexts - np.float32(7.0 if len(contexts) == 6 else 1.5)

    machines = [machine_of("a"), machine_of("b"), machine_of("odd", count=6)]
    np.testing.assert_allclose(residual_of(machines, Odd()), 1.5**2, rtol=1e-6)


def test_a_sensor_that_is_noisy_by_nature_has_a_larger_unit() -> None:
    """Of the same mean square, but from one context to the next."""

    class Noisy:
        def reconstruct(self, contexts: Values) -> Values:
            left = np.ones_like(contexts)
            own = np.array([spec.sensor == SPECS[-1].sensor for spec in SPECS])
            left[..., own] = np.random.default_rng(len(contexts)).exponential(size=(len(contexts), 1, 1))
            return contexts - left

    found = residual_of([machine_of(name, count=400) for name in "abcd"], Noisy())
    own = np.array([spec.sensor == SPECS[-1].sensor for spec in SPECS])
    np.testing.assert_allclose(found[~own], 1.0, rtol=1e-5)
    # Squares of an exponential variable of mean 1 exceed (ln 100)^2 in one of a hundred cases.
    np.testing.assert_allclose(found[own], math.log(100) ** 2, rtol=0.4)


def test_what_one_machine_of_a_small_fleet_does_is_not_rare_and_of_a_large_one_it_is() -> None:
    class OftenFarOff:
        """In every twentieth context of the machine that has 300 of them."""

        def reconstruct(self, contexts: Values) -> Values:
            left = np.ones_like(contexts)
            if len(contexts) == 300:
                left[::20] = 10.0
            return contexts - left

    odd = machine_of("odd", count=300)
    few, many = ([odd, *(machine_of(f"{n}", count=100) for n in range(others))] for others in (4, 30))
    # What counts of a square is at most that of the clip.
    np.testing.assert_allclose(residual_of(few, OftenFarOff()), Z_CLIP**2, rtol=1e-5)
    np.testing.assert_allclose(residual_of(many, OftenFarOff()), 1.0, rtol=1e-5)


def test_a_feature_that_no_machine_knows_counts_like_any_other() -> None:
    valid = np.ones(SHAPE, np.bool_)
    valid[:, 3] = False
    left = Leaves(np.full(SHAPE[1], 2.0, np.float32))
    unknown = residual_of([machine_of("a", valid=valid)], left)
    assert unknown[3] == 1.0
    np.testing.assert_allclose(np.delete(unknown, 3), 4.0)
    one_knows = residual_of([machine_of("a", valid=valid), machine_of("b")], left)
    np.testing.assert_allclose(one_knows, 4.0)


def test_no_feature_is_believed_to_be_known_better_than_its_kind_can_be() -> None:
    profile = load_profile("pump")
    specs = feature_specs(profile)
    shape = (4, profile.window.context, len(specs))
    machine = Contexts("m", np.zeros(4), np.zeros(shape, np.float32), np.ones(shape, np.bool_))
    found = fleet_yardstick([machine], Leaves(np.zeros(len(specs), np.float32)), profile).residual
    is_practical = np.array([spec.scale == "log" or spec.name == "temperature_level" for spec in specs])
    assert is_practical.any() and not is_practical.all()
    np.testing.assert_allclose(found, np.where(is_practical, LEAST_PRACTICAL_RESIDUAL, LEAST_RESIDUAL))


class _Held(Creep):
    """Of a machine that never creeps."""

    def add(self, standardised: Values, valid: Mask) -> None:
        pass


HELD = _Held(PROFILE)
LEVEL = [spec.name for spec in SPECS].index("pressure_level")


def creeping(count: int) -> Contexts:
    """A machine whose pressure creeps away by six spreads, as slowly as may be followed."""
    z = np.zeros((count, *SHAPE), np.float32)
    slope = 0.75 * CREEP_RATE / PROFILE.warmup.baseline_windows
    z[..., LEVEL] = np.minimum(slope * np.arange(count), 6.0)[:, np.newaxis]
    return Contexts("m", np.arange(count, dtype=float), z, np.ones(z.shape, np.bool_))


CREEPING = creeping(round(10 / CREEP_RATE) * PROFILE.warmup.baseline_windows)
NONE = Leaves(np.zeros(SHAPE[1], np.float32))


class Holds:
    """A network that expects every feature at its level."""

    def reconstruct(self, contexts: Values) -> Values:
        return np.zeros_like(contexts)


def test_what_creeps_is_no_error_and_makes_no_sensor_restless() -> None:
    yardstick = fleet_yardstick([CREEPING], NONE, PROFILE)
    errors = machine_errors(CREEPING, Holds(), yardstick, Creep(PROFILE))
    assert errors.max() < 1
    np.testing.assert_allclose(residual_of([CREEPING], Holds()), yardstick.residual)
    left = CREEPING.standardised - expected(CREEPING, Holds(), Creep(PROFILE))
    assert np.abs(left).max() < 0.3
    assert machine_errors(CREEPING, Holds(), yardstick, HELD).max() > 30


def test_what_counts_as_anomalous_is_not_crept_after() -> None:
    yardstick = fleet_yardstick([CREEPING], NONE, PROFILE)
    z = np.zeros_like(CREEPING.standardised)
    z[5:, :, LEVEL] = 6.0
    jumped = Contexts("m", CREEPING.event_times_s, z, CREEPING.valid)
    creep = Creep(PROFILE)
    assert machine_errors(jumped, Holds(), yardstick, creep, limit=10.0)[-1] > 100
    assert machine_errors(jumped, Holds(), yardstick, creep)[-1] < 1, "else, it heals in time"


def test_errors_are_the_devices() -> None:
    random = np.random.default_rng(1)
    shape = (7, *SHAPE)
    valid = random.random(shape) < 0.7
    machine = Contexts("m", np.arange(7.0), (random.normal(size=shape) * valid).astype(np.float32), valid)
    yardstick = Yardstick.of(random.uniform(0.5, 2.0, SHAPE[1]).astype(np.float32), SPECS)
    network = Leaves(np.float32(0.5) * np.ones(SHAPE[1], np.float32))
    found = [
        model_error(z, z - network.residual, v, yardstick)
        for z, v in zip(machine.standardised, machine.valid, strict=True)
    ]
    assert machine_errors(machine, network, yardstick, HELD).tolist() == found
    empty = Contexts("e", np.zeros(0), np.zeros((0, *SHAPE), np.float32), np.zeros((0, *SHAPE), np.bool_))
    assert len(machine_errors(empty, network, yardstick, HELD)) == 0
