"""What every value in a message is held against.

Rule: each check says where it looked and what would have been right, and spells that out only where it
refuses, because a fleet's messages pass here at the rate at which they come; limits are those that every SQL
database and every 32-bit float on the wire can hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from contract.errors import InvalidMessageError

TEXT_PATTERN = re.compile(r"[A-Za-z0-9 ._+:/@-]{0,80}")
MAX_UNIT_CHARACTERS = 20
MAX_REASON_CHARACTERS = 200
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


def require_line(value: str, where: str) -> None:
    """Refuse what is not one line for people.

    Raises:
        InvalidMessageError: it is long, or holds what cannot be printed.
    """
    is_line = len(value) <= MAX_REASON_CHARACTERS and value.isprintable()
    require(is_line, f"{where} must be one line of up to {MAX_REASON_CHARACTERS} characters")


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
    if not 0.0 <= value <= 1.0:
        raise InvalidMessageError(f"{where} must lie in 0..1, not {value}")


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


def require_time(value: datetime, where: str) -> None:
    """Refuse a time that is naive or absurd.

    Raises:
        InvalidMessageError: not aware, or outside 2000 to 2100.
    """
    is_utc = value.tzinfo is UTC or (value.tzinfo is not None and value.utcoffset() == timedelta(0))
    require(is_utc, f"{where} must be an aware UTC time")
    if not EARLIEST <= value < LATEST:
        raise InvalidMessageError(f"{where} lies outside 2000 to 2100: {value.isoformat()}")
