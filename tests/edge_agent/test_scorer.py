from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from contract.bundle import Bundle
from contract.errors import StateError
from contract.extract import FeatureExtractor
from contract.features import FeatureVector, feature_specs
from contract.messages import MachineState
from contract.profiles import TRANSITION_REGIME
from contract.scoring import Z_CLIP
from edge_agent.drift import MEMORY_BASELINES
from edge_agent.errors import ModelError
from edge_agent.scorer import Scorer, Verdict
from edge_agent.tflite import ModelRunner
from tests.edge_agent.rig import START_S, rig_profile, rig_readings

WARMING_UP, WATCHING = MachineState.WARMING_UP, MachineState.WATCHING
STANDSTILL, BLIND = MachineState.STANDSTILL, MachineState.BLIND
REFILL = 3
"""Windows that only fill an empty context: it is judged from half on."""
WARM = 12 + REFILL + 12
"""Baseline, filling the context, calibration."""


def vectors(seconds: int, **ranges: range) -> list[FeatureVector]:
    extractor = FeatureExtractor(rig_profile())
    return [v for reading in rig_readings(seconds, **ranges) for v in extractor.add(reading)]  # type: ignore[arg-type]


def new_scorer(bundle: Bundle) -> Scorer:
    return Scorer(bundle, ModelRunner(bundle.model))


def judge(bundle: Bundle, found: list[FeatureVector], is_alarming: bool = False) -> list[Verdict]:
    scorer = new_scorer(bundle)
    return [scorer.score(v, is_alarming) for v in found]


def states(verdicts: list[Verdict]) -> list[MachineState]:
    return [v.state for v in verdicts]


def test_a_machine_warms_up_then_is_watched(bundle: Bundle) -> None:
    verdicts = judge(bundle, vectors(60))

    scored = [v.score is not None for v in verdicts]
    assert scored.index(True) == WARM
    assert all(scored[WARM:])
    assert states(verdicts[: WARM - 1]) == [WARMING_UP] * (WARM - 1)
    assert set(states(verdicts[WARM:])) == {WATCHING}
    assert [v.error is None for v in verdicts[:WARM]] == [True] * (12 + REFILL) + [False] * 12
    assert [v.drift is None for v in verdicts] == [v.score is None for v in verdicts]


def test_a_healthy_machine_scores_low_and_a_broken_one_high(bundle: Bundle) -> None:
    verdicts = judge(bundle, vectors(120, broken=range(100, 120)))
    score = {round(v.event_time_s - START_S): v.score for v in verdicts}

    assert max(s for t, s in score.items() if s is not None and t < 100) < 0.5
    assert min(s for t, s in score.items() if s is not None and t > 106) > 0.75


def test_the_same_readings_give_the_same_verdicts(bundle: Bundle) -> None:
    assert judge(bundle, vectors(80)) == judge(bundle, vectors(80))


def test_standstill_is_not_scored_and_empties_the_context(bundle: Bundle) -> None:
    verdicts = judge(bundle, vectors(70, standing=range(50, 55)))

    # Windows lie half a sample early: those in which the machine stops and starts still run.
    assert states(verdicts[51:55]) == [STANDSTILL] * 4
    assert {v.regime for v in verdicts[51:55]} == {"standstill"}
    filled = 55 + REFILL
    assert [v.score for v in verdicts[51:filled]] == [None] * (4 + REFILL)
    assert states(verdicts[55:filled]) == [WATCHING] * REFILL, "learned already: the context fills again"
    assert verdicts[filled].score is not None


def test_a_transition_empties_the_context_but_the_machine_is_watched(bundle: Bundle) -> None:
    found = vectors(60)
    found[50:52] = [dataclasses.replace(v, regime=TRANSITION_REGIME) for v in found[50:52]]
    verdicts = judge(bundle, found)
    unscored = [number for number, v in enumerate(verdicts) if v.score is None and number >= WARM]
    assert unscored == list(range(50, 52 + REFILL))
    assert set(states(verdicts[WARM:])) == {WATCHING}


def test_slow_drift_is_told_once_it_has_lasted(bundle: Bundle) -> None:
    memory = MEMORY_BASELINES * bundle.profile.warmup.baseline_windows
    found = vectors(2 * memory)
    column = [spec.name for spec in feature_specs(bundle.profile)].index("temperature_level")
    scorer = new_scorer(bundle)
    levels = []
    for number, vector in enumerate(found):
        values = vector.values.copy()
        values[column] += 2.5 * bundle.manifest.fleet_spread[column] * (number >= WARM)
        levels.append(scorer.score(dataclasses.replace(vector, values=values)).drift)
    assert levels[:WARM] == [None] * WARM
    assert set(levels[WARM : WARM + memory // 2]) == {0.0}, "half of a memory is none"
    assert levels[-1] is not None and 0.1 < levels[-1] <= 2.5 / Z_CLIP, (
        "no machine is steadier than its fleet"
    )
    assert np.argmax(np.abs(scorer.explain().drift)) == column
    alarming = new_scorer(bundle)
    alarming.restore(scorer.to_state())
    assert alarming.to_state()["drift"] == scorer.to_state()["drift"]
    for v in found[:20]:
        alarming.score(v, is_alarming=True)
    assert alarming.to_state()["drift"] == scorer.to_state()["drift"], "frozen while an alarm is active"


def test_a_gap_empties_the_context(bundle: Bundle) -> None:
    found = vectors(60)
    found[45] = dataclasses.replace(found[45], gap_before=True)
    verdicts = judge(bundle, found)

    assert [v.score is None for v in verdicts[44:54]] == [False] + [True] * REFILL + [False] * 6


def test_a_blind_window_is_not_scored_and_costs_no_more_than_itself(bundle: Bundle) -> None:
    verdicts = judge(bundle, vectors(70, blind=range(50, 51)))

    assert verdicts[50].state is BLIND and verdicts[50].score is None
    assert verdicts[50].confidence < 0.5
    assert verdicts[52].score is not None
    assert max(v.score for v in verdicts[52:] if v.score is not None) < 0.5


def test_long_blindness_is_blind_until_half_the_context_is_believable(bundle: Bundle) -> None:
    verdicts = judge(bundle, vectors(80, blind=range(50, 60)))
    after = states(verdicts[50:])

    assert after[:10] == [BLIND] * 10
    assert after[10:13] == [BLIND] * 3
    assert after[14:] == [WATCHING] * len(after[14:])


def test_an_unknown_regime_is_blind(bundle: Bundle) -> None:
    found = vectors(40)
    found[35] = dataclasses.replace(found[35], regime="unknown")

    assert judge(bundle, found)[35].state is BLIND


def test_nothing_is_learned_while_an_alarm_is_active(bundle: Bundle) -> None:
    scorer = new_scorer(bundle)
    fresh = scorer.to_state()
    for vector in vectors(30):
        scorer.score(vector, is_alarming=True)
    assert scorer.to_state() == fresh


def test_what_was_learned_of_a_healthy_machine_is_frozen(bundle: Bundle) -> None:
    scorer = new_scorer(bundle)
    found = vectors(100, broken=range(60, 100))
    for vector in found[:50]:
        scorer.score(vector)
    learned = scorer.to_state()
    for vector in found[50:]:
        scorer.score(vector)
    after = scorer.to_state()

    assert after["baseline"] == learned["baseline"]
    assert after["calibration"]["ready"] == learned["calibration"]["ready"]


def test_windows_that_count_as_anomalous_teach_nothing(bundle: Bundle) -> None:
    scorer = new_scorer(bundle)
    found = vectors(100, broken=range(60, 100))
    verdicts = [scorer.score(vector) for vector in found[:67]]
    assert verdicts[-1].score is not None and verdicts[-1].score > 0.5
    learned = json.loads(json.dumps(scorer.to_state()))
    for vector in found[67:]:
        scorer.score(vector)

    assert json.loads(json.dumps(scorer.to_state())) == learned


def test_the_tail_is_taught_by_calm_windows_and_by_none_while_alarming(bundle: Bundle) -> None:
    scorer = new_scorer(bundle)
    found = vectors(80)
    for vector in found[:60]:
        scorer.score(vector)
    seen = scorer.to_state()["calibration"]["tail"]["seen"]
    for vector in found[60:70]:
        scorer.score(vector, is_alarming=True)
    assert scorer.to_state()["calibration"]["tail"]["seen"] == seen == 60 - WARM
    for vector in found[70:]:
        scorer.score(vector)
    assert scorer.to_state()["calibration"]["tail"]["seen"] == seen + 10


def test_a_masked_sensor_is_left_out_of_the_error(bundle: Bundle) -> None:
    found = vectors(60)
    lost = np.array(["temperature" in name or "current" in name for name in bundle.manifest.features])
    for i in range(40, 60):
        values, valid = found[i].values.copy(), found[i].valid.copy()
        values[lost], valid[lost] = np.nan, False
        found[i] = dataclasses.replace(found[i], values=values, valid=valid, confidence=float(valid.mean()))
    verdicts = judge(bundle, found)

    assert all(v.score is not None and v.score < 0.5 for v in verdicts[40:])
    assert verdicts[50].confidence == pytest.approx(14 / 17)


def test_evidence_names_what_broke(bundle: Bundle) -> None:
    scorer = new_scorer(bundle)
    for vector in vectors(100, broken=range(90, 100)):
        scorer.score(vector)
    evidence = scorer.explain()

    assert {c.sensor for c in evidence.contributions} <= {"vib", "temperature"}
    assert len(evidence.contributions) == 8
    shares = [c.share for c in evidence.contributions]
    assert shares == sorted(shares, reverse=True) and 0 < sum(shares) <= 1.0 + 1e-6
    assert next(c for c in evidence.contributions if c.feature == "vib_rms").deviation == 8.0
    assert len(evidence.error_profile) == 8
    assert min(evidence.error_profile) > 1.0


def test_evidence_of_an_unscored_window_is_refused(bundle: Bundle) -> None:
    scorer = new_scorer(bundle)
    scorer.score(vectors(3)[0])
    with pytest.raises(ValueError, match="not scored"):
        scorer.explain()


@pytest.mark.parametrize("cut", [5, 12, 25, 31, 50])
def test_learning_goes_on_after_a_restart(bundle: Bundle, cut: int) -> None:
    found = vectors(90)
    first, second = new_scorer(bundle), new_scorer(bundle)
    for vector in found[:cut]:
        first.score(vector)
    second.restore(json.loads(json.dumps(first.to_state())))
    verdicts = [second.score(v) for v in found[cut:]]

    uninterrupted = judge(bundle, found)
    if cut >= WARM or cut <= 12:  # no calibration lost to the refilling context
        assert [v.score for v in verdicts[-20:]] == [v.score for v in uninterrupted[-20:]]
    assert verdicts[-1].score is not None
    assert [v.score for v in verdicts[:REFILL]] == [None] * REFILL, "a restart is a gap"


def test_a_damaged_state_is_refused_and_changes_nothing(bundle: Bundle) -> None:
    scorer = new_scorer(bundle)
    for vector in vectors(50):
        scorer.score(vector)
    good = json.loads(json.dumps(scorer.to_state()))
    with pytest.raises(StateError):
        scorer.restore({**good, "calibration": {**good["calibration"], "learning": "x"}})
    with pytest.raises(KeyError):
        scorer.restore({})

    assert json.loads(json.dumps(scorer.to_state())) == good


def test_a_model_of_another_shape_is_refused(bundle: Bundle) -> None:
    shorter = dataclasses.replace(rig_profile(), window=dataclasses.replace(rig_profile().window, context=12))

    class Part:
        profile, manifest = shorter, bundle.manifest

    with pytest.raises(ModelError, match="train anew"):
        Scorer(Part(), ModelRunner(bundle.model))  # type: ignore[arg-type]
