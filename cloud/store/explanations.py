"""Why an alarm was raised, as one JSON column, and back.

Rule: what is written here is read here; an alarm without an explanation is NULL, and a reader that finds NULL
says "not known", never "nothing".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from contract.explanation import BandShare, Hint, HintFact, HintStrength, SensorShare
from contract.messages import Alarm


@dataclass(frozen=True, slots=True)
class Explanation:
    """Shares of sensors and bands, and hints."""

    sensor_shares: tuple[SensorShare, ...] = ()
    band_shares: tuple[BandShare, ...] = ()
    hints: tuple[Hint, ...] = ()


def pack_explanation(alarm: Alarm) -> dict[str, Any] | None:
    """The explanation of an alarm, safe for JSON; None when it has none."""
    if not (alarm.sensor_shares or alarm.band_shares or alarm.hints):
        return None
    return {
        "sensors": [asdict(share) for share in alarm.sensor_shares],
        "bands": [asdict(share) for share in alarm.band_shares],
        "hints": [asdict(hint) for hint in alarm.hints],
    }


def has_hints(stored: Mapping[str, Any] | None) -> bool:
    """Whether what `pack_explanation` wrote says what the alarm looks like."""
    return stored is not None and bool(stored["hints"])


def unpack_explanation(stored: Mapping[str, Any] | None) -> Explanation:
    """What `pack_explanation` wrote."""
    if stored is None:
        return Explanation()
    return Explanation(
        tuple(SensorShare(**share) for share in stored["sensors"]),
        tuple(BandShare(**share) for share in stored["bands"]),
        tuple(
            Hint(h["code"], HintStrength(h["strength"]), tuple(HintFact(**f) for f in h["facts"]))
            for h in stored["hints"]
        ),
    )
