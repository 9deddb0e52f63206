"""Who may do what."""

from __future__ import annotations

import pytest

from cloud.people import Permission, Principal, Role

HOLDS = {
    Role.VIEWER: {Permission.READ},
    Role.TECHNICIAN: {Permission.READ, Permission.WORK},
    Role.ENGINEER: {Permission.READ, Permission.WORK, Permission.PLAN},
    Role.ADMIN: set(Permission),
}


@pytest.mark.parametrize("role", list(Role))
def test_a_role_holds_what_the_table_says_and_no_more(role: Role) -> None:
    assert {each for each in Permission if Principal("ana", role).may(each)} == HOLDS[role]


def test_whoever_belongs_to_sites_sees_only_those() -> None:
    ana = Principal("ana", Role.ADMIN, frozenset({"north"}))

    assert [ana.sees(site) for site in ("north", "south", "")] == [True, False, False]


def test_whoever_belongs_to_no_site_in_particular_sees_all() -> None:
    assert all(Principal("ana", Role.VIEWER).sees(site) for site in ("north", ""))
