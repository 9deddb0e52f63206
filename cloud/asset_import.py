"""A list of the plant's machines as CSV, and what taking it over would change.

Rule: pure. A list is taken over whole or not at all, and every line that is wrong is named at once, so that
one look at it is enough. What is there is found by its tag; columns that the list does not have stay as they
are, so that a list may be about the mapping alone. Taking it over again changes nothing.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from cloud.assets import Asset, Place, read_class, read_components, read_criticality
from contract.errors import DataError

COLUMNS = ("tag", "site", "area", "line", "name", "kind", "criticality", "components", "eam_ref", "device")
NEEDED = ("tag", "site")
MAX_BYTES = 8 * 2**20
MAX_ROWS = 50_000
EXAMPLE = """\
tag,site,area,line,name,kind,criticality,components,device
P-101,north,packing,L1,Feed pump,PU,high,bearing seal,pump-07
"""
_READERS: Mapping[str, Callable[[str], Any]] = {
    "name": str,
    "kind": read_class,
    "criticality": read_criticality,
    "components": read_components,
    "eam_ref": str,
}
_PLACE = ("site", "area", "line")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a line."""

    line: int
    """In the file; the header is line 1."""
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}"


@dataclass(frozen=True, slots=True)
class AssetLine:
    """One line, as written."""

    number: int
    values: Mapping[str, str]
    """By column; only those that the list has."""

    @property
    def tag(self) -> str:
        """Which asset it is about."""
        return self.values["tag"]

    @property
    def device(self) -> str:
        """The device that it names; empty: none."""
        return self.values.get("device", "")


@dataclass(frozen=True, slots=True)
class AssetList:
    """A list as it was read."""

    lines: tuple[AssetLine, ...] = ()
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Plant:
    """What is known already of the assets and devices that a list names."""

    assets: Mapping[str, Asset] = field(default_factory=dict)
    """By tag; also those that its devices watch now."""
    heard: frozenset[str] = frozenset()
    """Devices that something was received from."""
    sites: frozenset[str] | None = None
    """Those that whoever has the list belongs to; None: all of them."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """An asset that the list changes."""

    before: Asset
    after: Asset

    @property
    def changes(self) -> tuple[str, ...]:
        """Names of what changes."""
        names = [each.name for each in fields(Asset)]
        return tuple(name for name in names if getattr(self.before, name) != getattr(self.after, name))


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What taking the list over would do; nothing where it has faults."""

    new: tuple[Asset, ...] = ()
    changed: tuple[Replacement, ...] = ()
    n_same: int = 0
    faults: tuple[Fault, ...] = ()

    @property
    def assets(self) -> tuple[Asset, ...]:
        """All that would be written."""
        return (*self.new, *(each.after for each in self.changed))


def read_list(text: str) -> AssetList:
    """Read a list; what is wrong with its lines is said of each.

    >>> [line.tag for line in read_list(EXAMPLE).lines]
    ['P-101']
    """
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    lines: list[AssetLine] = []
    faults: list[Fault] = []
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if fault := _fault_of(header):
            return AssetList(faults=(Fault(1, fault),))
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if len(lines) + len(faults) >= MAX_ROWS:
                return AssetList(faults=(Fault(reader.line_num, f"more than {MAX_ROWS} lines; split it"),))
            if len(row) != len(header):
                faults.append(Fault(reader.line_num, f"{len(header)} fields, not {len(row)}"))
                continue
            values = dict(zip(header, map(str.strip, row), strict=True))
            lines.append(AssetLine(reader.line_num, values))
    except csv.Error as error:
        faults.append(Fault(reader.line_num, str(error)))
    if not lines and not faults:
        faults.append(Fault(1, "the list names no asset"))
    return AssetList(tuple(lines), tuple(faults))


def plan_import(listed: AssetList, plant: Plant) -> ImportPlan:
    """What taking a list over would change.

    Args:
        listed: As it was read.
        plant: What there is of it.
    """
    faults = [*listed.faults, *_find_repeats(listed.lines)]
    pairs: list[tuple[AssetLine, Asset]] = []
    for line in listed.lines:
        try:
            before = plant.assets.get(line.tag)
            asset = _build(line, before)
            _require_own(plant.sites, asset if before is None else before, asset)
            pairs.append((line, asset))
        except DataError as error:
            faults.append(Fault(line.number, str(error)))
    faults += _find_bad_devices(pairs, plant)
    if faults:
        return ImportPlan(faults=tuple(sorted(faults, key=lambda fault: fault.line)))
    known = [(plant.assets[asset.tag], asset) for _, asset in pairs if asset.tag in plant.assets]
    changed = tuple(Replacement(before, after) for before, after in known if before != after)
    new = tuple(asset for _, asset in pairs if asset.tag not in plant.assets)
    return ImportPlan(new, changed, len(known) - len(changed))


def _fault_of(header: Sequence[str]) -> str:
    strange = [name for name in header if name not in COLUMNS]
    missing = [name for name in NEEDED if name not in header]
    if not strange and not missing and len(set(header)) == len(header):
        return ""
    said = f"the columns are {', '.join(COLUMNS)}; {' and '.join(NEEDED)} are needed"
    return f"{said}; not {strange[0][:40]!r}" if strange else said


def _build(line: AssetLine, before: Asset | None) -> Asset:
    values = line.values
    levels = {} if before is None else dict(zip(_PLACE, before.place.path, strict=True))
    place = Place(**levels | {level: values[level] for level in _PLACE if level in values})
    given: dict[str, Any] = {
        name: read(values[name]) for name, read in _READERS.items() if values.get(name, "") != ""
    }
    emptied = {name: _EMPTY[name] for name in _READERS if values.get(name) == ""}
    if "device" in values:
        given["device_id"] = values["device"] or None
    kept = {} if before is None else {each.name: getattr(before, each.name) for each in fields(Asset)}
    return Asset(**kept | emptied | given | {"tag": line.tag, "place": place})


def _require_own(sites: frozenset[str] | None, *assets: Asset) -> None:
    for site in (asset.place.site for asset in assets):
        if sites is not None and site not in sites:
            raise DataError(f"you do not belong to site {site}")


_EMPTY = {each.name: each.default for each in fields(Asset) if each.name in _READERS}


def _find_repeats(lines: Iterable[AssetLine]) -> list[Fault]:
    """Tags and devices that come twice."""
    faults, tags, devices = [], dict[str, int](), dict[str, int]()
    for line in lines:
        for word, value, seen in (("tag", line.tag, tags), ("device", line.device, devices)):
            if value and seen.setdefault(value, line.number) != line.number:
                faults.append(Fault(line.number, f"{word} {value[:64]} stands in line {seen[value]} already"))
    return faults


def _find_bad_devices(pairs: Sequence[tuple[AssetLine, Asset]], plant: Plant) -> list[Fault]:
    """Devices that nobody has heard of, and those that watch what the list does not free them from."""
    listed = {asset.tag: asset for _, asset in pairs}
    watched = {asset.device_id: tag for tag, asset in plant.assets.items() if asset.device_id}
    faults = []
    for line, asset in pairs:
        device = asset.device_id
        if device is None or (asset.tag in plant.assets and plant.assets[asset.tag].device_id == device):
            continue
        holder = watched.get(device, asset.tag)
        if device not in plant.heard:
            faults.append(Fault(line.number, f"nothing was ever received from a device {device}"))
        elif holder != asset.tag and listed.get(holder, plant.assets[holder]).device_id == device:
            faults.append(Fault(line.number, f"{device} watches {holder}, which the list leaves as it is"))
    return faults
