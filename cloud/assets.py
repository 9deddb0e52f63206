"""The plant as its people know it: sites, areas, lines, machines and their components.

Rule: pure. Levels are those of ISA-95 (site, area, line), below them stand equipment unit and component as in
ISO 14224. A tag is the machine's name in the plant and never changes; the device that watches it may, and
watches one machine at a time. Whoever is mapped nowhere is counted, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from cloud.machine_events import MAX_COMPONENT
from cloud.triage import Criticality
from contract.errors import DataError
from contract.lives import NAME_PATTERN
from contract.messages import DEVICE_ID_PATTERN

CODE_PATTERN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,38}[A-Za-z0-9])?")
"""Codes of sites, areas and lines: 1 to 40 characters that mean the same in a URL, a CSV and an EAM."""
TAG_PATTERN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
MAX_NAME, MAX_REF, MAX_NOTE, MAX_COMPONENTS = 120, 80, 200, 20


class EquipmentClass(StrEnum):
    """What a machine is: ISO 14224:2016, table A.4, those that rotate, lift or carry."""

    PUMP = "PU"
    COMPRESSOR = "CO"
    FAN = "BL"
    """Blowers and fans."""
    ELECTRIC_MOTOR = "EM"
    ELECTRIC_GENERATOR = "EG"
    GAS_TURBINE = "GT"
    STEAM_TURBINE = "ST"
    TURBOEXPANDER = "TE"
    COMBUSTION_ENGINE = "CE"
    CENTRIFUGE = "CF"
    MIXER = "MI"
    CONVEYOR = "CV"
    """Conveyors and elevators."""
    CRANE = "CR"
    OTHER = "OTHER"
    """No class of the standard: presses, machine tools, test rigs."""


CRITICALITIES: Mapping[str, Criticality] = MappingProxyType({each.name.lower(): each for each in Criticality})
"""As people write them."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands; what is empty is not told apart.

    Raises:
        DataError: a code that cannot be one, or a level without the one above it.
    """

    site: str
    area: str = ""
    line: str = ""

    def __post_init__(self) -> None:
        for level in ("site", "area", "line"):
            _require_code(level, getattr(self, level))
        _require(bool(self.site), "say which site")
        _require(bool(self.area) or not self.line, "a line belongs to an area; say which")

    def holds(self, other: Place) -> bool:
        """Whether another place is this one or lies in it.

        >>> Place("north").holds(Place("north", "packing")), Place("north", "packing").holds(Place("north"))
        (True, False)
        """
        pairs = zip(self.path, other.path, strict=True)
        return all(mine in ("", theirs) for mine, theirs in pairs)

    @property
    def path(self) -> tuple[str, str, str]:
        """From the site down."""
        return self.site, self.area, self.line

    def __str__(self) -> str:
        return " / ".join(level for level in self.path if level)


@dataclass(frozen=True, slots=True)
class Asset:
    """One machine of the plant, an equipment unit.

    Raises:
        DataError: a value that cannot be right; says which.
    """

    tag: str
    """Its name in the plant, as on its plate."""
    place: Place
    name: str = ""
    """What people call it."""
    kind: EquipmentClass = EquipmentClass.OTHER
    criticality: Criticality = Criticality.MEDIUM
    components: tuple[str, ...] = ()
    """Maintainable items, as the maintenance log names them."""
    eam_ref: str = ""
    """Its number in the company's maintenance system; empty: the tag."""
    device_id: str | None = None
    """The device that watches it; None: nothing does."""

    def __post_init__(self) -> None:
        _require(
            bool(TAG_PATTERN.fullmatch(self.tag)), f"tag {self.tag[:64]!r}: 1 to 64 of letters, digits, . _ -"
        )
        for field, most in (("name", MAX_NAME), ("eam_ref", MAX_REF)):
            value = getattr(self, field)
            is_line = len(value) <= most and (not value or value.isprintable())
            _require(is_line, f"{field}: one line of at most {most} characters")
        for component in self.components:
            is_name = bool(NAME_PATTERN.fullmatch(component)) and len(component) <= MAX_COMPONENT
            _require(is_name, f"component {component[:60]!r}: up to {MAX_COMPONENT} of a-z, 0-9 and _")
        _require(len(self.components) <= MAX_COMPONENTS, f"at most {MAX_COMPONENTS} components")
        _require(len(set(self.components)) == len(self.components), "a component is named twice")
        device = self.device_id
        is_id = device is None or bool(DEVICE_ID_PATTERN.fullmatch(device))
        _require(is_id, f"device {str(device)[:64]!r} is no device id")


@dataclass(frozen=True, slots=True)
class PlannedStop:
    """When something stands still anyway, so that work on it costs no production.

    Raises:
        DataError: it names nothing or too much, or ends before it begins.
    """

    starts_at: datetime
    ends_at: datetime
    place: Place | None = None
    """Everything there stands still; None: only the machine of `tag`."""
    tag: str = ""
    note: str = ""
    who: str = ""
    """Who planned it."""
    id: int = 0
    """0: it is not stored yet."""

    def __post_init__(self) -> None:
        for name in ("starts_at", "ends_at"):
            _require(getattr(self, name).utcoffset() is not None, f"{name} needs a time zone")
        _require(self.starts_at < self.ends_at, "a stop ends after it begins")
        _require((self.place is None) == bool(self.tag), "a stop is of a place or of one machine's tag")
        is_tag = not self.tag or bool(TAG_PATTERN.fullmatch(self.tag))
        _require(is_tag, f"tag {self.tag[:64]!r}: 1 to 64 of letters, digits, . _ -")
        is_line = len(self.note) <= MAX_NOTE and (not self.note or self.note.isprintable())
        _require(is_line, f"note: one line of at most {MAX_NOTE} characters")

    def stops(self, asset: Asset) -> bool:
        """Whether a machine stands still then."""
        return self.tag == asset.tag if self.place is None else self.place.holds(asset.place)


def read_criticality(text: str) -> Criticality:
    """A criticality as people write it.

    Raises:
        DataError: another word.

    >>> read_criticality("High").name
    'HIGH'
    """
    found = CRITICALITIES.get(text.strip().lower())
    _require(found is not None, f"criticality {text[:40]!r} is not one of {', '.join(CRITICALITIES)}")
    return found or Criticality.MEDIUM


def read_class(text: str) -> EquipmentClass:
    """A class of equipment by its code.

    Raises:
        DataError: another code.

    >>> read_class("pu").name
    'PUMP'
    """
    code = text.strip().upper()
    _require(code in set(EquipmentClass), f"kind {text[:40]!r} is not one of {', '.join(EquipmentClass)}")
    return EquipmentClass(code)


def read_components(text: str) -> tuple[str, ...]:
    """Names with spaces or semicolons between them.

    >>> read_components("bearing; seal")
    ('bearing', 'seal')
    """
    return tuple(text.replace(";", " ").split())


def count_by_place(assets: Iterable[Asset]) -> dict[Place, int]:
    """How many machines each line has, and each area and site that they belong to."""
    counts: dict[Place, int] = {}
    for asset in assets:
        site, area, line = asset.place.path
        for place in dict.fromkeys((Place(site), Place(site, area), Place(site, area, line))):
            counts[place] = counts.get(place, 0) + 1
    return counts


def _require_code(level: str, code: str) -> None:
    is_code = not code or bool(CODE_PATTERN.fullmatch(code))
    _require(is_code, f"{level} {code[:40]!r}: 1 to 40 of letters, digits, . _ -")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise DataError(message)
