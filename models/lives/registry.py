"""From what a person types (`cmapss:../data/cmapss`) to lives.

Rule: an unknown scheme, place or subset is one line that lists what is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from contract.errors import DataError
from models.lives.azure import read_azure
from models.lives.cmapss import read_cmapss
from models.lives.femto import read_femto
from models.lives.life_set import ALL, LifeSet
from models.lives.own import read_own


@dataclass(frozen=True, slots=True)
class Format:
    """One scheme that `open_lives` knows."""

    usage: str
    """As it is typed: `cmapss:DIR`."""
    summary: str
    open: Callable[[Path, str], LifeSet]
    """From the place and the subset."""


FORMATS = {
    "azure": Format("azure:DIR", "event tables of the Azure predictive-maintenance data set", read_azure),
    "cmapss": Format("cmapss:DIR", "NASA C-MAPSS turbofan engines", read_cmapss),
    "femto": Format("femto:DIR", "PRONOSTIA / IEEE PHM 2012 bearings, table of features", read_femto),
    "own": Format("own:DIR", "your own readings and maintenance log", read_own),
}


def open_lives(spec: str, subset: str = ALL) -> LifeSet:
    """Read a data set.

    Args:
        spec: `scheme:place`, see `FORMATS`.
        subset: Only lives of this group (`FD001`, a condition, a model); `all` for everything.

    Raises:
        DataError: unknown scheme or subset, missing place or malformed files; one line, with file and line.
    """
    scheme, colon, place = spec.partition(":")
    if not colon or scheme not in FORMATS or not place:
        known = ", ".join(each.usage for each in FORMATS.values())
        raise DataError(f"no lives {spec!r}: give one of {known}")
    return FORMATS[scheme].open(Path(place).expanduser(), subset)
