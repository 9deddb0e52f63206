"""From a technician's finding to a label of the next snapshot."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from cloud.case_desk import CaseDesk
from cloud.cases import close, reopen
from cloud.findings import Activity, FailureCause, FailureMode, Finding
from cloud.labels import FoundCase, labels_of
from cloud.snapshots import SnapshotRequest, make_snapshot
from cloud.store.cases import list_cases
from cloud.store.database import Database
from cloud.store.writer import StoreWriter
from contract.errors import DataError
from contract.labels import ComponentEnd, Label, Verdict
from contract.snapshot import pseudonym
from models.snapshot import Snapshot, read_snapshot
from tests.cloud.life_samples import DEVICE, at, born, talk
from tests.cloud.samples import alarm, arrive

KEY = bytes(range(32))
RIGHT = Finding(
    Verdict.EARLY,
    at(31),
    FailureMode.VIBRATION,
    FailureCause.WEAR_AND_TEAR,
    Activity.REPLACE,
    "bearing",
    ComponentEnd.REPLACED,
    "Jo Brandt found metal in the grease",
)
FALSE = Finding(Verdict.FALSE_ALARM, at(31))


@pytest.fixture
def filled(writer: StoreWriter, database: Database) -> Database:
    """A machine over 60 hours that alarmed in its 30th."""
    writer.write([born(), *talk(60)])
    raised = replace(arrive(alarm(4000, 7, device=DEVICE))[0], ingest_time=at(30))
    writer.write([raised])
    return database


def do(database: Database, hours: float, act: str, finding: Finding = RIGHT) -> None:
    with database.session() as session:
        case_id = list_cases(session)[0].case.id
    desk = CaseDesk(database, lambda: at(hours))
    if act == "close":
        desk.act(case_id, lambda case, now: close(case, "Jo", finding, now))
    else:
        desk.act(case_id, lambda case, now: reopen(case, "Jo", "closed the wrong one", now))


def take(database: Database, folder: Path, hours: float) -> Snapshot:
    make_snapshot(database, SnapshotRequest("dough_mixer", at(hours), folder / f"at-{hours}", KEY))
    return read_snapshot(folder / f"at-{hours}")


def test_a_finding_is_a_label_and_an_early_replacement_is_censored(filled: Database, tmp_path: Path) -> None:
    do(filled, 32, "close")
    snapshot = take(filled, tmp_path, 55)
    (label,) = snapshot.labels
    assert (label.machine, label.verdict, label.mode) == (pseudonym(DEVICE, KEY), "early", "VIB")
    assert (label.found_at, label.peak_score, label.end) == (at(31), 0.875, "replaced")
    ended = next(life for life in snapshot.lives if life.component == "bearing" and life.end == "replaced")
    assert ended.is_censored
    for path in snapshot.folder.iterdir():
        assert b"Jo" not in path.read_bytes() and DEVICE.encode() not in path.read_bytes()


def test_a_snapshot_says_what_was_believed_at_its_cut(filled: Database, tmp_path: Path) -> None:
    do(filled, 32, "close", FALSE)
    before = take(filled, tmp_path, 33)
    do(filled, 35, "reopen")
    do(filled, 40, "close")
    told = {hours: take(filled, tmp_path, hours) for hours in (31, 34, 36, 45)}
    assert {hours: [each.verdict for each in one.labels] for hours, one in told.items()} == {
        31: [],
        34: [Verdict.FALSE_ALARM],
        36: [],
        45: [Verdict.EARLY],
    }
    again = make_snapshot(filled, SnapshotRequest("dough_mixer", at(33), tmp_path / "again", KEY))
    assert again.labels_sha256 == before.manifest.labels_sha256


def test_a_finding_that_is_taken_back_ends_no_life(filled: Database, tmp_path: Path) -> None:
    do(filled, 32, "close")
    do(filled, 35, "reopen")
    ends = {hours: [str(life.end) for life in take(filled, tmp_path, hours).lives] for hours in (33, 50)}
    assert ends == {33: ["replaced", "running"], 50: ["running"]}


def test_who_has_not_looked_teaches_nothing() -> None:
    def found(finding: Finding, opened: datetime) -> FoundCase:
        return FoundCase(DEVICE, "unknown", opened, at(40), None, finding)

    unseen = Finding(Verdict.NOT_CHECKED, at(31))
    labels = labels_of([found(unseen, at(1)), found(FALSE, at(2))], KEY)
    expected = Label(pseudonym(DEVICE, KEY), at(2), at(31), "unknown", Verdict.FALSE_ALARM)
    assert labels == [expected]


def test_labels_that_were_changed_are_noticed(filled: Database, tmp_path: Path) -> None:
    do(filled, 32, "close", FALSE)
    folder = take(filled, tmp_path, 55).folder
    path = folder / "labels.jsonl"
    path.chmod(0o644)
    path.write_text(path.read_text().replace("false_alarm", "true"))
    with pytest.raises(DataError, match="damaged"):
        read_snapshot(folder)
