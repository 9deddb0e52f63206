"""Names in the repository: roles, targets, and what is said of each target.

Rule: a target's path says to which machine family it belongs, and the family's role may sign nothing else.

    targets                                     offline; delegates, and signs `director.json` alone
    family-FAMILY                               terminating; signs FAMILY/*/*
    FAMILY/VERSION/model.igb                    the whole bundle
    FAMILY/VERSION/from-VERSION.bsdiff          what turns an older bundle into it

>>> bundle_target("pump", "3-0a1b2c3d4e5f")
'pump/3-0a1b2c3d4e5f/model.igb'
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ota.errors import RepositoryError

DIRECTOR = "director.json"
"""The target that names the keys by which assignments are signed."""
BUNDLE_NAME = "model.igb"
_FAMILY = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_DELTA = re.compile(r"from-(?P<old>[A-Za-z0-9][A-Za-z0-9._-]{0,39})\.bsdiff")


@dataclass(frozen=True, slots=True)
class TargetName:
    """A target's path, read."""

    family: str
    version: str
    delta_from: str = ""
    """The version that a delta starts from; empty: the whole bundle."""

    def __str__(self) -> str:
        name = f"from-{self.delta_from}.bsdiff" if self.delta_from else BUNDLE_NAME
        return f"{self.family}/{self.version}/{name}"


def family_role(family: str) -> str:
    """The role that signs a machine family's releases.

    Raises:
        RepositoryError: not a family's name.
    """
    _require(_FAMILY, family, "machine family")
    return f"family-{family}"


def family_of(role: str) -> str:
    """The machine family whose releases a role signs; empty: none.

    >>> family_of("family-pump"), family_of("snapshot")
    ('pump', '')
    """
    family = role.removeprefix("family-")
    return family if family != role and _FAMILY.fullmatch(family) else ""


def family_pattern(family: str) -> str:
    """The paths that role may sign.

    Raises:
        RepositoryError: not a family's name.
    """
    _require(_FAMILY, family, "machine family")
    return f"{family}/*/*"


def bundle_target(family: str, version: str) -> str:
    """Where a whole bundle lies.

    Raises:
        RepositoryError: not a family's or a version's name.
    """
    _require(_FAMILY, family, "machine family")
    _require(_VERSION, version, "version")
    return str(TargetName(family, version))


def delta_target(family: str, version: str, old: str) -> str:
    """Where the difference from an older version lies.

    Raises:
        RepositoryError: not a family's or a version's name.
    """
    _require(_VERSION, old, "version")
    return str(TargetName(family, bundle_target(family, version).split("/")[1], old))


def parse_target(path: str) -> TargetName:
    """Read a target's path.

    Raises:
        RepositoryError: not one of ours.
    """
    family, _, rest = path.partition("/")
    version, _, name = rest.partition("/")
    delta = _DELTA.fullmatch(name)
    if not (_FAMILY.fullmatch(family) and _VERSION.fullmatch(version) and (name == BUNDLE_NAME or delta)):
        raise RepositoryError(f"not a release's path: {path[:120]!r}")
    return TargetName(family, version, delta["old"] if delta else "")


def _require(pattern: re.Pattern[str], value: str, what: str) -> None:
    if not pattern.fullmatch(value):
        raise RepositoryError(f"{what} {value[:60]!r}: at most 40 letters, digits, - and _")
