"""What `industrialguard bench ingest` is asked to measure."""

from __future__ import annotations

from dataclasses import dataclass

SATURATION, HALF, SUSTAINED, FLEET, GROWTH = MODES = ("saturation", "half", "sustained", "fleet", "growth")
DEFAULT_MODES = (SATURATION, HALF)
GROWTH_MACHINES = (100, 1000, 10_000)


@dataclass(frozen=True, slots=True)
class Workers:
    """How many processes share the work of a stage."""

    ingests: int = 1
    sinks: int = 1
    generators: int = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """The modes, and how large each is."""

    modes: tuple[str, ...] = DEFAULT_MODES
    seconds: int = 20
    """Of each load."""
    machines: int = 200
    rate: float | None = None
    """Messages/s where it is not as fast as possible; None: half of what the road bears."""
    minutes: int = 10
    """Of the sustained load."""
    fleet: int = 10_000
    """Machines of the fleet."""
    interval_s: float = 10.0
    """Between two messages of one of them."""
    filler_rows: int = 10_000_000
    """Rows that fill the store before its growth is measured."""
    workers: Workers = Workers()
    growth_machines: tuple[int, ...] = GROWTH_MACHINES
