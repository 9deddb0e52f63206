"""Reads from the store what a case page shows.

Rule: as in `cloud.web.reading`: one session for each page, looks elsewhere; a hundred cases cost as many
statements as one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cloud.assets import Asset
from cloud.cases import UNKNOWN, CaseState
from cloud.machine_events import WHOLE_MACHINE
from cloud.store import queries
from cloud.store.assessments import assess_cases
from cloud.store.assets import assets_of_devices
from cloud.store.case_findings import count_verdicts, similar_cases
from cloud.store.cases import StoredCase, count_unseen, list_cases, list_entries, read_case, read_cases
from cloud.store.database import Database
from cloud.store.forecasts import newest_forecasts
from cloud.store.machine_events import read_logs
from cloud.store.queries import Session
from cloud.triage import Assessment, Urgency
from cloud.web.case_views import CaseLine, CaseView, LifeView, case_line, case_view, life_view, record_words
from cloud.web.evidence import evidence_of
from cloud.web.order_reading import read_case_orders
from cloud.web.order_views import CaseOrders
from cloud.web.views import AlertView

CASES_SHOWN, OPEN_CASES, ALERTS_SHOWN, ENTRIES_SHOWN, SIMILAR_SHOWN = 200, 5000, 20, 500, 8
OPEN = (CaseState.NEW, CaseState.ACKNOWLEDGED, CaseState.ASSIGNED)


@dataclass(frozen=True, slots=True)
class CaseChoice:
    """Which cases a person wants to see."""

    is_closed: bool = False
    urgency: Urgency | None = None
    device: str = ""


@dataclass(frozen=True, slots=True)
class CasesPage:
    """The inbox: what is most urgent first, what rests last."""

    cases: tuple[CaseLine, ...]
    choice: CaseChoice
    more: int
    """Cases beyond these, less urgent or older."""
    open_count: int
    """Cases that nobody has seen yet."""


@dataclass(frozen=True, slots=True)
class CasePage:
    """One case."""

    case: CaseView
    asset: Asset | None
    """What its device watches; None: it is mapped to none."""
    alerts: tuple[AlertView, ...]
    """Those that stand first, then the newest."""
    lives: tuple[LifeView, ...]
    similar: tuple[CaseLine, ...]
    """Closed ones that looked the same: this machine's own first."""
    record: str
    """How often it was right before, in words."""
    past: tuple[CaseLine, ...]
    """Other closed ones of this machine."""
    components: tuple[str, ...]
    """Names to pick from."""
    orders: CaseOrders
    open_count: int


class CaseReader:
    """Reads the case pages.

    Args:
        database: An open store.
        clock: Cloud time.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def cases(self, choice: CaseChoice) -> CasesPage:
        """The inbox, or what is closed."""
        now = self._clock()
        states = (CaseState.CLOSED,) if choice.is_closed else OPEN
        limit = CASES_SHOWN if choice.is_closed else OPEN_CASES
        with self._database.session() as session:
            found = list_cases(session, states, choice.device or None, limit)
            judged = assess_cases(session, [each.case for each in found], now)
            if choice.urgency is not None:
                found = [each for each in found if judged[each.case.id].urgency is choice.urgency]
            if not choice.is_closed:
                found.sort(key=lambda each: _rank(each, judged[each.case.id], now))
            shown = found[:CASES_SHOWN]
            titles = _titles(session, shown)
            open_count = count_unseen(session)
        lines = tuple(
            case_line(each, judged[each.case.id], titles.get(each.case.id, ""), now) for each in shown
        )
        return CasesPage(lines, choice, len(found) - len(shown), open_count)

    def case(self, case_id: int) -> CasePage:
        """One of them.

        Raises:
            NotFoundError: there is none of that id.
        """
        now = self._clock()
        with self._database.session() as session:
            stored = read_case(session, case_id)
            case, device = stored.case, stored.case.device_id
            similar = read_cases(session, similar_cases(session, case, SIMILAR_SHOWN))
            known = {case_id, *(each.case.id for each in similar)}
            own = list_cases(session, (CaseState.CLOSED,), device, SIMILAR_SHOWN + len(known))
            past = [each for each in own if each.case.id not in known][:SIMILAR_SHOWN]
            lines = _Lines(session, [stored, *similar, *past], now)
            asset = assets_of_devices(session, [device]).get(device)
            forecasts = newest_forecasts(session, device)
            clock = queries.get_machine(session, device).last_event_time
            alerts = queries.alerts_of_case(session, case_id, ALERTS_SHOWN)
            logged = {event.component for event in read_logs(session, [device]).get(device, ())}
            assessment, title = lines.judged[case_id], lines.titles.get(case_id, "")
            return CasePage(
                case=case_view(stored, assessment, title, list_entries(session, case_id, ENTRIES_SHOWN), now),
                asset=asset,
                alerts=tuple(evidence_of(session, alert, clock) for alert in alerts),
                lives=tuple(life_view(made, now) for made in forecasts),
                similar=lines.of(similar),
                record=record_words(count_verdicts(session, case)),
                past=lines.of(past),
                components=_components(asset, logged, {made.component for made in forecasts}),
                orders=read_case_orders(session, case_id, case.is_open),
                open_count=count_unseen(session),
            )


class _Lines:
    """Cases as lines, judged and titled together."""

    def __init__(self, session: Session, cases: Sequence[StoredCase], now: datetime) -> None:
        self._now = now
        self.judged = assess_cases(session, [each.case for each in cases], now)
        self.titles = _titles(session, cases)

    def of(self, cases: Sequence[StoredCase]) -> tuple[CaseLine, ...]:
        return tuple(
            case_line(each, self.judged[each.case.id], self.titles.get(each.case.id, ""), self._now)
            for each in cases
        )


def _titles(session: Session, cases: Sequence[StoredCase]) -> dict[int, str]:
    """What is said of cases that look like nothing in particular: the words of their newest alert."""
    newest = {
        each.case.id: max(each.case.alerts)
        for each in cases
        if each.case.symptom == UNKNOWN and each.case.alerts
    }
    titles = {alert.id: alert.title for alert in queries.read_alerts(session, set(newest.values()))}
    return {case_id: titles[alert_id] for case_id, alert_id in newest.items() if alert_id in titles}


def _components(asset: Asset | None, *named: set[str]) -> tuple[str, ...]:
    own = asset.components if asset else ()
    rest = sorted(set().union(*named) - {*own, "", WHOLE_MACHINE})
    return (*own, *rest, WHOLE_MACHINE)


def _rank(stored: StoredCase, how: Assessment, now: datetime) -> tuple[bool, int, int, float]:
    case = stored.case
    return case.is_asleep(now), -how.urgency, -how.severity, case.opened_at.timestamp()
