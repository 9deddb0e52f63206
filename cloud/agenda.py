"""Which rollouts are due for a step, and how long each has waited.

Rule: pure. One that runs is due in each round, one that rests every so many, since who comes late can wait a
minute. One that is over is not looked at once a later one has gone through for all its devices, or once
nothing of it is left on any device: what is done costs nothing, however many there were.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cloud.store.rollouts import ListedRollout
from ota.member import UNDER_WAY, MemberState
from ota.rollout import Awaited, Rollout, RolloutState

QUIET_ROUNDS = 12
_OPEN = UNDER_WAY | {MemberState.RETURNING, MemberState.TIMED_OUT}
"""States of devices with which an aborted rollout is not through yet."""


class Agenda:
    """What one scheduler remembers from round to round; a new one only looks once more than it had to."""

    def __init__(self) -> None:
        self._rounds = 0
        self._known: dict[str, _Note] = {}

    def due(self, listed: Sequence[ListedRollout]) -> list[ListedRollout]:
        """Those to take a step of in this round.

        Args:
            listed: All that are live, in the order in which they were started.
        """
        is_quiet_due = self._rounds % QUIET_ROUNDS == 0
        self._rounds += 1
        ids = {each.id for each in listed}
        self._known = {rollout_id: note for rollout_id, note in self._known.items() if rollout_id in ids}
        return [
            each
            for number, each in enumerate(listed)
            if self._is_due(each, is_quiet_due and not is_covered(each, listed[number + 1 :]))
        ]

    def note(self, rollout: Rollout, version: int, *, is_acting: bool) -> None:
        """Remember how a rollout stands after its step.

        Args:
            rollout: With its members.
            version: Of its row.
            is_acting: Whether the step told devices anything.
        """
        is_over = rollout.state is RolloutState.ABORTED and not is_acting and not _is_open(rollout)
        self._known[rollout.id] = _Note(version, is_acting, is_over, rollout.waits_for, rollout.waits_since)

    def longest_waits(self, now: datetime) -> dict[Awaited, float]:
        """The longest that a rollout has waited for something of each kind, in s."""
        longest = dict.fromkeys(Awaited, 0.0)
        for note in self._known.values():
            if note.since is not None:
                waited_s = (now - note.since).total_seconds()
                longest[note.waits_for] = max(longest[note.waits_for], waited_s)
        return longest

    def _is_due(self, listed: ListedRollout, is_quiet_due: bool) -> bool:
        note = self._known.get(listed.id)
        if note is None or note.version != listed.version or listed.state is RolloutState.RUNNING:
            return True
        return note.is_acting or (is_quiet_due and not note.is_over)


@dataclass(frozen=True, slots=True)
class _Note:
    """A rollout as of its last step here; another version of it is news."""

    version: int
    is_acting: bool
    """It told devices something, and may have more to tell."""
    is_over: bool
    waits_for: Awaited
    since: datetime | None


def _is_open(rollout: Rollout) -> bool:
    """Whether an aborted rollout has anything left on a device."""
    return any(
        member.state in _OPEN
        or (rollout.is_returning and member.state is MemberState.CANCELLED and member.number > 0)
        for member in rollout.members.values()
    )


def is_covered(listed: ListedRollout, later: Iterable[ListedRollout]) -> bool:
    """Whether one that is over leaves its devices, and whoever comes late, to a later one."""
    if listed.state not in (RolloutState.COMPLETED, RolloutState.ABORTED):
        return False
    return any(
        each.state is RolloutState.COMPLETED
        and each.family == listed.family
        and (not each.where or each.where == listed.where)
        for each in later
    )
