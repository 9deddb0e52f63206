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
from edge_agent.steadiness import patience_windows
from edge_agent.tflite import ModelRunner
from tests.edge_agent.rig import START_S, rig_profile, rig_readings

WARMING_UP, WATCHING = MachineState.WARMING_UP, MachineState.WATCHING
STANDSTILL, BLIND, UNSTEADY = MachineState.STANDSTILL, MachineState.BLIND, MachineState.UNSTEADY
REFILL = 3
"""Windows that only fill an empty context: it is judged from half on."""
WARM = 12 + REFILL + 12
"""Baseline, filling the context, calibration."""
PATIENCE = patience_windows(rig_profile())


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


def in_transition(found: list[FeatureVector], *numbers: int) -> list[FeatureVector]:
    """The same windows; in those of these numbers the machine goes from one operating point to another."""
    return [
        dataclasses.replace(v, regime=TRANSITION_REGIME) if i in numbers else v for i, v in enumerate(found)
    ]


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
    verdicts = judge(bundle, in_transition(vectors(60), 50, 51))
    unscored = [number for number, v in enumerate(verdicts) if v.score is None and number >= WARM]
    assert unscored == list(range(50, 52 + REFILL))
    assert set(states(verdicts[WARM:])) == {WATCHING}


@pytest.mark.parametrize("length", [1, 5, PATIENCE - REFILL - 1])
def test_a_ramp_never_shows_however_often_it_comes(bundle: Bundle, length: int) -> None:
    period = length + REFILL + 1
    ramps = [i for i in range(40, 120) if (i - 40) % period < length]
    verdicts = judge(bundle, in_transition(vectors(120), *ramps))
    assert set(states(verdicts[WARM:])) == {WATCHING}
    assert any(v.score is not None for v in verdicts[40 + period - 1 :]), "one window a ramp is judged"


def test_a_machine_that_is_never_steady_any_more_is_said_to_be_until_it_is_judged(bundle: Bundle) -> None:
    verdicts = judge(bundle, in_transition(vectors(100), *range(40, 80)))
    shown = states(verdicts)
    last = 40 + PATIENCE - 1
    assert shown[WARM:last] == [WATCHING] * (last - WARM)
    assert shown[last : 80 + REFILL] == [UNSTEADY] * (80 + REFILL - last), "filling a context is no judging"
    assert shown[80 + REFILL :] == [WATCHING] * (20 - REFILL)
    assert [v.score is None for v in verdicts[40:]] == [True] * (40 + REFILL) + [False] * (20 - REFILL)


def test_a_machine_that_never_was_steady_warms_up_as_soon_as_it_is(bundle: Bundle) -> None:
    shown = states(judge(bundle, in_transition(vectors(40), *range(30))))
    assert shown == [WARMING_UP] * (PATIENCE - 1) + [UNSTEADY] * (31 - PATIENCE) + [WARMING_UP] * 10


@pytest.mark.parametrize("steady", range(REFILL + 1))
def test_steady_moments_too_short_to_be_judged_do_not_count(bundle: Bundle, steady: int) -> None:
    changing = [i for i in range(40, 100) if (i - 40) % (REFILL + 1) < REFILL + 1 - steady]
    verdicts = judge(bundle, in_transition(vectors(100), *changing))
    assert {v.score for v in verdicts[40:]} == {None}
    assert states(verdicts[40:]) == [WATCHING] * (PATIENCE - 1) + [UNSTEADY] * (61 - PATIENCE)


def test_neither_a_standstill_nor_blindness_makes_up_for_not_being_judged(bundle: Bundle) -> None:
    found = vectors(80, standing=range(45, 50), blind=range(60, 63))
    shown = states(judge(bundle, in_transition(found, *range(40, 46), *range(50, 60), *range(63, 80))))
    assert shown[46:50] == [STANDSTILL] * 4 and shown[60:63] == [BLIND] * 3
    running = [state for state in shown[40:] if state not in (STANDSTILL, BLIND)]
    assert running == [WATCHING] * (PATIENCE - 1) + [UNSTEADY] * (len(running) - PATIENCE + 1)


def test_data_that_break_off_again_and_again_never_look_normal(bundle: Bundle) -> None:
    found = [
        dataclasses.replace(v, gap_before=i >= 40 and not i % REFILL) for i, v in enumerate(vectors(100))
    ]
    assert set(states(judge(bundle, found)[-20:])) == {UNSTEADY}


def test_a_restart_begins_the_count_anew_and_keeps_what_was_learned(bundle: Bundle) -> None:
    found = in_transition(vectors(100), *range(40, 100))
    before, after = new_scorer(bundle), new_scorer(bundle)
    assert states([before.score(v) for v in found[:70]])[-1] is UNSTEADY
    after.restore(json.loads(json.dumps(before.to_state())))
    shown = states([after.score(v) for v in found[70:]])
    assert shown == [WATCHING] * (PATIENCE - 1) + [UNSTEADY] * (31 - PATIENCE)


def test_nothing_is_learned_of_a_machine_that_is_never_steady(bundle: Bundle) -> None:
    scorer = new_scorer(bundle)
    found = in_transition(vectors(100), *range(40, 100))
    for vector in found[:40]:
        scorer.score(vector)
    learned = json.loads(json.dumps(scorer.to_state()))
    for vector in found[40:]:
        scorer.score(vector)
    assert json.loads(json.dumps(scorer.to_state())) == learned


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
    assert any(scorer.to_state()["creep"]["levels"])
    for v in found[:20]:
        alarming.score(v, is_alarming=True)
    for part in ("creep", "drift"):
        assert alarming.to_state()[part] == scorer.to_state()[part], "restored, and frozen during an alarm"


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
        # The refilling context cost a few windows to creep after, no more.
        assert [v.score for v in verdicts[-20:]] == pytest.approx(
            [v.score for v in uninterrupted[-20:]], abs=5e-3
        )
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
