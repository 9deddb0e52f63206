from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from edge_agent.state import StateFile, StateStamp

STAMP = StateStamp("pump", "1.0", "pump", 1)
CONTENT = {"scorer": {"level": [1.5, None, 2.0]}, "alarm": {"since_s": None}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


def test_what_was_saved_is_loaded(path: Path) -> None:
    assert StateFile(path, STAMP).save(CONTENT)

    assert StateFile(path, STAMP).load() == CONTENT
    assert [p.name for p in path.parent.iterdir()] == ["state.json"]


def test_without_a_file_there_is_nothing(path: Path) -> None:
    assert StateFile(path, STAMP).load() is None


@pytest.mark.parametrize(
    "change", [{"bundle_version": "1.1"}, {"profile_version": 2}, {"bundle": "x"}, {"profile": "x"}]
)
def test_state_of_another_model_or_profile_is_not_used_and_not_called_damaged(
    path: Path, change: dict[str, object]
) -> None:
    StateFile(path, STAMP).save(CONTENT)

    assert StateFile(path, dataclasses.replace(STAMP, **change)).load() is None  # type: ignore[arg-type]
    assert path.exists()


@pytest.mark.parametrize("garbage", [b"", b"{", b"\xff\xfe", b"[]", b"{}", b'{"format": 1, "content": {}}'])
def test_damaged_file_is_kept_aside(path: Path, garbage: bytes) -> None:
    path.write_bytes(garbage)

    assert StateFile(path, STAMP).load() is None
    (kept,) = path.parent.iterdir()
    assert ".damaged-" in kept.name and kept.read_bytes() == garbage


def test_any_flipped_number_is_noticed(path: Path) -> None:
    StateFile(path, STAMP).save(CONTENT)
    path.write_text(path.read_text().replace("1.5", "1.6"))

    assert StateFile(path, STAMP).load() is None


def test_file_of_a_later_layout_is_kept_aside(path: Path) -> None:
    StateFile(path, STAMP).save(CONTENT)
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "format": 99}))

    assert StateFile(path, STAMP).load() is None


def test_truncation_at_any_byte_never_yields_half_a_state(path: Path) -> None:
    StateFile(path, STAMP).save(CONTENT)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        assert StateFile(path, STAMP).load() is None


def test_a_crash_while_writing_aside_leaves_the_old_state(path: Path) -> None:
    StateFile(path, STAMP).save(CONTENT)
    path.with_suffix(".new").write_text('{"half')

    assert StateFile(path, STAMP).load() == CONTENT
    assert StateFile(path, STAMP).save({"next": 1})
    assert StateFile(path, STAMP).load() == {"next": 1}


def test_a_disk_that_does_not_take_it_is_no_error(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    state = StateFile(path.parent / "gone" / "state.json", STAMP)

    assert not state.save(CONTENT)
    assert "could not be written" in caplog.text


def test_a_folder_in_its_place_is_moved_aside(path: Path) -> None:
    path.mkdir()

    assert StateFile(path, STAMP).load() is None
    assert StateFile(path, STAMP).save(CONTENT)
