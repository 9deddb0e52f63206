"""An alert with everything that speaks for it, as the machine's page and the case's page show it.

Rule: as in `cloud.web.reading`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from cloud.store import queries
from cloud.store.rows import AlertRow
from cloud.web import views


def evidence_of(session: queries.Session, alert: AlertRow, clock: datetime | None) -> views.AlertView:
    """An alert in words, with the spectrum and the lines of its bearing.

    Args:
        session: For reading.
        alert: Which.
        clock: Newest event time of its machine; None: not known.
    """
    shaft_hz = _shaft_hz(session, alert) if alert.spectrum else None
    return views.alert_view(alert, clock, shaft_hz)


def _shaft_hz(session: queries.Session, alert: AlertRow) -> float | None:
    """Shaft speed when the alert opened, in Hz; None without bearing or speed."""
    profile = alert.profile
    bearing = profile.bearing if profile else None
    if profile is None or bearing is None:
        return None
    if not bearing.speed_sensor:
        return bearing.nominal_speed_rpm / 60
    span = timedelta(seconds=10 * profile.summary_interval_s)
    names = [f"{bearing.speed_sensor}_level"]
    trends = queries.feature_trends(
        session, alert.device_id, alert.opened_at - span, alert.opened_at + span, names, 2
    )
    if not trends or not trends[0].points:
        return None
    per_hz = 60 if profile.sensor(bearing.speed_sensor).unit == "/min" else 1
    return trends[0].points[-1].mean / per_hz
