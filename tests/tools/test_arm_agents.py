"""The board's agent is held to its decisions, to the kernels that it has and to what one int8 step may do."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PROJECT_ROOT
from tools.arm_agents import ROUNDING, Traces, compare_agents, judge, largest_gap
from tools.arm_board import BOARDS, CheckError, Guest
from tools.arm_probe import ScoreTrace

ARM64, ARMV7 = BOARDS["arm64"], BOARDS["armv7"]
USUAL = ScoreTrace(
    windows=8,
    scored=6,
    scores=((0.2, 0.3), (0.6, 0.9)),
    states=("watching", "alarming"),
    alarms=(("anomaly", "raised", 35.0),),
    rss_bytes=100_000_000,
)


def moved(by: float) -> ScoreTrace:
    """The same decisions, every score moved."""
    return replace(USUAL, scores=tuple((mean + by, most + by) for mean, most in USUAL.scores))


ALL_THE_SAME = Traces(USUAL, USUAL, USUAL, USUAL, USUAL)
OTHER_KERNELS = Traces(moved(0.004), USUAL, moved(0.004), moved(-0.01), moved(0.02))


def test_the_same_scores_agree() -> None:
    found = judge(ALL_THE_SAME, "default")
    assert found["agrees"]
    assert (found["largest_score_gap"], found["same_kernels_gap"], found["one_step_reach"]) == (0, 0, 0)
    assert (found["largest_score"], found["rss_mb_with_emulator"], found["alarms"]) == (0.9, 100.0, 1)


def test_other_kernels_may_differ_as_far_as_one_step_reaches() -> None:
    found = judge(OTHER_KERNELS, "reference")
    assert found["agrees"]
    assert found["largest_score_gap"] == pytest.approx(0.004)
    assert found["same_kernels_gap"] == 0
    assert found["one_step_reach"] == pytest.approx(0.02)
    assert found["outside_one_step"] == 0


@pytest.mark.parametrize(("by", "outside"), [(-0.011, 4), (-0.009, 0), (0.019, 0), (0.021, 4)])
def test_farther_off_than_one_step_is_not_forgiven(by: float, outside: int) -> None:
    found = judge(replace(OTHER_KERNELS, board=moved(by), same_kernels=moved(by)), "reference")
    assert (found["outside_one_step"], found["agrees"]) == (outside, outside == 0)


def test_each_score_has_its_own_range() -> None:
    wide = replace(USUAL, scores=((0.2, 0.4), (0.6, 0.9)))
    there = replace(USUAL, scores=((0.2, 0.3), (0.6, 0.95)))
    found = judge(Traces(there, USUAL, there, USUAL, wide), "reference")
    assert found["one_step_reach"] == pytest.approx(0.1)
    assert (found["outside_one_step"], found["agrees"]) == (1, False)


def test_a_push_that_changes_what_is_learned_may_turn_the_range_round() -> None:
    turned = replace(OTHER_KERNELS, lowest=moved(0.02), highest=moved(-0.01))
    assert judge(turned, "reference")["agrees"]


@pytest.mark.parametrize(("by", "agrees"), [(ROUNDING / 2, True), (2 * ROUNDING, False)])
@pytest.mark.parametrize("traces", [ALL_THE_SAME, OTHER_KERNELS])
def test_with_the_same_kernels_only_rounding_may_differ(traces: Traces, by: float, agrees: bool) -> None:
    board = replace(traces.board, scores=tuple((mean, most + by) for mean, most in traces.board.scores))
    assert judge(replace(traces, board=board), "any")["agrees"] is agrees


@pytest.mark.parametrize(
    "other",
    [
        {"windows": 9},
        {"scored": 5},
        {"states": ("watching", "watching")},
        {"alarms": ()},
        {"alarms": (("anomaly", "raised", 40.0),)},
    ],
    ids=str,
)
def test_another_decision_is_not_forgiven_however_near_the_scores(other: dict[str, Any]) -> None:
    found = judge(replace(ALL_THE_SAME, board=replace(USUAL, **other)), "default")
    assert (found["decides_alike"], found["agrees"]) == (False, False)


def test_a_summary_that_never_came_is_another_decision() -> None:
    short = replace(USUAL, scores=USUAL.scores[:1], states=USUAL.states[:1])
    assert largest_gap(short, USUAL) == 0
    assert not judge(replace(ALL_THE_SAME, board=short), "default")["agrees"]


def test_an_agent_that_scores_nothing_does_not_agree() -> None:
    silent = ScoreTrace(8, 0, (), (), (), 0)
    found = judge(Traces(silent, silent, silent, silent, silent), "default")
    assert (found["scored"], found["decides_alike"], found["agrees"]) == (0, True, False)


def make_guest(folder: Path, seed: int = 1, variant: str = "") -> Guest:
    """A board that is this very machine.

    Args:
        folder: For its root.
        seed: Of the pump that it watches, whatever it is told.
        variant: What its model computes with; empty: as this machine.
    """
    programs = folder / "root" / "opt" / "industrialguard" / "bin"
    programs.mkdir(parents=True)
    (folder / "work").mkdir()
    python, command = programs / "python", programs / "industrialguard"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    start = f"from tools.arm_variants import main\nfirst = ['{variant}']\n"
    if not variant:
        start = "from industrialguard.__main__ import main\nfirst = ['agent']\n"
    command.write_text(
        f"import sys\nsys.path.insert(0, {str(PROJECT_ROOT)!r})\n{start}"
        f"sys.exit(main(first + [w.replace('seed=1,', 'seed={seed},') for w in sys.argv[2:]]))\n"
    )
    return Guest("here", folder / "root", (), str(folder / "root"))


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "agrees"), [(1, True), (2, False)])
def test_agents_are_compared_by_what_they_would_have_sent(tmp_path: Path, seed: int, agrees: bool) -> None:
    found = compare_agents(make_guest(tmp_path, seed), ARM64, tmp_path / "work", 850.0)
    assert found["agrees"] is agrees
    assert (found["largest_score_gap"] == 0) is agrees
    assert found["scored"] > 0
    assert found["alarms"] > 0, "a machine that never alarms compares no decision"
    assert found["largest_score"] > 0.5, "a machine that is never suspicious compares nothing but zeros"


@pytest.mark.slow
@pytest.mark.parametrize(("variant", "agrees"), [("reference", True), ("", False), ("highest", False)])
def test_a_32_bit_board_is_known_by_its_kernels(tmp_path: Path, variant: str, agrees: bool) -> None:
    found = compare_agents(make_guest(tmp_path, variant=variant), ARMV7, tmp_path / "work", 850.0)
    assert found["agrees"] is agrees
    assert (found["same_kernels_gap"] == 0) is agrees
    assert found["outside_one_step"] == 0
    assert found["kernel_steps"]["max_steps"] > 1, "only golden windows are chosen"
    assert 1e-4 < found["one_step_reach"] < 0.1


@pytest.mark.slow
def test_an_agent_that_watched_too_short_does_not_agree(tmp_path: Path) -> None:
    found = compare_agents(make_guest(tmp_path), ARM64, tmp_path / "work", 60.0)
    assert (found["scored"], found["agrees"]) == (0, False)


def test_a_board_whose_agent_does_not_start_is_one_line(tmp_path: Path) -> None:
    guest = make_guest(tmp_path)
    (guest.root / "opt" / "industrialguard" / "bin" / "industrialguard").write_text("raise SystemExit('no')")
    with pytest.raises(CheckError, match=r"^python on the board ended with 1: no$"):
        compare_agents(guest, ARM64, tmp_path / "work", 60.0)
