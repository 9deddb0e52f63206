"""Times and enums between the wire and Python.

Rule: whatever number the wire holds, the outcome is a value or an `InvalidMessageError`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import TypeVar

from contract.errors import InvalidMessageError
from contract.signals import QualityFlag

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_KNOWN_FLAGS = sum(QualityFlag)
_Enum = TypeVar("_Enum", bound=IntEnum)


def to_us(time: datetime) -> int:
    """Microseconds since the Unix epoch; exact."""
    return (time - _EPOCH) // _MICROSECOND


def from_us(time_us: int, where: str) -> datetime:
    """The aware UTC time that `to_us` wrote.

    Raises:
        InvalidMessageError: there is no such time.
    """
    try:
        return _EPOCH + timedelta(microseconds=time_us)
    except OverflowError as error:
        raise InvalidMessageError(f"{where}: no such time: {time_us} us") from error


def to_enum(kind: type[_Enum], number: int) -> _Enum:
    """The member of that number.

    Raises:
        InvalidMessageError: there is none.
    """
    try:
        return kind(number)
    except ValueError as error:
        raise InvalidMessageError(f"{kind.__name__}: unknown value {number}") from error


def to_flags(bits: int) -> QualityFlag:
    """The flags that this code knows; those of newer writers are ignored.

    Python keeps every combination that it was ever asked for: a device could fill the memory with new ones.
    """
    return QualityFlag(bits & _KNOWN_FLAGS)
