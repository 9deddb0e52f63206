from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import ConfigError, DataError
from contract.signals import Reading
from edge_agent.tail import TailSource, open_tail, parse_time
from tests.edge_agent.rig import rig_profile

HEADER = "time,temperature,current\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text(HEADER)
    return path


@pytest.fixture
def tail(path: Path) -> Iterator[Callable[..., TailSource]]:
    opened: list[TailSource] = []

    def build(option: str = "") -> TailSource:
        opened.append(open_tail(f"{path}{option}", rig_profile()))
        return opened[-1]

    yield build
    for source in opened:
        source.close()


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def drain(source: TailSource) -> list[Reading]:
    found = []
    while (reading := source.read()) is not None:
        found.append(reading)
    return found


def rows(readings: list[Reading]) -> list[tuple[str, float, float]]:
    return [(r.sensor, r.event_time_s, float(r.values[0])) for r in readings]


def test_new_rows_become_one_reading_a_sensor(path: Path, tail: Callable[..., TailSource]) -> None:
    source = tail()
    assert source.read() is None
    append(path, "1000,60.5,20\n1001,61,\n")

    found = drain(source)
    assert rows(found[:3]) == [
        ("temperature", 1000.0, 60.5),
        ("current", 1000.0, 20.0),
        ("temperature", 1001.0, 61.0),
    ]
    assert math.isnan(found[3].values[0]), "an empty cell is a missing value"
    assert [r.monotonic_s for r in found] == [0.0, 0.0, 1.0, 1.0]
    assert not source.is_exhausted and source.malformed_rows == 0


def test_old_rows_are_taken_only_when_asked_for(path: Path, tail: Callable[..., TailSource]) -> None:
    append(path, "1000,60,20\n1001,60,20\n10")
    from_end, from_start = tail(), tail("?from=start")
    append(path, "02,61,21\n")

    assert {r.event_time_s for r in drain(from_end)} == {1002.0}
    assert {r.event_time_s for r in drain(from_start)} == {1000.0, 1001.0, 1002.0}


def test_a_half_written_line_waits_for_its_end(path: Path, tail: Callable[..., TailSource]) -> None:
    source = tail()
    for piece in ("1000,6", "0.5,2", "0"):
        append(path, piece)
        assert drain(source) == []
    append(path, "\n")

    assert rows(drain(source)) == [("temperature", 1000.0, 60.5), ("current", 1000.0, 20.0)]


@pytest.mark.parametrize(
    "bad",
    [
        "1000,60",
        "1000,60,20,5",
        "1000,hot,20",
        "yesterday,60,20",
        "nan,60,20",
        "",
        ",,",
        "\xb5",
        '1000,"6\x00',
    ],
)
def test_a_malformed_row_is_skipped_and_counted_once(
    path: Path, tail: Callable[..., TailSource], bad: str, caplog: pytest.LogCaptureFixture
) -> None:
    source = tail()
    with path.open("a", encoding="latin-1") as file:
        file.write(f"{bad}\n1001,61,21\n")

    assert {r.event_time_s for r in drain(source)} == {1001.0}
    assert source.malformed_rows == (1 if bad else 0)
    assert len(caplog.records) - 1 == source.malformed_rows  # besides the warning of missing sensors


def test_many_malformed_rows_do_not_fill_the_log(
    path: Path, tail: Callable[..., TailSource], caplog: pytest.LogCaptureFixture
) -> None:
    source = tail()
    append(path, "bad\n" * 1000)
    drain(source)

    assert source.malformed_rows == 1000
    assert len(caplog.records) < 15


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        ("temperature,time\n", "first column must be named time"),
        ("time,temprature\n", "did you mean 'temperature'"),
        ("time,zzz\n", "it has vib, temperature"),
        ("time,vib\n", "waveform"),
        ("time\n", "at least one sensor column"),
        ("time,current,current\n", "named once"),
        ("\n", "first column"),
    ],
)
def test_a_wrong_header_names_file_line_and_what_to_do(path: Path, header: str, complaint: str) -> None:
    path.write_text(header)
    with pytest.raises(DataError, match=complaint) as failure:
        open_tail(str(path), rig_profile())
    assert "log.csv:1" in str(failure.value)


def test_a_header_that_is_no_text_is_a_data_error(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00time\n")
    with pytest.raises(DataError, match=r"log\.csv:1: no CSV header"):
        open_tail(str(path), rig_profile())


def test_a_file_that_does_not_exist_or_an_unknown_option_is_one_line(path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no file"):
        open_tail(str(path) + "x", rig_profile())
    with pytest.raises(ConfigError, match="unknown option"):
        open_tail(f"{path}?from=middle", rig_profile())


def test_a_header_may_still_be_on_its_way(path: Path, tail: Callable[..., TailSource]) -> None:
    path.write_text("time,temp")
    source = tail()
    assert drain(source) == []
    append(path, "erature\n1000,60\n")

    assert rows(drain(source)) == [("temperature", 1000.0, 60.0)]


def test_rotation_by_rename_loses_no_whole_row(path: Path, tail: Callable[..., TailSource]) -> None:
    source = tail()
    append(path, "1000,60,20\n")
    drain(source)
    append(path, "1001,61,21\n1002,6")
    path.rename(path.with_suffix(".1"))
    assert {r.event_time_s for r in drain(source)} == {1001.0}
    path.write_text("timestamp,current\n1003,23\n")

    assert rows(drain(source)) == [("current", 1003.0, 23.0)]
    assert source.malformed_rows == 1, "the row cut by the rotation"


def test_rotation_by_truncation_with_and_without_a_new_header(
    path: Path, tail: Callable[..., TailSource]
) -> None:
    source = tail()
    append(path, "1000,60,20\n" * 20)
    drain(source)
    os.truncate(path, 0)
    append(path, "2000,61,21\n")
    assert {r.event_time_s for r in drain(source)} == {2000.0}
    append(path, "2001,61,21\n" * 20)
    drain(source)
    path.write_text(HEADER + "2002,62,22\n")

    assert {r.event_time_s for r in drain(source)} == {2002.0}


def test_a_line_without_end_does_not_fill_the_memory(path: Path, tail: Callable[..., TailSource]) -> None:
    source = tail()
    append(path, "9" * 3_000_000)
    for _ in range(60):
        assert source.read() is None
    append(path, "\n1000,60,20\n")

    assert rows(drain(source))[0] == ("temperature", 1000.0, 60.0)
    assert source.malformed_rows >= 1


def test_semicolons_tabs_and_a_byte_order_mark_are_read(path: Path, tail: Callable[..., TailSource]) -> None:
    path.write_text("\ufefftime;temperature;current\r\n", encoding="utf-8")
    source = tail()
    append(path, "1000;60.5;20\r\n")

    assert rows(drain(source))[0] == ("temperature", 1000.0, 60.5)


def test_the_monotonic_clock_never_goes_back(path: Path, tail: Callable[..., TailSource]) -> None:
    source = tail()
    append(path, "1000,60,20\n900,60,20\n905,60,20\n")

    assert [r.monotonic_s for r in drain(source)][::2] == [0.0, 0.0, 5.0]


def test_times_are_iso_or_epoch() -> None:
    assert parse_time("2025-06-15T12:00:00+02:00") == parse_time("2025-06-15 10:00:00") == 1749981600.0
    for bad in ("", "noon", "inf", "2025-13-01"):
        with pytest.raises(ValueError, match=r"."):
            parse_time(bad)


@given(st.lists(st.integers(1, 30), max_size=40), st.binary(max_size=200).filter(lambda b: b"\n" not in b))
@settings(max_examples=30, deadline=None)
def test_however_the_logger_flushes_the_same_rows_are_read(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], noise: bytes
) -> None:
    path = tmp_path_factory.mktemp("tail") / "log.csv"
    path.write_text(HEADER)
    content = b"".join(b"%d,60.25,20\n" % (1000 + i) for i in range(12)) + noise + b"\n2000,1,2\n"
    source = open_tail(str(path), rig_profile())
    found: list[Reading] = []
    for cut in [*cuts, len(content)]:
        with path.open("ab") as file:
            file.write(content[:cut])
        content = content[cut:]
        found += drain(source)
    source.close()

    times = [r.event_time_s for r in found if r.sensor == "temperature"]
    assert times[:12] == [1000.0 + i for i in range(12)]
    assert times[-1] == 2000.0
