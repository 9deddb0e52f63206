"""From what a person types (`femto:../data/femto`) to recordings.

Rule: an unknown scheme or a missing place is one line that lists what is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from contract.errors import DataError
from models.recordings.cmapss import open_cmapss
from models.recordings.csv_file import open_csv
from models.recordings.cwru import open_cwru
from models.recordings.femto import open_femto
from models.recordings.own import open_own
from models.recordings.recording import ProfileChoice, Recording
from models.recordings.skab import open_skab


@dataclass(frozen=True, slots=True)
class Format:
    """One scheme that `open_recordings` knows."""

    usage: str
    """As it is typed: `femto:DIR`."""
    summary: str
    open: Callable[[Path, ProfileChoice], list[Recording]]


FORMATS = {
    "cmapss": Format("cmapss:DIR", "NASA C-MAPSS turbofan engines", open_cmapss),
    "csv": Format("csv:FILE|DIR", "your own tables of slow signals", open_csv),
    "cwru": Format("cwru:DIR", "Case Western Reserve bearing rig", open_cwru),
    "femto": Format("femto:DIR", "PRONOSTIA / IEEE PHM 2012 bearings", open_femto),
    "npz": Format("npz:DIR", "this project's own recordings", open_own),
    "skab": Format("skab:DIR", "Skoltech Anomaly Benchmark water pump", open_skab),
}


def open_recordings(spec: str, profile: ProfileChoice = None) -> list[Recording]:
    """Open all machines of a recorded data set.

    Args:
        spec: `scheme:place`, see `FORMATS`.
        profile: Shipped name, path or profile to use in place of the format's own.

    Returns:
        One recording per machine, sorted by file and machine; their readings are not loaded yet.

    Raises:
        DataError: unknown scheme, missing place or malformed files; one line, with file and line number.
        ConfigError: the profile does not exist or is malformed.
    """
    scheme, colon, place = spec.partition(":")
    if not colon or scheme not in FORMATS or not place:
        known = ", ".join(f.usage for f in FORMATS.values())
        raise DataError(f"no recordings {spec!r}: give one of {known}")
    return FORMATS[scheme].open(Path(place).expanduser(), profile)
