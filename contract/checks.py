"""What every value in a message is held against.

Rule: each check says where it looked and what would have been right; limits are those that every SQL database
and every 32-bit float on the wire can hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from contract.errors import InvalidMessageError

TEXT_PATTERN = re.compile(r"[A-Za-z0-9 ._+:/@-]{0,80}")
MAX_UNIT_CHARACTERS = 20
MAX_UINT32 = 2**32 - 1
MAX_INT63 = 2**63 - 1
"""Ids and sequences stay below 2^63 so that every SQL database can hold them."""
MAX_FLOAT32 = 3.4028e38
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)


def require(condition: bool, message: str) -> None:
    """Refuse what does not hold.

    Raises:
        InvalidMessageError: with that message.
    """
    if not condition:
        raise InvalidMessageError(message)


def require_text(value: str, where: str) -> None:
    """Refuse text that is long or holds anything but plain characters.

    Raises:
        InvalidMessageError: it does.
    """
    if not TEXT_PATTERN.fullmatch(value):
        raise InvalidMessageError(f"{where}: up to 80 plain characters, not {value[:100]!r}")


def require_unit(value: str, where: str) -> None:
    """Refuse what cannot be a UCUM code.

    Raises:
        InvalidMessageError: too long, or not ASCII.
    """
    require(len(value) <= MAX_UNIT_CHARACTERS and value.isascii(), f"{where} unit must be a UCUM code")


def require_share(value: float, where: str) -> None:
    """Refuse a share outside 0..1.

    Raises:
        InvalidMessageError: it lies outside, or is NaN.
    """
    require(0.0 <= value <= 1.0, f"{where} must lie in 0..1, not {value}")


def require_finite(values: Iterable[float], where: str) -> None:
    """Refuse numbers that a float on the wire cannot hold.

    Raises:
        InvalidMessageError: one is NaN, infinite or too large.
    """
    for value in values:
        if not abs(value) <= MAX_FLOAT32:
            raise InvalidMessageError(f"{where} must be finite and fit into 32 bits")


def require_count(value: int, where: str, limit: int = MAX_INT63) -> None:
    """Refuse a count below 0 or above a limit.

    Raises:
        InvalidMessageError: it lies outside.
    """
    if not 0 <= value <= limit:
        raise InvalidMessageError(f"{where} must lie between 0 and {limit}, not {value}")


def require_aggregates(aggregates: Sequence[tuple[str, float, float, float]]) -> None:
    """Refuse features that cannot be: name, mean, minimum, maximum of each.

    Raises:
        InvalidMessageError: a name no feature has, a number no float on the wire has, or a mean outside.
    """
    _require_names(tuple(aggregate[0] for aggregate in aggregates))
    for aggregate in aggregates:
        name, mean, minimum, maximum = aggregate
        if -MAX_FLOAT32 <= minimum <= mean <= maximum <= MAX_FLOAT32:
            continue  # nearly always, so asked first
        require_finite(aggregate[1:], name)
        slack = 1e-4 * max(abs(minimum), abs(maximum), 1e-6)
        require(
            minimum - slack <= mean <= maximum + slack, f"feature {name}: needs minimum <= mean <= maximum"
        )


@lru_cache(maxsize=256)
def _require_names(names: tuple[str, ...]) -> None:
    """A fleet has few such lists, and each device sends the same one again and again."""
    for name in names:
        require_text(name, "feature name")


def require_time(value: datetime, where: str) -> None:
    """Refuse a time that is naive or absurd.

    Raises:
        InvalidMessageError: not aware, or outside 2000 to 2100.
    """
    require(
        value.tzinfo is not None and value.utcoffset() == timedelta(0), f"{where} must be an aware UTC time"
    )
    require(EARLIEST <= value < LATEST, f"{where} lies outside 2000 to 2100: {value.isoformat()}")
