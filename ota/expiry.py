"""Which role's metadata ends when.

Rule: reads only; needs no key.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tuf.api.metadata import Metadata

from ota.errors import RepositoryError
from ota.keys import KeyRing
from ota.metadata import Delegator, keys_of, threshold_of
from ota.repository import Repository
from ota.roles import ONLINE, ROOT, TARGETS, Policy, warning


@dataclass(frozen=True, slots=True)
class RoleState:
    """One role as devices see it."""

    role: str
    version: int
    expires: datetime
    """Aware UTC."""
    threshold: int
    key_ids: tuple[str, ...]

    def ends_within(self, span: timedelta, now: datetime) -> bool:
        """Whether it ends so soon."""
        return self.expires - now <= span


def list_roles(path: Path) -> tuple[RoleState, ...]:
    """Every role that is in force: root, targets, families, snapshot, timestamp.

    Raises:
        RepositoryError: there is no repository, or a role of it is missing.
    """
    repository = Repository(path, KeyRing())
    draft = repository.load()
    if ROOT not in draft.in_force or TARGETS not in draft.in_force:
        raise RepositoryError(f"there is no repository in {path}; make one with `industrialguard ota init`")
    root, targets = draft.in_force[ROOT].signed, draft.in_force[TARGETS].signed
    found = [
        _state(role, each, targets if role not in (ROOT, TARGETS) else root)
        for role, each in draft.in_force.items()
    ]
    for role in ONLINE:
        metadata = repository.read_online(role, root)
        if metadata is None:
            raise RepositoryError(f"{path} has no {role} that is signed; run `industrialguard ota refresh`")
        found.append(_state(role, metadata, root))
    return tuple(found)


def ends_soon(state: RoleState, policy: Policy, now: datetime, span: timedelta | None = None) -> bool:
    """Whether people should act now.

    Args:
        state: Of the role.
        policy: Of the repository.
        now: The time.
        span: How long before; None: as long as befits the role.
    """
    return state.ends_within(warning(state.role, policy) if span is None else span, now)


def _state(role: str, metadata: Metadata[Any], delegator: Delegator) -> RoleState:
    signed = metadata.signed
    keys = tuple(keys_of(role, delegator))
    return RoleState(role, signed.version, signed.expires, threshold_of(role, delegator), keys)
