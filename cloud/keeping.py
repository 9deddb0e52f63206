"""What the store keeps, and for how long.

Rule: nothing is loaded here, so that settings can hold it. Whoever says nothing keeps everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from contract.errors import ConfigError

CLOSED_AFTER_DAYS = 2
"""Age at which a day of arrival is over, counted from its start: a stream keeps a day back at most."""
RESOLVED_DAYS = 1
"""Of a dead letter that a replay let through, where dead letters have an end."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """What is kept, and where.

    Raises:
        ConfigError: days that are not over could be dropped, or letters that nobody has seen.
    """

    summary_days: int | None = None
    """Of summaries in the store; None: all of them. Roll-ups, alarms and forecasts always stay."""
    lake: Path | None = None
    """Folder of Parquet files to which every day goes when it is over; None: nowhere."""
    letter_days: int | None = None
    """Of dead letters; afterwards only their number is left. None: all that their origin has room for."""

    def __post_init__(self) -> None:
        if self.summary_days is not None and self.summary_days < CLOSED_AFTER_DAYS:
            raise ConfigError(
                f"summaries are kept for {CLOSED_AFTER_DAYS} days at least, not {self.summary_days}"
            )
        if self.letter_days is not None and self.letter_days < 1:
            raise ConfigError("dead letters are kept for a day at least: an update takes longer than none")
