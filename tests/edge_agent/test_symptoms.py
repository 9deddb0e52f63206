"""What the agent keeps for its hints, and how it shares out an alarm."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from contract.bundle import load_bundle
from contract.extract import FeatureExtractor
from contract.features import FeatureVector, feature_specs
from contract.messages import MachineState
from contract.profiles import load_profile
from contract.signals import Samples
from edge_agent.reports import NO_EVIDENCE
from edge_agent.scorer import Evidence, Verdict
from edge_agent.symptoms import SymptomLog, band_shares, drift_evidence, sensor_shares
from simulators.degradation import FailureMode, WearPlan
from simulators.machine import MachineConfig, SimulatedMachine

PUMP = load_profile("pump")
SPECS = feature_specs(PUMP)
COUNT = len(SPECS)
Seen = tuple[FeatureVector, dict[str, Samples]]


def windows(count: int, mode: FailureMode | None = None) -> list[Seen]:
    """Windows with their bursts; of a machine at its failure when a mode is given."""
    wear = WearPlan(mode, 0.0, 1.0) if mode else None
    machine, extractor = SimulatedMachine(MachineConfig(PUMP, 7, wear)), FeatureExtractor(PUMP)
    found: list[Seen] = []
    while len(found) < count + 1:
        for reading in machine.next_hop():
            for vector in extractor.add(reading):
                found.append((vector, dict(extractor.last_burst)))
    return found[1:]


def verdict(state: MachineState, score: float | None) -> Verdict:
    return Verdict(0.0, state, score, 1.0, "full_load", 1.0)


@pytest.fixture(scope="module")
def healthy() -> list[Seen]:
    return windows(20)


def learned(healthy: list[Seen]) -> SymptomLog:
    log = SymptomLog(PUMP)
    for vector, bursts in healthy:
        log.note(vector, verdict(MachineState.WARMING_UP, None), bursts)
    return log


def evidence(deviation: float = 0.0) -> Evidence:
    return Evidence((), (), (1 / COUNT,) * COUNT, (deviation,) * COUNT, (1.0,) * COUNT)


def test_an_unbalanced_machine_is_seen_in_its_lines(healthy: list[Seen]) -> None:
    log, ill = learned(healthy), windows(4, FailureMode.IMBALANCE)
    for vector, bursts in ill:
        log.note(vector, verdict(MachineState.WATCHING, 0.9), bursts)
    levels = tuple(healthy[0][0].values.tolist())
    (hint,) = log.find_hints(replace(evidence(), levels=levels), ill[-1][0])

    assert hint.code == "imbalance"
    assert [f.measure for f in hint.facts][:2] == ["line_1x", "line_1x"]
    fact = hint.facts[0]
    assert fact.value > 5 * fact.baseline and 45 < fact.frequency_hz < 52 and fact.unit == "mm/s"


def test_windows_that_are_calm_are_not_looked_at(healthy: list[Seen]) -> None:
    log, ill = learned(healthy), windows(4, FailureMode.IMBALANCE)
    for vector, bursts in ill:
        log.note(vector, verdict(MachineState.WATCHING, 0.01), bursts)
    assert log.find_hints(evidence(), ill[-1][0]) == ()


def test_while_an_alarm_is_active_its_windows_are_looked_at_and_nothing_is_learned(
    healthy: list[Seen],
) -> None:
    log, ill = learned(healthy), windows(4, FailureMode.IMBALANCE)
    before = log.to_state()
    for vector, bursts in ill:
        log.note(vector, verdict(MachineState.WARMING_UP, None), bursts, is_alarming=True)
        log.note(vector, verdict(MachineState.WATCHING, 0.9), bursts, is_alarming=True)
    assert log.to_state() == before
    levels = tuple(healthy[0][0].values.tolist())
    assert [h.code for h in log.find_hints(replace(evidence(), levels=levels), ill[-1][0])] == ["imbalance"]


def test_what_was_learned_survives_a_restart(healthy: list[Seen]) -> None:
    log, again = learned(healthy), SymptomLog(PUMP)
    again.restore(json.loads(json.dumps(log.to_state())))
    assert again.to_state() == log.to_state() != SymptomLog(PUMP).to_state()


def test_a_sensor_that_is_not_believed_has_no_lines(healthy: list[Seen]) -> None:
    vector, bursts = healthy[0]
    blind = replace(vector, valid=vector.valid & np.array([s.sensor != "vib_h" for s in SPECS]))
    log = SymptomLog(PUMP)
    log.note(blind, verdict(MachineState.WARMING_UP, None), bursts)
    assert set(log.to_state()["full_load"]) == {"vib_v"}


def test_shares_of_sensors_add_up_and_name_every_sensor() -> None:
    found = sensor_shares(PUMP, tuple(np.eye(COUNT)[3] * 0.75 + np.eye(COUNT)[-1] * 0.25))
    assert [(s.sensor, s.share) for s in found[:2]] == [("vib_h", 0.75), ("speed", 0.25)]
    assert {s.sensor for s in found} == {s.name for s in PUMP.sensors}
    assert math.fsum(s.share for s in found) == pytest.approx(1.0)
    assert sensor_shares(PUMP, NO_EVIDENCE.shares) == ()


def test_shares_of_bands_say_where_in_the_spectrum() -> None:
    names = [spec.name for spec in SPECS]
    shares = np.zeros(COUNT)
    shares[[names.index("vib_v_band8"), names.index("vib_h_band1"), names.index("vib_h_rms")]] = 0.5, 0.2, 0.3
    first, second = band_shares(PUMP, tuple(shares))
    assert (first.sensor, first.share, second.sensor) == ("vib_v", 0.5, "vib_h")
    assert [first.low_hz, first.high_hz] == pytest.approx([3200.0, 6400.0])
    assert [second.low_hz, second.high_hz] == pytest.approx([25.0, 50.0])
    assert band_shares(PUMP, NO_EVIDENCE.shares) == ()


def test_drift_is_explained_by_what_has_moved() -> None:
    deviations = np.zeros(COUNT)
    deviations[[4, 7]] = 6.0, -3.0
    found = drift_evidence(PUMP, replace(evidence(), drift=tuple(deviations)))
    assert [(c.feature, c.deviation) for c in found.contributions] == [
        (SPECS[4].name, 6.0),
        (SPECS[7].name, -3.0),
    ]
    assert found.contributions[0].share == pytest.approx(0.8)
    assert sum(found.shares) == pytest.approx(1.0)
    assert found.deviations == tuple(deviations)


def test_profiles_without_waveforms_have_hints_too() -> None:
    turbofan = load_profile("turbofan")
    log, count = SymptomLog(turbofan), len(feature_specs(turbofan))
    vector = FeatureVector(
        0.0, np.ones(count, np.float32), np.ones(count, np.bool_), "alt_0k", False, {}, {}, 1.0
    )
    log.note(vector, verdict(MachineState.WATCHING, 0.9), {})
    known = Evidence((), (), (1 / count,) * count, (0.0,) * count, (1.0,) * count)
    assert log.find_hints(known, vector) == ()


def test_the_shipped_bundle_has_features_in_this_order() -> None:
    assert load_bundle("pump").manifest.features == tuple(spec.name for spec in SPECS)
