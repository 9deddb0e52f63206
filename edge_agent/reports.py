"""What the agent says besides summaries: alarms with their evidence, and who it is.

Rule: pure. The same alarm has the same id in RAISED and CLEARED, in every run over the same readings, and
after a restart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata

from contract.features import vibration_spectrum
from contract.messages import EARLIEST, LATEST, MAX_INT63, Alarm, Birth, Spectrum
from contract.profiles import MachineProfile, format_profile
from contract.signals import Samples
from edge_agent.alarm import AlarmEdge
from edge_agent.scorer import Evidence

NO_EVIDENCE = Evidence((), ())
"""Of an alarm that ends."""


@dataclass(frozen=True, slots=True)
class AlarmContext:
    """Everything about an alarm's edge that the rule does not know."""

    device_id: str
    regime: str
    threshold: float
    evidence: Evidence
    spectrum: Spectrum | None


def build_alarm(edge: AlarmEdge, context: AlarmContext) -> Alarm:
    """An alarm's edge as a message; never a raw stream."""
    since = to_datetime(edge.since_s)
    return Alarm(
        alarm_id=alarm_id(context.device_id, since),
        transition=edge.transition,
        score=edge.score,
        threshold=context.threshold,
        since=since,
        regime=context.regime,
        contributions=context.evidence.contributions,
        error_profile=context.evidence.error_profile,
        spectrum=context.spectrum,
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


def agent_version() -> str:
    """The installed version; `unknown` when the code runs without having been installed."""
    try:
        return metadata.version("industrialguard")
    except metadata.PackageNotFoundError:
        return "unknown"


def alarm_id(device_id: str, since: datetime) -> int:
    """A number for the alarm of this device that began at that moment; 1..2^63-1."""
    digest = hashlib.blake2b(f"{device_id}/{since.isoformat()}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % MAX_INT63 + 1


def to_datetime(seconds: float) -> datetime:
    """Aware UTC from s since the Unix epoch; an absurd one is held at the edge of what a message may carry.

    >>> to_datetime(0.0).isoformat()
    '2000-01-01T00:00:00+00:00'
    """
    earliest, latest = EARLIEST.timestamp(), LATEST.timestamp() - 1
    return datetime.fromtimestamp(round(min(max(seconds, earliest), latest), 6), UTC)
