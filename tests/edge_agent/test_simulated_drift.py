"""What slowly moves is drift and no fault of the machine: the whole agent with the bundle that ships."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from contract.bundle import load_bundle
from contract.messages import Alarm, AlarmKind, AlarmTransition
from edge_agent.agent import Agent
from edge_agent.drift import MEMORY_BASELINES
from edge_agent.settings import AgentSettings
from simulators.sources import open_source
from tests.edge_agent.rig import alarms

START_S, FROM_S, SECONDS = 1_750_000_000, 600, 5000


def run(folder: Path, faults: str = "") -> list[Alarm]:
    pump = load_bundle("pump")
    source = open_source(f"seed=1,start={START_S},seconds={SECONDS}{faults}", pump.profile)
    agent = Agent(AgentSettings("pump-1", folder), source, pump)
    agent.start()
    agent.run(threading.Event())
    agent.close()
    return alarms(folder)


def test_a_slow_change_is_told_as_drift_with_what_has_moved(tmp_path: Path) -> None:
    (raised,) = run(tmp_path, f",fault=drift:pressure@{FROM_S}+{SECONDS}*0.005")
    assert (raised.kind, raised.transition) == (AlarmKind.DRIFT, AlarmTransition.RAISED)
    assert raised.since.timestamp() - START_S > FROM_S + MEMORY_BASELINES * 24 * 5 / 4, "slow means slow"
    assert raised.contributions[0].feature == "pressure_level"
    assert raised.contributions[0].deviation == pytest.approx(4.0, abs=0.2)


def test_without_it_nothing_is_said(tmp_path: Path) -> None:
    assert run(tmp_path) == []
