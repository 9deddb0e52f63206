"""Reads from the store what the fleet page shows.

Rule: as in `cloud.web.reading`. The number of statements does not grow with the fleet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cloud.fleet import BY_URGENCY, FleetChoice, JudgedCase, add_up, judge_cases, worst_of_each
from cloud.health import WATCH_FROM
from cloud.store.assets import count_mapping
from cloud.store.database import Database
from cloud.store.fleet import FleetQueries
from cloud.store.queries import Session, find_machines
from cloud.store.rows import MachineRow
from cloud.web import views
from cloud.web.fleet_views import (
    Crumb,
    FleetLine,
    HealthCard,
    KpiCard,
    PlaceView,
    crumbs,
    fleet_href,
    fleet_line,
    health_cards,
    kpi_cards,
    place_views,
)

MACHINES_PER_PAGE = 50
MACHINES_ON_MAP = 400
"""Above, the map shows lines, and machines only of a chosen place."""


@dataclass(frozen=True, slots=True)
class FleetPage:
    """The fleet, narrowed to a choice."""

    kpis: tuple[KpiCard, ...]
    cards: tuple[HealthCard, ...]
    lines: tuple[FleetLine, ...]
    places: tuple[PlaceView, ...]
    crumbs: tuple[Crumb, ...]
    total: int
    """Machines in the chosen place."""
    chosen: int
    """Machines of the list, on all its pages."""
    open_count: int
    """Cases that nobody has seen yet."""
    choice: FleetChoice

    @property
    def query(self) -> str:
        """The choice as the query of an address, with `?`; empty: everything."""
        return fleet_href(self.choice, "")

    @property
    def pages(self) -> int:
        """How many there are."""
        return max(1, -(-self.chosen // MACHINES_PER_PAGE))

    @property
    def previous_href(self) -> str:
        """Empty: this is the first."""
        return fleet_href(self.choice, page=self.choice.page - 1) if self.choice.page > 1 else ""

    @property
    def next_href(self) -> str:
        """Empty: this is the last."""
        return fleet_href(self.choice, page=self.choice.page + 1) if self.choice.page < self.pages else ""


class FleetReader:
    """Reads the fleet page.

    Args:
        database: An open store.
        clock: Cloud time.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def fleet(self, choice: FleetChoice) -> FleetPage:
        """The machines of a choice, the worst first."""
        now = self._clock()
        with self._database.session() as session:
            queries = FleetQueries(session, choice, now)
            plant = add_up(queries.count_places())
            judged = judge_cases(queries.open_cases(), now)
            mapping = count_mapping(session, choice.sites)
            devices, n_chosen = _choose(queries, choice, judged)
            lines = _lines(session, queries, devices, judged, now)
            standings = queries.map_machines(MACHINES_ON_MAP) if plant.machines <= MACHINES_ON_MAP else None
        return FleetPage(
            kpis=kpi_cards(judged, plant, mapping, choice),
            cards=health_cards(plant.counts, choice),
            lines=lines,
            places=place_views(plant, standings),
            crumbs=crumbs(choice),
            total=plant.machines,
            chosen=n_chosen,
            open_count=sum(each.case.is_new for each in judged),
            choice=choice,
        )


def _choose(
    queries: FleetQueries, choice: FleetChoice, judged: Sequence[JudgedCase]
) -> tuple[list[str], int]:
    """The machines of a page of the list, and how many there are on all pages."""
    urgencies = {show: urgency for urgency, show in BY_URGENCY.items()}
    wanted = urgencies.get(choice.show) if choice.show else None
    if wanted is not None:
        judged = [each for each in judged if each.assessment.urgency is wanted and not each.is_asleep]
    worst = worst_of_each(judged)
    is_narrow = choice.search or choice.health or choice.show
    chosen = queries.chosen_of(worst) if is_narrow and worst else worst.keys()
    first = [device for device in worst if device in chosen]
    start = (choice.page - 1) * MACHINES_PER_PAGE
    devices = first[start : start + MACHINES_PER_PAGE]
    if wanted is not None:
        return devices, len(first)
    devices += queries.without_case(max(0, start - len(first)), MACHINES_PER_PAGE - len(devices))
    return devices, queries.count_chosen()


def _lines(
    session: Session,
    queries: FleetQueries,
    devices: Sequence[str],
    judged: Sequence[JudgedCase],
    now: datetime,
) -> tuple[FleetLine, ...]:
    rows, standings = find_machines(session, devices, now), queries.standings(devices)
    worst = worst_of_each(judged)
    return tuple(
        fleet_line(_machine_view(rows[device]), standings[device], worst.get(device), now)
        for device in devices
    )


def _machine_view(row: MachineRow) -> views.MachineView:
    threshold = row.profile.alarm_rule.threshold if row.profile else WATCH_FROM
    return views.machine_view(row, "", threshold)
