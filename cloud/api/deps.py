"""What the routes are given: the objects that `create_app` was given, and nothing from a global.

Rule: a route opens a session only for as long as it reads, so a slow client never holds the store.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from pydantic import AwareDatetime

from cloud.api.access import PrincipalDep
from cloud.api.live import LiveFeed
from cloud.catalogue import Catalogue
from cloud.store.database import Database
from contract.messages import DEVICE_ID_PATTERN


def _open_database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


def _database(request: Request, principal: PrincipalDep) -> Database:
    return _open_database(request).seen_by(principal.sites)


def _catalogue(request: Request) -> Catalogue | None:
    catalogue: Catalogue | None = request.app.state.catalogue
    return catalogue


def _feed(request: Request) -> LiveFeed:
    feed: LiveFeed = request.app.state.feed
    return feed


def utc_now() -> datetime:
    """Cloud time."""
    return datetime.now(UTC)


StoreDep = Annotated[Database, Depends(_database)]
"""The store as whoever calls sees it; nobody who was not recognised gets it."""
OpenStoreDep = Annotated[Database, Depends(_open_database)]
"""The store for a route that asks nobody who they are."""
CatalogueDep = Annotated[Catalogue | None, Depends(_catalogue)]
FeedDep = Annotated[LiveFeed, Depends(_feed)]
DeviceId = Annotated[
    str,
    Path(
        description="Device id of the machine",
        examples=["pump-07"],
        max_length=64,
        pattern=f"^{DEVICE_ID_PATTERN.pattern}$",
    ),
]
AlertId = Annotated[int, Path(description="Id of the alert", ge=1, le=2**63 - 1, examples=[17])]
Since = Annotated[
    AwareDatetime | None,
    Query(
        description="Event time of the first point, inclusive, with a time zone",
        examples=["2026-03-01T08:00:00Z"],
    ),
]
Until = Annotated[
    AwareDatetime | None,
    Query(description="Event time before which the last point lies", examples=["2026-03-01T09:00:00Z"]),
]
MaxPoints = Annotated[
    int, Query(ge=2, le=5000, description="Points per curve; more are merged, keeping maxima")
]
