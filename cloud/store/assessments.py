"""How bad and how soon each case is, by everything that the store knows of its machine.

Rule: `cloud.triage` judges, this file gathers, with the same few statements for one case as for a thousand.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlmodel import Session

from cloud.cases import Case
from cloud.outcomes import MadeForecast
from cloud.store.assets import assets_of_devices
from cloud.store.case_tables import CaseAlertRow
from cloud.store.forecasts import newest_forecasts_of
from cloud.store.statements import is_one_of
from cloud.store.tables import Alert, table_of
from cloud.triage import Assessment, Criticality, Outlook, assess
from contract.snapshot import SECONDS

_HELD, _ALERT = table_of(CaseAlertRow), table_of(Alert)


def assess_cases(session: Session, cases: Sequence[Case], now: datetime) -> dict[int, Assessment]:
    """Judge cases as they are known at the moment, by id."""
    devices = sorted({case.device_id for case in cases})
    assets = assets_of_devices(session, devices)
    forecasts = newest_forecasts_of(session, devices)
    alarms = _alarms(session, [case.id for case in cases])
    judged = {}
    for case in cases:
        asset = assets.get(case.device_id)
        score, is_active = alarms.get(case.id, (0.0, False))
        outlook = Outlook(least_left(forecasts.get(case.device_id, ()), now), score, is_active)
        criticality = asset.criticality if asset else Criticality.MEDIUM
        judged[case.id] = assess(case.symptom, criticality, outlook)
    return judged


def least_left(forecasts: Collection[MadeForecast], now: datetime) -> timedelta | None:
    """Life left of the component that ends first, exceeded with a chance of 90 %; None: nobody can say."""
    ends = [
        made.made_at + timedelta(seconds=made.forecast.p10 * SECONDS[made.time_unit])
        for made in forecasts
        if made.time_unit in SECONDS
    ]
    return min(ends) - now if ends else None


def _alarms(session: Session, case_ids: Collection[int]) -> dict[int, tuple[float, bool]]:
    """Of each case the highest score of its alerts, and whether one of them stands."""
    standing = func.count() - func.count(_ALERT.c.cleared_at)
    query = (
        select(_HELD.c.case_id, func.max(_ALERT.c.score).label("score"), standing.label("standing"))
        .join(_ALERT, _ALERT.c.id == _HELD.c.alert_id)
        .where(is_one_of(session, _HELD.c.case_id, case_ids))
        .group_by(_HELD.c.case_id)
    )
    rows = session.connection().execute(query)
    return {row.case_id: (row.score, row.standing > 0) for row in rows}
