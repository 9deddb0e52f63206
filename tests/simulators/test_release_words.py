from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from simulators.release_plan import ReleasePlan
from simulators.release_words import Teller, TrailEntry, join
from simulators.spoil import Spoil

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PUMPS = tuple(f"pump-{number:02}" for number in range(1, 8))


def told(*entries: tuple[float, str, str, str], spoil: Spoil | None = None) -> list[str]:
    """What is said of entries: seconds, what, why, device."""
    plan = ReleasePlan("pump", PUMPS, PUMPS[:2], 255.0, spoil)
    trail = [
        TrailEntry(number, NOON + timedelta(seconds=at_s), what, why, device)
        for number, (at_s, what, why, device) in enumerate(entries, 1)
    ]
    return [line.text for line in Teller(plan, "1-old", "2-new").tell(trail)]


def test_who_goes_first_is_told_step_by_step() -> None:
    assert told(
        (0, "created", "pump 2-new", ""),
        (0, "started", "", ""),
        (5, "group opened", "canary", ""),
        (5, "assigned", "", "pump-01"),
        (5, "assigned", "", "pump-02"),
        (20, "shadow", "", "pump-01"),
        (20, "shadow", "", "pump-02"),
        (40, "probation", "", "pump-01"),
        (100, "confirmed", "", "pump-01"),
        (100, "confirmed", "", "pump-02"),
        (100, "group went through", "canary", ""),
    ) == [
        "A release, 2-new for 1-old: signed, published, first on pump-01 and pump-02, then on 5 more.",
        "pump-01 and pump-02: the new model runs beside the old one, and nobody hears it yet",
        "pump-01: the new model is in charge, the old one stands by",
        "pump-01 and pump-02: healthy with the new model, which stays: 2 of 7 run 2-new",
        "pump-01 and pump-02: healthy after 1 min 40 s. Now the other 5.",
    ]


def test_who_follows_is_told_in_one_line() -> None:
    others = [(120.0, "confirmed", "", device) for device in PUMPS[2:]]

    assert told(
        (0, "started", "", ""),
        *((90.0, "shadow", "", device) for device in PUMPS[2:]),
        *others,
        (125, "group went through", "rest", ""),
        (125, "completed", "", ""),
    )[1:] == [
        "pump-03, pump-04, pump-05 and 2 others: healthy with the new model, which stays: 5 of 7 run 2-new",
        "Rollout complete after 2 min 05 s: 5 of 7 run 2-new; the last ones follow.",
    ]


def test_a_spoiled_one_is_called_that_and_its_end_is_told() -> None:
    lines = told(
        (0, "started", "", ""),
        (60, "rolled_back", "it finds 100% of the windows anomalous", "pump-01"),
        (60, "halted", "group canary: 1 of 2 reachable devices failed", ""),
        (61, "aborted", "it went badly", ""),
        spoil=Spoil.ALARM,
    )

    assert lines[0].startswith("A spoiled release, 2-new: signed, and its papers say that all is well")
    assert lines[1:] == [
        "pump-01: back on 1-old by itself, it finds 100% of the windows anomalous",
        "The rollout halts by itself: group canary: 1 of 2 reachable devices failed.",
        "The rollout is called off.",
    ]


def test_one_that_went_back_after_all_is_not_counted_any_more() -> None:
    lines = told(
        (0, "started", "", ""),
        (9, "confirmed", "", "pump-01"),
        (10, "rolled_back", "a person at the device took it back", "pump-01"),
        (11, "completed", "", ""),
    )

    assert lines[-1] == "Rollout complete after 11 s: 0 of 7 run 2-new; the last ones follow."


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c", "d"], "a, b, c and d"),
        (["a", "b", "c", "d", "e"], "a, b, c and 2 others"),
    ],
)
def test_names(names: list[str], text: str) -> None:
    assert join(names) == text
