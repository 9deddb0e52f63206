"""Releases that are wrong in ways that no signature shows.

Rule: pure. What comes out loads, runs and can be signed; only a machine can tell. Each is made to be found at
another gate of a device, so that a demo or a test can show that gate.

>>> from contract.bundle import load_bundle
>>> spoil(load_bundle("pump"), Spoil.ALARM).profile.alarm.threshold
1e-06
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from contract.bundle import Bundle
from edge_agent.comparison import PROBATION_WINDOWS, SHADOW_WINDOWS

PATIENT_WINDOWS = SHADOW_WINDOWS + 10
"""Anomalous windows after which a spoiled alarm rule alarms: past a shadow run, well within a probation."""
TINY = 1e-6
"""Healthy machines score more than that on nearly every window."""
_SUFFIX = "-spoiled"

assert PATIENT_WINDOWS + 20 < PROBATION_WINDOWS  # noqa: S101 - else nobody would find it


class Spoil(StrEnum):
    """What is wrong with a release."""

    ALARM = "alarm"
    """Its alarm rule: after a while it calls every machine ill. Found by the old model, in the probation."""
    ANSWERS = "answers"
    """What its model shall answer is not what it answers. Found by the self-test."""


def spoil(bundle: Bundle, how: Spoil) -> Bundle:
    """The same release, spoiled, under a version of its own."""
    named = replace(bundle.manifest, version=f"{bundle.manifest.version}{_SUFFIX}")
    if how is Spoil.ANSWERS:
        return replace(bundle, manifest=named, golden_output=~bundle.golden_output)
    alarm = replace(
        bundle.profile.alarm,
        threshold=TINY,
        clear_below=TINY,
        k=PATIENT_WINDOWS,
        n=PATIENT_WINDOWS + 10,
    )
    return replace(bundle, manifest=named, profile=replace(bundle.profile, alarm=alarm))
