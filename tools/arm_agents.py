"""The same agent on the board and here: what it decides, and how far apart its scores are.

Rule: the board is held to three things. It decides as this machine does: the same states, the same alarms at
the same times. With the kernels that its runtime has, this machine gives its scores, but for the rounding of
floats. And where those are not the kernels that agents use here, no score is farther off than int8 outputs
that are each one step off could make it: that range is computed, not chosen (`tools.arm_variants`).
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.arm_board import Board, Guest, run
from tools.arm_probe import ScoreTrace, read_scores

ROOT = Path(__file__).resolve().parent.parent
PROFILE = "pump"
SOURCE = "sim:seed=1,mode=bearing_outer,onset=400,life=600"
"""A pump that wears once it is warmed up, so that scores are not all near 0."""
ROUNDING = 1e-6
"""Largest difference of a score between the same kernels: scores travel as float32, and NumPy and the
mathematics library may round the last bit of a feature otherwise."""
_FIXED = ("--device", "check-arm", "--offline", "--speed", "0", "--log-level", "warning")


@dataclass(frozen=True, slots=True)
class Traces:
    """What the agent left in its outbox, on the board and here."""

    board: ScoreTrace
    here: ScoreTrace
    same_kernels: ScoreTrace
    """Here, with the kernels of the board's runtime; `here` where they are the same."""
    lowest: ScoreTrace
    highest: ScoreTrace
    """Here, with every output one step off; both `here` where the kernels are the same."""


def compare_agents(guest: Guest, board: Board, work: Path, seconds: float) -> dict[str, Any]:
    """Run the same agent on the board and here, and compare what they would have sent.

    Args:
        guest: The board, installed.
        board: Its kind.
        work: Folder for the state of the agents here.
        seconds: Machine time that the agents watch, in s.

    Raises:
        CheckError: one of them failed.
    """
    line = ("--profile", PROFILE, "--source", SOURCE, *_FIXED, "--seconds", f"{seconds:g}", "--state")
    state = guest.root / "opt" / "state"
    shutil.rmtree(state, ignore_errors=True)
    industrialguard(guest, "agent", *line, guest.path("/opt/state"))
    here = watch_here(("industrialguard", "agent"), line, work / "state-here")
    if board.kernels == "default":
        return judge(Traces(read_scores(state), here, here, here, here), board.kernels)
    variants = (board.kernels, "lowest", "highest")
    others = [watch_here(("tools.arm_variants", v), line, work / f"state-{v}") for v in variants]
    found = judge(Traces(read_scores(state), here, *others), board.kernels)
    return found | {"kernel_steps": count_steps(line, work / "state-steps")}


def industrialguard(guest: Guest, *arguments: str) -> str:
    """Run the board's `industrialguard` and return its stdout."""
    command = guest.path("/opt/industrialguard/bin/industrialguard")
    return guest.run("/opt/industrialguard/bin/python", command, *arguments)


def watch_here(module: Sequence[str], line: Sequence[str], state: Path) -> ScoreTrace:
    """Run an agent on this machine.

    Args:
        module: The one to start and its first arguments.
        line: The agent's arguments, up to the state folder.
        state: That folder; emptied.

    Raises:
        CheckError: it failed.
    """
    shutil.rmtree(state, ignore_errors=True)
    run((sys.executable, "-m", *module, *line, str(state)), cwd=ROOT)
    return read_scores(state)


def count_steps(line: Sequence[str], state: Path) -> dict[str, Any]:
    """How far the board's kernels are from those here, in int8 steps (`tools.arm_variants.KernelSteps`).

    Args:
        line: The agent's arguments, up to the state folder.
        state: That folder; emptied.

    Raises:
        CheckError: the agent failed.
    """
    shutil.rmtree(state, ignore_errors=True)
    said = run((sys.executable, "-m", "tools.arm_variants", "steps", *line, str(state)), cwd=ROOT)
    counted: dict[str, Any] = json.loads(said.splitlines()[-1])
    return counted


def judge(traces: Traces, kernels: str) -> dict[str, Any]:
    """What the comparison found; `agrees` says whether all of it holds.

    Args:
        traces: Of the same readings.
        kernels: Name of those that the board's runtime has.
    """
    board, here = traces.board, traces.here
    decides_alike = board.decisions == here.decisions
    rounding = largest_gap(board, traces.same_kernels)
    spans = [
        (min(low, usual, high), max(low, usual, high))
        for low, usual, high in zip(*map(_flat, (traces.lowest, here, traces.highest)), strict=False)
    ]
    outside = sum(
        not lowest - ROUNDING <= score <= highest + ROUNDING
        for score, (lowest, highest) in zip(_flat(board), spans, strict=False)
    )
    reach = [max(high - usual, usual - low) for usual, (low, high) in zip(_flat(here), spans, strict=False)]
    return {
        "source": SOURCE,
        "windows": board.windows,
        "scored": board.scored,
        "scored_here": here.scored,
        "alarms": len(board.alarms),
        "decides_alike": decides_alike,
        "largest_score": max(_flat(board), default=0.0),
        "largest_score_gap": largest_gap(board, here),
        "kernels": kernels,
        "same_kernels_gap": rounding,
        "one_step_reach": max(reach, default=0.0),
        "outside_one_step": outside,
        "agrees": board.scored > 0 and decides_alike and rounding <= ROUNDING and outside == 0,
        "rss_mb_with_emulator": round(board.rss_bytes / 1e6, 1),
    }


def largest_gap(one: ScoreTrace, other: ScoreTrace) -> float:
    """Largest difference of two scores in the same place; summaries that only one has are not compared."""
    return max((abs(a - b) for a, b in zip(_flat(one), _flat(other), strict=False)), default=0.0)


def _flat(trace: ScoreTrace) -> list[float]:
    return [score for pair in trace.scores for score in pair]
