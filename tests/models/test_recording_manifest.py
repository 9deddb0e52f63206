"""A span of recordings says what it is, and only that is believed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contract.errors import DataError
from contract.snapshot import Origin
from models.recording_manifest import RecordingManifest, format_recording_manifest, parse_recording_manifest

CUT = datetime(2026, 3, 1, tzinfo=UTC)
MANIFEST = RecordingManifest("pump", Origin(CUT, CUT, "npz:pumps", "4a1b2c3"), 3, 90, "1f" * 32)


def test_it_comes_back_from_its_text() -> None:
    assert parse_recording_manifest(format_recording_manifest(MANIFEST)) == MANIFEST
    assert MANIFEST.name == "pump-20260301T000000Z-1f1f1f1f1f1f"


def test_the_same_content_is_known_again() -> None:
    later = replace(MANIFEST, origin=replace(MANIFEST.origin, created=CUT + timedelta(hours=1)))
    assert later.has_same_content(MANIFEST)
    assert not replace(later, sha256="2f" * 32).has_same_content(MANIFEST)


def test_the_manifest_of_something_else_is_left_alone() -> None:
    assert parse_recording_manifest('{"format": 1}') is None
    assert parse_recording_manifest("[]") is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recordings": 2}, "of format 2, not 1"),
        ({"machines": "three"}, "machines"),
        ({"extra": 1}, "unknown key 'extra'"),
        ({"sha256": "1f"}, "64 hex digits"),
        ({"windows": 2}, "3 machines with 2 windows"),
        ({"origin": {"cut": "today"}}, "is missing"),
    ],
)
def test_anything_else_is_refused(change: dict[str, Any], message: str) -> None:
    table = json.loads(format_recording_manifest(MANIFEST)) | change
    with pytest.raises(DataError, match=message):
        parse_recording_manifest(json.dumps(table))


def test_what_is_no_json_or_no_time_is_refused() -> None:
    with pytest.raises(DataError, match="no JSON"):
        parse_recording_manifest("{")
    with pytest.raises(DataError, match="isoformat"):
        parse_recording_manifest(
            format_recording_manifest(MANIFEST).replace("2026-03-01T00:00:00+00:00", "today")
        )
