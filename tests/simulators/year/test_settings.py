"""The shipped plant can be read, and one that cannot be is refused in a line."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from contract.errors import ConfigError
from simulators.year.settings import parse_settings, read_settings

TEXT = (resources.files("simulators") / "data" / "fleet_year.toml").read_text("utf-8")


def test_what_is_held_out_is_wider_and_other_seeds() -> None:
    settings = read_settings()
    tuning, held_out = settings.tuning, settings.held_out
    assert not set(tuning.seeds) & set(held_out.seeds)
    assert len(held_out.seeds) >= 10
    for name in (
        "downtime_per_h",
        "life_factor",
        "pf_factor",
        "sudden_factor",
        "lead_factor",
        "upset_factor",
    ):
        (low, high), (lowest, highest) = getattr(tuning, name), getattr(held_out, name)
        assert lowest < low < high < highest, name


def test_a_file_is_read_as_the_shipped_one(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TEXT, "utf-8")
    assert read_settings(path) == read_settings()
    with pytest.raises(ConfigError, match="cannot be read"):
        read_settings(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("technicians = 2", "technicians = 0", "needs a technician"),
        ("seeds = [1, 2,", "seeds = [1, 1001,", "both for tuning and held out"),
        ("repair_h = 8.0", "repair_h = 30.0", "fit into a shift"),
        ("mistaken = 0.03", "mistaken = 3.0", "must lie in 0..1"),
        ("lines = 2", "lines = 2\nrows = 3", "unknown key"),
        ('modes = ["winding"]', "modes = []", "needs a mode"),
        ("hours_per_window = 4.0", "hours_per_window = 40.0", "hours_per_window"),
        ("surely_from = 0.45", "surely_from = 0.01", "sees_from < surely_from"),
    ],
    ids=range(8),
)
def test_what_cannot_be_is_refused(before: str, after: str, sentence: str) -> None:
    assert before in TEXT
    with pytest.raises(ConfigError, match=sentence):
        parse_settings(TEXT.replace(before, after), "mine.toml")
