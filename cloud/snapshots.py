"""Training snapshots of a machine type, taken from the store as it stood at a moment.

Rule: nothing that was measured, reported or learned after the cut is in a snapshot, so a later one with the
same cut is the same. Machines stand in it under pseudonyms; customers, sites and serial numbers never do. A
machine that runs, or whose component was replaced before it failed, is censored and not left out. What people
found behind alarms stands beside the lives.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from cloud.errors import NotFoundError
from cloud.labels import labels_of
from cloud.life_plan import LifePlan, machine_type_of, plan_of
from cloud.lives import LifeBuilder, LifeCounters, MachineHistory, lives_of
from cloud.machine_events import MachineEvent, codes_of, components_of
from cloud.snapshot_file import SnapshotContent, write_snapshot
from cloud.store.case_findings import read_found_cases
from cloud.store.database import Database
from cloud.store.machine_events import Logs, read_logs
from cloud.store.observations import read_observed, read_profiles
from cloud.store.queries import Session
from contract.lives import Life, LifeSpec
from contract.profiles import MachineProfile
from contract.snapshot import LifeKey, Origin, SnapshotManifest, key_id_of, key_of, pseudonym

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SnapshotRequest:
    """What to take a snapshot of."""

    machine_type: str
    cut: datetime
    """Aware UTC."""
    folder: Path
    """To be made."""
    key: bytes = field(repr=False)
    """Of the pseudonyms; the same key keeps a machine's name from snapshot to snapshot."""
    plans: Path | None = None
    """Folder of life plans; None: what follows from the machines' profiles."""
    code_version: str = "unknown"


def make_snapshot(database: Database, request: SnapshotRequest) -> SnapshotManifest:
    """Write a snapshot.

    Raises:
        NotFoundError: no machine of that type is known.
        DataError: it would hold no lives.
        SnapshotExistsError: the folder exists.
        StoreError: the store cannot be read.
    """
    created = datetime.now(UTC)
    with database.session() as session:
        profiles = profiles_of_type(session, request.machine_type)
        logs = read_logs(session, profiles.keys(), request.cut)
        plan = plan_of(next(iter(profiles.values())), request.plans)
        events = [event for log in logs.values() for event in log]
        spec = plan.spec(codes_of(events), components_of(events))
        content = _read_lives(session, {d: logs.get(d, ()) for d in profiles}, request, plan, spec)
        found = read_found_cases(session, profiles.keys(), request.cut)
    content = replace(content, labels=labels_of(found, request.key))
    origin = Origin(request.cut, created, "store", request.code_version, key_id_of(request.key))
    return write_snapshot(request.folder, content, origin)


def profiles_of_type(session: Session, machine_type: str) -> dict[str, MachineProfile]:
    """The machines of a type, with their profiles, the newest version's first.

    Raises:
        NotFoundError: there is none; says which types there are.
    """
    profiles = read_profiles(session)
    found = {d: profile for d, profile in profiles.items() if machine_type_of(profile) == machine_type}
    if not found:
        known = sorted({machine_type_of(profile) for profile in profiles.values()})
        raise NotFoundError(
            f"no machine of type {machine_type[:60]!r} was ever heard; known: {', '.join(known) or 'none'}"
        )
    return dict(sorted(found.items(), key=lambda item: -item[1].version))


def history_at(
    session: Session, device: str, events: Sequence[MachineEvent], plan: LifePlan, cut: datetime
) -> tuple[MachineHistory, LifeCounters]:
    """What was known of a machine at a moment, and what of its summaries was not used.

    Args:
        session: For reading.
        device: Whose.
        events: Its log, as it was known then.
        plan: Of its type.
        cut: The moment.
    """
    builder = LifeBuilder(plan)
    for observed in read_observed(session, device, cut=cut):
        builder.add(observed)
    return MachineHistory(device, builder.rows(cut), tuple(events)), builder.counters


def _read_lives(
    session: Session, logs: Logs, request: SnapshotRequest, plan: LifePlan, spec: LifeSpec
) -> SnapshotContent:
    lives: list[Life] = []
    installed: dict[LifeKey, datetime] = {}
    wrong_clocks = 0
    for device, events in logs.items():
        history, counters = history_at(session, device, events, plan, request.cut)
        wrong_clocks += counters.wrong_clock
        named = replace(history, machine=pseudonym(device, request.key))
        for life, start in lives_of(named, plan, spec):
            lives.append(life)
            installed[key_of(life)] = start
    _LOG.info("lives read", extra={"lives": len(lives), "wrong_clocks": wrong_clocks})
    return SnapshotContent(spec, lives, installed)
