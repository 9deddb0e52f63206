"""The probe sees each new row once, and as old as it is."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cloud.settings import sqlite_url
from cloud.store.batch import Arrival
from cloud.store.database import open_database
from cloud.store.writer import StoreWriter
from contract.messages import Message
from industrialguard.bench.ingest.probe import FEWEST_MACHINES, Probe
from tests.cloud.samples import BOOT, summary
from tests.edge_agent.wire import wait_until

AGE_S = 5.0


def message(device_id: str, sequence: int) -> Message:
    event_time = datetime.now(UTC) - timedelta(seconds=AGE_S)
    return Message(device_id, BOOT, sequence, event_time, summary(1).body)


def test_each_row_is_seen_once_and_as_old_as_it_is(tmp_path: Path) -> None:
    database = open_database(url := sqlite_url(tmp_path / "store.db"))
    writer, probe = StoreWriter(database), Probe(url, ["a", "b"], None)
    before_s = time.time()
    probe.start()
    for sequence in range(1, 6):
        for device_id in ("a", "b", "another"):
            writer.write([Arrival(message(device_id, sequence), datetime.now(UTC))])
    wait_until(lambda: probe.ages.buckets.total() == 10, "ten rows")
    probe.stop()
    assert probe.ages.buckets.total() == 10
    median_s = probe.ages.quantile(0.5)
    assert median_s is not None
    assert AGE_S <= median_s <= 1.03 * (AGE_S + time.time() - before_s)
    assert probe.resolution_s > 0
    database.close()


def test_a_store_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    probe = Probe(sqlite_url(tmp_path / "none.db"), ["a"], None)
    with pytest.raises(Exception, match="unable to open"):
        try:
            probe.start()
        finally:
            probe.stop()


@pytest.mark.parametrize(
    ("rate", "expected"), [(None, FEWEST_MACHINES), (1000.0, 20), (500.0, 40), (1.0, 200)], ids=str
)
def test_of_machines_that_say_little_more_are_looked_at(rate: float | None, expected: int) -> None:
    probe = Probe("sqlite:///none", [f"m-{n}" for n in range(1000)], rate)
    assert len(probe.machines) == expected
