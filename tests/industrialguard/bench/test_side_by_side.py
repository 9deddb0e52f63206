"""Work that is done in other processes is the work that would have been done here."""

import os

import pytest

from industrialguard.bench.errors import ProcessLostError
from industrialguard.bench.side_by_side import ONE_CORE, in_processes


def test_results_come_in_the_order_of_tasks() -> None:
    assert in_processes(int, ["3", "1", "2", "0"], 2) == [3, 1, 2, 0]


def test_each_process_has_one_core_and_ours_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ONE_CORE[0], "7")
    monkeypatch.delenv(ONE_CORE[1], raising=False)
    assert in_processes(os.getenv, ONE_CORE, 2) == ["1"] * len(ONE_CORE)
    assert os.environ[ONE_CORE[0]] == "7"
    assert ONE_CORE[1] not in os.environ
    assert in_processes(os.getenv, ONE_CORE[:2], 1) == ["7", None], "alone it is done here"


def test_what_goes_wrong_there_is_said_here() -> None:
    with pytest.raises(ValueError, match="'no number'"):
        in_processes(int, ["no number"], 2)


def test_a_process_that_was_killed_is_told_of() -> None:
    with pytest.raises(ProcessLostError, match="choose fewer --jobs"):
        in_processes(os._exit, [9], 2)
