"""A list of the plant is taken over whole or not at all, and every bad line is named."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.asset_import import COLUMNS, EXAMPLE, ImportPlan, Plant, plan_import, read_list
from cloud.assets import Asset, EquipmentClass, Place
from cloud.triage import Criticality

PUMP = Asset(
    "P-101",
    Place("north", "packing", "L1"),
    "Feed pump",
    EquipmentClass.PUMP,
    Criticality.HIGH,
    ("bearing", "seal"),
    device_id="pump-07",
)
HEARD = frozenset({"pump-07", "pump-08", "pump-09"})
NAMES = st.text(max_size=20).filter(str.isprintable).map(str.strip)
ASSETS = st.builds(
    Asset,
    tag=st.from_regex(r"[A-Z]{1,2}-[0-9]{1,3}", fullmatch=True),
    place=st.sampled_from([Place("north"), Place("north", "packing"), Place("south", "press", "L2")]),
    name=NAMES,
    kind=st.sampled_from(EquipmentClass),
    criticality=st.sampled_from(Criticality),
    components=st.sampled_from([(), ("bearing",), ("bearing", "seal")]),
    eam_ref=st.from_regex(r"[0-9]{0,8}", fullmatch=True),
)
PLANTS = st.lists(ASSETS, max_size=12, unique_by=lambda asset: asset.tag)


def plan(text: str, *assets: Asset) -> ImportPlan:
    return plan_import(read_list(text), Plant({asset.tag: asset for asset in assets}, HEARD))


def write(assets: list[Asset]) -> str:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for each in assets:
        words = (each.name, each.kind, each.criticality.name.lower(), " ".join(each.components), each.eam_ref)
        writer.writerow([each.tag, *each.place.path, *words, each.device_id or ""])
    return file.getvalue()


def mapped(assets: list[Asset], order: list[str]) -> list[Asset]:
    devices = dict(zip((asset.tag for asset in assets), order, strict=False))
    return [replace(asset, device_id=devices.get(asset.tag)) for asset in assets]


@given(PLANTS.filter(bool), PLANTS, st.permutations(sorted(HEARD)), st.permutations(sorted(HEARD)))
def test_after_a_list_the_plant_is_as_the_list_says(
    listed: list[Asset], before: list[Asset], first: list[str], second: list[str]
) -> None:
    listed, before = mapped(listed, first), mapped(before, second)
    found = plan(write(listed), *before)
    if found.faults:  # a device watches what is not in the list
        assert found.assets == () and all("watches" in str(fault) for fault in found.faults)
        return
    after = {asset.tag: asset for asset in (*before, *found.assets)}
    assert [after[asset.tag] for asset in listed] == listed
    assert len(found.assets) + found.n_same == len(listed)
    again = plan(write(listed), *after.values())
    assert (again.assets, again.faults, again.n_same) == ((), (), len(listed))


@given(st.text(max_size=200))
def test_nothing_is_so_wrong_that_it_is_not_said_where(text: str) -> None:
    found = plan(text)
    assert found.faults or found.new
    assert all(fault.line >= 1 and fault.text for fault in found.faults)


def test_columns_that_are_left_out_stay() -> None:
    found = plan("device,tag,site\npump-08,P-101,north\n", PUMP)
    (change,) = found.changed
    assert change.after == replace(PUMP, device_id="pump-08") and change.changes == ("device_id",)
    emptied = plan("tag,site,name,kind,device\nP-101,north,,,\n", PUMP).changed[0].after
    assert (emptied.name, emptied.kind, emptied.device_id) == ("", EquipmentClass.OTHER, None)
    assert emptied.place == PUMP.place and emptied.components == PUMP.components


def test_the_example_can_be_taken_over() -> None:
    assert plan(EXAMPLE).new == (PUMP,)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: the columns are tag, site"),
        ("tag,site,colour\n", "not 'colour'"),
        ("tag\nP-1\n", "tag and site are needed"),
        ("tag,site,site\n", "line 1: the columns"),
        ("tag,site\n", "names no asset"),
        ("tag,site\nP-1\n", "line 2: 2 fields, not 1"),
        ("tag,site\n\nP 1,north\n", "line 3: tag 'P 1'"),
        ("tag,site\nP-1,north\nP-1,south\n", "line 3: tag P-1 stands in line 2"),
        ("tag,site,kind\nP-1,north,XX\n", "line 2: kind 'XX'"),
        ("tag,site,criticality\nP-1,north,very\n", "not one of low, medium, high"),
        ("tag,site,device\nP-1,north,pump-77\n", "nothing was ever received from a device pump-77"),
        ("tag,site,device\nP-1,north,pump-07\n", "pump-07 watches P-101, which the list leaves"),
        (
            "tag,site,device\nP-1,north,pump-08\nP-2,north,pump-08\n",
            "line 3: device pump-08 stands in line 2",
        ),
        ('tag,site\n"P-1,north\n', "line 2"),
    ],
    ids=range(14),
)
def test_what_is_wrong_is_named_by_its_line(text: str, said: str) -> None:
    found = plan(text, PUMP)
    assert said in str(found.faults[0]) and not found.assets


def test_all_bad_lines_are_named_at_once() -> None:
    found = plan("tag,site,kind\nP 1,north,\nP-2,north,PU\nP-3,,\nP-4,north,ZZ\n")
    assert [fault.line for fault in found.faults] == [2, 4, 5]
