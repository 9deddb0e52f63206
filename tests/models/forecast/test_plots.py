"""Pictures of whole lives."""

from pathlib import Path

import numpy as np
import pytest

from contract.errors import ConfigError
from models.forecast.plots import Course, draw_courses


def course(name: str) -> Course:
    age = np.arange(5.0)
    return Course(name, age, 5 - age, 4.5 - age, (3 - age, 60 - age))


@pytest.mark.parametrize("n", [1, 3, 4])
def test_each_life_has_its_panel(tmp_path: Path, n: int) -> None:
    path = tmp_path / "lives.svg"
    draw_courses(path, "a title", "cycle", [course(f"m{number}") for number in range(n)])
    text = path.read_text()
    assert text.count("<!-- m") == n
    assert "a title" in text
    assert "age, cycle" in text


@pytest.mark.parametrize("name", ["no/folder/x.png", "x.unknown"])
def test_a_picture_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        draw_courses(tmp_path / name, "t", "s", [course("m")])
