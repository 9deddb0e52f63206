"""Word of a repair is left once, and a folder that cannot be written is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.errors import StateFolderError
from edge_agent.repair import RepairNote, main


def test_word_is_left_taken_up_and_gone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    note = RepairNote(tmp_path)
    assert not note.is_there
    for _ in range(2):
        assert main(["--state", str(tmp_path)]) == 0
        assert note.is_there
    assert "learned anew" in capsys.readouterr().out
    for _ in range(2):
        note.remove()
        assert not note.is_there


def test_a_folder_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StateFolderError, match="cannot be written"):
        main(["--state", str(tmp_path / "none")])
