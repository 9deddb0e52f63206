"""Work that is done in other processes is the work that would have been done here."""

import os
from pathlib import Path

import pytest

from contract.errors import ConfigError
from industrialguard.bench.errors import ProcessLostError
from industrialguard.bench.side_by_side import ONE_CORE, Kept, in_processes


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


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_was_found_is_not_found_again(tmp_path: Path, jobs: int) -> None:
    kept = Kept(tmp_path / "kept", "this code")
    with pytest.raises(ValueError, match="no number"):
        in_processes(int, ["1", "no number"], jobs, kept)
    kept.write("no number", 7)
    assert in_processes(int, ["1", "no number"], jobs, kept) == [1, 7]
    with pytest.raises(ValueError, match="no number"):
        in_processes(int, ["no number"], jobs, Kept(tmp_path / "kept", "other code"))


def test_what_was_half_kept_is_found_again(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "this code")
    kept.path("1").write_bytes(b"\x80")
    assert in_processes(int, ["1"], 1, kept) == [1]
    assert kept.read("1") == (1,)
    with pytest.raises(ConfigError, match="choose another folder"):
        Kept(kept.path("1") / "below", "this code")
