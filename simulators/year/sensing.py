"""What the sensors of a plant's machines feel, window by window, on the shortened clock.

Rule: one window of a machine's own clock stands for hours of the plant's. A machine that stands for work
gives nothing; one that runs feels whatever is true of it now. Sensors lie until they heal or are mended.
"""

from __future__ import annotations

from contract.profiles import MachineProfile
from contract.signals import Reading
from simulators.faults import FaultInjector
from simulators.machine import MachineConfig, SimulatedMachine
from simulators.year.course import Course
from simulators.year.plant import MachineTruth


class SensedMachine:
    """One machine of a plant with its sensors.

    Args:
        truth: Which.
        profile: Its sensors.
        hours_per_window: Of the plant, in one of the machine's windows.
        start_s: Wall-clock time at which the year begins, s since the Unix epoch.
    """

    def __init__(
        self, truth: MachineTruth, profile: MachineProfile, hours_per_window: float, start_s: float = 0.0
    ) -> None:
        self._number = truth.number
        self._machine = SimulatedMachine(MachineConfig(profile, truth.seed, duty=truth.duty), start_s)
        seconds_per_h = profile.window.hop_s / hours_per_window
        self._troubles = [
            (t.start_h, FaultInjector([t.fault(seconds_per_h)], profile, truth.seed)) for t in truth.troubles
        ]

    def readings(self, course: Course) -> list[Reading]:
        """Of the window that begins now; none while it stands."""
        if not course.is_running(self._number):
            self._machine.skip_hop()
            return []
        self._machine.bear(course.strain(self._number))
        readings = self._machine.next_hop()
        for start_h, injector in self._troubles:
            if course.hour < course.mended_h(self._number, start_h):
                readings = [each for reading in readings for each in injector.apply(reading)]
        return readings
