"""What a person types finds its reader, or says what could have been typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import DataError
from models.lives import FORMATS, open_lives
from tests.conftest import PROJECT_ROOT

SAMPLE = PROJECT_ROOT / "simulators" / "data" / "cmapss"


def test_a_scheme_finds_its_reader() -> None:
    assert len(open_lives(f"cmapss:{SAMPLE}", "fd001").lives) == 12


@pytest.mark.parametrize("spec", ["", "cmapss", "cmapss:", "kafka:x", "CMAPSS:x"])
def test_an_unknown_scheme_lists_the_known_ones(spec: str) -> None:
    with pytest.raises(DataError) as caught:
        open_lives(spec)
    assert all(known.usage in str(caught.value) for known in FORMATS.values())


@pytest.mark.parametrize("scheme", sorted(FORMATS))
def test_a_missing_place_is_one_line(scheme: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such file|does not exist") as caught:
        open_lives(f"{scheme}:{tmp_path / 'nowhere'}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("scheme", sorted(FORMATS))
def test_an_empty_folder_says_what_is_missing(scheme: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such file|no .*\*|no features"):
        open_lives(f"{scheme}:{tmp_path}")


def test_the_document_names_every_scheme() -> None:
    text = (PROJECT_ROOT / "docs" / "training-data.md").read_text()
    assert [each.usage for each in FORMATS.values() if f"`{each.usage}`" not in text] == []
