"""The agent under the protocol is the agent."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from contract.bundle import load_bundle
from contract.signals import Reading
from edge_agent.agent import Agent
from edge_agent.settings import AgentSettings
from industrialguard.bench.agent_rows import AgentContender
from industrialguard.bench.report import Role
from industrialguard.bench.row_protocol import FileScores, Table, require_causal
from industrialguard.bench.skab import read_tables
from models.recordings.rows import row_readings
from tests.industrialguard.bench.tables import write_table


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """A healthy start, then an event that lasts to the end."""
    path = tmp_path_factory.mktemp("table") / "a.csv"
    write_table(path, rows=700, event=(520, 700))
    return read_tables(path.parent).labelled[0].table


@pytest.fixture(scope="module")
def contender() -> AgentContender:
    return AgentContender("agent", load_bundle("pump-loop"), is_main=True)


@pytest.fixture(scope="module")
def found(contender: AgentContender, table: Table) -> FileScores:
    return contender.scores(table)


class Rows:
    """A table as an agent's source."""

    def __init__(self, table: Table) -> None:
        self._readings = row_readings(table.sensors, table.stamps_s, table.values, 1.0)
        self.is_exhausted = False

    def read(self) -> Reading | None:
        reading = next(self._readings, None)
        self.is_exhausted = reading is None
        return reading

    def close(self) -> None: ...


def test_it_speaks_for_the_main_row(contender: AgentContender) -> None:
    assert (contender.role, contender.is_main, contender.is_seeded) == (Role.OURS, True, False)


def test_scores_and_alarms_cover_the_test_rows(found: FileScores, table: Table) -> None:
    assert len(found.train) == 0
    assert len(found.test) == len(table.values) - table.train_rows
    assert found.alarmed is not None
    assert len(found.alarmed) == len(found.test)


def test_it_alarms_in_the_event_and_not_before(found: FileScores, table: Table) -> None:
    assert found.alarmed is not None
    raised = int(np.argmax(found.alarmed)) + table.train_rows
    assert found.alarmed.any()
    assert raised > 520


def test_its_decisions_are_causal(contender: AgentContender, table: Table) -> None:
    require_causal(contender, table)


def test_its_alarm_is_that_of_a_real_agent(found: FileScores, table: Table, tmp_path: Path) -> None:
    agent = Agent(AgentSettings("a", tmp_path), Rows(table), load_bundle("pump-loop"))
    agent.start()
    alarms = []
    for row in itertools.count():
        for _ in table.sensors:
            agent.step()
        if row >= len(table.values):
            break
        alarms.append(agent.counters.messages.get("alarm", 0) % 2 == 1)
    agent.close()
    assert found.alarmed is not None
    assert alarms[table.train_rows :] == found.alarmed.tolist()


def test_each_table_is_a_new_machine(contender: AgentContender, found: FileScores, table: Table) -> None:
    contender.scores(replace(table, values=table.values + 5.0))
    again = contender.scores(table)
    np.testing.assert_array_equal(again.test, found.test)
