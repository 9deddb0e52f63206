"""What `industrialguard bench ingest` is asked to measure."""

from __future__ import annotations

from dataclasses import dataclass

SATURATION, HALF, SUSTAINED, FLEET, GROWTH = ROAD_MODES = (
    *("saturation", "half", "sustained"),
    *("fleet", "growth"),
)
BRIDGE, SINK = ALONE_MODES = ("bridge", "sink")
"""Of one process, while the others rest."""
MODES = (*ALONE_MODES, *ROAD_MODES)
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
    messages: int = 30_000
    """That wait for one process alone."""
    workers: Workers = Workers()

    @property
    def is_alone(self) -> bool:
        """Whether a process is measured alone."""
        return bool({*self.modes} & {*ALONE_MODES})

    @property
    def is_on_road(self) -> bool:
        """Whether a whole road is measured."""
        return bool({*self.modes} & {*ROAD_MODES})

    growth_machines: tuple[int, ...] = GROWTH_MACHINES
