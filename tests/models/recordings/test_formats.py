"""The readers of public formats, on small files of the same shape; the real ones are read where they are at
hand.
"""

import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contract.errors import ConfigError, DataError
from contract.profiles import load_profile
from contract.signals import STANDARD_GRAVITY, Quantity, Reading, SensorSpec
from models.recordings import FORMATS, Recording, open_recordings
from models.recordings.cmapss import COLUMN_OF_SENSOR
from models.recordings.cwru import RATE_HZ, decimate
from models.recordings.skab import SENSOR_OF_COLUMN, read_table

SAMPLE = Path(__file__).resolve().parents[3] / "simulators" / "data" / "cmapss"


def first_readings(recording: Recording, count: int) -> list[Reading]:
    readings = recording.readings()
    return [next(readings) for _ in range(count)]


@pytest.mark.parametrize("spec", ["", "femto", "femto:", "kafka:x", "FEMTO:x"])
def test_an_unknown_scheme_lists_the_known_ones(spec: str) -> None:
    with pytest.raises(DataError) as caught:
        open_recordings(spec)
    assert all(known.usage in str(caught.value) for known in FORMATS.values())


@pytest.mark.parametrize("scheme", sorted(FORMATS))
def test_a_missing_place_is_one_line(scheme: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such file|does not exist") as caught:
        open_recordings(f"{scheme}:{tmp_path / 'nowhere'}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("scheme", sorted(set(FORMATS) - {"csv"}))
def test_an_empty_folder_says_what_was_looked_for(scheme: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no .*\*"):
        open_recordings(f"{scheme}:{tmp_path}")


# femto


def write_femto(folder: Path, **changes: Any) -> Path:
    bursts = np.arange(3 * 2560 * 2, dtype=np.int32).reshape(3, 2560, 2)
    arrays = {
        "acc_mg": bursts,
        "start_s": np.array([100, 110, 5], np.float32),
        "file_no": np.array([1, 2, 4]),
    }
    path = folder / "raw_Bearing9_1.npz"
    np.savez_compressed(path, **(arrays | changes))
    return path


def test_femto_keeps_the_recorded_clock_and_counts_snapshots(tmp_path: Path) -> None:
    write_femto(tmp_path)
    (recording,) = open_recordings(f"femto:{tmp_path}")
    assert (recording.machine_id, recording.profile) == ("femto-bearing9-1", "bearing-rig")
    readings = list(recording.readings())
    assert [(r.sensor, r.event_time_s, r.monotonic_s) for r in readings] == [
        ("vib_h", 100, 10),
        ("vib_v", 100, 10),
        ("vib_h", 110, 20),
        ("vib_v", 110, 20),
        ("vib_h", 5, 40),
        ("vib_v", 5, 40),
    ]
    assert readings[1].values[:3].tolist() == [1, 3, 5]
    assert readings[0].values.dtype == np.float32
    assert recording.end_of_life_s == 5


@pytest.mark.parametrize(
    "changes",
    [
        {"acc_mg": np.zeros((3, 2560), np.int32)},
        {"acc_mg": np.zeros((2, 2560, 2), np.int32)},
        {"file_no": np.array([1, 2])},
        {"file_no": np.array([1.0, 2.0, 3.0])},
    ],
)
def test_femto_of_another_shape_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = write_femto(tmp_path, **changes)
    with pytest.raises(DataError) as caught:
        open_recordings(f"femto:{tmp_path}")
    assert str(path) in str(caught.value)


def test_femto_as_published(recorded_data: Path) -> None:
    recordings = {r.machine_id: r for r in open_recordings(f"femto:{recorded_data / 'femto'}")}
    assert len(recordings) >= 3
    stamps = np.array([r.event_time_s for r in recordings["femto-bearing1-1"].readings()])[::2]
    assert len(stamps) == 1402
    assert (np.diff(stamps) < 0).sum() == 1, "the clock glitch must survive"


# skab

HEADER = ";".join(["datetime", *SENSOR_OF_COLUMN, "anomaly", "changepoint"])
ROW = "0.1;0.2;1.5;0.3;80;26;230;32;0.0;0.0"


def write_skab(folder: Path, *rows: str, header: str = HEADER) -> Path:
    (folder / "valve9").mkdir()
    path = folder / "valve9" / "0.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_skab_reads_nested_files_keeps_gaps_and_hides_labels(tmp_path: Path) -> None:
    path = write_skab(tmp_path, f"2020-03-09 10:14:33;{ROW}", f"2020-03-09 10:15:33;{ROW}")
    (recording,) = open_recordings(f"skab:{tmp_path}")
    assert (recording.machine_id, recording.profile) == ("skab-valve9-0", "pump-loop")
    readings = list(recording.readings())
    assert [r.sensor for r in readings[:8]] == [s.name for s in load_profile("pump-loop").sensors]
    assert [r.values.item() for r in readings[:8]] == pytest.approx([0.1, 0.2, 1.5, 0.3, 80, 26, 230, 32])
    assert readings[8].event_time_s - readings[0].event_time_s == 60
    assert readings[8].monotonic_s - readings[0].monotonic_s == 60
    assert set(read_table(path)[1]) == {*SENSOR_OF_COLUMN, "anomaly", "changepoint"}


def test_skab_allows_time_that_does_not_rise(tmp_path: Path) -> None:
    write_skab(tmp_path, f"2020-03-09 10:14:33;{ROW}", f"2020-03-09 10:14:13;{ROW}")
    (recording,) = open_recordings(f"skab:{tmp_path}")
    first, later = (list(recording.readings())[i] for i in (0, 8))
    assert later.event_time_s == first.event_time_s - 20
    assert later.monotonic_s == first.monotonic_s + 1


@pytest.mark.parametrize(
    ("header", "row", "why"),
    [
        (HEADER.replace(";", ","), f"2020-03-09 10:14:33;{ROW}", r":1: not a SKAB table"),
        (HEADER.replace("Current", "Amps"), f"2020-03-09 10:14:33;{ROW}", "lacks 'Current'"),
        (HEADER + ";extra", f"2020-03-09 10:14:33;{ROW};1", "has 'extra'"),
        (HEADER, f"yesterday;{ROW}", r":2: 'yesterday' is no time"),
        (HEADER, f"2020-03-09 10:14:33;{ROW};1", r":2: has 12 columns"),
        (HEADER, f"2020-03-09 10:14:33;{ROW.replace('80', 'hot')}", r":2: .*'hot' is not a number"),
    ],
)
def test_skab_malformed(tmp_path: Path, header: str, row: str, why: str) -> None:
    write_skab(tmp_path, row, header=header)
    with pytest.raises(DataError, match=why):
        list(open_recordings(f"skab:{tmp_path}")[0].readings())


# cwru


def test_decimation_keeps_what_fits_and_stops_what_does_not() -> None:
    time_s = np.arange(48_000) / 48_000
    kept = decimate(np.sin(2 * np.pi * 1000 * time_s).astype(np.float32), 4)
    stopped = decimate(np.sin(2 * np.pi * 7000 * time_s).astype(np.float32), 4)
    assert np.sqrt(2) * kept.std() == pytest.approx(1, abs=0.01)
    assert stopped.std() < 1e-3
    assert np.argmax(np.abs(np.fft.rfft(kept))) * RATE_HZ / len(kept) == pytest.approx(1000, abs=2)


@pytest.mark.parametrize(("name", "factor"), [("IR_007", 1), ("Normal_0", 4)])
def test_cwru_leaves_at_12_khz(tmp_path: Path, name: str, factor: int) -> None:
    count = 12_000 * factor
    wave = np.sin(2 * np.pi * 600 * np.arange(count) / count).astype(np.float32)
    np.savez(tmp_path / f"{name}.npz", DE=wave, FE=wave)
    (recording,) = open_recordings(f"cwru:{tmp_path}")
    readings = list(recording.readings())
    assert {len(r.values) for r in readings} == {2048}
    assert np.diff([r.event_time_s for r in readings]) == pytest.approx(0.2)
    peak_hz = np.argmax(np.abs(np.fft.rfft(readings[1].values))) * RATE_HZ / 2048
    assert peak_hz == pytest.approx(600, abs=6)


@pytest.mark.parametrize("array", [np.zeros(100, np.float32), np.zeros((20_000, 2), np.float32)])
def test_cwru_of_another_shape_is_refused(tmp_path: Path, array: Any) -> None:
    np.savez(tmp_path / "a.npz", DE=array)
    with pytest.raises(DataError, match="one long channel"):
        open_recordings(f"cwru:{tmp_path}")


# cmapss


def cmapss_row(unit: int, cycle: int, altitude: float = 35.0) -> str:
    return " ".join(map(str, [unit, cycle, altitude, 0.8, 100.0, *range(1, 22)])) + "  "


def write_cmapss(folder: Path, name: str, rows: list[str]) -> Path:
    path = folder / name
    text = "\n".join(rows) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def test_cmapss_gives_one_recording_per_engine(tmp_path: Path) -> None:
    write_cmapss(tmp_path, "train_FD002.txt", [cmapss_row(3, 1), cmapss_row(3, 2), cmapss_row(7, 1)])
    write_cmapss(tmp_path, "test_FD002.txt.gz", [cmapss_row(1, 1), cmapss_row(1, 2)])
    write_cmapss(tmp_path, "RUL_FD002.txt", ["40"])
    by_id = {r.machine_id: r for r in open_recordings(f"cmapss:{tmp_path}")}
    assert {name: r.end_of_life_s for name, r in by_id.items()} == {
        "test-fd002-001": 420.0,
        "train-fd002-003": 20.0,
        "train-fd002-007": 10.0,
    }
    readings = list(by_id["train-fd002-003"].readings())
    assert [r.sensor for r in readings[:16]] == [s.name for s in load_profile("turbofan").sensors]
    assert {r.sensor: r.values.item() for r in readings[:16]} == pytest.approx(
        {name: column - 4 for name, column in COLUMN_OF_SENSOR.items()} | {"altitude": 35_000, "mach": 0.8}
    )
    assert [readings[i].event_time_s for i in (0, 16)] == [10.0, 20.0]


def test_cmapss_without_an_answer_knows_no_end(tmp_path: Path) -> None:
    write_cmapss(tmp_path, "test_FD003.txt", [cmapss_row(1, 1)])
    assert open_recordings(f"cmapss:{tmp_path}")[0].end_of_life_s is None


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([cmapss_row(1, 1) + " 5"], r":1: has 27 columns, expected 26"),
        ([cmapss_row(1, 1), cmapss_row(1, 2).replace("0.8", "fast")], r":2: column 4: 'fast'"),
        ([cmapss_row(1, 1), cmapss_row(1, 3)], r":2: unit and cycle"),
        ([cmapss_row(0, 1)], r":1: unit and cycle"),
        ([cmapss_row(1, 1).replace("1 1 ", "nan 1 ", 1)], r":1: unit and cycle"),
    ],
)
def test_cmapss_malformed(tmp_path: Path, rows: list[str], why: str) -> None:
    write_cmapss(tmp_path, "train_FD001.txt", rows)
    with pytest.raises(DataError, match=why):
        open_recordings(f"cmapss:{tmp_path}")


def test_cmapss_answers_must_fit_the_engines(tmp_path: Path) -> None:
    write_cmapss(tmp_path, "test_FD001.txt", [cmapss_row(1, 1)])
    write_cmapss(tmp_path, "RUL_FD001.txt", ["1", "2"])
    with pytest.raises(DataError, match="2 lines for the 1 engines"):
        open_recordings(f"cmapss:{tmp_path}")


def test_the_shipped_sample_is_what_its_readme_says() -> None:
    recordings = open_recordings(f"cmapss:{SAMPLE}")
    train = [r.machine_id for r in recordings if r.machine_id.startswith("train")]
    assert train == [f"train-fd001-{unit:03d}" for unit in range(8, 97, 8)]
    assert len(recordings) - len(train) == 6
    assert sum(path.stat().st_size for path in SAMPLE.iterdir()) < 200_000


def test_all_four_subsets_as_published(recorded_data: Path) -> None:
    recordings = open_recordings(f"cmapss:{recorded_data / 'cmapss'}")
    counts = {
        name: sum(r.machine_id.startswith(name) for r in recordings)
        for name in ("train-fd001", "train-fd002", "train-fd004")
    }
    assert counts == {"train-fd001": 100, "train-fd002": 260, "train-fd004": 249}


# csv


def write_csv(folder: Path, text: str) -> str:
    path = folder / "Line 3.csv"
    path.write_text(text)
    return f"csv:{path}"


LOOP = [s.name for s in load_profile("pump-loop").sensors]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_finds_the_profile_by_its_columns(tmp_path: Path, separator: str) -> None:
    table = [["when", "remark", *reversed(LOOP)], ["5", "x", *"12345678"], ["6", "", *"1234", "", *"678"]]
    (recording,) = open_recordings(write_csv(tmp_path, "\n".join(separator.join(row) for row in table)))
    assert (recording.machine_id, recording.profile) == ("line-3", "pump-loop")
    readings = list(recording.readings())
    assert [r.sensor for r in readings[:8]] == LOOP
    assert [r.values.item() for r in readings[:8]] == [8, 7, 6, 5, 4, 3, 2, 1]
    assert np.isnan(readings[8 + 3].values).all()


def test_csv_takes_a_profile_of_ones_own(tmp_path: Path) -> None:
    profile = tmp_path / "mine.toml"
    profile.write_text(
        'name = "mine"\nversion = 1\n[window]\nlength_s = 60.0\nhop_s = 60.0\ncontext = 8\n'
        '[[sensor]]\nname = "heat"\nquantity = "temperature"\nunit = "Cel"\nrate_hz = 1.0\n'
    )
    spec = write_csv(tmp_path, "time,heat\n0,20\n1,21\n")
    assert open_recordings(spec, str(profile))[0].profile == str(profile)
    assert [r.values.item() for r in open_recordings(spec, str(profile))[0].readings()] == [20, 21]
    with pytest.raises(DataError, match=r"no shipped profile .* --profile"):
        open_recordings(spec)


@pytest.mark.parametrize(
    ("text", "profile", "why"),
    [
        ("time\n1\n", None, ":1: needs a header"),
        ("time,a,a\n1,2,3\n", None, ":1: needs a header"),
        ("time,a\n1,2\n", "pump-loop", "lacks the columns accelerometer1_rms"),
        ("time,a\n1,2\n", "pump", "vib_h delivers bursts"),
        ("\n", None, "empty"),
    ],
)
def test_csv_malformed_header(tmp_path: Path, text: str, profile: str | None, why: str) -> None:
    with pytest.raises(DataError, match=why):
        open_recordings(write_csv(tmp_path, text), profile)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (["1", *"1234567"], ":3: has 8 columns, the header has 9"),
        (["1", *"1234567", "wet"], ":3: .*'wet' is not a number"),
        (["noon", *"12345678"], ":3: 'noon' is no time"),
    ],
)
def test_csv_malformed_row(tmp_path: Path, row: list[str], why: str) -> None:
    lines = [["time", *LOOP], ["0", *"12345678"], row]
    (recording,) = open_recordings(write_csv(tmp_path, "\n".join(",".join(line) for line in lines)))
    with pytest.raises(DataError, match=why):
        list(recording.readings())


def test_csv_without_rows_or_with_an_unknown_profile(tmp_path: Path) -> None:
    spec = write_csv(tmp_path, ",".join(["time", *LOOP]) + "\n")
    with pytest.raises(DataError, match="no rows"):
        list(open_recordings(spec)[0].readings())
    with pytest.raises(ConfigError, match="no profile"):
        open_recordings(spec, "nonsense")


def test_a_choice_of_profile_reaches_every_format(tmp_path: Path) -> None:
    write_femto(tmp_path)
    assert open_recordings(f"femto:{tmp_path}", "mine.toml")[0].profile == "mine.toml"
    assert open_recordings(f"femto:{tmp_path}", load_profile("pump"))[0].profile == "pump"
    assert first_readings(open_recordings(f"femto:{tmp_path}")[0], 1)[0].values.max() < STANDARD_GRAVITY * 1e6


def test_a_folder_of_tables_is_one_machine_per_table(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / f"{name}.csv").write_text("time,heat\n0,20\n1,21\n")
    sensors = (SensorSpec("heat", Quantity.TEMPERATURE, "Cel", 1.0),)
    profile = replace(load_profile("pump-loop"), sensors=sensors)

    assert [r.machine_id for r in open_recordings(f"csv:{tmp_path}", profile)] == ["a", "b"]


def test_a_folder_without_tables_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no \*\.csv"):
        open_recordings(f"csv:{tmp_path}")
