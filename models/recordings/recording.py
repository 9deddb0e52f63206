"""What every recorded machine looks like, whatever format it was recorded in.

Rule: a recording is a promise of readings in the order in which the sensors delivered them; nothing is loaded
before the first reading is asked for, and asking twice gives the same readings twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from contract.profiles import MachineProfile
from contract.signals import Reading

ProfileChoice = str | MachineProfile | None
"""What a caller may say about the profile: a shipped name, a path, the profile itself, or nothing."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One machine's recorded life, or a part of it."""

    machine_id: str
    """Unique among the recordings of one folder; safe in topics and file names."""
    profile: str
    """Name of a shipped profile, or path of the user's own."""
    description: str
    """Where it comes from, for people."""
    readings: Callable[[], Iterator[Reading]] = field(repr=False)
    """Opens the recording anew and yields its readings in order of time.

    Raises (while iterating):
        DataError: the file turns out to be damaged.
    """
    end_of_life_s: float | None = None
    """Stamp at which the machine failed or was stopped as worn out, in s; None: none known."""


def profile_name(choice: ProfileChoice, default: str) -> str:
    """The name or path to write into a recording: the caller's choice, else the format's own profile."""
    if isinstance(choice, MachineProfile):
        return choice.name
    return choice or default
