"""A span on disk appears whole or not at all.

Rule: it is written aside, files and folders are made durable, and then it is renamed; whoever lists spans
never sees half of one, not even after a power cut.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from contract.durable import make_folder, sync_folder
from contract.errors import DataError
from contract.snapshot import MANIFEST_FILE

_FOLDER_MODE = 0o755
MAX_SPAN = 99_999
"""What its five digits hold."""


def span_folder(spans: Path, number: int) -> Path:
    """Where a span lies.

    Raises:
        DataError: it exists already.
    """
    folder = spans / f"span-{number:05d}"
    if folder.exists():
        raise DataError(f"{folder}: exists, and a span never changes; use the next number")
    return folder


def place_span(folder: Path, file: str, sides: Mapping[str, Callable[[Path], None]], manifest: str) -> Path:
    """Write a span.

    Args:
        folder: From `span_folder`.
        file: Name of the one file of each side.
        sides: Name of a side to what writes its file at a path.
        manifest: The text of its manifest.

    Returns:
        The folder.

    Raises:
        DataError: the disk refused, or what the sides raise.
    """
    try:
        make_folder(folder.parent)
        aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        try:
            _write(aside, file, sides, manifest)
            aside.rename(folder)
            sync_folder(folder.parent)
        finally:
            shutil.rmtree(aside, ignore_errors=True)  # renamed by now, unless something failed
    except OSError as error:
        raise DataError(f"{folder}: cannot be written: {error}") from error
    return folder


def _write(aside: Path, file: str, sides: Mapping[str, Callable[[Path], None]], manifest: str) -> None:
    for side, write in sides.items():
        (aside / side).mkdir()
        write(aside / side / file)
        _sync_file(aside / side / file)
        sync_folder(aside / side)
    (aside / MANIFEST_FILE).write_text(manifest, encoding="utf-8")
    _sync_file(aside / MANIFEST_FILE)
    aside.chmod(_FOLDER_MODE)
    sync_folder(aside)


def _sync_file(path: Path) -> None:
    with path.open("rb") as written:
        os.fsync(written.fileno())
