"""The plant's repository: real keys in files, real releases, in virtual time.

Rule: everything goes through `ota.repository` as the command's work does; nothing is put into its folder by
hand.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from ota import rotation
from ota.draft import Draft
from ota.keys import KeyRing, make_key, open_ring, read_public
from ota.publishing import publish
from ota.releases import Release
from ota.repository import Repository
from ota.roles import DIRECTOR_ROLE, ONLINE, ROOT, TARGETS
from ota.rollout_plan import ReleaseRef
from simulators.ota.models import FAMILY

_ROOTS = ("root-1", "root-2", "root-3")


class Publisher:
    """Whoever holds the keys.

    Args:
        folder: For repository and keys.
        clock: Virtual.
    """

    def __init__(self, folder: Path, clock: Callable[[], datetime]) -> None:
        self.path = folder / "repository"
        self._keys = folder / "keys"
        self._keys.mkdir()
        self._clock = clock
        self._names: dict[str, str] = {}
        """File of each key in use, by what it is for."""
        self.generation = 0
        """Rises with each change that devices can see."""
        own = {each: (self._make(each),) for each in (TARGETS, *ONLINE, DIRECTOR_ROLE, FAMILY)}
        roots = tuple(self._make(each) for each in _ROOTS)
        public = {ROOT: roots} | {role: own[role] for role in (TARGETS, *ONLINE, DIRECTOR_ROLE)}
        folder_of = self._repository().folder
        self._change(lambda draft: rotation.found(draft, folder_of, public))
        self._change(lambda draft: rotation.delegate(draft, FAMILY, own[FAMILY]))
        self.first_root = (self.path / "metadata" / "1.root.json").read_bytes()

    @property
    def director(self) -> str:
        """URI of the director's key."""
        return self._uri(DIRECTOR_ROLE)

    def publish(self, release: Release) -> ReleaseRef:
        """Let devices have it."""
        publish(self._repository(), release)
        self.generation += 1
        digest = sha256(release.bundle).hexdigest()
        return ReleaseRef(release.family, release.version, digest, len(release.bundle))

    def refresh(self) -> None:
        """What a timer does once a day."""
        self._change(lambda draft: None)

    def rotate(self, role: str) -> None:
        """Another key takes the place of a role's; the old one is revoked at once."""
        old = read_public(str(self._keys / f"{self._names[role]}.pub"))
        change = rotation.KeyChange((self._make(role),), (old.keyid,))
        folder_of = self._repository().folder
        self._change(partial(rotation.change_keys, folder=folder_of, role=role, change=change))

    def _make(self, name: str) -> Any:
        file = f"{name}.{len(list(self._keys.iterdir()))}"
        self._names[name] = file
        return make_key(self._keys / file)

    def _uri(self, name: str) -> str:
        return f"file:{self._keys / self._names[name]}"

    def _ring(self) -> KeyRing:
        return open_ring([self._uri(name) for name in self._names])

    def _repository(self) -> Repository:
        return Repository(self.path, self._ring(), self._clock)

    def _change(self, edit: Callable[[Draft], None]) -> None:
        if self._repository().change(edit).written:
            self.generation += 1
