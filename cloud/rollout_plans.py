"""A rollout's plan, as the API takes it, from a few flags or from a file.

Rule: pure, and no second judge: whether a plan can be carried out, the API says.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.errors import ConfigError

REST = "rest"
_SHARE = re.compile(r"(?P<percent>\d+(\.\d+)?) ?%")
_SPAN = re.compile(r"(?P<number>\d+(\.\d+)?) ?(?P<unit>min|[smhd])")
_UNITS_S = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
_HOURS = re.compile(r"(?P<zone>\S+) (?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d)")


@dataclass(frozen=True, slots=True)
class PlanWords:
    """What was typed; empty where it was not."""

    family: str
    version: str
    canary: str = "5%"
    then: Sequence[str] = ()
    where: Sequence[str] = ()
    soak: str = ""
    hours: Sequence[str] = ()
    deadline: str = ""
    back_to: str = ""
    needs_approval: bool = False


def build_plan(words: PlanWords) -> dict[str, Any]:
    """A plan of a canary and what comes after it.

    Raises:
        ConfigError: a word that cannot be read; says which and shows one that can.
    """
    steps = [*(words.then or [REST])]
    if steps[-1] != REST:
        raise ConfigError(
            f"end with --then {REST}, or devices of no group are never updated; --where leaves some out"
        )
    soak_s = parse_span(words.soak, "--soak") if words.soak else 0.0
    windows = [parse_hours(each) for each in words.hours]
    canary = {"name": "canary", "share": parse_share(words.canary, "--canary")}
    groups = [canary | {"success_share": 1.0, "error_share": 0.0, "soak_s": soak_s}]
    groups += [
        {"name": f"group {number}", "share": parse_share(each, "--then"), "soak_s": soak_s}
        for number, each in enumerate(steps[:-1], 2)
    ]
    groups.append({"name": REST})
    plan: dict[str, Any] = {
        "family": words.family,
        "version": words.version,
        "groups": [group | {"windows": windows} for group in groups],
        "where": parse_where(words.where),
        "needs_approval": words.needs_approval,
        "back_to": words.back_to or None,
    }
    if words.deadline:
        plan["deadline_s"] = parse_span(words.deadline, "--deadline")
    return plan


def read_plan(path: Path) -> dict[str, Any]:
    """A plan from a file: TOML, or JSON where its name says so, with the API's own fields.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        text = path.read_text("utf-8")
        plan = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path} is no plan: {error}") from error
    if not isinstance(plan, dict):
        raise ConfigError(f"{path} is no plan: it must hold family, version and groups")
    return plan


def parse_share(text: str, flag: str) -> float:
    """A share of devices.

    >>> parse_share("5%", "--canary")
    0.05

    Raises:
        ConfigError: it is none.
    """
    found = _SHARE.fullmatch(text.strip())
    if not found or not 0 < float(found["percent"]) <= 100:
        raise ConfigError(f"{flag} takes a share of the devices that are left, such as 5%, not {text[:40]!r}")
    return float(found["percent"]) / 100


def parse_span(text: str, flag: str) -> float:
    """A span of time in s.

    >>> parse_span("24h", "--soak")
    86400.0

    Raises:
        ConfigError: it is none.
    """
    found = _SPAN.fullmatch(text.strip())
    if not found:
        raise ConfigError(f"{flag} takes a span of time such as 90m, 24h or 7d, not {text[:40]!r}")
    return float(found["number"]) * _UNITS_S[found["unit"]]


def parse_where(texts: Sequence[str]) -> dict[str, list[str]]:
    """A filter of `NAME=PATTERN`; the same name again: any of them.

    >>> parse_where(["site=north", "site=east-*", "line=3"])
    {'site': ['north', 'east-*'], 'line': ['3']}

    Raises:
        ConfigError: one is none.
    """
    where: dict[str, list[str]] = {}
    for text in texts:
        name, separator, pattern = text.partition("=")
        if not (name and separator and pattern):
            raise ConfigError(f"--where takes NAME=PATTERN, such as site=north, not {text[:40]!r}")
        where.setdefault(name, []).append(pattern)
    return where


def parse_hours(text: str) -> dict[str, str]:
    """Hours at which machines may be updated, each day.

    >>> parse_hours("Europe/Berlin 22:00-04:00")
    {'zone': 'Europe/Berlin', 'start': '22:00', 'end': '04:00'}

    Raises:
        ConfigError: they are none.
    """
    found = _HOURS.fullmatch(text.strip())
    if not found:
        raise ConfigError(
            f"--hours takes 'ZONE HH:MM-HH:MM', such as 'Europe/Berlin 22:00-04:00', not {text[:40]!r}"
        )
    return found.groupdict()
