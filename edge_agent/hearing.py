"""Would the new model still hear what the old one hears?

Rule: pure. A machine that is well shows how a model scores health, and nothing of how it scores a fault; so
each sensor is imagined off, by steps, on the machine's last windows. Where the old model would alarm, the new
one must alarm at twice as much.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from contract.features import feature_specs
from contract.scoring import Z_CLIP
from edge_agent.running_model import RunningModel
from edge_agent.slot_rules import Failed
from edge_agent.slot_state import Reason

STEPS = (1.0, 2.0, 3.0, 4.0, 6.0)
"""How far a sensor's features are imagined off together, in standard deviations."""
DEAFER = 2.0
"""How many times as far off they may have to be for the new model, up to what any is believed to be."""


MORE_PATIENT = 20
"""How many times as many anomalous windows the new alarm rule may wait for: one may be changed on purpose."""


def find_deafness(new: RunningModel, old: RunningModel) -> Failed | None:
    """What the new model would not hear; both have scored the last window.

    Args:
        new: In its shadow run.
        old: In charge.

    Raises:
        ValueError: one of the two has not scored the last window.
        ModelError: a model failed.
    """
    windows, usual = (model.bundle.profile.alarm_rule.k for model in (new, old))
    if windows > MORE_PATIENT * usual:
        sentence = f"it would alarm after {windows} anomalous windows, the old model after {usual}"
        return Failed(Reason.DEAF, sentence)
    specs = feature_specs(old.bundle.profile)
    for sensor in dict.fromkeys(spec.sensor for spec in specs):
        of_sensor = np.array([spec.sensor == sensor for spec in specs], np.float32)
        for sign in (1.0, -1.0):
            step = next((s for s in STEPS if _hears(old, of_sensor * np.float32(sign * s))), None)
            if step is None:
                continue
            enough = min(DEAFER * step, Z_CLIP)
            if not _hears(new, of_sensor * np.float32(sign * enough)):
                return _failed(sensor, "high" if sign > 0 else "low", enough, step)
    return None


def _hears(model: RunningModel, deviations: npt.NDArray[np.float32]) -> bool:
    return model.scorer.imagine(deviations) >= model.bundle.profile.alarm_rule.threshold


def _failed(sensor: str, way: str, unheard: float, heard: float) -> Failed:
    sentence = (
        f"it would stay silent with {sensor} {unheard:g} standard deviations too {way}; the old model alarms "
        f"at {heard:g}"
    )
    return Failed(Reason.DEAF, sentence)
