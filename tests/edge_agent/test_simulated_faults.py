"""The measuring chain breaks in every way the simulator knows, on the pump with the model that ships: the
sensor is named, and the machine is not accused.

A drifting zero is not here: to the samples' quality it is a machine that changes. Neither is a frozen speed:
at standstill and at full load a shaft's speed may stand still, so the profile cannot call it stuck.
"""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from contract.bundle import Bundle, load_bundle
from contract.messages import Alarm, AlarmKind, AlarmTransition
from contract.signals import QualityFlag
from edge_agent.agent import Agent
from edge_agent.settings import AgentSettings
from simulators.sources import open_source
from tests.edge_agent.rig import alarms

FROM_S, FOR_S, SECONDS = 300, 150, 540
START_S = 1_750_000_000


@pytest.fixture(scope="module")
def pump() -> Bundle:
    return load_bundle("pump")


def run(pump: Bundle, folder: Path, fault: str, seed: int = 1) -> list[Alarm]:
    kind, star, magnitude = fault.partition("*")
    spec = f"seed={seed},start={START_S},seconds={SECONDS},fault={kind}@{FROM_S}+{FOR_S}{star}{magnitude}"
    agent = Agent(AgentSettings("pump-1", folder), open_source(spec, pump.profile), pump)
    agent.start()
    agent.run(threading.Event())
    agent.close()
    return alarms(folder)


@pytest.mark.parametrize(
    ("fault", "flag"),
    [
        ("stuck:vib_h", QualityFlag.STUCK),
        ("stuck:pressure", QualityFlag.STUCK),
        ("stuck:temperature", QualityFlag.STUCK),
        ("dropout:vib_v*1", QualityFlag.MISSING),
        ("dropout:current*0.8", QualityFlag.MISSING),
        ("dropout:speed*1", QualityFlag.MISSING),
        ("nan:vib_h", QualityFlag.NOT_A_NUMBER),
        ("nan:pressure", QualityFlag.NOT_A_NUMBER),
        ("spike:vib_v", QualityFlag.OUT_OF_RANGE),
        ("spike:current*0.3", QualityFlag.OUT_OF_RANGE),
        ("clip:vib_h", QualityFlag.CLIPPED),
    ],
)
def test_a_broken_sensor_is_named_cleared_and_never_taken_for_the_machine(
    pump: Bundle, tmp_path: Path, fault: str, flag: QualityFlag
) -> None:
    said = run(pump, tmp_path, fault)
    sensor = fault.split(":")[1].split("*", maxsplit=1)[0]

    assert [(a.kind, a.sensor, a.transition) for a in said] == [
        (AlarmKind.SENSOR_FAULT, sensor, AlarmTransition.RAISED),
        (AlarmKind.SENSOR_FAULT, sensor, AlarmTransition.CLEARED),
    ]
    raised, cleared = said
    assert flag in raised.flags
    assert raised.alarm_id == cleared.alarm_id
    assert FROM_S <= raised.since.timestamp() - START_S < FROM_S + FOR_S
    assert raised.score >= raised.threshold and not raised.hints


@pytest.mark.parametrize("fault", ["duplicate:current", "duplicate:vib_h", "clock_jump"])
def test_what_leaves_the_values_true_is_no_fault(pump: Bundle, tmp_path: Path, fault: str) -> None:
    assert run(pump, tmp_path, fault) == []


def test_two_sensors_at_once_are_two_faults(pump: Bundle, tmp_path: Path) -> None:
    said = run(pump, tmp_path, f"stuck:vib_h@{FROM_S}+{FOR_S},fault=dropout:pressure")
    raised = [a for a in said if a.transition is AlarmTransition.RAISED]
    assert {a.sensor for a in raised} == {"vib_h", "pressure"}
    assert len({a.alarm_id for a in raised}) == 2
    assert {a.kind for a in said} == {AlarmKind.SENSOR_FAULT}
