"""Reads from the store what a page shows.

Rule: one session for each page, so that its parts agree; everything about how it looks is `cloud.web.views`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from cloud.alerts import AlertKind, AlertStatus
from cloud.errors import NotFoundError
from cloud.health import WATCH_FROM, Health
from cloud.store import queries
from cloud.store.cases import count_unseen
from cloud.store.database import Database
from cloud.store.rows import AlertRow, IngestHealth, MachineRow, TrendPoint
from cloud.web import plots, views
from cloud.web.evidence import evidence_of

SPARK_SUMMARIES = 60
"""Summaries that a sparkline covers."""
SPARK_PAUSE_S = 3.0
"""A sparkline is read anew at most this often, in s: in a large fleet, reading them is what a page costs."""
ALERTS_PER_PAGE = 50
_STATE_SPAN = timedelta(hours=24)
_DEFAULT_INTERVAL_S = 60.0
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class MachinePage:
    """One machine."""

    machine: views.MachineView
    threshold: float
    clear_below: float
    state_since: datetime | None
    alerts: tuple[views.AlertView, ...]
    """Newest first; the one that is not cleared is shown with its evidence."""
    current: views.AlertView | None
    """The one about the machine itself."""
    others: tuple[views.AlertView, ...]
    """Not cleared, about its sensors or slow drift."""
    sensors: tuple[views.SensorView, ...]
    quality: tuple[views.QualityView, ...]
    quality_time: datetime | None
    open_count: int


@dataclass(frozen=True, slots=True)
class AlertChoice:
    """Which alerts a person wants to see."""

    status: AlertStatus | None = None
    kind: AlertKind | None = None
    device: str = ""
    before: int | None = None
    """Only ids below it, to page on."""


@dataclass(frozen=True, slots=True)
class AlertsPage:
    """Alerts, newest first."""

    alerts: tuple[views.AlertView, ...]
    status: AlertStatus | None
    kind: AlertKind | None
    device: str
    next_before: int | None
    open_count: int


@dataclass(frozen=True, slots=True)
class Spark:
    """A sparkline and how fresh it is."""

    event_time: datetime
    read_s: float
    """By the process's monotonic clock, in s."""
    path: str


Sparks = dict[str, Spark]
"""One for each machine, replaced when it has reported."""


class PageReader:
    """Reads pages.

    Args:
        database: The store, as whoever reads sees it.
        sparks: Sparklines that were read for earlier pages, of anybody.
    """

    def __init__(self, database: Database, sparks: Sparks) -> None:
        self._database = database
        self._sparks = sparks

    def machine(self, device_id: str) -> MachinePage:
        """One machine with its newest alerts.

        Raises:
            NotFoundError: nothing was ever heard of it.
        """
        with self._database.session() as session:
            row = queries.get_machine(session, device_id)
            profile = row.profile
            alerts = queries.list_alerts(session, device=device_id, limit=ALERTS_PER_PAGE)
            shown = tuple(evidence_of(session, alert, row.last_event_time) for alert in alerts)
            uncleared = [a for a in shown if a.row.status is not AlertStatus.CLEARED]
            current = next((a for a in uncleared if a.row.kind is AlertKind.ANOMALY), None)
            evidence = current.row.contributions if current else ()
            quality = queries.quality_latest(session, device_id)
            return MachinePage(
                machine=self._machine_view(session, row),
                threshold=profile.alarm_rule.threshold if profile else WATCH_FROM,
                clear_below=profile.alarm.clear_below if profile else WATCH_FROM,
                state_since=_state_since(session, row, alerts),
                alerts=shown,
                current=current,
                others=tuple(a for a in uncleared if a is not current),
                sensors=views.sensor_views(profile, _known_features(session, row), evidence),
                quality=tuple(views.quality_view(q, profile) for q in quality),
                quality_time=max((q.event_time for q in quality), default=None),
                open_count=count_unseen(session),
            )

    def alerts(self, choice: AlertChoice) -> AlertsPage:
        """A page of alerts, newest first."""
        status, kind, device, before = choice.status, choice.kind, choice.device, choice.before
        with self._database.session() as session:
            rows = queries.list_alerts(session, status, device or None, ALERTS_PER_PAGE, before, kind)
            clocks = _clocks(session, {row.device_id for row in rows})
            open_count = count_unseen(session)
        return AlertsPage(
            alerts=tuple(views.alert_view(r, clocks.get(r.device_id)) for r in rows),
            status=status,
            kind=kind,
            device=device,
            next_before=rows[-1].id if len(rows) == ALERTS_PER_PAGE else None,
            open_count=open_count,
        )

    def ingest(self) -> IngestHealth:
        """How the road to the store is doing."""
        with self._database.session() as session:
            return queries.ingest_health(session)

    def _machine_view(self, session: queries.Session, row: MachineRow) -> views.MachineView:
        profile = row.profile
        threshold = profile.alarm_rule.threshold if profile else WATCH_FROM
        return views.machine_view(row, self._spark(session, row), threshold)

    def _spark(self, session: queries.Session, row: MachineRow) -> str:
        if row.last_event_time is None:
            return ""
        cached = self._sparks.get(row.device_id)
        if cached and (
            cached.event_time == row.last_event_time or monotonic() - cached.read_s < SPARK_PAUSE_S
        ):
            return cached.path
        span = timedelta(seconds=SPARK_SUMMARIES * (row.summary_interval_s or _DEFAULT_INTERVAL_S))
        trend = queries.score_trend(
            session, row.device_id, row.last_event_time - span, max_points=SPARK_SUMMARIES
        )
        path = plots.sparkline([(p.event_time, p.score_max) for p in trend if p.score_max is not None])
        self._sparks[row.device_id] = Spark(row.last_event_time, monotonic(), path)
        return path


def _clocks(session: queries.Session, devices: set[str]) -> dict[str, datetime | None]:
    """Each machine's newest event time."""
    clocks = {}
    for device in devices:
        try:
            clocks[device] = queries.get_machine(session, device).last_event_time
        except NotFoundError:
            clocks[device] = None
    return clocks


def _known_features(session: queries.Session, row: MachineRow) -> list[tuple[str, str, str]]:
    """(feature, sensor, unit) of the newest summaries."""
    if row.last_event_time is None:
        return []
    since = row.last_event_time - 3 * timedelta(seconds=row.summary_interval_s or _DEFAULT_INTERVAL_S)
    trends = queries.feature_trends(session, row.device_id, since, max_points=2)
    return [(trend.name, trend.sensor, trend.unit) for trend in trends]


def _state_since(session: queries.Session, row: MachineRow, alerts: Sequence[AlertRow]) -> datetime | None:
    """Since when the machine is in its state, by its own clock; None: longer than is kept, or not known."""
    if row.health is Health.ALARM:
        own = (a for a in alerts if a.kind is AlertKind.ANOMALY)
        return next((a.since for a in own if a.status is not AlertStatus.CLEARED), None)
    if row.last_event_time is None or views.is_unsure(row.health):
        return row.last_event_time
    trend = queries.score_trend(
        session, row.device_id, row.last_event_time - _STATE_SPAN, row.last_event_time + _MICROSECOND
    )
    return _run_start(trend)


def _run_start(trend: Sequence[TrendPoint]) -> datetime | None:
    """Start of the last run of equal states; None when it fills the trend."""
    for older, newer in zip(reversed(trend[:-1]), reversed(trend), strict=False):
        if older.state != newer.state:
            return newer.event_time
    return None
