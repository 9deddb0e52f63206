"""The journal survives its writers, and lets in one of them at a time."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contract.errors import StateError
from models.continuous import Cause, PastRun, Result, Trigger
from models.continuous_journal import Journal
from tests.contract.kills import killed_at_each_line

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=20)
DRIFT = Trigger(Cause.DRIFT, "two columns went too far")
WHO = "me@here"
BEGUN = PastRun(NOW, WHO, Cause.DRIFT, DRIFT.reason, "pump-1")
DIES = """
import os, sys
from pathlib import Path
from tests.models.test_continuous_journal import DRIFT, NOW, WHO, Journal
with Journal(Path(sys.argv[1]), "pump").alone(NOW) as is_alone:
    Journal(Path(sys.argv[1]), "pump").begin(NOW, WHO, DRIFT, "pump-1")
    os._exit(9)
"""


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "continuous", "pump")


def write_run(journal: Journal, result: Result = Result.BLESSED) -> None:
    with journal.alone(NOW) as is_alone:
        assert is_alone
        journal.begin(NOW, WHO, DRIFT, "pump-1")
        journal.end(LATER, result, "4-abc")


def test_before_the_first_run_there_is_none(journal: Journal, tmp_path: Path) -> None:
    assert journal.runs() == ()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("result", list(Result))
def test_a_run_is_read_back_as_it_was(journal: Journal, result: Result) -> None:
    write_run(journal, result)
    (run,) = journal.runs()
    assert run == PastRun(NOW, WHO, Cause.DRIFT, DRIFT.reason, "pump-1", LATER, result, "4-abc")


def test_runs_stand_in_order(journal: Journal) -> None:
    write_run(journal)
    write_run(journal, Result.NOT_BLESSED)
    assert [run.result for run in journal.runs()] == [Result.BLESSED, Result.NOT_BLESSED]


def test_machine_types_have_their_own(journal: Journal, tmp_path: Path) -> None:
    write_run(journal)
    assert Journal(tmp_path / "continuous", "press").runs() == ()


def test_only_one_is_at_work(journal: Journal) -> None:
    with journal.alone(NOW) as first, journal.alone(NOW) as second:
        assert (first, second) == (True, False)
        journal.begin(NOW, WHO, DRIFT, "pump-1")
        with journal.alone(LATER) as third:
            assert not third
        assert journal.runs() == (BEGUN,)  # not lost: its holder lives


def test_a_process_that_dies_leaves_a_run_that_the_next_one_calls_lost(
    journal: Journal, tmp_path: Path
) -> None:
    done = subprocess.run([sys.executable, "-c", DIES, str(tmp_path / "continuous")], check=False)
    assert done.returncode == 9
    assert journal.runs() == (BEGUN,)
    with journal.alone(LATER) as is_alone:
        assert is_alone
        (run,) = journal.runs()
    assert (run.ended, run.result) == (LATER, Result.LOST)
    with journal.alone(LATER + timedelta(hours=1)):
        assert journal.runs() == (run,)  # said once


def test_a_kill_at_any_line_costs_at_most_the_end_of_a_run(tmp_path: Path) -> None:
    for n in killed_at_each_line(
        lambda n: write_run(Journal(tmp_path / str(n), "pump")),
        "models.continuous_journal",
        "contract.durable",
    ):
        journal = Journal(tmp_path / str(n), "pump")
        with journal.alone(LATER) as is_alone:
            assert is_alone
            assert [run.result for run in journal.runs()] in ([], [Result.LOST], [Result.BLESSED])


@pytest.mark.parametrize(
    "line", ["no json", "[]", '{"began": "yesterday"}', '{"ended": "2026-03-01T12:00:00+00:00"}', "{}"]
)
def test_a_damaged_journal_names_the_line(journal: Journal, tmp_path: Path, line: str) -> None:
    write_run(journal)
    path = tmp_path / "continuous" / "pump.jsonl"
    path.write_text(f"{path.read_text()}{line}\n")
    with pytest.raises(StateError, match=r"pump\.jsonl, line 3: damaged"):
        journal.runs()


def test_a_torn_line_is_nothing(journal: Journal, tmp_path: Path) -> None:
    write_run(journal)
    path = tmp_path / "continuous" / "pump.jsonl"
    path.write_text(path.read_text() + '{"began": "2026')
    assert len(journal.runs()) == 1
    write_run(journal)
    assert len(journal.runs()) == 2


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(StateError, match="cannot be written"),
        Journal(tmp_path / "file", "pump").alone(NOW),
    ):
        pass
