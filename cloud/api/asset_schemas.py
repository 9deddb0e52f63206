"""What the API takes and answers about the plant, as OpenAPI describes it.

Rule: what an asset, a stop and an entry of the log may be is judged by `cloud.assets` and
`cloud.machine_events`, once; what stands here only gives it a shape and words.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from cloud.asset_import import ImportPlan
from cloud.assets import Asset, EquipmentClass, Place, PlannedStop, read_criticality
from cloud.machine_events import MachineEvent
from cloud.store.machine_events import StoredEvent
from contract.life_log import LogKind


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PlaceIn(_In):
    """A place; levels that are left out are not told apart."""

    site: str = Field(max_length=40, examples=["north"])
    area: str = Field(default="", max_length=40, examples=["packing"])
    line: str = Field(default="", max_length=40, examples=["L1"])

    def build(self) -> Place:
        """As the rules know it.

        Raises:
            DataError: a code that cannot be one.
        """
        return Place(self.site, self.area, self.line)


class AssetIn(PlaceIn):
    """One machine of the plant; its tag stands in the path."""

    name: str = Field(default="", max_length=120, examples=["Feed pump"])
    kind: EquipmentClass = Field(default=EquipmentClass.OTHER, description="ISO 14224:2016, table A.4")
    criticality: str = Field(default="medium", description="low, medium or high", max_length=20)
    components: list[str] = Field(
        default=[], max_length=20, description="As the maintenance log names them", examples=[["bearing"]]
    )
    eam_ref: str = Field(default="", max_length=80, description="In the maintenance system; empty: the tag")
    device_id: str | None = Field(default=None, max_length=64, description="What watches it; null: nothing")

    def build_asset(self, tag: str) -> Asset:
        """As the rules know it.

        Raises:
            DataError: a value that cannot be right.
        """
        return Asset(
            tag,
            self.build(),
            self.name,
            self.kind,
            read_criticality(self.criticality),
            tuple(self.components),
            self.eam_ref,
            self.device_id,
        )


class AssetOut(BaseModel):
    """One machine of the plant."""

    tag: str = Field(examples=["P-101"])
    site: str = Field(examples=["north"])
    area: str
    line: str
    name: str
    kind: EquipmentClass = Field(description="ISO 14224:2016, table A.4", examples=["PU"])
    criticality: str = Field(description="low, medium or high", examples=["high"])
    components: list[str]
    eam_ref: str
    device_id: str | None = Field(description="What watches it; null: nothing", examples=["pump-07"])

    @classmethod
    def of(cls, asset: Asset) -> AssetOut:
        """As the API shows it."""
        site, area, line = asset.place.path
        return cls(
            tag=asset.tag,
            site=site,
            area=area,
            line=line,
            name=asset.name,
            kind=asset.kind,
            criticality=asset.criticality.name.lower(),
            components=list(asset.components),
            eam_ref=asset.eam_ref,
            device_id=asset.device_id,
        )


class AssetPage(BaseModel):
    """Assets by tag."""

    assets: list[AssetOut]
    next_after: str | None = Field(description="Give it as `after` for the next page; null: the last one")


class DeviceIn(_In):
    """What watches an asset."""

    device_id: str | None = Field(max_length=64, description="Null: nothing", examples=["pump-07"])


class MappingOut(BaseModel):
    """How much of the mapping is missing."""

    assets: int
    unwatched: int = Field(description="Assets that no device watches")
    unmapped: int = Field(description="Devices that watch no asset")
    unmapped_devices: list[str] = Field(description="Their ids, a page of them")
    next_after: str | None = Field(description="Give it as `after` for the next page; null: the last one")


class FaultOut(BaseModel):
    """What is wrong with a line of a list."""

    line: int = Field(description="The header is line 1", examples=[4])
    detail: str = Field(examples=["tag 'P 3': 1 to 64 of letters, digits, . _ -"])


class ChangedOut(BaseModel):
    """An asset that a list changes."""

    tag: str
    changes: list[str] = Field(examples=[["device_id"]])


class ImportOut(BaseModel):
    """What a list changed, or would change."""

    is_dry_run: bool
    added: list[str] = Field(description="Tags")
    changed: list[ChangedOut]
    n_same: int = Field(description="Assets that are as the list says")
    faults: list[FaultOut] = Field(description="Nothing is taken over while there is one")

    @classmethod
    def of(cls, plan: ImportPlan, is_dry_run: bool) -> ImportOut:
        """As the API shows it."""
        return cls(
            is_dry_run=is_dry_run,
            added=[asset.tag for asset in plan.new],
            changed=[ChangedOut(tag=each.after.tag, changes=list(each.changes)) for each in plan.changed],
            n_same=plan.n_same,
            faults=[FaultOut(line=fault.line, detail=fault.text) for fault in plan.faults],
        )


class StopIn(_In):
    """When a place, or one machine, stands still anyway."""

    starts_at: AwareDatetime = Field(examples=["2026-03-14T06:00:00Z"])
    ends_at: AwareDatetime = Field(examples=["2026-03-14T18:00:00Z"])
    place: PlaceIn | None = Field(default=None, description="All of it stands still; null: one machine does")
    tag: str = Field(default="", max_length=64, description="Of that machine", examples=[""])
    note: str = Field(default="", max_length=200, examples=["spring shutdown"])

    def build(self, who: str) -> PlannedStop:
        """As the rules know it.

        Raises:
            DataError: it contradicts itself.
        """
        place = self.place.build() if self.place else None
        return PlannedStop(self.starts_at, self.ends_at, place, self.tag, self.note, who)


class StopOut(BaseModel):
    """A planned stop."""

    id: int
    starts_at: datetime
    ends_at: datetime
    site: str = Field(description="Empty: it is one machine's stop")
    area: str
    line: str
    tag: str
    note: str
    who: str = Field(description="Who planned it")

    @classmethod
    def of(cls, stop: PlannedStop) -> StopOut:
        """As the API shows it."""
        site, area, line = stop.place.path if stop.place else ("", "", "")
        values = {name: getattr(stop, name) for name in ("id", "starts_at", "ends_at", "tag", "note", "who")}
        return cls(site=site, area=area, line=line, **values)


class StopPage(BaseModel):
    """Planned stops by id."""

    stops: list[StopOut]
    next_after: int | None = Field(description="Give it as `after` for the next page; null: the last one")


class LogEntryIn(_In):
    """One thing that happened to a machine."""

    machine: str = Field(max_length=64, description="Device id", examples=["pump-07"])
    time: AwareDatetime = Field(examples=["2026-03-01T10:30:00Z"])
    kind: LogKind
    component: str = Field(default="", max_length=40, description="Failures and replacements need one")
    code: str = Field(default="", max_length=40, description="What was done or reported", examples=["oiled"])

    def build(self, source: str) -> MachineEvent:
        """As the rules know it.

        Raises:
            DataError: a value that cannot be right.
        """
        time = self.time.astimezone(UTC)
        return MachineEvent(self.machine, self.component, time, self.kind, self.code, source)


class LogIn(_In):
    """Entries of the maintenance log, taken over together or not at all."""

    entries: list[LogEntryIn] = Field(min_length=1, max_length=1000)


class LogTakenOut(BaseModel):
    """What became of a log."""

    n_read: int
    n_new: int
    n_known: int = Field(description="Entries that were there already")


class LogEntryOut(BaseModel):
    """One thing that happened to a machine."""

    id: int
    machine: str
    component: str
    time: datetime
    kind: LogKind
    code: str
    source: str = Field(description="Where it was read, or who said it")

    @classmethod
    def of(cls, stored: StoredEvent) -> LogEntryOut:
        """As the API shows it."""
        event = stored.event
        values = {name: getattr(event, name) for name in ("component", "time", "kind", "code", "source")}
        return cls(id=stored.id, machine=event.device_id, **values)


class LogPage(BaseModel):
    """Entries, the newest first by id."""

    entries: list[LogEntryOut]
    next_before: int | None = Field(description="Give it as `before` for the next page; null: the last one")
