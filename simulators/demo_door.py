"""Who comes in to a demo: one person, by a link that works once, and the demo itself, by a key.

Rule: nothing is opened that a plant would keep shut; the person has no password, and both are gone with the
demo's folder.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cloud.access.people_desk import PeopleDesk
from cloud.people import Role
from cloud.settings import CloudSettings
from cloud.store.database import open_database

VISITOR, SHOW = "Visitor", "demo"


@dataclass(frozen=True, slots=True)
class Door:
    """What lets them in."""

    path: str = field(repr=False)
    """Of the page that signs the person in."""
    key: str = field(repr=False)


def open_door(data_dir: Path) -> Door:
    """Make both, in a store that nobody has opened yet."""
    with closing(open_database(CloudSettings(data_dir).prepare_store())) as database:
        people = PeopleDesk(database, lambda: datetime.now(UTC))
        visitor = people.add(VISITOR, Role.ADMIN, None)
        key = people.make_key(SHOW, Role.ENGINEER, None, None, SHOW)
        return Door(f"enter?token={people.make_entry(visitor.id)}", key)
