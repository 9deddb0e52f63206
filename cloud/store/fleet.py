"""What the fleet page asks, however many machines there are.

Rule: counted and sorted in the database, read a page at a time, and as many statements for five thousand
machines as for five.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Integer, Select, case, func, or_, select
from sqlmodel import Session

from cloud.cases import CaseState
from cloud.fleet import DUE_WITHIN, RANKS, SILENT, FleetChoice, OpenCase, PlaceCount, Show
from cloud.health import Health
from cloud.store.asset_tables import AssetRow
from cloud.store.case_tables import CaseAlertRow, CaseRow
from cloud.store.columns import UtcTime
from cloud.store.fleet_health import health_rank, open_alarms
from cloud.store.statements import is_one_of
from cloud.store.tables import Alert, LifeWindowRow, Machine, table_of
from cloud.triage import Criticality

_MACHINE, _ASSET, _WINDOW = table_of(Machine), table_of(AssetRow), table_of(LifeWindowRow)
_CASE, _CASE_ALERT, _ALERT = table_of(CaseRow), table_of(CaseAlertRow), table_of(Alert)
_IS_OPEN = _CASE.c.state != str(CaseState.CLOSED)
_HEALTH = {rank: health for health, rank in RANKS.items()}


@dataclass(frozen=True, slots=True)
class Standing:
    """One machine of the list or of the map."""

    device_id: str
    health: Health
    tag: str
    """Empty: it is mapped to nothing."""
    name: str
    path: tuple[str, str, str]
    p10_at: datetime | None
    """One in ten such machines has failed by then; None: no forecast."""


class FleetQueries:
    """The questions about one moment.

    Args:
        session: For reading.
        choice: Which machines; its place narrows everything, the rest the list alone.
        now: Cloud time.
    """

    def __init__(self, session: Session, choice: FleetChoice, now: datetime) -> None:
        self._session, self._choice, self._now = session, choice, now
        self._alarms = open_alarms()
        self._windows = (
            select(_WINDOW.c.device_id, func.min(_WINDOW.c.p10_at, type_=UtcTime).label("p10_at"))
            .group_by(_WINDOW.c.device_id)
            .subquery("due")
        )
        self._rank = health_rank(self._alarms, now)

    def count_places(self) -> list[PlaceCount]:
        """Machines by line and state, in the chosen place."""
        p10_at = self._windows.c.p10_at
        is_due = case((p10_at <= self._now + DUE_WITHIN, 1), else_=0)
        columns = [func.coalesce(_ASSET.c[level], "").label(level) for level in ("site", "area", "line")]
        rank = self._rank.label("rank")
        inner = self._placed(select(*columns, rank, is_due.label("is_due"))).subquery()
        keys = (inner.c.site, inner.c.area, inner.c.line, inner.c.rank)
        counted = select(
            *keys, func.count().label("machines"), func.sum(inner.c.is_due, type_=Integer).label("due")
        )
        rows = self._execute(counted.group_by(*keys).order_by(*keys))
        return [
            PlaceCount((row.site, row.area, row.line), _HEALTH[row.rank], row.machines, int(row.due))
            for row in rows
        ]

    def open_cases(self) -> list[OpenCase]:
        """Every open case of a machine in the chosen place."""
        alerts = (
            select(
                _CASE_ALERT.c.case_id,
                func.max(_ALERT.c.score).label("score"),
                func.max(case((_ALERT.c.cleared_at.is_(None), 1), else_=0)).label("is_active"),
            )
            .join(_ALERT, _ALERT.c.id == _CASE_ALERT.c.alert_id)
            .join(_CASE, _CASE.c.id == _CASE_ALERT.c.case_id)
            .where(_IS_OPEN)
            .group_by(_CASE_ALERT.c.case_id)
            .subquery()
        )
        query = (
            select(_CASE, alerts.c.score, alerts.c.is_active, self._windows.c.p10_at, _ASSET.c.criticality)
            .select_from(_CASE)
            .outerjoin(alerts, alerts.c.case_id == _CASE.c.id)
            .outerjoin(_ASSET, _ASSET.c.device_id == _CASE.c.device_id)
            .outerjoin(self._windows, self._windows.c.device_id == _CASE.c.device_id)
            .where(_IS_OPEN, *self._place())
        )
        return [_open_case(row) for row in self._execute(query)]

    def count_chosen(self) -> int:
        """Machines of the list, on all its pages."""
        inner = self._chosen(self._placed(select(_MACHINE.c.device_id))).subquery()
        return int(self._execute(select(func.count()).select_from(inner))[0][0])

    def chosen_of(self, devices: Collection[str]) -> set[str]:
        """Those of these machines that the list holds."""
        query = self._chosen(self._placed(select(_MACHINE.c.device_id)))
        return {row.device_id for row in self._execute(query.where(self._is_one_of(devices)))}

    def without_case(self, offset: int, limit: int) -> list[str]:
        """Machines of the list that have no open case: those due soonest first, then by state."""
        if limit <= 0:
            return []
        due = self._windows.c.p10_at
        is_due = due <= self._now + DUE_WITHIN
        query = self._chosen(self._placed(select(_MACHINE.c.device_id)))
        with_case = select(_CASE.c.device_id).where(_IS_OPEN)
        order = (case((is_due, 0), else_=1), case((is_due, due)), self._rank, _MACHINE.c.device_id)
        query = query.where(_MACHINE.c.device_id.not_in(with_case)).order_by(*order)
        return [row.device_id for row in self._execute(query.offset(offset).limit(limit))]

    def standings(self, devices: Collection[str]) -> dict[str, Standing]:
        """How these machines stand."""
        return {each.device_id: each for each in self._standings(self._is_one_of(devices))}

    def map_machines(self, most: int) -> list[Standing]:
        """Every machine of the chosen place, by line and name; at most so many."""
        return self._standings(None, most)

    def _standings(self, where: ColumnElement[bool] | None, most: int | None = None) -> list[Standing]:
        columns = (_ASSET.c.tag, _ASSET.c.name, _ASSET.c.site, _ASSET.c.area, _ASSET.c.line)
        query = self._placed(
            select(_MACHINE.c.device_id, self._rank.label("rank"), self._windows.c.p10_at, *columns)
        )
        query = query.order_by(_ASSET.c.site, _ASSET.c.area, _ASSET.c.line, _MACHINE.c.device_id)
        if where is not None:
            query = query.where(where)
        return [_standing(row) for row in self._execute(query.limit(most))]

    def _placed(self, query: Select[Any]) -> Select[Any]:
        return query.select_from(self._joined()).where(*self._place())

    def _joined(self) -> FromClause:
        return (
            _MACHINE.outerjoin(_ASSET, _ASSET.c.device_id == _MACHINE.c.device_id)
            .outerjoin(self._windows, self._windows.c.device_id == _MACHINE.c.device_id)
            .outerjoin(self._alarms, self._alarms.c.device_id == _MACHINE.c.device_id)
        )

    def _place(self) -> list[ColumnElement[bool]]:
        choice = self._choice
        where = [
            _ASSET.c[level] == code for level in ("site", "area", "line") if (code := getattr(choice, level))
        ]
        if choice.sites is not None:
            where.append(_ASSET.c.site.in_(sorted(choice.sites)))
        return where

    def _chosen(self, query: Select[Any]) -> Select[Any]:
        choice = self._choice
        if choice.health is not None:
            query = query.where(self._rank == RANKS[choice.health])
        if choice.show is Show.SILENT:
            query = query.where(self._rank.in_([RANKS[health] for health in SILENT]))
        elif choice.show is Show.DUE:
            query = query.where(self._windows.c.p10_at <= self._now + DUE_WITHIN)
        elif choice.show is Show.UNMAPPED:
            query = query.where(_ASSET.c.tag.is_(None))
        return query.where(_matches(choice.search)) if choice.search else query

    def _is_one_of(self, devices: Collection[str]) -> ColumnElement[bool]:
        return is_one_of(self._session, _MACHINE.c.device_id, devices)

    def _execute(self, query: Select[Any]) -> Sequence[Any]:
        return self._session.connection().execute(query).all()


def _matches(search: str) -> ColumnElement[bool]:
    """Machine, regime, asset, or the beginning of its profile's name, which every profile begins with."""
    columns = (_MACHINE.c.device_id, _MACHINE.c.regime, _ASSET.c.tag, _ASSET.c.name)
    is_profile = func.substr(_MACHINE.c.profile, 1, 100).istartswith(f'name = "{search}', autoescape=True)
    return or_(*(column.icontains(search, autoescape=True) for column in columns), is_profile)


def _standing(row: Any) -> Standing:
    path = (row.site or "", row.area or "", row.line or "")
    return Standing(row.device_id, _HEALTH[row.rank], row.tag or "", row.name or "", path, row.p10_at)


def _open_case(row: Any) -> OpenCase:
    return OpenCase(
        id=row.id,
        device_id=row.device_id,
        symptom=row.symptom,
        opened_at=row.opened_at,
        is_new=row.state == str(CaseState.NEW),
        assignee=row.assignee,
        rests_until=row.snoozed_until,
        score=row.score or 0.0,
        is_active=bool(row.is_active),
        p10_at=row.p10_at,
        criticality=Criticality(row.criticality or Criticality.MEDIUM),
    )
