"""Training's judge against the agent's own code: they must never say different things of the same machine."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.alarm_rule import AlarmEdge, AlarmRule
from contract.bundle import Bundle, load_bundle
from contract.calibration import ErrorCalibration
from contract.extract import FeatureExtractor
from contract.messages import AlarmKind, AlarmTransition
from contract.profiles import MachineProfile, load_profile
from edge_agent.scorer import Scorer
from edge_agent.tflite import ModelRunner
from edge_agent.watch import AlarmWatch
from models.dataset import read_vectors
from models.judge import Judge, Judgement, Verdicts
from models.recordings import Recording, open_recordings
from tests.models.machines import PROFILE, broken, loop_recording

Alarms = list[tuple[float, float | None]]


def pair(edges: list[AlarmEdge]) -> Alarms:
    """When each alarm was raised and cleared."""
    raised = [e.event_time_s for e in edges if e.transition is AlarmTransition.RAISED]
    cleared: list[float | None] = [e.event_time_s for e in edges if e.transition is AlarmTransition.CLEARED]
    return list(zip(raised, cleared + [None] * (len(raised) - len(cleared)), strict=True))


def agent_verdicts(recording: Recording, bundle: Bundle) -> tuple[dict[float, float], Alarms]:
    """What the agent's own parts say, window by window, put together as the agent does."""
    scorer, extractor = Scorer(bundle, ModelRunner(bundle.model)), FeatureExtractor(bundle.profile)
    watch = AlarmWatch(bundle.profile)
    scores: dict[float, float] = {}
    edges: list[AlarmEdge] = []
    for vector in (v for reading in recording.readings() for v in extractor.add(reading)):
        believed, _ = watch.inspect(vector)
        verdict = scorer.score(believed, watch.is_alarming)
        if verdict.score is not None:
            scores[verdict.event_time_s] = verdict.score
        edges += [said.edge for said in watch.judge(verdict) if said.kind is AlarmKind.ANOMALY]
    return scores, pair(edges)


def require_equal(judgement: Judgement, expected: tuple[dict[float, float], Alarms]) -> None:
    scores, alarms = expected
    assert judgement.event_times_s.tolist() == list(scores)
    np.testing.assert_array_equal(judgement.scores, list(scores.values()))
    assert list(judgement.alarms) == alarms


def test_what_is_shifted_alarms_as_on_the_agent(bundle: Bundle) -> None:
    recording = loop_recording("m-1", seconds=700, seed=11, shift_from_s=560)
    judgement = Judge(bundle).judge(read_vectors(recording, PROFILE))
    require_equal(judgement, agent_verdicts(recording, bundle))
    ((raised_s, _),) = judgement.alarms
    shifted_s = judgement.event_times_s[-1] - (700 - 560)
    assert shifted_s < raised_s < shifted_s + 60
    assert judgement.scores[:100].max() < 0.5


def test_a_gap_is_taken_as_on_the_agent(bundle: Bundle) -> None:
    recording = broken(loop_recording("m-2", seconds=900, seed=12), 8 * 500)
    judgement = Judge(bundle).judge(read_vectors(recording, PROFILE))
    require_equal(judgement, agent_verdicts(recording, bundle))
    assert len(judgement.scores) > 300
    assert judgement.alarms == ()
    silent_s = np.diff(judgement.event_times_s).max()
    assert silent_s >= 300 + PROFILE.window.context / 2 - 1, "a context fills anew, by half at least"


def test_an_engine_is_judged_as_the_agent_does() -> None:
    bundle = load_bundle("turbofan")
    for recording in open_recordings("cmapss:simulators/data/cmapss")[:2]:
        judgement = Judge(bundle).judge(read_vectors(recording, load_profile("turbofan")))
        require_equal(judgement, agent_verdicts(recording, bundle))


def test_a_machine_that_never_warms_up_has_no_scores(bundle: Bundle) -> None:
    judgement = Judge(bundle).judge(read_vectors(loop_recording("m", seconds=260), PROFILE))
    assert (len(judgement.scores), judgement.alarms) == (0, ())
    assert judgement.windows > 200


NEEDED = PROFILE.warmup.calibration_windows
errors_near_the_alarm = st.lists(
    st.tuples(st.sampled_from([0.9, 1.0, 1.3, 2.0, 4.0, 60.0]), st.integers(1, 40)), max_size=8
).map(lambda runs: [error for error, count in runs for _ in range(count)])


def told_apart(profile: MachineProfile, errors: list[float]) -> tuple[list[float], Alarms]:
    """Calibration and alarm rule by themselves; nothing is learned during an alarm or from an anomaly."""
    calibration, rule = ErrorCalibration(profile, 0.0, 0.3, 100), AlarmRule(profile.alarm_rule)
    scores: list[float] = []
    edges: list[AlarmEdge] = []
    for number, error in enumerate(errors):
        if number < NEEDED:
            calibration.observe(error)
            continue
        scores.append(calibration.score(error))
        if scores[-1] < profile.alarm_rule.threshold and not rule.is_active:
            calibration.observe(error)
        edge = rule.update(float(number), scores[-1])
        edges += [edge] if edge else []
    return scores, pair(edges)


@given(errors_near_the_alarm)
@settings(max_examples=100, deadline=None)
def test_verdicts_are_those_of_calibration_and_rule(errors: list[float]) -> None:
    errors = [1.0 + 0.01 * (n % 7) for n in range(NEEDED)] + errors
    verdicts = Verdicts(PROFILE, 0.0, 0.3, 100)
    for number, error in enumerate(errors):
        verdicts.add(float(number), error)
    assert (verdicts.scores, verdicts.alarms) == told_apart(PROFILE, errors)
    assert verdicts.times_s == [float(number) for number in range(NEEDED, len(errors))]


def next_score(errors: list[float]) -> float:
    """What the same error is worth after these."""
    verdicts = Verdicts(PROFILE, 0.0, 0.3, 100)
    for number, error in enumerate([*errors, 1.9]):
        verdicts.add(float(number), error)
    return verdicts.scores[-1]


def test_what_comes_during_an_alarm_teaches_nothing() -> None:
    peak = [1.0 + 0.01 * (n % 7) for n in range(NEEDED)] + [2.3] * 10 + [1.0] * 40  # not yet over
    fault, calm = [60.0] * PROFILE.alarm_rule.n, [1.0] * 50
    assert next_score([*peak, *fault, *calm]) == next_score(peak)
    assert next_score([*peak, *calm]) < next_score(peak), "without an alarm, a peak that is over teaches"
