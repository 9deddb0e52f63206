"""What the forecasts' pipeline is told of a machine type comes from its schema."""

from __future__ import annotations

from contract.registry import ModelKind
from models.stages.life_kind import KIND
from models.stages.life_schema import draft_schema
from tests.models.stages.fleet import CUT, SPEC, UNITS, encode, make_sides

LIVES = make_sides()["train"]
SCHEMA = draft_schema(LIVES, SPEC, UNITS)


def test_names_come_from_the_schema() -> None:
    assert KIND.model is ModelKind.RUL
    assert KIND.subject(SCHEMA) == KIND.comparable(SCHEMA) == "press"
    assert KIND.describe_columns(SCHEMA) == {"settings": ["load"], "sensors": ["heat", "shake", "flow"]}


def test_a_side_is_counted() -> None:
    side = KIND.accept(encode(LIVES), SCHEMA, CUT, "span 1, train")
    assert side.machines == {life.machine for life in LIVES}
    assert side.counts == {"lives": 16, "of them failed": 13}
