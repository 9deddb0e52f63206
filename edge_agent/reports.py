"""What the agent says besides summaries: alarms with their evidence, and who it is.

Rule: pure. The same alarm has the same id in RAISED and CLEARED, in every run over the same readings, and
after a restart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import metadata

from contract.checks import EARLIEST, LATEST, MAX_INT63, MAX_REASON_CHARACTERS
from contract.explanation import Hint
from contract.features import vibration_spectrum
from contract.messages import Alarm, AlarmKind, Birth, Spectrum
from contract.profiles import MachineProfile, format_profile
from contract.signals import Samples
from edge_agent.scorer import Evidence
from edge_agent.symptoms import band_shares, sensor_shares
from edge_agent.watch import Announcement

NO_EVIDENCE = Evidence((), ())
"""Of an alarm that ends, and of one that is not about the machine."""


@dataclass(frozen=True, slots=True)
class AlarmContext:
    """Everything about an alarm's edge that the rule does not know."""

    device_id: str
    profile: MachineProfile
    regime: str
    evidence: Evidence = NO_EVIDENCE
    spectrum: Spectrum | None = None
    hints: tuple[Hint, ...] = ()


def build_alarm(said: Announcement, context: AlarmContext) -> Alarm:
    """An alarm's edge as a message; never a raw stream."""
    edge, shares = said.edge, context.evidence.shares
    since = to_datetime(edge.since_s)
    return Alarm(
        alarm_id=alarm_id(context.device_id, since, said.kind, said.sensor),
        transition=edge.transition,
        score=edge.score,
        threshold=said.threshold,
        since=since,
        regime=context.regime,
        contributions=context.evidence.contributions,
        error_profile=context.evidence.error_profile,
        spectrum=context.spectrum,
        kind=said.kind,
        sensor=said.sensor,
        flags=said.flags,
        sensor_shares=sensor_shares(context.profile, shares),
        band_shares=band_shares(context.profile, shares),
        hints=context.hints,
    )


def pick_spectrum(
    evidence: Evidence, bursts: Mapping[str, Samples], profile: MachineProfile
) -> Spectrum | None:
    """The spectrum of the waveform sensor that contributes most; None when none contributes or has a burst.

    Args:
        evidence: Why the alarm was raised.
        bursts: Newest whole burst of each waveform sensor, in the sensor's unit.
        profile: Its sensors.
    """
    shares: dict[str, float] = {}
    for part in evidence.contributions:
        shares[part.sensor] = shares.get(part.sensor, 0.0) + part.share
    seen = [sensor for sensor in shares if sensor in bursts]
    if not seen:
        return None
    most = max(seen, key=lambda sensor: shares[sensor])
    return vibration_spectrum(bursts[most], profile.sensor(most))


def build_birth(profile: MachineProfile) -> Birth:
    """Who this agent is and what it watches.

    Raises:
        InvalidMessageError: the profile is too long for a message.
    """
    return Birth(agent_version(), format_profile(profile))


@cache
def agent_version() -> str:
    """The installed version; `unknown` when the code runs without having been installed."""
    try:
        return metadata.version("industrialguard")
    except metadata.PackageNotFoundError:
        return "unknown"


def one_line(reason: str) -> str:
    r"""What a status may carry of a reason that a library gave, whatever is in it.

    >>> one_line("no such\ndevice")
    'no such device'
    """
    line = "".join(letter if letter.isprintable() else " " for letter in reason)
    return line[:MAX_REASON_CHARACTERS]


def alarm_id(device_id: str, since: datetime, kind: AlarmKind = AlarmKind.ANOMALY, sensor: str = "") -> int:
    """A number for the alarm of this device that began at that moment; 1..2^63-1, another for each kind."""
    subject = "" if kind is AlarmKind.ANOMALY else f"/{kind.name.lower()}/{sensor}"
    digest = hashlib.blake2b(f"{device_id}/{since.isoformat()}{subject}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % MAX_INT63 + 1


def to_datetime(seconds: float) -> datetime:
    """Aware UTC from s since the Unix epoch; an absurd one is held at the edge of what a message may carry.

    >>> to_datetime(0.0).isoformat()
    '2000-01-01T00:00:00+00:00'
    """
    earliest, latest = EARLIEST.timestamp(), LATEST.timestamp() - 1
    return datetime.fromtimestamp(round(min(max(seconds, earliest), latest), 6), UTC)
