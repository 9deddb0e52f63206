"""Labels: what people found, line by line."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import DataError
from contract.labels import ComponentEnd, Label, Verdict, format_labels, parse_labels

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LABEL = Label(
    machine="m-1",
    opened_at=NOON,
    found_at=NOON + timedelta(days=2),
    symptom="bearing_outer_race",
    verdict=Verdict.TRUE,
    peak_score=0.9,
    mode="VIB",
    cause="3.4",
    activity="1",
    component="bearing",
    end=ComponentEnd.REPLACED,
)
moments = st.datetimes(timezones=st.just(UTC))
labels = st.builds(
    replace,
    st.just(LABEL),
    machine=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", fullmatch=True),
    opened_at=moments,
    found_at=moments,
    symptom=st.text(st.characters(categories=("L", "N", "P", "Zs")), max_size=100).filter(
        lambda text: not text or text.isprintable()
    ),
    verdict=st.sampled_from([Verdict.TRUE, Verdict.EARLY, Verdict.FALSE_ALARM]),
    peak_score=st.none() | st.floats(0, 1),
    end=st.sampled_from(list(ComponentEnd)),
)


@given(st.lists(labels, max_size=5))
def test_labels_read_back_as_written_in_whatever_order(some: list[Label]) -> None:
    text = format_labels(some)
    read = parse_labels(text)
    assert Counter(read) == Counter(some)
    assert format_labels(read) == text


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"verdict": "maybe"}, "verdict"),
        ({"verdict": "not_checked"}, "has not looked"),
        ({"end": "gone"}, "end"),
        ({"peak_score": 1.5}, "peak_score"),
        ({"machine": "pump 7"}, "machine is no id"),
        ({"opened_at": "yesterday"}, "label 1"),
        ({"found_at": 5}, "found_at"),
        ({"symptom": "two\nlines"}, "symptom"),
        ({"who": "Jo"}, "unknown key 'who'"),
    ],
)
def test_what_is_no_label_is_refused(change: dict[str, Any], why: str) -> None:
    line = json.loads(format_labels([LABEL])) | change
    with pytest.raises(DataError, match=why):
        parse_labels(json.dumps(line))


@pytest.mark.parametrize("line", ["", "{", "[]", "null", "[" * 100_000])
def test_what_is_no_line_is_refused_with_its_number(line: str) -> None:
    with pytest.raises(DataError, match="label 2"):
        parse_labels(format_labels([LABEL]) + line + "\n")


@pytest.mark.parametrize("zone", [None, timezone(timedelta(hours=2))])
def test_times_are_in_utc(zone: timezone | None) -> None:
    with pytest.raises(DataError, match="opened_at must be a time in UTC"):
        replace(LABEL, opened_at=NOON.replace(tzinfo=zone))


def test_early_is_right_and_a_false_alarm_is_not() -> None:
    rights = [
        replace(LABEL, verdict=each).is_right for each in (Verdict.TRUE, Verdict.EARLY, Verdict.FALSE_ALARM)
    ]
    assert rights == [True, True, False]
