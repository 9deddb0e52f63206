import gzip
from pathlib import Path

import numpy as np
import pytest

from contract.errors import DataError
from models.recordings.text import parse_numbers, parse_stamps, read_lines, split_rows


def test_reads_plain_and_gzipped_text_alike(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.txt", tmp_path / "a.txt.gz"
    plain.write_text("1 2\r\n3 4\r\n")
    packed.write_bytes(gzip.compress(b"1 2\n3 4\n", mtime=0))
    assert read_lines(plain) == read_lines(packed) == ["1 2", "3 4"]


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("time,x\n".encode("utf-8-sig"))
    assert read_lines(path) == ["time,x"]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.txt.gz", gzip.compress(b"1 2\n" * 1000, mtime=0)[:-20], "copy it again"),
        ("a.txt.gz", b"no gzip at all", "copy it again"),
        ("a.txt.gz", gzip.compress(b"1 2\n" * 1000, mtime=0)[:30] + b"\x00" * 30, "copy it again"),
        ("a.txt", b"\xff\xfe\x00abc", "not UTF-8"),
        ("a.txt", b"", "empty"),
        ("a.txt", b"\n  \n", "empty"),
    ],
)
def test_damaged_text_is_one_line_with_the_file(tmp_path: Path, name: str, content: bytes, why: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=why) as caught:
        read_lines(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_lines(tmp_path / "nothing.txt")


def test_a_row_of_another_width_is_named_by_its_line() -> None:
    with pytest.raises(DataError, match=r"t\.csv:12: has 3 columns, expected 2"):
        split_rows(Path("t.csv"), ["1;2", "3;4;5"], ";", 2, first_line=11)


def test_blank_lines_count_only_inside_a_table() -> None:
    assert split_rows(Path("t"), ["1 2", "", " "], None, 2) == [["1", "2"]]
    with pytest.raises(DataError, match="t:2: has 0 columns"):
        split_rows(Path("t"), ["1 2", "", "3 4"], None, 2)
    with pytest.raises(DataError, match="no rows"):
        split_rows(Path("t"), ["", ""], None, 2)


def test_numbers_keep_empty_cells_as_nan_and_name_what_is_no_number() -> None:
    parsed = parse_numbers(Path("t"), [["1", " 2.5e3"], ["", "nan"]])
    np.testing.assert_array_equal(parsed, np.array([[1, 2500], [np.nan, np.nan]]))
    with pytest.raises(DataError, match="t:8: column 2: 'wet' is not a number"):
        parse_numbers(Path("t"), [["1", "2"], ["3", "wet"]], first_line=7)


def test_stamps_are_seconds_or_dates() -> None:
    cells = ["1600000000.5", "2020-09-13 12:26:41", "2020-09-13T14:26:42+02:00", "2020-09-13T12:26:43Z"]
    offsets = parse_stamps(Path("t"), cells) - 1_600_000_000
    assert offsets.tolist() == [0.5, 1, 2, 3]


@pytest.mark.parametrize("cell", ["", "noon", "nan", "inf", "2020-13-01"])
def test_what_is_no_time_is_named_by_its_line(cell: str) -> None:
    with pytest.raises(DataError, match=r"t:6: .* is no time"):
        parse_stamps(Path("t"), ["0", cell], first_line=5)
