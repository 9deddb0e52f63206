"""People, keys and the audit trail, alike in both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cloud.access.desk import AccessDesk
from cloud.access.people_desk import PeopleDesk
from cloud.access.tokens import Signer
from cloud.errors import AccessError, SignInRefusedError, StoreError
from cloud.people import Role
from cloud.store.answers import Answer, take_place
from cloud.store.audit import AuditEntry, add_entry, list_audit
from cloud.store.database import Database

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_from_a_person_to_a_caller(database: Database) -> None:
    people, desk = PeopleDesk(database, lambda: NOW), AccessDesk(database, Signer(b"k" * 32), lambda: NOW)
    jo = people.add("Jo", Role.VIEWER, ["north"])
    with pytest.raises(AccessError):
        people.add("JO", Role.VIEWER, None)
    people.add("Ada", Role.ADMIN, None)
    assert people.enter(people.make_entry(jo.id)) == jo.id
    tokens = desk.begin_tokens(jo.id, "here")
    caller = desk.by_token(desk.refresh(tokens.refresh).access)
    assert caller is not None and caller.principal.sites == frozenset({"north"})
    with pytest.raises(SignInRefusedError):
        desk.refresh(tokens.refresh)
    key = desk.by_key(people.make_key("mes", Role.ENGINEER, None, NOW + timedelta(days=1), "Ada"))
    assert key is not None and key.principal.name == "key mes"
    with pytest.raises(AccessError):
        people.change(people.find("Ada").id, Role.VIEWER, None, is_active=True)


@pytest.mark.parametrize("change", ["UPDATE audit SET who = 'x'", "DELETE FROM audit"])
def test_the_audit_trail_is_only_ever_added_to(database: Database, change: str) -> None:
    entries = [AuditEntry(NOW, who, "POST /x", "here", 200) for who in ("a", "b", "a")]
    with database.transaction() as session:
        for entry in entries:
            add_entry(session, entry)
    with pytest.raises(StoreError, match="only ever added to"), database.connection() as connection:
        connection.exec_driver_sql(change)
    with database.session() as session:
        newest = list_audit(session, limit=2)
        assert [each.who for each in newest] == ["a", "b"]
        assert [each.who for each in list_audit(session, before=newest[-1].id)] == ["a"]
        assert len(list_audit(session, who="a")) == 2


def test_a_place_is_taken_by_one(database: Database) -> None:
    with database.transaction() as session:
        assert take_place(session, b"p" * 32, b"b" * 32, NOW) is None
        assert take_place(session, b"p" * 32, b"x" * 32, NOW) == Answer(b"b" * 32)
