"""What the fleet page shows, worked out beforehand.

Rule: as in `cloud.web.views`. Every card and every place is a link that narrows what is shown, and a state is
told by colour, shape and word; what is stale or unknown is never shown as normal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from cloud import words
from cloud.fleet import BY_URGENCY, SILENT, Branch, FleetChoice, JudgedCase, Show
from cloud.health import Health
from cloud.store.assets import MappingCounts
from cloud.store.fleet import Standing
from cloud.web import views
from cloud.web.case_views import SEVERITIES, URGENCIES, symptom_words

UNMAPPED = "Not mapped"
_LEVELS = {Show.NOW: "now", Show.SOON: "soon"}


class Kpi(StrEnum):
    """Cards that lead elsewhere than to machines."""

    UNWATCHED = "unwatched"


@dataclass(frozen=True, slots=True)
class KpiCard:
    """A figure, and the link that shows what it counts."""

    key: str
    label: str
    count: int
    href: str
    meaning: str
    is_current: bool = False


@dataclass(frozen=True, slots=True)
class HealthCard:
    """A count of machines in one state, and the link that shows only those."""

    word: words.StateWord
    count: int
    is_current: bool
    href: str


@dataclass(frozen=True, slots=True)
class CaseBadge:
    """The most pressing open case of a machine."""

    id: int
    title: str
    urgency: str
    level: str
    """`now`, `soon`, or empty where it can wait."""
    severity: str
    because: str
    assignee: str
    is_new: bool
    is_asleep: bool
    says: str
    """What is read out when it is new."""


@dataclass(frozen=True, slots=True)
class FleetLine:
    """One line of the list."""

    machine: views.MachineView
    standing: Standing
    place: str
    case: CaseBadge | None
    lasts: str
    """How long nine in ten such machines last at least; empty: no forecast."""
    is_due: bool


@dataclass(frozen=True, slots=True)
class Tile:
    """A machine or a line on the map."""

    word: words.StateWord
    label: str
    text: str
    """Its state and what it adds up to, in words."""
    href: str


@dataclass(frozen=True, slots=True)
class PlaceView:
    """One line of the plant with its machines, or an area with its lines."""

    label: str
    word: words.StateWord
    text: str
    href: str
    tiles: tuple[Tile, ...]


@dataclass(frozen=True, slots=True)
class Crumb:
    """A step from the whole plant down."""

    label: str
    href: str


def fleet_href(choice: FleetChoice, path: str = "/", **changes: Any) -> str:
    """The address of a choice.

    >>> fleet_href(FleetChoice(site="north"), health=Health.OK)
    '/?site=north&health=ok'
    """
    wanted = replace(choice, **changes)
    query = {
        "site": wanted.site,
        "area": wanted.area,
        "line": wanted.line,
        "health": wanted.health or "",
        "show": wanted.show or "",
        "q": wanted.search,
        "page": wanted.page if wanted.page > 1 else "",
    }
    text = urlencode({name: str(value) for name, value in query.items() if value})
    return f"{path}?{text}" if text else path


def health_cards(counts: Mapping[Health, int], choice: FleetChoice) -> tuple[HealthCard, ...]:
    """One card for each state, most urgent first; the current one links back to all."""
    return tuple(
        HealthCard(
            words.STATES[health],
            counts.get(health, 0),
            health is choice.health,
            fleet_href(choice, health=None if health is choice.health else health, show=None, page=1),
        )
        for health in Health
    )


def kpi_cards(
    judged: Sequence[JudgedCase], plant: Branch, mapping: MappingCounts, choice: FleetChoice
) -> tuple[KpiCard, ...]:
    """What a shift begins with."""
    awake = [each for each in judged if not each.is_asleep]
    figures = [
        (show, URGENCIES[urgency], sum(each.assessment.urgency is urgency for each in awake), "Open cases")
        for urgency, show in BY_URGENCY.items()
    ]
    silent = sum(plant.counts.get(health, 0) for health in SILENT)
    figures += [
        (Show.DUE, "Due within a month", plant.due, "One in ten such machines fails within 30 days"),
        (Show.SILENT, "Stale or unknown", silent, "Nothing believable is heard of these machines"),
        (Show.UNMAPPED, "Unmapped devices", mapping.unmapped, "They watch no machine of the plant"),
    ]
    cards = [
        KpiCard(
            key=str(show),
            label=label,
            count=count,
            href=fleet_href(choice, show=None if show is choice.show else show, health=None, page=1),
            meaning=meaning,
            is_current=show is choice.show,
        )
        for show, label, count, meaning in figures
    ]
    unwatched = "Machines of the plant that no device watches"
    cards.append(
        KpiCard(Kpi.UNWATCHED, "Unwatched assets", mapping.unwatched, "/assets?show=unwatched", unwatched)
    )
    return tuple(cards)


def fleet_line(
    machine: views.MachineView, standing: Standing, worst: JudgedCase | None, now: datetime
) -> FleetLine:
    """A machine in the list."""
    left = None if standing.p10_at is None else standing.p10_at - now
    return FleetLine(
        machine=machine,
        standing=standing,
        place=place_words(standing.path),
        case=None if worst is None else case_badge(worst),
        lasts=lasts_words(left),
        is_due=left is not None and left <= timedelta(days=7),
    )


def case_badge(judged: JudgedCase) -> CaseBadge:
    """A case beside its machine."""
    case, how = judged.case, judged.assessment
    title = symptom_words(case.symptom)
    return CaseBadge(
        id=case.id,
        title=title,
        urgency="Rests" if judged.is_asleep else URGENCIES[how.urgency],
        level="" if judged.is_asleep else _LEVELS.get(BY_URGENCY[how.urgency], ""),
        severity=SEVERITIES[how.severity],
        because=how.because[-1],
        assignee=case.assignee,
        is_new=case.is_new,
        is_asleep=judged.is_asleep,
        says=f"{case.device_id}: {title}",
    )


def lasts_words(left: timedelta | None) -> str:
    """How long something lasts at least.

    >>> lasts_words(timedelta(hours=30)), lasts_words(timedelta(days=40)), lasts_words(timedelta(-1))
    ('30 h', '40 days', 'over')
    """
    if left is None:
        return ""
    hours = left.total_seconds() / 3600
    if hours <= 0:
        return "over"
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} days"


def place_words(path: Iterable[str]) -> str:
    """Where something stands; empty: nowhere that is known.

    >>> place_words(("north", "packing", ""))
    'north / packing'
    """
    return " / ".join(code for code in path if code)


def count_words(counts: Mapping[Health, int]) -> str:
    """Machines by state, the most urgent first.

    >>> count_words({Health.OK: 3, Health.ALARM: 1})
    '1 Alarm, 3 Normal'
    """
    return ", ".join(
        f"{counts[health]} {words.STATES[health].label}" for health in Health if counts.get(health)
    )


def crumbs(choice: FleetChoice) -> tuple[Crumb, ...]:
    """From the whole plant to the chosen place."""
    codes = [code for code in (choice.site, choice.area, choice.line) if code]
    steps = [Crumb("Plant", "/")] if codes else []
    for depth, code in enumerate(codes, start=1):
        steps.append(Crumb(code, fleet_href(_within(codes[:depth]))))
    return tuple(steps)


def place_views(plant: Branch, machines: Sequence[Standing] | None) -> tuple[PlaceView, ...]:
    """The plant: lines with their machines, or areas with their lines where there are too many machines.

    Args:
        plant: What each place adds up to.
        machines: All of it; None: too many to show one by one.
    """
    if machines is None:
        areas = [area for site in _sorted(plant) for area in _sorted(site)]
        return tuple(_place_view(area, tuple(_line_tile(line) for line in _sorted(area))) for area in areas)
    tiles: dict[tuple[str, ...], list[Tile]] = {}
    for each in machines:
        tiles.setdefault(each.path, []).append(_machine_tile(each))
    return tuple(_place_view(line, tuple(tiles.get(line.path, ()))) for line in plant.lines if line.path)


def _sorted(branch: Branch) -> list[Branch]:
    return [branch.branches[name] for name in sorted(branch.branches)]


def _place_view(branch: Branch, tiles: tuple[Tile, ...]) -> PlaceView:
    return PlaceView(
        label=place_words(branch.path) or UNMAPPED,
        word=words.STATES[branch.worst],
        text=count_words(branch.counts),
        href=_place_href(branch),
        tiles=tiles,
    )


def _line_tile(line: Branch) -> Tile:
    label = line.path[-1] or place_words(line.path) or UNMAPPED
    return Tile(words.STATES[line.worst], label, count_words(line.counts), _place_href(line))


def _machine_tile(each: Standing) -> Tile:
    word = words.STATES[each.health]
    return Tile(
        word,
        each.tag or each.device_id,
        f"{each.name or each.device_id}: {word.label}",
        f"/machines/{each.device_id}",
    )


def _place_href(branch: Branch) -> str:
    is_mapped = branch.path[:1] not in ((), ("",))
    return fleet_href(_within(branch.path) if is_mapped else FleetChoice(show=Show.UNMAPPED))


def _within(path: Sequence[str]) -> FleetChoice:
    site, area, line = (*path, "", "", "")[:3]
    return FleetChoice(site, area, line)
