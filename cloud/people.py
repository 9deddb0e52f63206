"""Who may do what, and of which sites.

Rule: pure, and the only place where a role is turned into what it may do. A role holds everything that the
one before it holds. Whoever belongs to some sites sees and touches only machines of these; a machine that is
mapped to no site is seen by those who see all sites.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
