"""The probe measures what it says, on the bundles and on the outbox of a real agent."""

import json
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contract.bundle import load_bundle, write_bundle
from contract.codec import encode
from edge_agent.outbox import Outbox, OutboxEntry, OutboxLimits
from edge_agent.tflite import ModelRunner
from tests.cloud.samples import alarm, status, summary
from tests.conftest import PROJECT_ROOT
from tools import arm_probe


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """State folder of an agent that watched a simulated pump for 300 s, offline."""
    folder = tmp_path_factory.mktemp("agent") / "state"
    line: tuple[str, ...] = (
        "agent",
        "--profile",
        "pump",
        "--source",
        "sim:seed=1",
        "--device",
        "probe",
        "--offline",
    )
    line += ("--speed", "0", "--seconds", "300", "--state", str(folder))
    subprocess.run(
        [sys.executable, "-m", "industrialguard", *line], cwd=PROJECT_ROOT, check=True, capture_output=True
    )
    return folder


def test_every_shipped_bundle_is_named() -> None:
    on_disk = {path.stem for path in (PROJECT_ROOT / "contract" / "bundles_shipped").glob("*.igb")}
    assert set(arm_probe.shipped_bundles()) == on_disk
    assert "pump" in on_disk


@pytest.mark.parametrize(("shift", "share"), [(0, 1.0), (1, 0.0), (3, 0.0)])
def test_the_largest_difference_is_found(tmp_path: Path, shift: int, share: float) -> None:
    path = moved_bundle(tmp_path, np.full(load_bundle("pump").golden_output.shape, shift))
    result = arm_probe.run_golden(str(path))
    assert (result.bundle, result.max_steps, result.same_share) == ("pump", shift, share)
    assert result.windows == len(load_bundle("pump").golden_input)


def test_one_output_of_one_window_is_enough(tmp_path: Path) -> None:
    shifts = np.zeros(load_bundle("pump").golden_output.shape, int)
    shifts[-1, 0, 0, 0] = 2
    result = arm_probe.run_golden(str(moved_bundle(tmp_path, shifts)))
    assert result.max_steps == 2
    assert result.same_share == pytest.approx(1 - 1 / shifts.size)


def test_differences_beyond_int8_do_not_wrap(tmp_path: Path) -> None:
    bundle = load_bundle("pump")
    opposite = np.where(computed(bundle.model, bundle.golden_input) >= 0, -128, 127).astype(np.int8)
    path = tmp_path / "opposite.igb"
    write_bundle(path, replace(bundle, golden_output=opposite))
    assert arm_probe.run_golden(str(path)).max_steps >= 128


def test_an_outbox_is_read_back(state: Path) -> None:
    trace = arm_probe.read_scores(state)
    assert trace.windows == 60
    assert 0 < trace.scored < trace.windows
    assert len(trace.scores) > 1
    assert all(0 <= mean <= largest + 1e-4 for mean, largest in trace.scores)
    assert len(trace.states) == len(trace.scores)
    assert set(trace.states) == {"warming_up", "watching"}
    assert trace.alarms == ()
    assert trace.rss_bytes > 10_000_000


def test_alarms_are_placed_in_machine_time(tmp_path: Path) -> None:
    first, start = summary(1), 60.0
    edges = (alarm(2, 7), alarm(4, 7, "cleared"))
    status_between = status(3)
    with closing(Outbox(tmp_path / "outbox.sqlite", OutboxLimits(10**6, 1e6))) as outbox:
        for sent in (first, edges[0], status_between, edges[1]):
            outbox.add(OutboxEntry(sent.boot_id, sent.sequence, sent.kind, encode(sent)))
    trace = arm_probe.read_scores(tmp_path)
    assert trace.alarms == (("anomaly", "raised", start), ("anomaly", "cleared", 3 * start))
    assert trace.states == ("watching",)


def test_a_run_at_another_time_decides_the_same_and_another_state_does_not() -> None:
    trace = arm_probe.ScoreTrace(4, 2, ((0.1, 0.2),), ("watching",), (), 1)
    assert trace.decisions == replace(trace, scores=((0.3, 0.4),), rss_bytes=2).decisions
    others: list[dict[str, Any]] = [
        {"windows": 5},
        {"scored": 1},
        {"states": ("blind",)},
        {"alarms": (("drift", "raised", 5.0),)},
    ]
    for other in others:
        assert replace(trace, **other).decisions != trace.decisions


@pytest.mark.parametrize("question", ["golden", "scores"])
def test_answers_are_one_json_object(question: str, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert arm_probe.main([question, str(state)] if question == "scores" else [question]) == 0
    answer = json.loads(capsys.readouterr().out)
    if question == "scores":
        assert answer["windows"] == 60
    else:
        assert [one["bundle"] for one in answer["golden"]] == arm_probe.shipped_bundles()
        assert answer["versions"]["numpy"] == np.__version__
        assert answer["machine"]


@pytest.mark.parametrize("arguments", [[], ["scores"], ["silver"], ["golden", "twice"]])
def test_other_questions_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert arm_probe.main(arguments) == 2
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "usage: arm_probe.py golden | scores STATE_FOLDER\n")


def moved_bundle(folder: Path, shifts: np.ndarray[tuple[int, ...], np.dtype[np.int_]]) -> Path:
    """The pump's bundle, its golden outputs moved away from what this runtime computes."""
    bundle = load_bundle("pump")
    got = computed(bundle.model, bundle.golden_input).astype(int)
    moved = np.where(got > 0, got - shifts, got + shifts).astype(np.int8)
    path = folder / "moved.igb"
    write_bundle(path, replace(bundle, golden_output=moved))
    return path


def computed(
    model: bytes, windows: np.ndarray[tuple[int, ...], np.dtype[np.int8]]
) -> np.ndarray[tuple[int, ...], np.dtype[np.int8]]:
    """What this runtime gives for every window."""
    runner = ModelRunner(model)
    return np.concatenate([runner.invoke_quantised(window[np.newaxis]).copy() for window in windows])
