"""Rollouts as rows: kept whole, changed by one at a time, and told of in a trail that is only added to.

Rule: whoever saves a rollout says which version of it was read; another one's change in between makes it a
`StaleError`, and nothing of the caller's transaction stays.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import func, select, update
from sqlmodel import Session

from cloud.errors import NotFoundError, StaleError
from cloud.store.news import mark_change
from cloud.store.release_tables import AssignmentRow, RolloutEventRow, RolloutMemberRow, RolloutRow
from cloud.store.rows import AssignmentRecord, RolloutEvent
from cloud.store.scope import is_seen
from cloud.store.statements import insert_new, insert_rows, update_rows
from cloud.store.tables import table_of
from ota.member import Member, MemberState
from ota.rollout import Event, Rollout, RolloutState

_ROLLOUT, _MEMBER = table_of(RolloutRow), table_of(RolloutMemberRow)
_EVENT, _ASSIGNMENT = table_of(RolloutEventRow), table_of(AssignmentRow)
_ROLLOUTS, _MEMBERS = TypeAdapter(Rollout), TypeAdapter(Member)
_FILTERS = TypeAdapter(dict[str, tuple[str, ...]])


@dataclass(frozen=True, slots=True)
class StoredRollout:
    """A rollout, and which version of it this is."""

    rollout: Rollout
    version: int


@dataclass(frozen=True, slots=True)
class ListedRollout:
    """As much of a rollout as tells whether there is anything to do about it."""

    id: str
    version: int
    state: RolloutState
    family: str
    where: Mapping[str, tuple[str, ...]]
    """Of its plan's filter."""


def add_rollout(session: Session, rollout: Rollout) -> None:
    """Store a new one."""
    first = _values(rollout) | {"id": rollout.id, "version": 1, "created_at": rollout.created_at}
    session.connection().execute(_ROLLOUT.insert(), first)


def read_rollout(session: Session, rollout_id: str) -> StoredRollout:
    """One with all its members that whoever reads it sees; whoever changes it sees all.

    Raises:
        NotFoundError: there is none.
    """
    query = select(_ROLLOUT.c.body, _ROLLOUT.c.version).where(_ROLLOUT.c.id == rollout_id)
    row = session.connection().execute(query).first()
    if row is None:
        raise NotFoundError(f"there is no rollout {rollout_id[:60]!r}")
    members = select(_MEMBER.c.device_id, _MEMBER.c.body).where(
        _MEMBER.c.rollout_id == rollout_id, is_seen(session, _MEMBER.c.device_id)
    )
    found = {
        device: _MEMBERS.validate_python(body)
        for device, body in session.connection().execute(members.order_by(_MEMBER.c.device_id))
    }
    return StoredRollout(replace(_ROLLOUTS.validate_python(row.body), members=found), row.version)


def list_rollouts(session: Session, limit: int = 100) -> list[Rollout]:
    """The newest first, without their members."""
    query = select(_ROLLOUT.c.body).order_by(_ROLLOUT.c.created_at.desc(), _ROLLOUT.c.id).limit(limit)
    return [_ROLLOUTS.validate_python(row.body) for row in session.connection().execute(query)]


def count_members(session: Session, rollout_ids: Sequence[str]) -> dict[str, dict[MemberState, int]]:
    """How many devices of each of these rollouts are in which state."""
    columns = _MEMBER.c
    query = select(columns.rollout_id, columns.state, func.count()).where(
        columns.rollout_id.in_(rollout_ids), is_seen(session, columns.device_id)
    )
    found: dict[str, dict[MemberState, int]] = {}
    for rollout_id, state, count in session.connection().execute(
        query.group_by(columns.rollout_id, columns.state)
    ):
        found.setdefault(rollout_id, {})[MemberState(state)] = count
    return found


def rollouts_in(session: Session, states: Collection[str]) -> list[ListedRollout]:
    """Those in some states, in the order in which they were started."""
    columns = _ROLLOUT.c
    where = columns.body["plan"]["where"]["where"].label("filter")
    query = select(columns.id, columns.version, columns.state, columns.family, where)
    query = query.where(columns.state.in_(states)).order_by(columns.rank, columns.id)
    return [
        ListedRollout(
            row.id, row.version, RolloutState(row.state), row.family, _FILTERS.validate_python(row.filter)
        )
        for row in session.connection().execute(query)
    ]


def next_rank(session: Session) -> int:
    """Above that of every rollout; of two who take the same, the second one is refused."""
    top = session.connection().execute(select(func.coalesce(func.max(_ROLLOUT.c.rank), 0))).scalar_one()
    return int(top) + 1


def save_rollout(session: Session, before: StoredRollout, after: Rollout) -> None:
    """Store a rollout in place of what was read.

    Raises:
        StaleError: somebody has changed it in between.
    """
    change = (
        update(_ROLLOUT)
        .where(_ROLLOUT.c.id == after.id, _ROLLOUT.c.version == before.version)
        .values(**_values(after), version=before.version + 1)
    )
    if session.connection().execute(change).rowcount == 0:
        raise StaleError(f"rollout {after.id} has changed meanwhile; look at it and ask again")
    known = before.rollout.members
    changed = {device: m for device, m in after.members.items() if known.get(device) != m}
    rows = [
        {"rollout_id": after.id, "device_id": device, "state": str(m.state), "body": _dump(_MEMBERS, m)}
        for device, m in sorted(changed.items())
    ]
    insert_rows(session, _MEMBER, [row for row in rows if row["device_id"] not in known])
    update_rows(session, _MEMBER, [row for row in rows if row["device_id"] in known])
    mark_change(session)


def add_events(session: Session, rollout_id: str, who: str, events: Sequence[Event], now: datetime) -> None:
    """Add to a rollout's audit trail."""
    rows = [
        {
            "rollout_id": rollout_id,
            "time": now,
            "who": who,
            "what": event.what,
            "why": event.why,
            "device_id": event.device,
        }
        for event in events
    ]
    insert_rows(session, _EVENT, rows)


def list_events(
    session: Session, rollout_id: str, limit: int, after: int = 0, device: str | None = None
) -> list[RolloutEvent]:
    """A rollout's audit trail, oldest first.

    Args:
        session: For reading.
        rollout_id: Whose.
        limit: At most so many.
        after: Only those with a larger id.
        device: Only what is about one device; everything when None.
    """
    columns = _EVENT.c
    query = select(_EVENT).where(columns.rollout_id == rollout_id, columns.id > after)
    query = query.where((columns.device_id == "") | is_seen(session, columns.device_id))
    if device is not None:
        query = query.where(columns.device_id == device)
    rows = session.connection().execute(query.order_by(columns.id).limit(limit))
    return [RolloutEvent(row.id, row.time, row.who, row.what, row.why, row.device_id) for row in rows]


def newest_events(session: Session, rollout_id: str, limit: int) -> list[RolloutEvent]:
    """The newest entries about a rollout as a whole, the newest first."""
    columns = _EVENT.c
    query = select(_EVENT).where(columns.rollout_id == rollout_id, columns.device_id == "")
    rows = session.connection().execute(query.order_by(columns.id.desc()).limit(limit))
    return [RolloutEvent(row.id, row.time, row.who, row.what, row.why, row.device_id) for row in rows]


def find_assignment(session: Session, device_id: str) -> AssignmentRecord | None:
    """The newest assignment of a device; None: it has none."""
    query = select(_ASSIGNMENT).where(_ASSIGNMENT.c.device_id == device_id)
    row = session.connection().execute(query).first()
    return None if row is None else AssignmentRecord(**row._mapping)


def assignments_after(session: Session, device_id: str, limit: int) -> list[AssignmentRecord]:
    """The newest assignments of devices whose ids come after one, in order; at most so many."""
    query = select(_ASSIGNMENT).where(_ASSIGNMENT.c.device_id > device_id)
    rows = session.connection().execute(query.order_by(_ASSIGNMENT.c.device_id).limit(limit))
    return [AssignmentRecord(**row._mapping) for row in rows]


def put_envelopes(session: Session, signed: Sequence[tuple[AssignmentRecord, AssignmentRecord]]) -> None:
    """Store other envelopes of the same assignments, each before and after; one that has changed is left."""
    columns = _ASSIGNMENT.c
    for before, after in signed:
        is_same = (columns.device_id == before.device_id, columns.tag == before.tag)
        change = update(_ASSIGNMENT).where(*is_same).values(envelope=after.envelope, tag=after.tag)
        session.connection().execute(change)


def put_assignment(session: Session, assignment: AssignmentRecord) -> None:
    """Store an assignment in place of the one before it.

    Raises:
        StaleError: the one before it is not the device's newest, or a later rollout has the device.
    """
    values = asdict(assignment)
    columns = _ASSIGNMENT.c
    if assignment.number == 1:
        statement: Any = insert_new(session, _ASSIGNMENT).values(**values)
    else:
        statement = update(_ASSIGNMENT).values(**values)
        statement = statement.where(
            columns.device_id == assignment.device_id,
            columns.number == assignment.number - 1,
            columns.rank <= assignment.rank,
        )
    if session.connection().execute(statement.returning(columns.number)).first() is None:
        raise StaleError(f"{assignment.device_id} was assigned something else meanwhile")


def _values(rollout: Rollout) -> dict[str, Any]:
    return {
        "rank": rollout.rank,
        "state": str(rollout.state),
        "family": rollout.plan.release.family,
        "body": _dump(_ROLLOUTS, replace(rollout, members={})),
    }


def _dump(adapter: TypeAdapter[Any], value: Any) -> Any:
    return adapter.dump_python(value, mode="json")
