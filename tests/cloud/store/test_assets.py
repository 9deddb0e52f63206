"""The plant in the store: assets, who watches what, planned stops."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cloud.assets import Asset, EquipmentClass, Place, PlannedStop
from cloud.errors import AssetError, NotFoundError, RecordRefusedError
from cloud.store.assets import (
    MappingCounts,
    assets_of_devices,
    count_mapping,
    list_assets,
    map_device,
    read_asset,
    remove_asset,
    save_assets,
    site_of,
    unmapped_devices,
)
from cloud.store.database import Database
from cloud.store.planned_stops import add_stop, list_stops, read_stop, remove_stop
from cloud.store.writer import StoreWriter
from cloud.triage import Criticality
from tests.cloud.samples import arrive, birth

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PACKING = Place("north", "packing", "L1")
PUMP = Asset(
    "P-101",
    PACKING,
    "Feed pump",
    EquipmentClass.PUMP,
    Criticality.HIGH,
    ("bearing", "seal"),
    "10004711",
    "press-1",
)
SPARE = Asset("P-102", PACKING)
SOUTH = Asset("M-1", Place("south"), device_id="press-2")


@pytest.fixture(autouse=True)
def plant(database: Database, writer: StoreWriter) -> None:
    """Three devices, three assets, two of them mapped."""
    writer.write(arrive(*(birth(f"press-{n}") for n in (1, 2, 3))))
    with database.transaction() as session:
        save_assets(session, [PUMP, SPARE, SOUTH])


def test_what_was_saved_is_read(database: Database) -> None:
    with database.session() as session:
        assert list_assets(session) == [SOUTH, PUMP, SPARE]
        assert list_assets(session, frozenset({"north"})) == [PUMP, SPARE]
        assert list_assets(session, limit=1, after="M-1") == [PUMP]
        assert assets_of_devices(session, ["press-1", "press-3"]) == {"press-1": PUMP}
        assert (site_of(session, "press-2"), site_of(session, "press-3")) == ("south", "")
        with pytest.raises(NotFoundError, match="no asset 'M-1'"):
            read_asset(session, "M-1", frozenset({"north"}))


def test_what_is_mapped_nowhere_is_counted(database: Database) -> None:
    with database.session() as session:
        assert count_mapping(session) == MappingCounts(assets=3, unwatched=1, unmapped=1)
        assert count_mapping(session, frozenset({"north"})) == MappingCounts(2, 1, 0)
        assert count_mapping(session, frozenset()) == MappingCounts(0, 0, 0)
        assert unmapped_devices(session, 10) == ["press-3"]
        assert unmapped_devices(session, 10, after="press-3") == []


def test_a_device_watches_one_asset(database: Database) -> None:
    with database.transaction() as session, pytest.raises(AssetError, match="watches P-101 already"):
        map_device(session, "P-102", "press-1")
    with database.transaction() as session, pytest.raises(NotFoundError, match="nothing was ever received"):
        map_device(session, "P-102", "press-9")
    with pytest.raises(RecordRefusedError), database.transaction() as session:
        save_assets(session, [replace(SPARE, device_id="press-1")])
    with database.transaction() as session:
        assert map_device(session, "P-101", None).device_id is None
        assert map_device(session, "P-102", "press-1").device_id == "press-1"
        assert map_device(session, "P-102", "press-1").device_id == "press-1"


def test_devices_may_change_places_at_once(database: Database) -> None:
    swapped = [replace(PUMP, device_id="press-2"), replace(SOUTH, device_id="press-1")]
    with database.transaction() as session:
        save_assets(session, swapped)
        assert list_assets(session) == [swapped[1], swapped[0], SPARE]


def test_saving_again_changes_nothing_and_removing_leaves_the_machine(database: Database) -> None:
    with database.transaction() as session:
        save_assets(session, [PUMP, SPARE, SOUTH])
        assert list_assets(session) == [SOUTH, PUMP, SPARE]
        remove_asset(session, "P-101")
        assert unmapped_devices(session, 10) == ["press-1", "press-3"]
        with pytest.raises(NotFoundError):
            remove_asset(session, "P-101")


def test_stops_are_kept_and_seen_by_their_site(database: Database) -> None:
    day = timedelta(days=1)
    with database.transaction() as session:
        weekend = add_stop(session, PlannedStop(NOON, NOON + day, Place("north"), note="weekend", who="Jo"))
        one = add_stop(session, PlannedStop(NOON + day, NOON + 2 * day, tag="M-1"))
    with database.session() as session:
        assert read_stop(session, weekend.id).note == "weekend" and weekend.place == Place("north")
        assert list_stops(session) == [weekend, one]
        assert list_stops(session, ending_after=NOON + day) == [one]
        assert list_stops(session, sites=frozenset({"south"})) == [one]
        assert list_stops(session, limit=1, after=weekend.id) == [one]
    with database.transaction() as session:
        remove_stop(session, one.id)
        with pytest.raises(NotFoundError, match="no planned stop"):
            remove_stop(session, one.id)
