"""Reads from the store what a rollout page shows.

Rule: as in `cloud.web.reading`: one session for each page, looks elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cloud.store.cases import count_unseen
from cloud.store.database import Database
from cloud.store.rollouts import count_members, list_rollouts, newest_events, read_rollout
from cloud.web.rollout_views import RolloutLine, RolloutView, rollout_line, rollout_view

ROLLOUTS_SHOWN, DEVICES_SHOWN, EVENTS_SHOWN = 50, 200, 100


@dataclass(frozen=True, slots=True)
class RolloutsPage:
    """All rollouts, the newest first."""

    rollouts: tuple[RolloutLine, ...]
    open_count: int
    """Cases that nobody has seen yet."""


@dataclass(frozen=True, slots=True)
class RolloutPage:
    """One rollout."""

    rollout: RolloutView
    open_count: int


class RolloutReader:
    """Reads the rollout pages.

    Args:
        database: An open store.
        clock: Cloud time.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def rollouts(self) -> RolloutsPage:
        """The list."""
        with self._database.session() as session:
            found = list_rollouts(session, ROLLOUTS_SHOWN)
            counts = count_members(session, [each.id for each in found])
            open_count = count_unseen(session)
        return RolloutsPage(tuple(rollout_line(each, counts.get(each.id, {})) for each in found), open_count)

    def rollout(self, rollout_id: str) -> RolloutPage:
        """One of them.

        Raises:
            NotFoundError: there is none of that id.
        """
        with self._database.session() as session:
            rollout = read_rollout(session, rollout_id).rollout
            events = newest_events(session, rollout_id, EVENTS_SHOWN)
            open_count = count_unseen(session)
        return RolloutPage(rollout_view(rollout, events, self._clock(), DEVICES_SHOWN), open_count)
