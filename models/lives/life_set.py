"""What every data set of lives looks like, whatever it was read from.

Rule: lives to learn from and lives to be tested on are kept apart from the first line on, and what was left
out is said in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from contract.errors import DataError
from contract.life_columns import require_distinct
from contract.life_log import ComponentLives
from contract.lives import Life, LifeSpec, require_fit
from contract.snapshot import Installed, key_of
from models.lives.load_clock import LoadClock

ALL = "all"


@dataclass(frozen=True, slots=True, eq=False)
class LifeSet:
    """A data set of one machine type.

    Raises:
        DataError: no lives to learn from, a life twice, or one of another type.
    """

    spec: LifeSpec
    source: str
    """Where it comes from, for people."""
    lives: tuple[Life, ...] = field(repr=False)
    """To learn from."""
    tests: tuple[Life, ...] = field(default=(), repr=False)
    """Cut short, their true end known: read once, at the very end. Empty where the source has none."""
    installed: Installed = field(default_factory=dict, repr=False)
    """When each life began, where there is a calendar."""
    notes: tuple[str, ...] = ()
    """What was left out or could not be known, one sentence each."""
    clock: LoadClock = field(default=LoadClock(), kw_only=True)
    """What wears these components, as far as a standard says so."""

    def __post_init__(self) -> None:
        if not self.lives:
            raise DataError(f"{self.source}: holds no life to learn from")
        require_distinct([*self.lives, *self.tests])
        for life in (*self.lives, *self.tests):
            require_fit(life, self.spec)


def gather(
    spec: LifeSpec, source: str, built: Sequence[ComponentLives], notes: Sequence[str] = ()
) -> LifeSet:
    """One set of what the logs of many machines and components tell, with what they do not tell as notes.

    Raises:
        DataError: there is not one life.
    """
    without_rows = sum(each.without_rows for each in built)
    notes = list(notes)
    if without_rows:
        notes.append(f"{without_rows} lives ended before their first row and are left out")
    return LifeSet(
        spec,
        source,
        tuple(life for each in built for life in each.lives),
        installed={key: moment for each in built for key, moment in each.installed.items()},
        notes=tuple(notes),
    )


def keep_group(lives: LifeSet, group: str) -> LifeSet:
    """Only the lives of one group; `all` keeps everything.

    Raises:
        DataError: there is no such group; lists those that there are.
    """
    if group == ALL:
        return lives
    kept = _of_group(lives.lives, group)
    if not kept:
        known = ", ".join(sorted({life.group for life in lives.lives}))
        raise DataError(f"{lives.source}: has no subset {group!r}; choose {ALL} or one of {known}")
    tests = _of_group(lives.tests, group)
    keys = {key_of(life) for life in (*kept, *tests)}
    installed = {key: moment for key, moment in lives.installed.items() if key in keys}
    return replace(lives, lives=kept, tests=tests, installed=installed)


def _of_group(lives: Sequence[Life], group: str) -> tuple[Life, ...]:
    return tuple(life for life in lives if life.group.lower() == group.lower())
