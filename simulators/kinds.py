"""The kinds of machine the simulator can build, by profile name.

Rule: numbers here come from physics and data sheets; nothing is fitted to, or copied from, a recording. A
profile of the user's own is built as the general rotating machine, with its own bearing, speed and sensors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from contract.profiles import MachineProfile
from contract.signals import STANDARD_GRAVITY, Quantity
from simulators.slow_signals import SlowSpec
from simulators.vibration import ModeSpec, VibrationSpec

RPM_PER_HZ = 60.0


@dataclass(frozen=True, slots=True)
class MachineKind:
    """What machines of one kind have in common."""

    vibration: VibrationSpec
    slow: SlowSpec


PUMP = MachineKind(
    vibration=VibrationSpec(
        nominal_hz=2950.0 / RPM_PER_HZ,
        noise_ms2=0.8,
        shaft_velocity_mms=(1.1, 0.35, 0.15),
        vane_count=6.0,
        vane_ms2=0.35,
        modes=(
            (ModeSpec(3600.0, 0.03, 1.0), ModeSpec(1300.0, 0.08, 0.3)),
            (ModeSpec(4100.0, 0.03, 1.0), ModeSpec(950.0, 0.08, 0.25)),
        ),
    ),
    slow=SlowSpec(),
)
"""Two-pole motor, six-vane impeller; housing modes of a small cast frame."""

BEARING_RIG = MachineKind(
    vibration=VibrationSpec(
        nominal_hz=1800.0 / RPM_PER_HZ,
        noise_ms2=0.42 * STANDARD_GRAVITY,
        shaft_velocity_mms=(0.8, 0.5, 0.3),
        vane_count=17.0,
        vane_ms2=0.12,
        modes=(
            (ModeSpec(3100.0, 0.12, 1.0), ModeSpec(1300.0, 0.20, 0.45), ModeSpec(4900.0, 0.08, 0.4)),
            (
                ModeSpec(2200.0, 0.20, 0.8),
                ModeSpec(5100.0, 0.08, 1.0),
                ModeSpec(7600.0, 0.06, 0.8),
                ModeSpec(9900.0, 0.04, 1.0),
            ),
        ),
        floor=0.03,
    ),
    slow=SlowSpec(speed_rpm=1800.0),
)
"""A radially overloaded small bearing on a rig with a 17-tooth reducer: loud (some 0.4 g) while healthy."""

CWRU_BEARING = MachineKind(
    vibration=VibrationSpec(
        nominal_hz=1797.0 / RPM_PER_HZ,
        noise_ms2=0.06 * STANDARD_GRAVITY,
        shaft_velocity_mms=(0.6, 0.4, 0.2),
        vane_count=0.0,
        vane_ms2=0.0,
        modes=((ModeSpec(3300.0, 0.03, 1.0), ModeSpec(1050.0, 0.05, 0.7)),),
        impulse_growth=40.0,
    ),
    slow=SlowSpec(speed_rpm=1797.0),
)

PUMP_LOOP = MachineKind(
    vibration=PUMP.vibration,
    slow=SlowSpec(
        body_rise_c=52.0,
        fluid_rise_c=4.0,
        pressure_bar=0.6,
        static_bar=0.1,
        current_a=1.6,
        flow_lpm=60.0,
        voltage_v=230.0,
        acceleration_ms2=0.05 * STANDARD_GRAVITY,
        noise=(
            (Quantity.TEMPERATURE, 0.10),
            (Quantity.PRESSURE, 0.03),
            (Quantity.CURRENT, 0.06),
            (Quantity.FLOW, 0.5),
            (Quantity.VOLTAGE, 2.0),
            (Quantity.SPEED, 1.5),
            (Quantity.ACCELERATION, 0.01),
        ),
    ),
)
"""A small laboratory pump in a closed loop."""

KINDS: dict[str, MachineKind] = {
    "pump": PUMP,
    "bearing-rig": BEARING_RIG,
    "cwru-bearing": CWRU_BEARING,
    "pump-loop": PUMP_LOOP,
}


def machine_kind(profile: MachineProfile) -> MachineKind:
    """The kind of machine a profile describes, with the profile's own bearing and speed put in."""
    kind = KINDS.get(profile.name, PUMP)
    vibration, slow = replace(kind.vibration, bearing=profile.bearing), kind.slow
    if profile.bearing is not None and profile.bearing.nominal_speed_rpm > 0:
        rpm = profile.bearing.nominal_speed_rpm
        vibration = replace(vibration, nominal_hz=rpm / RPM_PER_HZ)
        slow = replace(slow, speed_rpm=rpm)
    return MachineKind(vibration, slow)
