"""A test client of somebody who is signed in.

Put `from tests.cloud.signed_in import SignedIn as TestClient` in place of FastAPI's own, and every request is
Jo Brandt's, an administrator's. `client.headers.update(by(client.app, "Aylin Kaya"))` makes it another's from
then on, and `headers=by(...)` for one request.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from cloud.access.desk import AccessDesk
from cloud.access.people_desk import PeopleDesk
from cloud.errors import NotFoundError
from cloud.people import Role

ME = "Jo Brandt"


def by(app: Any, name: str, role: Role = Role.ADMIN, sites: Collection[str] | None = None) -> dict[str, str]:
    """The header by which an app knows somebody, who is added where there is nobody of that name."""
    assert isinstance(app, FastAPI)
    desk: AccessDesk = app.state.access
    people: PeopleDesk = app.state.people
    try:
        person = people.find(name)
    except NotFoundError:
        person = people.add(name, role, sites)
    return {"Authorization": f"Bearer {desk.begin_tokens(person.id, 'a test').access}"}


class SignedIn(TestClient):
    """FastAPI's own, signed in."""

    def __init__(self, app: FastAPI, *args: Any, **named: Any) -> None:
        super().__init__(app, *args, **named)
        self.headers.update(by(app, ME))
