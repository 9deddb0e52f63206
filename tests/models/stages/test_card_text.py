"""A card shows every number that it was given, and says where there is none."""

from __future__ import annotations

from typing import Any

from models.stages.card_text import SHOWN_SHIFTS, format_card, format_page

ROW = {
    "model": "candidate",
    "slice": "all",
    "rmse": 12.345,
    "coverage_90": 0.9,
    "width_90": None,
    "example_count": 20.0,
}


def card(**changes: Any) -> str:
    span = {"span": 4, "cut": "2026-03-01", "sides": {"train": {"lives": 16, "of them failed": 13}}}
    span |= {"compared_with_span": None, "shifts": []} | changes.pop("span", {})
    data = {
        "name": "press RUL",
        "version": "press-1",
        "purpose": "Forecasts the remaining useful life of press up to 60 h.",
        "judged": "Lives cut at random points.",
        "columns": {"rmse": "RMSE", "coverage_90": "coverage", "width_90": "width", "example_count": "cuts"},
        "data": span,
        "replay": {"told": "Replayed on 20 lives."},
        "is_blessed": True,
        "refused_because": [],
        "results": [ROW],
        "lineage": {"code_version": "4a1b2c3"},
    }
    return format_card(data | changes)


def shift(distance: float, name: str = "sensor_heat") -> dict[str, Any]:
    return {"kind": "drift", "column": name, "distance": distance, "threshold": 0.3}


def test_numbers_stand_in_tables() -> None:
    text = card()
    assert "| candidate | all | 12.3 | 0.9 | unknown | 20 |" in text
    assert "| train | 16 | 13 |" in text
    assert "| code_version | 4a1b2c3 |" in text
    assert "up to 60 h" in text


def test_a_model_that_was_not_blessed_says_why() -> None:
    text = card(is_blessed=False, refused_because=["rmse, all: 40 is above 15", "coverage"])
    assert "**not blessed: rmse, all: 40 is above 15; coverage**" in text


def test_the_first_span_has_nothing_to_drift_from() -> None:
    assert "There is no earlier span" in card()
    assert "Drift is seen against span 3. No column went further" in card(span={"compared_with_span": 3})


def test_only_what_went_too_far_is_shown() -> None:
    text = card(span={"compared_with_span": 3, "shifts": [shift(0.5), shift(0.1, "sensor_flow")]})
    assert "| drift | sensor_heat | 0.5 | 0.3 |" in text
    assert "sensor_flow" not in text


def test_many_shifts_are_counted() -> None:
    many = [shift(0.9, f"sensor_{number}") for number in range(SHOWN_SHIFTS + 5)]
    assert "And 5 more." in card(span={"compared_with_span": 3, "shifts": many})


def test_a_page_holds_no_markup_of_others() -> None:
    page = format_page("a <script> & more", "<b>")
    assert "<script>" not in page
    assert "a &lt;script&gt; &amp; more" in page
