"""What the slow sensors of one machine feel, from its temperature to its RMS vibration.

Rule: all of them follow the same speed, load and wear, so that they stay coupled as on a real machine; only
their noise is their own. Physics is computed in °C, bar, A, L/min, V, /min and m/s² and converted to the
sensor's unit last.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contract.errors import ConfigError
from contract.signals import TO_METRE_PER_SECOND_SQUARED, Quantity, SensorSpec
from simulators.degradation import FailureMode
from simulators.regimes import Fluctuation, Series

RUNNING_FROM = 0.02
"""Fraction of nominal speed from which a machine counts as running."""
BODY_TAU_S = 150.0
"""Thermal time constant of the bearing housing while the fan turns, in s."""
STANDSTILL_TAU_S = 900.0
"""The same at standstill: the fan stands still too."""
FLUID_TAU_S = 400.0
STANDBY_CURRENT_A = 0.05


@dataclass(frozen=True, slots=True)
class Conditions:
    """Everything the slow signals depend on, beside chance, at n moments of rising time."""

    time_s: Series
    speed: Series
    """Fraction of nominal, (n,)."""
    load: Series
    """Fraction of nominal, (n,)."""
    mode: FailureMode | None
    wear: float
    """0..1; the same for all moments."""
    ambient_c: float = 0.0
    """How much warmer it is around the machine than usual, in K."""

    @property
    def is_running(self) -> npt.NDArray[np.bool_]:
        """Whether the shaft turns, (n,)."""
        return self.speed > RUNNING_FROM

    def worn(self, mode: FailureMode) -> float:
        """Wear of that mode, 0 when another one wears."""
        return self.wear if self.mode is mode else 0.0


@dataclass(frozen=True, slots=True)
class SlowSpec:
    """Nominal readings of a kind of machine at full load, and its sensors' noise (standard deviations)."""

    ambient_c: float = 23.0
    body_rise_c: float = 32.0
    """Bearing housing above ambient."""
    fluid_rise_c: float = 5.0
    speed_rpm: float = 2950.0
    pressure_bar: float = 6.0
    static_bar: float = 1.0
    """Part of the pressure that stays at standstill."""
    current_a: float = 14.0
    flow_lpm: float = 250.0
    voltage_v: float = 400.0
    acceleration_ms2: float = 0.3
    noise: tuple[tuple[Quantity, float], ...] = (
        (Quantity.TEMPERATURE, 0.08),
        (Quantity.PRESSURE, 0.04),
        (Quantity.CURRENT, 0.14),
        (Quantity.FLOW, 1.2),
        (Quantity.VOLTAGE, 2.0),
        (Quantity.SPEED, 1.5),
        (Quantity.ACCELERATION, 0.006),
    )


def to_unit(quantity: Quantity, unit: str, value: Series) -> Series:
    """Convert from this module's base unit of a quantity to a UCUM unit.

    Raises:
        ConfigError: the simulator does not know the quantity.
    """
    if quantity is Quantity.ACCELERATION:
        return value / TO_METRE_PER_SECOND_SQUARED[unit]
    if unit not in _FROM_BASE:
        raise ConfigError(
            f"simulated machines have no {quantity} in {unit}: replay a recording for this profile"
        )
    scale, offset = _FROM_BASE[unit]
    return value * scale + offset


_FROM_BASE: dict[str, tuple[float, float]] = {
    "Cel": (1.0, 0.0),
    "K": (1.0, 273.15),
    "[degF]": (1.8, 32.0),
    "[degR]": (1.8, 491.67),
    "bar": (1.0, 0.0),
    "Pa": (1e5, 0.0),
    "kPa": (100.0, 0.0),
    "[psi]": (14.503774, 0.0),
    "A": (1.0, 0.0),
    "mA": (1000.0, 0.0),
    "L/min": (1.0, 0.0),
    "m3/h": (0.06, 0.0),
    "V": (1.0, 0.0),
    "mV": (1000.0, 0.0),
    "/min": (1.0, 0.0),
    "Hz": (1.0 / 60.0, 0.0),
    "rad/s": (2 * math.pi / 60.0, 0.0),
}


class SlowSignals:
    """Computes the samples of a machine's scalar sensors.

    Args:
        spec: The kind of machine.
        sensors: Its scalar sensors; the first temperature sits on the bearing housing, further ones in the
            fluid.
        seed: Draws this machine's own levels and all noise.
        variation: Scales the differences between machines of a kind.

    Raises:
        ConfigError: a sensor measures something the simulated machines do not have.
    """

    def __init__(
        self, spec: SlowSpec, sensors: Sequence[SensorSpec], seed: int, variation: float = 1.0
    ) -> None:
        self._spec = spec
        self._noise = dict(spec.noise)
        own = np.random.default_rng(np.random.SeedSequence([seed, 0x510]))
        self._own = {quantity: 1.0 + 0.05 * variation * float(own.standard_normal()) for quantity in Quantity}
        self._own[Quantity.SPEED] = 1.0 + 0.004 * variation * float(own.standard_normal())
        self._ambient_c = spec.ambient_c + 2.0 * variation * float(own.standard_normal())
        self._wander = Fluctuation(own, len(_WANDER))
        self._rng = np.random.default_rng(np.random.SeedSequence([seed, 0x2015E]))
        self._places = _places(sensors)
        for sensor in sensors:
            if sensor.quantity not in self._noise:
                raise ConfigError(
                    f"simulated machines have no sensor of {sensor.quantity} ({sensor.name}): "
                    "replay a recording for this profile"
                )
            to_unit(sensor.quantity, sensor.unit, np.zeros(1))
        self._wander_of: Conditions | None = None
        self._wanders: Series = np.zeros((0, 0))
        self._state_s: float | None = None
        self._body_c = self._fluid_c = self._ambient_c
        self._means: dict[Quantity, Callable[[Conditions], Series]] = {
            Quantity.PRESSURE: self._pressure,
            Quantity.CURRENT: self._current,
            Quantity.FLOW: self._flow,
            Quantity.VOLTAGE: lambda now: self._spec.voltage_v * (1 - 0.005 * now.load),
            Quantity.SPEED: self._speed,
            Quantity.ACCELERATION: self._acceleration,
        }

    def advance(self, now: Conditions) -> None:
        """Bring the thermal state to the one moment `now`; the first call starts at equilibrium."""
        body, fluid = self._targets(now) if self._state_s is None else self._temperatures(now)
        self._body_c, self._fluid_c = float(body[0]), float(fluid[0])
        self._state_s = float(now.time_s[0])

    def samples(self, sensor: SensorSpec, moments: Conditions) -> Series:
        """One sample per moment, in the sensor's unit: float64 (n,)."""
        quantity = sensor.quantity
        if quantity is Quantity.TEMPERATURE:
            means = self._temperatures(moments)[1 if self._places[sensor.name] else 0]
        else:
            means = self._means[quantity](moments) * self._own[quantity]
            if quantity in _WANDER:
                means = means * (1.0 + _WANDER[quantity] * self._wandering(quantity, moments))
        noise = self._rng.standard_normal(moments.time_s.size) * self._noise[quantity]
        return to_unit(quantity, sensor.unit, means + noise * self._noise_gain(quantity, moments))

    def _wandering(self, quantity: Quantity, moments: Conditions) -> Series:
        """One quantity's wander; all are computed together, once per set of moments."""
        if self._wander_of is not moments:
            self._wander_of, self._wanders = moments, self._wander.at(moments.time_s)
        row: Series = self._wanders[_WANDER_ROWS[quantity]]
        return row

    def _noise_gain(self, quantity: Quantity, now: Conditions) -> Series | float:
        if quantity is Quantity.SPEED:
            return np.where(now.is_running, 1.0, 0.0)
        if quantity is Quantity.PRESSURE:
            return np.where(now.is_running, 1.0 + 12.0 * now.worn(FailureMode.CAVITATION), 0.3)
        if quantity is Quantity.CURRENT:
            return np.where(now.is_running, 1.0 + 5.0 * now.worn(FailureMode.WINDING), 0.1)
        if quantity is Quantity.FLOW:
            return np.where(now.is_running, 1.0 + 4.0 * now.worn(FailureMode.CAVITATION), 0.1)
        return 1.0

    def _targets(self, now: Conditions) -> tuple[Series, Series]:
        """Equilibrium temperatures of housing and fluid, in °C."""
        spec, own = self._spec, self._own[Quantity.TEMPERATURE]
        ambient = self._ambient_c + now.ambient_c + 0.25 * self._wandering(Quantity.TEMPERATURE, now)
        # The fan on the shaft cools less at low speed, so the rise falls far less than the losses do.
        work = own * np.where(now.is_running, 0.75 + 0.25 * now.load, 0.0)
        body = ambient + spec.body_rise_c * work
        if now.mode is not None:
            body = body + BODY_RISE_AT_FAILURE_C[now.mode] * now.wear * now.is_running
        return body, ambient + spec.fluid_rise_c * work

    def _temperatures(self, now: Conditions) -> tuple[Series, Series]:
        """First-order thermal inertia, solved exactly from the last state to each moment."""
        body, fluid = self._targets(now)
        elapsed = now.time_s - (now.time_s[0] if self._state_s is None else self._state_s)
        tau = np.where(now.is_running, BODY_TAU_S, STANDSTILL_TAU_S)
        return (
            body + (self._body_c - body) * np.exp(-elapsed / tau),
            fluid + (self._fluid_c - fluid) * np.exp(-elapsed / FLUID_TAU_S),
        )

    def _speed(self, now: Conditions) -> Series:
        """An induction motor slips by about 2 % at full load."""
        return self._spec.speed_rpm * now.speed * (1.0 + 0.02 * (1.0 - now.load))

    def _pressure(self, now: Conditions) -> Series:
        """Affinity laws: head grows with the square of the speed and falls a little with the flow."""
        head = (self._spec.pressure_bar - self._spec.static_bar) * now.speed**2 * (1.12 - 0.12 * now.load)
        return self._spec.static_bar + head * (1.0 - 0.2 * now.worn(FailureMode.CAVITATION))

    def _current(self, now: Conditions) -> Series:
        """Magnetising current plus the part that follows torque."""
        gain = 1.0 + 0.3 * now.worn(FailureMode.WINDING) + 0.05 * now.worn(FailureMode.MISALIGNMENT)
        gain += 0.04 * now.worn(FailureMode.LUBRICATION) - 0.08 * now.worn(FailureMode.CAVITATION)
        return np.where(
            now.is_running, self._spec.current_a * (0.35 + 0.65 * now.load) * gain, STANDBY_CURRENT_A
        )

    def _flow(self, now: Conditions) -> Series:
        return (
            self._spec.flow_lpm
            * now.speed
            * (0.5 + 0.5 * now.load)
            * (1.0 - 0.3 * now.worn(FailureMode.CAVITATION))
        )

    def _acceleration(self, now: Conditions) -> Series:
        """RMS vibration as a transmitter with its own RMS converter gives it."""
        growth = RMS_GROWTH[now.mode] * now.wear if now.mode is not None else 0.0
        return (
            self._spec.acceleration_ms2
            * (0.05 + 0.95 * now.speed**1.5 * (0.7 + 0.3 * now.load))
            * (1.0 + growth)
        )


def _places(sensors: Sequence[SensorSpec]) -> dict[str, int]:
    """For each sensor, how many of its quantity stand before it."""
    seen: dict[Quantity, int] = {}
    places = {}
    for sensor in sensors:
        places[sensor.name] = seen.get(sensor.quantity, 0)
        seen[sensor.quantity] = places[sensor.name] + 1
    return places


_WANDER: dict[Quantity, float] = {
    Quantity.TEMPERATURE: 0.0,
    Quantity.PRESSURE: 0.004,
    Quantity.FLOW: 0.004,
    Quantity.VOLTAGE: 0.003,
    Quantity.SPEED: 0.001,
    Quantity.ACCELERATION: 0.02,
}
"""Slow wander of a quantity beside the load's, as a fraction of its level (temperature wanders with the
ambient)."""

_WANDER_ROWS = {quantity: row for row, quantity in enumerate(_WANDER)}

BODY_RISE_AT_FAILURE_C: dict[FailureMode, float] = {
    FailureMode.BEARING_OUTER: 8.0,
    FailureMode.BEARING_INNER: 8.0,
    FailureMode.BEARING_BALL: 8.0,
    FailureMode.IMBALANCE: 2.0,
    FailureMode.MISALIGNMENT: 5.0,
    FailureMode.LUBRICATION: 35.0,
    FailureMode.CAVITATION: 1.0,
    FailureMode.WINDING: 24.0,
}
"""How much hotter the bearing housing settles at wear 1, in °C."""

RMS_GROWTH: dict[FailureMode, float] = {
    FailureMode.BEARING_OUTER: 3.0,
    FailureMode.BEARING_INNER: 2.5,
    FailureMode.BEARING_BALL: 2.5,
    FailureMode.IMBALANCE: 4.0,
    FailureMode.MISALIGNMENT: 3.0,
    FailureMode.LUBRICATION: 1.5,
    FailureMode.CAVITATION: 2.5,
    FailureMode.WINDING: 0.3,
}
"""Growth of the RMS vibration at wear 1, as a multiple of the healthy one."""
