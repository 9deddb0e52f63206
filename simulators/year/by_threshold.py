"""Maintenance by limits: vibration velocity and temperature, as most monitoring systems have it.

Rule: a limit is one number for all machines, as the zones of ISO 20816-3 are. It sees every window that the
devices see, and leaves out samples that cannot be right, as they do; an alarm that led to nothing rests.
"""

from __future__ import annotations

from collections import deque

from contract.extract import FeatureExtractor
from contract.features import FeatureVector, feature_specs
from contract.profiles import load_profile
from simulators.year.course import Course, Job
from simulators.year.on_condition import OnCondition, has_order
from simulators.year.plant import PROFILE, Plant
from simulators.year.sensing import SensedMachine
from simulators.year.settings import DAY_H

VELOCITIES, TEMPERATURES = ("vib_h_velocity_rms", "vib_v_velocity_rms"), ("temperature_level",)
LASTING, AMONG = 4, 6
"""Windows above a limit among so many: the device's own rule."""
REST_DAYS = 14.0
"""After an alarm for which nothing was found."""


class ThresholdBased(OnCondition):
    """Limits on velocity and temperature.

    Args:
        plant: Its machines.
        velocity_mms: Limit of the vibration velocity, in mm/s RMS.
        temperature_c: Limit of the bearing's temperature.
    """

    def __init__(self, plant: Plant, velocity_mms: float, temperature_c: float) -> None:
        self._watches = [
            _Watch(plant, number, velocity_mms, temperature_c) for number in range(len(plant.machines))
        ]
        self._rests_until_h: dict[int, float] = {}

    def look(self, course: Course, step: int) -> None:
        """Read all sensors, and send somebody where a limit is exceeded."""
        for number, watch in enumerate(self._watches):
            is_over = watch.look(course)
            rests = course.hour < self._rests_until_h.get(number, -1.0)
            if is_over and not rests and not has_order(course, number):
                course.inspect(number, is_urgent=False, order=1)

    def found_nothing(self, course: Course, job: Job) -> None:
        """Leave it alone for a while."""
        self._rests_until_h[job.machine] = course.hour + REST_DAYS * DAY_H


class _Watch:
    """One machine's limits."""

    def __init__(self, plant: Plant, number: int, velocity_mms: float, temperature_c: float) -> None:
        profile = load_profile(PROFILE)
        names = [spec.name for spec in feature_specs(profile)]
        self._limits = [(names.index(name), velocity_mms) for name in VELOCITIES]
        self._limits += [(names.index(name), temperature_c) for name in TEMPERATURES]
        self._machine = SensedMachine(plant.machines[number], profile, plant.settings.year.hours_per_window)
        self._extractor = FeatureExtractor(profile)
        self._over: deque[bool] = deque(maxlen=AMONG)

    def look(self, course: Course) -> bool:
        """Whether a limit has been exceeded for long enough."""
        for reading in self._machine.readings(course):
            for vector in self._extractor.add(reading):
                self._over.append(self._is_over(vector))
        return sum(self._over) >= LASTING

    def _is_over(self, vector: FeatureVector) -> bool:
        return any(vector.valid[at] and vector.values[at] >= limit for at, limit in self._limits)
