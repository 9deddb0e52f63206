"""Dataclasses from TOML tables by their own annotations."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import ConfigError
from contract.toml_tables import build, format_table, parse_toml, show


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Inner:
    size: float


@dataclass(frozen=True)
class Outer:
    name: str
    count: int = 1
    ratio: float = 0.5
    colour: Colour = Colour.RED
    pair: tuple[float, float] = (1.0, 2.0)
    words: tuple[str, ...] = ()
    inner: Inner | None = None
    row: tuple[Inner, ...] = field(default=())


def test_a_table_becomes_a_dataclass() -> None:
    table = parse_toml(
        'name = "x"\nratio = 2\ncolour = "blue"\nwords = ["a"]\n[inner]\nsize = 3\n[[row]]\nsize = 4'
    )
    outer = build(Outer, table, "top")
    assert outer == Outer("x", 1, 2.0, Colour.BLUE, (1.0, 2.0), ("a",), Inner(3.0), (Inner(4.0),))
    assert isinstance(outer.ratio, float)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (5, "top must be a table, not 5"),
        ({}, "top: name is missing"),
        ({"name": 1}, "top.name must be text, not 1"),
        ({"name": "x", "nam": 1}, "top: unknown key 'nam'"),
        ({"name": "x", "count": 1.0}, "top.count must be a whole number"),
        ({"name": "x", "count": True}, "top.count must be a whole number"),
        ({"name": "x", "ratio": "1"}, "top.ratio must be a number"),
        ({"name": "x", "ratio": 10**400}, "is too large"),
        ({"name": "x", "colour": "green"}, "top.colour: 'green' is none of red, blue"),
        ({"name": "x", "pair": [1]}, "top.pair must hold 2 values, not 1"),
        ({"name": "x", "pair": 1}, "top.pair must be a list"),
        ({"name": "x", "words": ["a", 2]}, r"top.words\[1\] must be text"),
        ({"name": "x", "inner": 3}, "top.inner must be a table"),
        ({"name": "x", "inner": {}}, "top.inner: size is missing"),
        ({"name": "x", "row": [{"size": "a"}]}, r"top.row\[0\].size must be a number"),
    ],
)
def test_a_table_that_does_not_fit_says_where(table: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(Outer, table, "top")


@given(st.text(st.characters(codec="utf-8")), st.integers(-(2**62), 2**62), st.floats(allow_nan=False))
def test_plain_fields_survive_toml(name: str, count: int, ratio: float) -> None:
    outer = Outer(name, count, ratio, Colour.BLUE, (ratio, 0.0), (name, "b"))
    assert build(Outer, parse_toml("\n".join(format_table(outer))), "top") == outer


def test_nested_tables_and_nothing_are_left_to_the_caller() -> None:
    assert not any(line.startswith("inner") for line in format_table(Outer("x")))
    assert not any(line.startswith("inner") for line in format_table(Outer("x", inner=Inner(1.0))))


def test_values_are_shown_on_one_short_line() -> None:
    assert show("a\nb") == r"'a\nb'"
    assert len(show("x" * 10_000)) < 70
