"""Recordings become the next span once, machine by machine."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from contract.snapshot import Split, split_of
from models.errors import TooLittleDataError
from models.recorded import Recorded, fingerprint
from models.recorded_span import WINDOWS_FILE, RecordingContent, record_all, take_recordings
from models.stages.spans import find_span
from tests.models.stages.fans import ORIGIN, PROFILE, Odd, fan_recording, make_fan

SHORT = Odd(seconds=20)


@pytest.fixture(scope="module")
def fans() -> list[Recorded]:
    return [make_fan(number, SHORT) for number in range(8, 20)]


def machines_of(folder: Path, side: Split) -> list[str]:
    return [str(name) for name in pq.read_table(folder / side / WINDOWS_FILE).column("machine").to_pylist()]


def test_machines_are_split_as_everywhere(fans: list[Recorded], tmp_path: Path) -> None:
    folder = take_recordings(RecordingContent(PROFILE, fans), tmp_path, ORIGIN)
    assert folder == tmp_path / "span-00001"
    for side in Split:
        wanted = [fan.machine for fan in fans if split_of(fan.machine) is side]
        assert machines_of(folder, side) == wanted
        assert wanted


def test_the_same_recordings_are_not_written_twice(fans: list[Recorded], tmp_path: Path) -> None:
    content = RecordingContent(PROFILE, fans)
    later = replace(ORIGIN, created=ORIGIN.created + timedelta(days=1))
    first = take_recordings(content, tmp_path, ORIGIN)
    assert take_recordings(content, tmp_path, later) == first
    more = RecordingContent(PROFILE, [*fans, make_fan(20, SHORT)])
    assert take_recordings(more, tmp_path, later) == tmp_path / "span-00002"


def test_the_span_says_what_it_is(fans: list[Recorded], tmp_path: Path) -> None:
    take_recordings(RecordingContent(PROFILE, fans), tmp_path, ORIGIN)
    manifest = find_span(tmp_path, None, datetime(2026, 4, 1, tzinfo=UTC)).manifest
    assert manifest is not None
    assert manifest.origin == ORIGIN
    assert manifest.name.startswith("small-fan-20260301T000000Z-")


def test_columns_have_the_types_that_examples_need(fans: list[Recorded], tmp_path: Path) -> None:
    folder = take_recordings(RecordingContent(PROFILE, fans), tmp_path, ORIGIN)
    schema = pq.read_schema(folder / "train" / WINDOWS_FILE)
    types = {field.name: str(field.type) for field in schema}
    assert types["time_us"] == types["gap_before"] == types["end_us"] == "list<item: int64>"
    assert types["regime"] == "list<item: string>"
    assert types["feature_heat_level"] == types["low_heat"] == "list<item: float>"
    assert pq.read_table(folder / "train" / WINDOWS_FILE).column("profile")[0].as_py() == fingerprint(PROFILE)


def test_too_few_machines_for_a_side_are_refused(fans: list[Recorded], tmp_path: Path) -> None:
    taught = [fan for fan in fans if split_of(fan.machine) is Split.TRAIN]
    message = r"only 0 of \d machines fall to calibrate, 1 are needed; .* `train edge` makes do with fewer"
    with pytest.raises(TooLittleDataError, match=message):
        take_recordings(RecordingContent(PROFILE, taught), tmp_path, ORIGIN)
    others = [fan for fan in fans if split_of(fan.machine) is not Split.TRAIN]
    with pytest.raises(TooLittleDataError, match=r"only 1 of .* fall to train, 2 are needed"):
        take_recordings(RecordingContent(PROFILE, [taught[0], *others]), tmp_path, ORIGIN)
    assert not list(tmp_path.iterdir())


def test_recordings_are_all_read() -> None:
    content = record_all([fan_recording(number, SHORT) for number in range(2)], PROFILE, 0.5)
    assert [fan.machine for fan in content.machines] == ["fan-00", "fan-01"]
    assert len(content.machines[0].times_s) == round(len(make_fan(0, SHORT).times_s) * 0.5)
