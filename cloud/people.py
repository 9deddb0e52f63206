"""Who may do what, and of which sites.

Rule: pure, and the only place where a role is turned into what it may do. A role holds everything that the
one before it holds. Whoever belongs to some sites sees and touches only machines of these; a machine that is
mapped to no site is seen by those who see all sites.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from contract.errors import DataError

LONGEST_NAME = 80
KEY_PREFIX = "key "
"""A program's name in the audit trail begins so, and no person's does."""
NOT_PEOPLE = frozenset({"", "system", "scheduler", "key"})
"""Names by which the cloud itself is known in trails, as they are compared."""


class Role(StrEnum):
    """What somebody does in the plant."""

    VIEWER = "viewer"
    TECHNICIAN = "technician"
    ENGINEER = "engineer"
    ADMIN = "admin"


class Permission(StrEnum):
    """What an endpoint asks for."""

    READ = "read"
    """Machines, alerts, cases, orders, figures."""
    WORK = "work"
    """On cases: acknowledge, claim, comment, close with a finding; add to the maintenance log."""
    PLAN = "plan"
    """Orders, planned stops, machine profiles, rollouts, data that is set aside."""
    ADMINISTER = "administer"
    """People, keys, sites and assets, connections to other systems."""


_FIRST_HELD_BY = {
    Permission.READ: Role.VIEWER,
    Permission.WORK: Role.TECHNICIAN,
    Permission.PLAN: Role.ENGINEER,
    Permission.ADMINISTER: Role.ADMIN,
}
_RANK = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody, or a program, that was recognised."""

    name: str
    """As the audit trail writes it."""
    role: Role
    sites: frozenset[str] | None = None
    """Codes of the sites that it belongs to; None: all of them."""

    def may(self, permission: Permission) -> bool:
        """Whether its role holds a permission.

        >>> Principal("ana", Role.TECHNICIAN).may(Permission.PLAN)
        False
        """
        return _RANK[self.role] >= _RANK[_FIRST_HELD_BY[permission]]

    def sees(self, site: str) -> bool:
        """Whether it sees a site; an empty code is that of machines that belong to none.

        >>> Principal("ana", Role.VIEWER, frozenset({"north"})).sees("")
        False
        """
        return self.sites is None or site in self.sites


def check_name(name: str) -> None:
    """Refuse what nobody may be called.

    >>> check_name("Aylin Kaya")

    Raises:
        DataError: it is too long, could be another's in a trail, or does not print.
    """
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise DataError(f"a name has 1 to {LONGEST_NAME} printable characters")
    if name.casefold() in NOT_PEOPLE or name.casefold().startswith(KEY_PREFIX):
        raise DataError(f"{name!r} is a name by which the cloud knows itself; choose another")


def check_rights(role: Role, sites: Collection[str] | None) -> None:
    """Refuse a role and sites that do not go together.

    Raises:
        DataError: an administrator of some sites could make one of all; or there are no sites.
    """
    if sites is not None and role is Role.ADMIN:
        raise DataError("an administrator sees all sites; leave the sites out, or choose another role")
    if sites is not None and not sites:
        raise DataError("name at least one site, or leave the sites out for all of them")
