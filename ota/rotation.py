"""Keys that come and go.

Rule: edits a draft, signs nothing. Whoever delegates says which keys a role has: root says it of itself,
targets, snapshot and timestamp; targets of each family, and by `director.json` of those who assign.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from securesystemslib.signer import Key
from tuf.api.metadata import DelegatedRole, Delegations, Role, Root, TargetFile, Targets

from ota.director import Director, format_director, parse_director
from ota.draft import Draft
from ota.errors import RepositoryError
from ota.folder import RepositoryFolder
from ota.layout import DIRECTOR, family_pattern, family_role
from ota.roles import DIRECTOR_ROLE, ONLINE, ROOT, ROOT_KEYS, ROOT_THRESHOLD, TARGETS, TOP_ROLES


@dataclass(frozen=True, slots=True)
class KeyChange:
    """What becomes of a role's keys."""

    add: tuple[Key, ...] = ()
    revoke: tuple[str, ...] = ()
    """Key ids, or how they begin."""
    threshold: int | None = None
    """How many must sign; None: as many as before."""


def found(draft: Draft, folder: RepositoryFolder, keys: Mapping[str, tuple[Key, ...]]) -> None:
    """Lay down a new repository: its root, its targets, and who assigns.

    Args:
        draft: Empty.
        folder: Where `director.json` goes.
        keys: Of root, targets, snapshot, timestamp and director.

    Raises:
        RepositoryError: keys that cannot do.
    """
    root: Root = draft.edit(ROOT)
    for role in TOP_ROLES:
        for key in keys[role]:
            root.add_key(key, role)
    root.roles[ROOT].threshold = ROOT_THRESHOLD
    _require_sound(root)
    draft.edit(TARGETS)
    _require_apart(draft)
    if keys[DIRECTOR_ROLE]:
        _list_director(draft, folder, Director({key.keyid: key for key in keys[DIRECTOR_ROLE]}))


def delegate(draft: Draft, family: str, keys: tuple[Key, ...], threshold: int = 1) -> None:
    """Give a machine family its own role and keys; one that was begun with them is finished.

    Raises:
        RepositoryError: it has others, or the keys cannot do.
    """
    name, targets = family_role(family), draft.targets
    roles = targets.delegations.roles if targets.delegations else None
    if known := (roles or {}).get(name):
        is_same = (set(known.keyids), known.threshold) == ({key.keyid for key in keys}, threshold)
        _require(is_same, f"{family} is delegated already; change its keys with `rotate`")
        if name not in draft.in_force and name not in draft.proposed:
            draft.edit(name)
        draft.to_sign |= {TARGETS, name} & draft.proposed.keys()
        return
    signed: Targets = draft.edit(TARGETS)
    role = DelegatedRole(name, [], threshold, terminating=True, paths=[family_pattern(family)])
    before = signed.delegations or Delegations({}, {})
    signed.delegations = Delegations(before.keys, {**(before.roles or {}), name: role})
    for key in keys:
        signed.add_key(key, name)
    _require_threshold(role, name)
    _require_apart(draft)
    draft.edit(name)


def change_keys(draft: Draft, folder: RepositoryFolder, role: str, change: KeyChange) -> None:
    """Add and revoke keys of a role; what it has signed is to be signed anew by those that stay.

    Args:
        draft: Of the repository.
        folder: Where `director.json` lies.
        role: One of TUF's four, `director`, or a machine family.
        change: Which keys.

    Raises:
        RepositoryError: there is no such role or key, or too few keys would be left.
    """
    if role == DIRECTOR_ROLE:
        _change_director(draft, folder, change)
    elif role in TOP_ROLES:
        root: Root = draft.edit(ROOT)
        _change(root, role, root.roles[role], change)
        _require_sound(root)
        if role == TARGETS:
            draft.edit(TARGETS)
        _require_apart(draft)
    else:
        name = family_role(role)
        targets: Targets = draft.edit(TARGETS)
        roles = (targets.delegations.roles if targets.delegations else None) or {}
        _require(name in roles, f"{role} has no role of its own; give it one with `delegate`")
        _change(targets, name, roles[name], change)
        _require_apart(draft)
        draft.edit(name)


def find_director(draft: Draft, folder: RepositoryFolder) -> Director | None:
    """Who signs assignments, as it shall be; None: nobody yet.

    Raises:
        RepositoryError: `director.json` is damaged.
    """
    listed = draft.targets.targets.get(DIRECTOR)
    if listed is None:
        return None
    return parse_director(folder.read_target(DIRECTOR, listed.hashes["sha256"]))


def _change_director(draft: Draft, folder: RepositoryFolder, change: KeyChange) -> None:
    before = find_director(draft, folder)
    keys, threshold = (dict(before.keys), before.threshold) if before else ({}, 1)
    for key_id in _find(change.revoke, keys, DIRECTOR_ROLE):
        del keys[key_id]
    keys |= {key.keyid: key for key in change.add}
    _list_director(draft, folder, Director(keys, change.threshold or threshold))


def _list_director(draft: Draft, folder: RepositoryFolder, director: Director) -> None:
    data = format_director(director)
    folder.write_target(DIRECTOR, data)
    signed: Targets = draft.edit(TARGETS)
    signed.targets[DIRECTOR] = TargetFile.from_data(DIRECTOR, data, ["sha256"])


def _change(delegator: Root | Targets, name: str, role: Role, change: KeyChange) -> None:
    for key_id in _find(change.revoke, role.keyids, name):
        delegator.revoke_key(key_id, name)
    for key in change.add:
        delegator.add_key(key, name)
    role.threshold = change.threshold or role.threshold
    _require_threshold(role, name)


def _find(wanted: Iterable[str], key_ids: Iterable[str], role: str) -> list[str]:
    """Whole ids from their beginnings."""
    known, chosen = sorted(key_ids), []
    for beginning in wanted:
        matches = [key_id for key_id in known if beginning and key_id.startswith(beginning)]
        shown = ", ".join(key_id[:8] for key_id in known)
        _require(len(matches) == 1, f"{role} has no single key {beginning[:64]!r}; its keys are {shown}")
        chosen += matches
    return chosen


def _require_sound(root: Root) -> None:
    """Refuse a root that one lost or one stolen key would end."""
    for name, role in root.roles.items():
        _require_threshold(role, name)
    own = root.roles[ROOT]
    _require(
        own.threshold >= ROOT_THRESHOLD and len(own.keyids) >= max(ROOT_KEYS, own.threshold),
        f"root needs {ROOT_KEYS} keys or more, and {ROOT_THRESHOLD} or more of them to sign",
    )


def _require_apart(draft: Draft) -> None:
    """Refuse offline keys that work online too: whoever is online would hold what is to be locked away."""
    roles, delegations = draft.root.roles, draft.targets.delegations
    working = [*(roles[name] for name in ONLINE), *((delegations and delegations.roles) or {}).values()]
    offline = {*roles[ROOT].keyids, *roles[TARGETS].keyids}
    shared = ", ".join(
        sorted(key_id[:8] for key_id in offline & {each for role in working for each in role.keyids})
    )
    _require(not shared, f"the keys {shared} would be both locked away and at work; make keys of their own")


def _require_threshold(role: Role, name: str) -> None:
    _require(
        1 <= role.threshold <= len(role.keyids),
        f"{name}: {role.threshold} of {len(role.keyids)} keys cannot sign",
    )


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise RepositoryError(message)
