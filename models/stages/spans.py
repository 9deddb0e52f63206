"""Spans of training data on disk: `span-00001`, `span-00002`, … each with its three sides.

Rule: what can be seen without opening a file is refused here, before TFX is loaded.

    SPANS/span-00007/manifest.json                    of the snapshot or recordings that it was split from
    SPANS/span-00007/{train,calibrate,eval}/*.parquet lives, or windows
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from contract.errors import DataError
from contract.snapshot import MANIFEST_FILE, SnapshotManifest, parse_manifest
from models.recording_manifest import RecordingManifest, parse_recording_manifest

SPLITS = ("train", "calibrate", "eval")
SPAN_PATTERN = "span-{SPAN:5}"
"""As TFX finds spans by it."""
_MAGIC = b"PAR1"
"""First and last bytes of a whole Parquet file (Apache Parquet format, 2013)."""
_FOLDER = re.compile(r"span-(\d{5})")

Manifest = SnapshotManifest | RecordingManifest


@dataclass(frozen=True, slots=True)
class Span:
    """One span."""

    number: int
    folder: Path
    manifest: Manifest | None
    """Of its snapshot or recordings; None where the folder has none."""


def find_span(spans: Path, number: int | None, now: datetime) -> Span:
    """A span whose sides are all there.

    Args:
        spans: The folder of spans.
        number: Which; None is the newest.
        now: Aware UTC: no snapshot is later.

    Raises:
        DataError: there is none, a side is missing, or its snapshot claims to come from the future.
    """
    if not spans.is_dir():
        raise DataError(f"{spans}: there is no such folder of spans")
    found = _list_spans(spans)
    if not found or (number is not None and number not in found):
        wanted = "span-00001" if number is None else f"span-{number:05d}"
        raise DataError(f"{spans}: has no {wanted}; write one from a snapshot first")
    chosen = max(found) if number is None else number
    folder = found[chosen]
    for side in SPLITS:
        _require_files(folder / side, f"span {chosen}, {side}")
    span = Span(chosen, folder, _read_manifest(folder / MANIFEST_FILE))
    if span.manifest and span.manifest.origin.cut > now:
        raise DataError(
            f"span {chosen}: its snapshot was cut at {span.manifest.origin.cut.isoformat()}, a time in "
            f"the future (now: {now.astimezone(UTC).isoformat(timespec='seconds')})"
        )
    return span


def newest_span(spans: Path) -> Span | None:
    """The span with the highest number, whatever is in it; None where there is none yet.

    Raises:
        DataError: its manifest is damaged.
    """
    found = _list_spans(spans) if spans.is_dir() else {}
    if not found:
        return None
    number = max(found)
    return Span(number, found[number], _read_manifest(found[number] / MANIFEST_FILE))


def _require_files(folder: Path, where: str) -> None:
    """At least one Parquet file, and none that ends before its end."""
    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise DataError(f"{where}: is empty, there is no Parquet file in {folder}")
    for path in files:
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
            file.seek(max(0, path.stat().st_size - len(_MAGIC)))
            if head != _MAGIC or file.read() != _MAGIC:
                raise DataError(f"{where}: {path} is damaged, or no Parquet file; write the span anew")


def _list_spans(spans: Path) -> dict[int, Path]:
    return {int(m[1]): path for path in spans.iterdir() if (m := _FOLDER.fullmatch(path.name))}


def _read_manifest(path: Path) -> Manifest | None:
    try:
        text = path.read_text(encoding="utf-8")
        return parse_recording_manifest(text) or parse_manifest(text)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
