"""What waits for the maintenance system, what it has said, and how it does.

Rule: a row of the outbox is written with the decision that it carries out and goes when the maintenance
system has it. Whoever takes one counts the attempt and puts the row off before trying, so that an attempt
whose end nobody saw is known as one. What comes is kept once, whatever how often it is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, func, select
from sqlmodel import Session

from cloud.store.columns import EPOCH
from cloud.store.news import mark_change
from cloud.store.order_tables import EamConnectionRow, EamInboxRow, EamOutboxRow
from cloud.store.statements import insert_new, insert_new_rows
from cloud.store.tables import table_of
from cloud.work_orders import OrderState, Said

_OUT, _IN, _CONNECTION = table_of(EamOutboxRow), table_of(EamInboxRow), table_of(EamConnectionRow)
MAX_PROBLEM = 300
"""Characters of a reason."""


class Act(StrEnum):
    """What the maintenance system shall do."""

    PLACE = "place"
    CLOSE = "close"


class InboxState(StrEnum):
    """What became of something that it said."""

    NEW = "new"
    TAKEN = "taken"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Errand:
    """A row of the outbox."""

    id: int
    key: str
    act: Act
    note: str
    created_at: datetime
    due_at: datetime
    attempts: int
    is_dead: bool
    problem: str


@dataclass(frozen=True, slots=True)
class InboxItem:
    """A row of the inbox."""

    id: int
    eam: str
    said: Said
    received_at: datetime
    state: InboxState
    problem: str


@dataclass(frozen=True, slots=True)
class Connection:
    """A maintenance system, as it was when the worker looked last."""

    eam: str
    read_until: datetime | None = None
    answered_at: datetime | None = None
    problem: str = ""
    reconciled_at: datetime | None = None
    report: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Boxes:
    """How full they are."""

    waiting: int
    oldest_waiting: datetime | None
    dead_out: int
    dead_in: int


def add_errand(session: Session, key: str, act: Act, now: datetime, note: str = "") -> None:
    """Have the maintenance system told; one that is dead comes back to life."""
    values = {"note": note, "due_at": now, "is_dead": False, "problem": ""}
    at = (_OUT.c.key == key) & (_OUT.c.act == str(act))
    if session.connection().execute(_OUT.update().where(at).values(**values)).rowcount == 0:
        row = values | {"key": key, "act": str(act), "created_at": now, "attempts": 0}
        session.connection().execute(_OUT.insert(), row)


def take_errand(session: Session, now: datetime, until: datetime) -> Errand | None:
    """Take what is due longest, and put it off for others; None: nothing is due."""
    columns = _OUT.c
    due = select(_OUT).where(columns.is_dead.is_(False), columns.due_at <= now)
    query = due.order_by(columns.due_at, columns.id).limit(1).with_for_update(skip_locked=True)
    row = session.connection().execute(query).one_or_none()
    if row is None:
        return None
    begun = {"attempts": row.attempts + 1, "due_at": until}
    session.connection().execute(_OUT.update().where(columns.id == row.id).values(**begun))
    return _errand(row)


def end_errand(session: Session, errand: Errand) -> None:
    """The maintenance system has it."""
    session.connection().execute(_OUT.delete().where(_OUT.c.id == errand.id))


def put_off(session: Session, errand: Errand, problem: str, until: datetime | None) -> None:
    """It did not work; None as `until`: it will not, before a person has looked."""
    values: dict[str, Any] = {"problem": problem[:MAX_PROBLEM], "is_dead": until is None}
    if until is not None:
        values["due_at"] = until
    session.connection().execute(_OUT.update().where(_OUT.c.id == errand.id).values(**values))
    mark_change(session)


def list_errands(session: Session, limit: int, *, is_dead: bool | None = None) -> list[Errand]:
    """What waits, oldest first."""
    query = select(_OUT).order_by(_OUT.c.id).limit(limit)
    if is_dead is not None:
        query = query.where(_OUT.c.is_dead.is_(is_dead))
    return [_errand(row) for row in session.connection().execute(query)]


def has_errand(session: Session, key: str) -> bool:
    """Whether something of an order waits, alive."""
    query = select(func.count()).where(_OUT.c.key == key, _OUT.c.is_dead.is_(False))
    return bool(session.connection().execute(query).scalar_one())


def receive(session: Session, eam: str, said: Sequence[Said], now: datetime) -> int:
    """Keep what was said, each thing once; how many of them are new."""
    new = 0
    for each in said:
        row = {
            "eam": eam,
            "message_id": each.message_id or f"{each.eam_id}@{each.said_at.isoformat()}:{each.state}",
            "key": each.key,
            "eam_id": each.eam_id,
            "status": str(each.state),
            "said_at": each.said_at,
            "url": each.url,
            "received_at": now,
            "state": str(InboxState.NEW),
            "problem": "",
        }
        new += session.connection().execute(insert_new(session, _IN), row).rowcount
    return new


def list_inbox(session: Session, state: InboxState, limit: int) -> list[InboxItem]:
    """What was said, oldest first."""
    query = select(_IN).where(_IN.c.state == str(state)).order_by(_IN.c.id).limit(limit)
    return [_item(row) for row in session.connection().execute(query)]


def settle(session: Session, item: InboxItem, state: InboxState, problem: str = "") -> None:
    """Note what became of something that was said."""
    values = {"state": str(state), "problem": problem[:MAX_PROBLEM]}
    session.connection().execute(_IN.update().where(_IN.c.id == item.id).values(**values))
    if state is InboxState.DEAD:
        mark_change(session)


def revive(session: Session, item_id: int) -> bool:
    """Let something that was said be tried again; whether there was such a dead one."""
    at = (_IN.c.id == item_id) & (_IN.c.state == str(InboxState.DEAD))
    return session.connection().execute(_IN.update().where(at).values(state="new", problem="")).rowcount > 0


def forget_taken(session: Session, before: datetime) -> None:
    """Drop what was taken long ago; no system says it again after so long."""
    at = (_IN.c.state == str(InboxState.TAKEN)) & (_IN.c.received_at < before)
    session.connection().execute(_IN.delete().where(at))


def read_connection(session: Session, eam: str) -> Connection:
    """What is known of a maintenance system."""
    row = session.connection().execute(select(_CONNECTION).where(_CONNECTION.c.eam == eam)).one_or_none()
    return Connection(eam) if row is None else _connection(row)


def list_connections(session: Session) -> list[Connection]:
    """All that there were, the one that answered last first."""
    rows = session.connection().execute(select(_CONNECTION).order_by(_CONNECTION.c.eam))
    found = [_connection(row) for row in rows]
    return sorted(found, key=lambda each: each.answered_at or EPOCH, reverse=True)


def save_connection(session: Session, connection: Connection) -> None:
    """Keep what is known; open pages hear of what a person would see change."""
    before = read_connection(session, connection.eam)
    values = {
        "read_until": connection.read_until,
        "answered_at": connection.answered_at,
        "problem": connection.problem[:MAX_PROBLEM],
        "reconciled_at": connection.reconciled_at,
        "report": dict(connection.report) or None,
    }
    insert_new_rows(session, _CONNECTION, [{"eam": connection.eam, "problem": ""}])
    at = _CONNECTION.c.eam == connection.eam
    session.connection().execute(_CONNECTION.update().where(at).values(**values))
    shown = (connection.problem[:MAX_PROBLEM], connection.reconciled_at)
    if shown != (before.problem, before.reconciled_at) or before.answered_at is None:
        mark_change(session)


def count_boxes(session: Session) -> Boxes:
    """How full they are."""
    is_alive = _OUT.c.is_dead.is_(False)
    ask = session.connection().execute
    waiting, oldest = ask(select(func.count(), func.min(_OUT.c.created_at)).where(is_alive)).one()
    dead_out = ask(select(func.count()).select_from(_OUT).where(_OUT.c.is_dead.is_(True))).scalar_one()
    dead_in = ask(select(func.count()).where(_IN.c.state == str(InboxState.DEAD))).scalar_one()
    return Boxes(waiting, oldest, dead_out, dead_in)


def _errand(row: Row[Any]) -> Errand:
    return Errand(
        id=row.id,
        key=row.key,
        act=Act(row.act),
        note=row.note,
        created_at=row.created_at,
        due_at=row.due_at,
        attempts=row.attempts,
        is_dead=row.is_dead,
        problem=row.problem,
    )


def _item(row: Row[Any]) -> InboxItem:
    said = Said(row.key, row.eam_id, OrderState(row.status), row.said_at, row.url, row.message_id)
    return InboxItem(row.id, row.eam, said, row.received_at, InboxState(row.state), row.problem)


def _connection(row: Row[Any]) -> Connection:
    return Connection(
        row.eam, row.read_until, row.answered_at, row.problem, row.reconciled_at, row.report or {}
    )
