"""Recorded bearings, raw bursts at 25.6 kHz, through the agent that a device runs, with the model that ships.

The model was trained on simulated bearings only; no recording of this data set took part in its training.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

import pytest

from contract.bundle import load_bundle
from contract.codec import decode
from contract.messages import Alarm, AlarmTransition
from edge_agent.agent import Agent
from edge_agent.settings import AgentSettings
from models.recordings import Recording, open_recordings
from simulators.replay import ReplaySource

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

START_S = 1_700_000_000.0
BEARINGS = (
    "femto-bearing1-1",
    "femto-bearing1-2",
    "femto-bearing3-1",
)


@dataclass(frozen=True)
class Life:
    """A bearing's replayed life and the alarms its agent raised."""

    end_s: float
    raised_s: tuple[float, ...]

    def share(self, time_s: float) -> float:
        return (time_s - START_S) / (self.end_s - START_S)


def live(recording: Recording, folder: Path) -> Life:
    source = ReplaySource(recording, START_S)
    end_s = source.end_of_life_s
    assert end_s is not None
    agent = Agent(
        AgentSettings(device_id=recording.machine_id, state_dir=folder), source, load_bundle("bearing-rig")
    )
    agent.start()
    while not agent.step().is_exhausted:
        pass
    agent.close()
    with sqlite3.connect(folder / "outbox.sqlite") as database:
        rows = database.execute("SELECT payload FROM messages WHERE kind = 'alarm'").fetchall()
    database.close()
    messages = [decode(payload) for (payload,) in rows]
    raised = sorted(
        m.event_time.timestamp()
        for m in messages
        if isinstance(m.body, Alarm) and m.body.transition is AlarmTransition.RAISED
    )
    return Life(end_s, tuple(raised))


@pytest.fixture(scope="module")
def recordings(recorded_data: Path) -> dict[str, Recording]:
    folder = recorded_data / "femto"
    if not folder.is_dir():
        pytest.skip(f"no bearing recordings at {folder}")
    return {recording.machine_id: recording for recording in open_recordings(f"femto:{folder}")}


@pytest.mark.parametrize("bearing", BEARINGS)
def test_an_alarm_before_the_end_and_none_in_the_first_quarter(
    bearing: str, recordings: dict[str, Recording], tmp_path: Path
) -> None:
    life = live(recordings[bearing], tmp_path)

    shares = [life.share(time_s) for time_s in life.raised_s]
    assert shares, "the bearing failed without an alarm"
    assert 0.25 < shares[0] < 1.0, shares


def test_the_shipped_model_never_saw_these_bearings() -> None:
    lineage = load_bundle("bearing-rig").manifest.lineage

    assert "femto" not in str(lineage).lower()
