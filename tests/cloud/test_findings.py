"""A finding says one thing, and the maintenance log hears of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cloud.findings import Activity, FailureCause, FailureMode, Finding, log_of
from contract.errors import DataError
from contract.labels import ComponentEnd, Verdict
from contract.life_log import LogKind

AT = datetime(2026, 3, 2, 8, tzinfo=UTC)
SAID: dict[str, Any] = {
    "mode": FailureMode.VIBRATION,
    "cause": FailureCause.WEAR_AND_TEAR,
    "activity": Activity.REPLACE,
}


@pytest.mark.parametrize(
    ("verdict", "values", "sentence"),
    [
        (Verdict.TRUE, {}, "mode, cause and activity"),
        (Verdict.EARLY, {"mode": FailureMode.NOISE}, "mode, cause and activity"),
        (Verdict.FALSE_ALARM, SAID, "no failure to name"),
        (Verdict.NOT_CHECKED, {"activity": Activity.CHECK}, "not looked"),
        (Verdict.FALSE_ALARM, {"end": ComponentEnd.REPLACED, "component": "seal"}, "nothing was replaced"),
        (Verdict.TRUE, {**SAID, "end": ComponentEnd.FAILED}, "which component"),
        (Verdict.EARLY, {**SAID, "end": ComponentEnd.FAILED, "component": "seal"}, "not early"),
        (Verdict.NOT_CHECKED, {"note": "x" * 2001}, "2000"),
        (Verdict.NOT_CHECKED, {"found_at": datetime(2026, 3, 2)}, "aware"),
    ],
    ids=range(9),
)
def test_a_finding_does_not_contradict_itself(
    verdict: Verdict, values: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(DataError, match=sentence):
        Finding(**{"verdict": verdict, "found_at": AT, **values})


@pytest.mark.parametrize(
    ("end", "kind"),
    [(ComponentEnd.FAILED, LogKind.FAILURE), (ComponentEnd.REPLACED, LogKind.REPLACEMENT)],
    ids=["failed", "censored"],
)
def test_the_end_of_a_component_is_in_the_log(end: ComponentEnd, kind: LogKind) -> None:
    finding = Finding(Verdict.TRUE, AT, component="seal", end=end, **SAID)
    (event,) = log_of(finding, "pump-7", "case 5")
    assert (event.kind, event.component, event.time, event.source) == (kind, "seal", AT, "case 5")


def test_a_component_that_runs_on_has_not_ended() -> None:
    assert list(log_of(Finding(Verdict.TRUE, AT, component="seal", **SAID), "pump-7", "case 5")) == []


def test_who_has_not_looked_teaches_nothing() -> None:
    assert not Finding(Verdict.NOT_CHECKED, AT).is_label
    assert Finding(Verdict.FALSE_ALARM, AT, activity=Activity.CHECK).is_label
