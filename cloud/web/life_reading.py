"""Reads from the store what a machine's page says of its whole life.

Rule: as in `cloud.web.reading`; of what there may be thousands of, the newest.
"""

from __future__ import annotations

from dataclasses import dataclass

from cloud.store import queries
from cloud.store.cases import list_cases, list_entries
from cloud.store.database import Database
from cloud.store.forecasts import newest_forecasts, past_forecasts
from cloud.store.machine_events import read_logs
from cloud.store.orders import OrderChoice, list_orders
from cloud.web.life_views import ForecastView, LifeEvent, forecast_views, life_events

CASES, ORDERS, ALERTS, ENTRIES, EVENTS, FORECASTS = 50, 50, 100, 100, 200, 5000


@dataclass(frozen=True, slots=True)
class LifePage:
    """A machine's whole life."""

    device_id: str
    events: tuple[LifeEvent, ...]
    """The newest first."""
    forecasts: tuple[ForecastView, ...]


class LifeReader:
    """Reads lives.

    Args:
        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def life(self, device_id: str) -> LifePage:
        """Of one machine.

        Raises:
            NotFoundError: nothing was ever heard of it.
        """
        with self._database.session() as session:
            queries.get_machine(session, device_id)
            alerts = queries.list_alerts(session, device=device_id, limit=ALERTS)
            cases = [
                (each, list_entries(session, each.case.id, ENTRIES))
                for each in list_cases(session, device=device_id, limit=CASES)
                if not each.case.merged_into
            ]
            orders = list_orders(session, OrderChoice(device=device_id), ORDERS)
            log = read_logs(session, [device_id]).get(device_id, ())
            newest = newest_forecasts(session, device_id)
            past = past_forecasts(session, device_id, FORECASTS) if newest else []
        events = life_events(alerts, cases, orders, log[-EVENTS:])
        return LifePage(device_id, events, forecast_views(newest, past))
