"""Who is in a simulated fleet: links, clocks, absences, power cuts, and one that lies.

Rule: a part is a function of its arguments; the same seed gives the same fleet.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from random import Random

HOUR_S, DAY_S = 3600.0, 86_400.0
YEAR_S = 365.25 * DAY_S


class Clock(StrEnum):
    """How a device knows the time."""

    BELIEVED = "believed"
    NONE = "none"
    """It has one that nobody set; it says 2000."""
    OFF = "off"
    """Years ahead or behind; the device does not believe it either."""


@dataclass(frozen=True, slots=True)
class Part:
    """One device's fate."""

    device: str
    seed: int
    loss: float = 0.0
    """Share of requests that fail or break off, 0..1."""
    bytes_per_s: float = 100_000.0
    latency_s: float = 0.3
    clock: Clock = Clock.BELIEVED
    clock_error_s: float = 0.0
    away: tuple[tuple[float, float], ...] = ()
    """Times without a connection: from, to; virtual s."""
    cuts: tuple[float, ...] = ()
    """Times from which on the power goes at one of the next calls to the disk, s."""
    gone_at_s: float | None = None
    """When it is switched off for ever; None: never."""
    lies: bool = False
    """It says that it runs what it was assigned, and does not."""

    def is_away(self, now_s: float) -> bool:
        """Whether it has no connection now."""
        return any(start <= now_s < end for start, end in self.away)

    def is_gone(self, now_s: float) -> bool:
        """Whether it is off for ever."""
        return self.gone_at_s is not None and now_s >= self.gone_at_s


@dataclass(frozen=True, slots=True)
class Hardships:
    """How hard a fleet has it; shares of its devices, and what befalls one."""

    loss: float = 0.3
    slow: float = 0.1
    """On links of 2 kB/s; half of the others are at 20 kB/s."""
    offline: float = 0.1
    """Away for long, from a moment in the first days."""
    offline_days: tuple[float, float] = (2.0, 4.0)
    offline_from_days: tuple[float, float] = (-1.0, 1.5)
    """After the start of the rollout."""
    gone: float = 0.01
    """Switched off for ever."""
    no_clock: float = 0.1
    wrong_clock: float = 0.05
    cuts_per_day: float = 0.5
    """Of each device."""
    liars: int = 1


USUAL = Hardships()


def cast(n_devices: int, seed: int, days: float, hardships: Hardships = USUAL) -> list[Part]:
    """Deal the parts.

    Args:
        n_devices: How many devices.
        seed: Of everything.
        days: How long the world lasts, virtual; what is away is back in time.
        hardships: How hard they have it.
    """
    draw = Random(f"cast {seed}")
    order = draw.sample(range(n_devices), n_devices)
    n_away, n_gone = (round(share * n_devices) for share in (hardships.offline, hardships.gone))
    away, rest = set(order[:n_away]), order[n_away:]
    gone, liars = set(rest[:n_gone]), set(rest[n_gone : n_gone + hardships.liars])
    return [
        _deal(number, draw, days, hardships, is_away=number in away, is_gone=number in gone)
        if number not in liars
        else Part(f"pump-{number:04}", draw.getrandbits(32), hardships.loss, lies=True)
        for number in range(n_devices)
    ]


def _deal(
    number: int, draw: Random, days: float, hardships: Hardships, *, is_away: bool, is_gone: bool
) -> Part:
    start = draw.uniform(*hardships.offline_from_days) * DAY_S
    clock, error_s = _clock(draw, hardships)
    speed = 2_000.0 if draw.random() < hardships.slow else draw.choice((20_000.0, 200_000.0))
    n_cuts = sum(draw.random() < hardships.cuts_per_day / 24 for _ in range(int(days * 24)))
    return Part(
        device=f"pump-{number:04}",
        seed=draw.getrandbits(32),
        loss=hardships.loss,
        bytes_per_s=speed,
        latency_s=draw.uniform(0.05, 1.0),
        clock=clock,
        clock_error_s=error_s,
        away=((start, start + draw.uniform(*hardships.offline_days) * DAY_S),) if is_away else (),
        cuts=tuple(sorted(draw.uniform(0.0, days * DAY_S) for _ in range(n_cuts))),
        gone_at_s=draw.uniform(0.0, 0.5 * days) * DAY_S if is_gone else None,
    )


def _clock(draw: Random, hardships: Hardships) -> tuple[Clock, float]:
    drawn = draw.random()
    if drawn < hardships.no_clock:
        return Clock.NONE, 0.0
    if drawn < hardships.no_clock + hardships.wrong_clock:
        return Clock.OFF, draw.uniform(-5.0, 5.0) * YEAR_S
    return Clock.BELIEVED, 0.0
