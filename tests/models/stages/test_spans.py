"""What can be seen of a span without opening its files is refused before TFX is loaded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contract.errors import DataError
from contract.snapshot import Counts, Origin, SnapshotManifest, format_manifest
from models.stages.spans import SPLITS, find_span
from tests.models.stages.fleet import SPEC

NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)


def make_span(spans: Path, number: int, cut: datetime | None = None) -> Path:
    folder = spans / f"span-{number:05d}"
    for side in SPLITS:
        (folder / side).mkdir(parents=True)
        (folder / side / "lives.parquet").write_bytes(b"PAR1" + bytes(4) + b"PAR1")
    if cut is not None:
        origin = Origin(cut, cut, "plant 3", "4a1b2c3")
        manifest = SnapshotManifest(SPEC, origin, Counts(1, 1, 1, 0, 1), "0" * 64)
        (folder / "manifest.json").write_text(format_manifest(manifest))
    return folder


def test_the_newest_is_found_unless_another_is_asked_for(tmp_path: Path) -> None:
    for number in (2, 10, 9):
        make_span(tmp_path, number)
    (tmp_path / "span-11").mkdir()
    assert find_span(tmp_path, None, NOW).number == 10
    assert find_span(tmp_path, 2, NOW).folder == tmp_path / "span-00002"


def test_its_snapshot_is_known_where_it_kept_the_manifest(tmp_path: Path) -> None:
    make_span(tmp_path, 1)
    make_span(tmp_path, 2, NOW - timedelta(hours=1))
    assert find_span(tmp_path, 1, NOW).manifest is None
    manifest = find_span(tmp_path, 2, NOW).manifest
    assert manifest is not None
    assert manifest.origin.cut == NOW - timedelta(hours=1)


@pytest.mark.parametrize(
    ("number", "message"), [(None, "has no span-00001"), (3, "has no span-00003; write one from a snapshot")]
)
def test_a_span_that_is_not_there(tmp_path: Path, number: int | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        find_span(tmp_path, number, NOW)


def test_no_folder_at_all(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such folder of spans"):
        find_span(tmp_path / "none", None, NOW)


@pytest.mark.parametrize("side", SPLITS)
def test_an_empty_side_is_named(tmp_path: Path, side: str) -> None:
    (make_span(tmp_path, 4) / side / "lives.parquet").unlink()
    with pytest.raises(DataError, match=f"^span 4, {side}: is empty"):
        find_span(tmp_path, None, NOW)


@pytest.mark.parametrize("data", [b"", b"PAR1 cut short", b"a,b\n"])
def test_a_file_that_is_not_whole_is_named(tmp_path: Path, data: bytes) -> None:
    path = make_span(tmp_path, 4) / "calibrate" / "lives.parquet"
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"^span 4, calibrate: .*lives\.parquet is damaged, or no Parquet"):
        find_span(tmp_path, None, NOW)


def test_a_snapshot_of_the_future(tmp_path: Path) -> None:
    make_span(tmp_path, 5, NOW + timedelta(seconds=1))
    with pytest.raises(DataError, match=r"span 5: its snapshot was cut at .* in the future"):
        find_span(tmp_path, None, NOW)


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    (make_span(tmp_path, 6) / "manifest.json").write_text("{")
    with pytest.raises(DataError, match=r"span-00006/manifest\.json: "):
        find_span(tmp_path, None, NOW)
