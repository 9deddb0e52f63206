"""Which model scored which machine, and for how long, by what the machines have sent.

Rule: reading only, and from the summaries themselves: what a device says of its model elsewhere is not asked.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import Session

from cloud.store.statements import is_one_of
from cloud.store.tables import Summary, table_of

_SUMMARY = table_of(Summary).c


@dataclass(frozen=True, slots=True)
class ModelSpan:
    """The summaries of one machine by one model; times are the machine's."""

    device_id: str
    model_version: str
    first: datetime
    """End of its first summary."""
    last: datetime
    windows: int


def model_spans(session: Session, devices: Collection[str]) -> list[ModelSpan]:
    """Of each of these machines, the model that scored last comes last."""
    query = (
        select(
            _SUMMARY.device_id,
            _SUMMARY.model_version,
            func.min(_SUMMARY.event_time, type_=_SUMMARY.event_time.type).label("first"),
            func.max(_SUMMARY.event_time, type_=_SUMMARY.event_time.type).label("last"),
            func.sum(_SUMMARY.window_count).label("windows"),
        )
        .where(is_one_of(session, _SUMMARY.device_id, devices))
        .group_by(_SUMMARY.device_id, _SUMMARY.model_version)
    )
    rows = [ModelSpan(*row[:4], int(row.windows)) for row in session.connection().execute(query)]
    return sorted(rows, key=lambda span: (span.device_id, span.last))
