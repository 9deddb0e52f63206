"""Finding the files of a data set.

Rule: a folder that is missing, or holds nothing of the asked-for kind, is said in one line with what was
looked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from contract.errors import DataError


def find_files(place: Path, patterns: Sequence[str], usage: str) -> list[Path]:
    """The files in a folder or below it that match, sorted by path; a file stands for itself.

    Args:
        place: Folder or single file.
        patterns: Glob patterns of names.
        usage: How the recording was asked for (`femto:DIR`), for messages.

    Raises:
        DataError: the place does not exist or nothing in it matches.
    """
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise DataError(
            f"{usage}: {place} does not exist; give the folder that holds {' or '.join(patterns)}"
        )
    found = sorted({path for pattern in patterns for path in place.rglob(pattern) if path.is_file()})
    if not found:
        raise DataError(f"{usage}: no {' or '.join(patterns)} in {place}")
    return found
