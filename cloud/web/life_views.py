"""What a machine's page says of its whole life: all that happened on one line of time, and what was forecast.

Rule: pure; rows in, words out. The same list is the marks on the chart and the table below it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cloud.cases import What
from cloud.machine_events import MachineEvent
from cloud.outcomes import MadeForecast, Outcome
from cloud.store.cases import StoredCase, StoredEntry
from cloud.store.orders import StoredOrder
from cloud.store.rows import AlertRow
from cloud.web.case_views import VERDICTS, symptom_words
from cloud.words import plain_words
from contract.life_log import LogKind


@dataclass(frozen=True, slots=True)
class LifeEvent:
    """Something that happened to a machine."""

    at: datetime
    mark: str
    """One word for the chart; empty: it stands in the table only."""
    kind: str
    text: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class ForecastView:
    """What is forecast of a component, and how such forecasts did."""

    component: str
    newest: MadeForecast
    left: str
    """In words."""
    record: str
    """How many ends lay inside the band."""


def life_events(
    alerts: Iterable[AlertRow],
    cases: Iterable[tuple[StoredCase, Sequence[StoredEntry]]],
    orders: Iterable[StoredOrder],
    log: Iterable[MachineEvent],
) -> tuple[LifeEvent, ...]:
    """All of them, the newest first."""
    found = [LifeEvent(each.opened_at, "", "Alert", each.title) for each in alerts]
    for stored, entries in cases:
        found += _of_case(stored, entries)
    for order in (stored.order for stored in orders):
        text = f"{order.title} ({order.state}{f', {order.eam_id}' if order.eam_id else ''})"
        found.append(LifeEvent(order.suggested_at, "Order", "Order", text, f"/cases/{order.case_id}"))
    found += [_of_log(event) for event in log]
    return tuple(sorted(found, key=lambda each: each.at, reverse=True))


def forecast_views(
    newest: Iterable[MadeForecast], past: Iterable[tuple[MadeForecast, Outcome | None]]
) -> tuple[ForecastView, ...]:
    """One for each component."""
    outcomes: dict[str, list[Outcome]] = {}
    for made, outcome in past:
        if outcome is not None:
            outcomes.setdefault(made.component, []).append(outcome)
    return tuple(
        ForecastView(each.component, each, left_words(each), record_words(outcomes.get(each.component, ())))
        for each in newest
    )


def left_words(made: MadeForecast) -> str:
    """A forecast as people read it: the middle, and the band."""
    forecast, unit = made.forecast, made.time_unit
    if forecast.is_beyond:
        return f"more than {_length(forecast.horizon, unit)}, which is as far as the model sees"
    low, high = _length(forecast.p10, unit), _length(forecast.p90, unit)
    return f"about {_length(forecast.p50, unit)}; 8 of 10 such parts last between {low} and {high}"


def record_words(outcomes: Sequence[Outcome]) -> str:
    """How many forecasts had the end inside their band, by the failures that came."""
    if not outcomes:
        return "No failure to hold the forecasts against yet."
    failures = len({each.failed_at for each in outcomes})
    covered = sum(each.is_covered for each in outcomes)
    share = f"{covered} of {len(outcomes)} forecasts ({100 * covered / len(outcomes):.0f} %)"
    which = "the one failure" if failures == 1 else f"{failures} failures"
    return f"Before {which} so far, {share} had the end inside their band, which is meant to hold 80 %."


def _of_case(stored: StoredCase, entries: Sequence[StoredEntry]) -> Iterator[LifeEvent]:
    case, href = stored.case, f"/cases/{stored.case.id}"
    yield LifeEvent(case.opened_at, "Case", "Case opened", symptom_words(case.symptom), href)
    if case.closed_at is not None and case.finding is not None:
        text = VERDICTS[case.finding.verdict]
        yield LifeEvent(case.closed_at, "Closed", "Case closed", text, href)
    for entry in (each.entry for each in entries):
        if entry.what is What.COMMENTED:
            yield LifeEvent(entry.when, "", "Note", f"{entry.who}: {entry.why}", href)


def _of_log(event: MachineEvent) -> LifeEvent:
    marks = {LogKind.FAILURE: "Failed", LogKind.REPLACEMENT: "Replaced", LogKind.MAINTENANCE: "Serviced"}
    what = plain_words(event.code or event.component)
    return LifeEvent(event.time, marks.get(event.kind, ""), str(event.kind).capitalize(), what)


def _length(value: float, unit: str) -> str:
    if unit == "h" and value >= 72:
        return f"{value / 24:.0f} days"
    return f"{value:.3g} {unit}"
