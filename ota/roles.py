"""Who signs what, for how long, and how much of it stays listed.

Rule: what is signed offline holds long, because a ceremony is dear; what is signed online holds briefly,
because it is all that keeps somebody from holding back what is new (ADR 16).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from contract.errors import ConfigError
from contract.toml_tables import build, parse_toml
from ota.errors import RepositoryError

ROOT, TARGETS, SNAPSHOT, TIMESTAMP = "root", "targets", "snapshot", "timestamp"
DIRECTOR_ROLE = "director"
"""Not of TUF: those who sign assignments. Their keys are named by `director.json`."""
TOP_ROLES = (ROOT, TARGETS, SNAPSHOT, TIMESTAMP)
ONLINE = (SNAPSHOT, TIMESTAMP)
ROOT_KEYS, ROOT_THRESHOLD = 3, 2
"""Fewest keys of root, and how many of them must sign: one may be lost, one may be stolen."""
LIVES = {ROOT: timedelta(days=730), TARGETS: timedelta(days=365), SNAPSHOT: timedelta(days=30)}
FAMILY_LIFE = timedelta(days=365)
WARNINGS = {ROOT: timedelta(days=90), TARGETS: timedelta(days=60), SNAPSHOT: timedelta(days=10)}
FAMILY_WARNING = timedelta(days=60)
POLICY_FILE = "policy.toml"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a plant may decide for its repository; `policy.toml` in its folder.

    Raises:
        ConfigError: a number that makes no sense.
    """

    keep_versions: int = 5
    """Versions of each family that stay listed, 1 to 20."""
    deltas_from: int = 3
    """Versions before a new one from which there is a delta, 0 to 20."""
    timestamp_days: int = 7
    """How long devices may be kept from what is new before they notice, and how long `refresh` may fail, 1
    to 90 days. A plant that carries its updates in by hand needs more."""

    def __post_init__(self) -> None:
        for name, least, most in (
            ("keep_versions", 1, 20),
            ("deltas_from", 0, 20),
            ("timestamp_days", 1, 90),
        ):
            if not least <= getattr(self, name) <= most:
                raise ConfigError(f"{POLICY_FILE}: {name} must lie between {least} and {most}")


def read_policy(folder: Path) -> Policy:
    """The policy in a repository's folder; the defaults where it has none.

    Raises:
        RepositoryError: it cannot be read.
        ConfigError: it makes no sense.
    """
    path = folder / POLICY_FILE
    try:
        return build(Policy, parse_toml(path.read_text("utf-8")), str(path))
    except FileNotFoundError:
        return Policy()
    except (OSError, UnicodeDecodeError) as error:
        raise RepositoryError(f"{path} cannot be read: {error}") from error


def life(role: str, policy: Policy) -> timedelta:
    """How long a role's metadata holds."""
    return timedelta(days=policy.timestamp_days) if role == TIMESTAMP else LIVES.get(role, FAMILY_LIFE)


def warning(role: str, policy: Policy) -> timedelta:
    """How long before its end people want to know."""
    return life(role, policy) / 3 if role == TIMESTAMP else WARNINGS.get(role, FAMILY_WARNING)


def expiry(role: str, policy: Policy, now: datetime) -> datetime:
    """When metadata that is signed now shall end."""
    return (now + life(role, policy)).replace(microsecond=0)


def is_due(role: str, expires: datetime, policy: Policy, now: datetime) -> bool:
    """Whether less than half of its life is left; the other half is for noticing that signing failed."""
    return expires - now < life(role, policy) / 2
