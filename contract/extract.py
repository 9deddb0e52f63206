"""From readings to feature vectors: quality, windows and features in one step.

Rule: device and training both go through this class, so that a model meets on a machine what it was trained
on.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from contract.features import FeatureVector, compute_features
from contract.profiles import MachineProfile
from contract.quality import CheckedReading, QualityCheck
from contract.signals import Quality, Reading, Samples
from contract.windows import Windower


class FeatureExtractor:
    """The whole way from one device's readings to its feature vectors; constant memory."""

    def __init__(self, profile: MachineProfile) -> None:
        self._profile = profile
        self._quality = QualityCheck(profile)
        self._windower = Windower(profile)
        self._burst_samples = {spec.name: spec.burst_samples for spec in profile.waveforms}
        self._bursts: dict[str, Samples] = {}

    def add(self, reading: Reading) -> list[FeatureVector]:
        """Take a reading; returns the vectors of the windows it closes, oldest first.

        Raises:
            DataError: the profile has no such sensor, or the reading has no time or no single row of samples.
        """
        checked = self._quality.check(reading)
        if checked is None:
            return []
        self._keep_burst(checked)
        return [compute_features(window, self._profile) for window in self._windower.add(checked)]

    @property
    def last_burst(self) -> Mapping[str, Samples]:
        """The newest whole burst without a bad sample of each waveform sensor, in the sensor's unit."""
        return MappingProxyType(self._bursts)

    def _keep_burst(self, checked: CheckedReading) -> None:
        size = self._burst_samples.get(checked.sensor)
        if size is None or checked.values.size < size:
            return
        last = checked.values.size // size * size
        burst = slice(last - size, last)
        if checked.flags and checked.quality[burst].max() == Quality.BAD:
            return
        self._bursts[checked.sensor] = checked.values[burst].copy()
