"""What the operator says of the maintenance system, in one TOML file.

Rule: a secret stands in the environment or in a file that only its owner reads, never in this one, and is
never shown. A word that nobody knows is refused with those that there are.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloud.eam.http import Address
from cloud.triage import Severity, Urgency
from cloud.work_orders import Policy
from contract.errors import ConfigError

FILE_VARIABLE = "INDUSTRIALGUARD_EAM"
_MAX_SECRET = 4096
_EAM = frozenset(
    {"kind", "name", "url", "user", "secret", "private", "authority", "options", "inbox_secret", "link"}
)
_POLICY = frozenset({"severity", "urgency", "per_site_and_day"})


@dataclass(frozen=True, slots=True)
class EamSettings:
    """How to reach the maintenance system, and what may be ordered there without asking."""

    kind: str
    """Which adapter."""
    name: str
    """As orders remember it; the kind, unless said otherwise."""
    address: Address
    user: str = ""
    secret: str = field(default="", repr=False)
    options: Mapping[str, str] = field(default_factory=dict)
    """Of the adapter."""
    policy: Policy = field(default_factory=Policy)
    inbox_secret: str = field(default="", repr=False)
    """Signs what the system calls in with; empty: it may not."""
    link: str = ""
    """Where people open our own pages, for the texts of orders."""


def read_settings(path: Path, environment: Mapping[str, str]) -> EamSettings:
    """Read the file.

    Raises:
        ConfigError: it cannot be read, or cannot be right; says where.
    """
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    try:
        return _build(content, path.parent, environment)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _build(content: dict[str, Any], folder: Path, environment: Mapping[str, str]) -> EamSettings:
    _require_known(content, frozenset({"eam", "policy"}), "the file")
    eam, policy = content.get("eam", {}), content.get("policy", {})
    if not isinstance(eam, dict) or not isinstance(policy, dict):
        raise ConfigError("[eam] and [policy] are tables")
    _require_known(eam, _EAM, "[eam]")
    options = eam.get("options", {})
    if not isinstance(options, dict):
        raise ConfigError("[eam.options] is a table")
    kind = _text(eam, "kind")
    authority = _text(eam, "authority")
    return EamSettings(
        kind=kind,
        name=_text(eam, "name") or kind,
        address=Address(
            _text(eam, "url"), eam.get("private") is True, folder / authority if authority else None
        ),
        user=_text(eam, "user"),
        secret=_secret(_text(eam, "secret"), folder, environment),
        options={name: str(value) for name, value in options.items()},
        policy=_policy(policy),
        inbox_secret=_secret(_text(eam, "inbox_secret"), folder, environment),
        link=_text(eam, "link").rstrip("/"),
    )


def _policy(content: dict[str, Any]) -> Policy:
    _require_known(content, _POLICY, "[policy]")
    severity, urgency = _text(content, "severity"), _text(content, "urgency") or Urgency.SOON.name
    try:
        return Policy(
            Severity[severity.upper()] if severity else None,
            Urgency[urgency.upper()],
            int(content.get("per_site_and_day", Policy().per_site_and_day)),
        )
    except (KeyError, ValueError) as error:
        words = [each.name.lower() for kind in (Severity, Urgency) for each in kind]
        raise ConfigError(f"[policy]: {error} is none of {', '.join(words)}") from error


def _secret(text: str, folder: Path, environment: Mapping[str, str]) -> str:
    """What `env:NAME` or `file:PATH` holds."""
    scheme, _, place = text.partition(":")
    if not text:
        return ""
    if scheme == "env":
        if not environment.get(place):
            raise ConfigError(f"the secret's variable {place} is not set")
        return environment[place]
    if scheme != "file":
        raise ConfigError("a secret is env:NAME or file:PATH; it does not stand in this file")
    return _read_secret(folder / place)


def _read_secret(path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read(_MAX_SECRET).decode("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the secret {path} cannot be read: {error}") from error
    if mode & 0o077:
        raise ConfigError(f"others may read the secret {path}: chmod 600 it")
    if not content:
        raise ConfigError(f"the secret {path} is empty")
    return content


def _text(table: dict[str, Any], name: str) -> str:
    value = table.get(name, "")
    if not isinstance(value, str):
        raise ConfigError(f"{name} is a text")
    return value


def _require_known(table: dict[str, Any], known: frozenset[str], where: str) -> None:
    unknown = sorted(set(table) - known)
    if unknown:
        raise ConfigError(f"{where} has no {unknown[0]!r}, but {', '.join(sorted(known))}")
