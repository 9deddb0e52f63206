"""A span is there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from contract.errors import DataError
from models.span_folder import place_span, span_folder


def write(path: Path) -> None:
    path.write_bytes(b"PAR1")


def test_a_span_has_its_sides_and_its_manifest(tmp_path: Path) -> None:
    folder = span_folder(tmp_path / "spans", 7)
    assert place_span(folder, "x.parquet", {"train": write, "eval": write}, "{}") == folder
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    where = "spans/span-00007"
    assert found == [f"{where}/eval/x.parquet", f"{where}/manifest.json", f"{where}/train/x.parquet"]


def test_everything_is_durable_before_it_is_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[str, bool]] = []
    folder = span_folder(tmp_path, 1)

    def note(descriptor: int) -> None:
        place = Path(f"/proc/self/fd/{descriptor}").readlink()
        synced.append((place.name, folder.exists()))

    monkeypatch.setattr(os, "fsync", note)
    place_span(folder, "x", {"train": write}, "{}")
    *before, (last, is_in_place) = synced
    assert [name for name, _ in before[:-1]] == ["x", "train", "manifest.json"]
    assert before[-1][0].startswith(".span-00001.") and not any(there for _, there in before)
    assert (last, is_in_place) == (tmp_path.name, True)


def test_a_span_never_changes(tmp_path: Path) -> None:
    place_span(span_folder(tmp_path, 1), "x", {"train": write}, "{}")
    with pytest.raises(DataError, match="span-00001: exists, and a span never changes"):
        span_folder(tmp_path, 1)


def test_a_side_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        path.write_bytes(b"PAR1")
        raise DataError("a machine is damaged")

    with pytest.raises(DataError, match="a machine is damaged"):
        place_span(span_folder(tmp_path / "spans", 1), "x", {"train": write, "eval": fail}, "{}")
    assert list((tmp_path / "spans").iterdir()) == []


def test_a_disk_that_refuses_is_named(tmp_path: Path) -> None:
    (tmp_path / "spans").write_text("no folder")
    with pytest.raises(DataError, match="span-00001: cannot be written"):
        place_span(tmp_path / "spans" / "span-00001", "x", {"train": write}, "{}")
