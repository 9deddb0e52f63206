"""Reads from the store what a case page shows.

Rule: as in `cloud.web.reading`: one session for each page, looks elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from cloud.cases import CaseState
from cloud.store import queries
from cloud.store.cases import StoredCase, count_unseen, list_cases, list_entries, read_case
from cloud.store.database import Database
from cloud.store.forecasts import newest_forecasts
from cloud.store.queries import Session
from cloud.store.rows import AlertRow
from cloud.triage import Assessment
from cloud.web.case_views import CaseLine, CaseView, assess_case, case_line, case_view
from cloud.web.order_reading import read_case_orders
from cloud.web.order_views import CaseOrders
from contract.snapshot import SECONDS

CASES_SHOWN, ALERTS_SHOWN, ENTRIES_SHOWN = 200, 50, 500
OPEN = (CaseState.NEW, CaseState.ACKNOWLEDGED, CaseState.ASSIGNED)


@dataclass(frozen=True, slots=True)
class CasesPage:
    """The inbox: what is most urgent first, what rests last."""

    cases: tuple[CaseLine, ...]
    is_closed: bool
    """Whether these are the closed ones."""
    open_count: int
    """Cases that nobody has seen yet."""


@dataclass(frozen=True, slots=True)
class CasePage:
    """One case."""

    case: CaseView
    alerts: tuple[AlertRow, ...]
    past: tuple[CaseLine, ...]
    """Of the same machine, closed."""
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

    def cases(self, is_closed: bool) -> CasesPage:
        """The inbox, or what is closed."""
        now = self._clock()
        states = (CaseState.CLOSED,) if is_closed else OPEN
        with self._database.session() as session:
            found = list_cases(session, states, limit=CASES_SHOWN)
            judged = [(each, _assess(session, each, now)) for each in found]
            open_count = count_unseen(session)
        if not is_closed:
            judged.sort(key=lambda pair: _rank(pair[0], pair[1], now))
        return CasesPage(tuple(case_line(each, how, now) for each, how in judged), is_closed, open_count)

    def case(self, case_id: int) -> CasePage:
        """One of them.

        Raises:
            NotFoundError: there is none of that id.
        """
        now = self._clock()
        with self._database.session() as session:
            stored = read_case(session, case_id)
            device, alerts = stored.case.device_id, stored.case.alerts
            rows = _alerts(session, device, alerts)
            past = list_cases(session, (CaseState.CLOSED,), device, 10)
            lines = [case_line(each, _assess(session, each, now), now) for each in past]
            entries = list_entries(session, case_id, ENTRIES_SHOWN)
            view = case_view(stored, _assess(session, stored, now), entries, now)
            orders = read_case_orders(session, case_id, stored.case.is_open)
            open_count = count_unseen(session)
        own = tuple(each for each in lines if each.id != case_id)
        return CasePage(view, tuple(rows), own, orders, open_count)


def _assess(session: Session, stored: StoredCase, now: datetime) -> Assessment:
    case = stored.case
    left = [
        made.made_at + timedelta(seconds=made.forecast.p10 * SECONDS[made.time_unit]) - now
        for made in newest_forecasts(session, case.device_id)
        if made.time_unit in SECONDS
    ]
    return assess_case(case, _alerts(session, case.device_id, case.alerts), min(left, default=None))


def _alerts(session: Session, device: str, alerts: Collection[int]) -> list[AlertRow]:
    rows = queries.list_alerts(session, device=device, limit=ALERTS_SHOWN)
    return [row for row in rows if row.id in alerts]


def _rank(stored: StoredCase, how: Assessment, now: datetime) -> tuple[bool, int, int, float]:
    case = stored.case
    return case.is_asleep(now), -how.urgency, -how.severity, case.opened_at.timestamp()
