"""Who was rolled back from is read off the registry's history."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from contract.registry import Act, Entry, ModelLine, Note, Registry
from models.stages.blessings import follow_registry, rolled_back

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def history(text: str) -> list[Entry]:
    """`+1` promotes version 1, `-1` goes back to it."""
    acts = {"+": Act.PROMOTED, "-": Act.ROLLED_BACK, ".": Act.PUBLISHED}
    return [Entry(acts[word[0]], word[1:], NOW, Note("test", "test")) for word in text.split()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (".1 +1 .2 +2", []),
        (".1 +1 .2 +2 -1", ["2"]),
        (".1 +1 .2 +2 -1 .3 +3", ["2"]),
        (".1 +1 .2 +2 -1 +2", []),
        (".1 +1 .2 +2 .3 +3 -2 -1", ["2", "3"]),
        (".1 .2", []),
    ],
)
def test_versions_that_were_rolled_back_from(text: str, expected: list[str]) -> None:
    assert rolled_back(history(text)) == expected


def test_before_the_first_run_there_is_nothing_to_withdraw(tmp_path: Path) -> None:
    assert follow_registry(tmp_path / "none.sqlite", Registry(tmp_path / "none"), ModelLine("press")) == ()
    assert not (tmp_path / "none").exists()
