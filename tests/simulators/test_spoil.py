"""Spoiled releases on a device: what each is found by, and that nothing finds it sooner."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from contract.bundle import Bundle, format_bundle, load_bundle, parse_bundle
from contract.profiles import format_profile
from edge_agent.agent import Agent
from edge_agent.model_slot import release_of
from edge_agent.self_test import Order, examine
from edge_agent.sensors import open_source
from edge_agent.settings import AgentSettings
from edge_agent.slot_rules import Failed, Passed
from edge_agent.slot_state import Offer, Reason
from simulators.spoil import Spoil, spoil

PUMP = load_bundle("pump")
MOST_WINDOWS = 400


def self_test(folder: Path, bundle: Bundle) -> Passed | Failed:
    path = folder / "model.igb"
    path.write_bytes(format_bundle(bundle))
    return examine(Order(str(path), release_of(bundle), format_profile(PUMP.profile), "cpu"))


@pytest.mark.parametrize("how", list(Spoil))
def test_it_is_whole_and_under_a_version_of_its_own(how: Spoil) -> None:
    data = format_bundle(spoil(PUMP, how))

    assert parse_bundle(data).manifest.version == f"{PUMP.manifest.version}-spoiled"
    assert hashlib.sha256(data).digest() != hashlib.sha256(format_bundle(PUMP)).digest()
    assert spoil(PUMP, how).model == PUMP.model


def test_wrong_answers_are_found_by_the_self_test(tmp_path: Path) -> None:
    found = self_test(tmp_path, spoil(PUMP, Spoil.ANSWERS))

    assert isinstance(found, Failed) and found.reason is Reason.SELF_TEST


def test_a_wrong_alarm_rule_passes_the_self_test(tmp_path: Path) -> None:
    assert self_test(tmp_path, spoil(PUMP, Spoil.ALARM)) == Passed()


@pytest.mark.slow
def test_a_wrong_alarm_rule_is_in_charge_and_taken_back(tmp_path: Path) -> None:
    bundle = spoil(PUMP, Spoil.ALARM)
    path = tmp_path / "model.igb"
    path.write_bytes(format_bundle(bundle))
    source = open_source("sim:seed=1381391841,duty=steady,start=1700000000.0", PUMP.profile)
    agent = Agent(AgentSettings("pump-03", tmp_path / "state"), source, PUMP)
    agent.start()
    states: list[str] = []
    try:
        while agent.counters.windows < 50:
            agent.step()
        agent.slots.offer(Offer(release_of(bundle), str(path), 1))
        while agent.counters.windows < MOST_WINDOWS and "rolled_back" not in states:
            agent.step()
            agent.slots.wait()  # its self-test takes as long as it takes; the machine stands still meanwhile
            if agent.slots.report.state not in states[-1:]:
                states.append(agent.slots.report.state)
    finally:
        agent.close()

    assert states[-3:] == ["shadow", "probation", "rolled_back"]
    assert agent.slots.report.reason is Reason.ALL_ANOMALOUS
    assert agent.slots.model.version == PUMP.manifest.version
