"""`cloud.health.judge_health` as SQL, so that thousands of machines are counted where they lie.

Rule: the two say the same of every machine; a test holds them together.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    and_,
    case,
    func,
    literal,
    or_,
    select,
    type_coerce,
)

from cloud.alerts import AlertKind, AlertStatus
from cloud.fleet import RANKS
from cloud.health import DEFAULT_INTERVAL_S, MISSED_INTERVALS, WATCH_FROM, Health
from cloud.store.columns import to_microseconds
from cloud.store.tables import Alert, Machine, table_of
from contract.messages import MachineState

_MACHINE, _ALERT = table_of(Machine), table_of(Alert)
_SAID = {
    MachineState.ALARMING: Health.ALARM,
    MachineState.BLIND: Health.BLIND,
    MachineState.UNSTEADY: Health.UNSTEADY,
    MachineState.WARMING_UP: Health.WARMING_UP,
    MachineState.STANDSTILL: Health.STANDSTILL,
}


def open_alarms() -> FromClause:
    """The machines that have an open alert about themselves."""
    is_open = and_(_ALERT.c.status != str(AlertStatus.CLEARED), _ALERT.c.kind == str(AlertKind.ANOMALY))
    return select(_ALERT.c.device_id).where(is_open).distinct().subquery("open_alarm")


def health_rank(alarms: FromClause, now: datetime) -> ColumnElement[int]:
    """How a machine is, as its rank in `cloud.fleet.RANKS`.

    Args:
        alarms: `open_alarms`, joined so that it is NULL for machines that have none.
        now: Cloud time.
    """
    columns = _MACHINE.c
    interval_s = func.coalesce(func.nullif(columns.summary_interval_s, 0.0), DEFAULT_INTERVAL_S)
    silence_us: ColumnElement[Any] = literal(to_microseconds(now)) - _as_number(columns.last_ingest_time)
    is_online = and_(
        or_(columns.is_connected.is_(None), columns.is_connected),
        columns.last_ingest_time.is_not(None),
        silence_us <= MISSED_INTERVALS * 1e6 * interval_s,
    )
    is_anomalous = and_(columns.score_max.is_not(None), columns.score_max >= WATCH_FROM)
    return case(
        (alarms.c.device_id.is_not(None), RANKS[Health.ALARM]),
        (~is_online, RANKS[Health.OFFLINE]),
        *((columns.state == int(state), RANKS[health]) for state, health in _SAID.items()),
        (and_(columns.state == int(MachineState.WATCHING), is_anomalous), RANKS[Health.WATCH]),
        (columns.state == int(MachineState.WATCHING), RANKS[Health.OK]),
        else_=RANKS[Health.UNKNOWN],
    )


def _as_number(column: Any) -> ColumnElement[Any]:
    """A time as the microseconds that the database holds."""
    return type_coerce(column, BigInteger)
