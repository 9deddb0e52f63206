"""Training's judge against the agent's own code: they must never say different things of the same machine."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.bundle import load_bundle
from contract.extract import FeatureExtractor
from contract.messages import AlarmTransition
from contract.profiles import AlarmSpec, load_profile
from edge_agent.alarm import AlarmRule
from edge_agent.scorer import Scorer
from edge_agent.tflite import ModelRunner
from models.dataset import read_vectors
from models.judge import Judge, find_alarms
from models.recordings import Recording, open_recordings
from tests.models.machines import PROFILE, broken, loop_recording

specs = st.builds(
    AlarmSpec,
    threshold=st.just(0.5),
    k=st.integers(1, 4),
    n=st.integers(4, 6),
    clear_below=st.sampled_from([0.3, 0.5]),
    clear_after=st.integers(1, 4),
)


@given(specs, st.lists(st.sampled_from([0.0, 0.29, 0.4, 0.5, 1.0]), max_size=60))
@settings(max_examples=300)
def test_the_rule_is_the_agents(spec: AlarmSpec, scores: list[float]) -> None:
    rule = AlarmRule(spec)
    edges = [e for t, s in enumerate(scores) if (e := rule.update(float(t), s)) is not None]
    raised = [e.event_time_s for e in edges if e.transition is AlarmTransition.RAISED]
    cleared: list[float | None] = [e.event_time_s for e in edges if e.transition is AlarmTransition.CLEARED]
    cleared += [None] * (len(raised) - len(cleared))
    found = find_alarms(spec, [(float(t), s) for t, s in enumerate(scores)])
    assert list(found) == list(zip(raised, cleared, strict=True))


def agent_scores(recording: Recording, name: str) -> dict[float, float]:
    """What the agent's own scorer says, window by window."""
    bundle = load_bundle(name)
    scorer, extractor = Scorer(bundle, ModelRunner(bundle.model)), FeatureExtractor(bundle.profile)
    verdicts = [scorer.score(v) for reading in recording.readings() for v in extractor.add(reading)]
    return {v.event_time_s: v.score for v in verdicts if v.score is not None}


@pytest.mark.parametrize(
    "recording",
    [
        loop_recording("m-1", seconds=700, shift_from_s=600),
        broken(loop_recording("m-2", seconds=900), 8 * 500),
    ],
    ids=["shift", "gap"],
)
def test_scores_are_the_agents(recording: Recording) -> None:
    judgement = Judge(load_bundle("pump-loop")).judge(read_vectors(recording, PROFILE))
    expected = agent_scores(recording, "pump-loop")
    assert judgement.event_times_s.tolist() == list(expected)
    np.testing.assert_allclose(judgement.scores, list(expected.values()), atol=1e-6)
    assert len(expected) > 10


def test_an_engine_is_scored_as_the_agent_does() -> None:
    recording = open_recordings("cmapss:simulators/data/cmapss")[0]
    judgement = Judge(load_bundle("turbofan")).judge(read_vectors(recording, load_profile("turbofan")))
    expected = agent_scores(recording, "turbofan")
    assert judgement.event_times_s.tolist() == list(expected)
    np.testing.assert_allclose(judgement.scores, list(expected.values()), atol=1e-6)
