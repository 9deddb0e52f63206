"""A real agent's start and memory."""

from dataclasses import replace
from pathlib import Path

import pytest

from contract.bundle import load_bundle
from industrialguard.bench import child_agent
from industrialguard.bench.child_agent import ChildAgentError, run_child_agent


@pytest.mark.parametrize("name", ["pump-loop", "turbofan"], ids=["simulated", "a table of noise"])
def test_it_starts_scores_and_ends(name: str) -> None:
    found = run_child_agent(load_bundle(name))
    assert found.startup_s > 0
    assert found.scored > 0
    if Path("/proc/self/status").exists():
        assert found.peak_rss_bytes is not None
        assert found.peak_rss_bytes > 10_000_000


def test_an_agent_that_fails_is_one_line_with_what_it_said() -> None:
    bundle = load_bundle("pump-loop")
    damaged = replace(bundle, golden_output=bundle.golden_output ^ 64)
    with pytest.raises(ChildAgentError, match=r"ended with \d+ and 0 scores: .*self-test"):
        run_child_agent(damaged)


def test_an_agent_that_never_scored_is_no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_agent, "WATCHED_WARMUPS", 0.1)
    with pytest.raises(ChildAgentError, match="ended with 0 and 0 scores"):
        run_child_agent(load_bundle("pump-loop"))
