"""The bundle that the Trainer wrote is what the gate replays, the judge asks and the card describes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from contract.bundle import Bundle, load_bundle, write_bundle
from contract.profiles import load_profile
from contract.registry import ModelKind, Papers
from models.errors import NotReleasableError
from models.stages.kind import bundle_file, kind_of
from models.stages.window_kind import KIND, replay
from models.stages.window_schema import draft_window_schema
from ota.gates import LINEAGE, require_gates
from tests.models.stages.fans import CUT, PROFILE, encode, make_fan

PUMP = load_bundle("pump")


def placed(folder: Path, bundle: Bundle = PUMP) -> Path:
    write_bundle(folder / bundle_file(ModelKind.EDGE), bundle)
    return folder


@pytest.mark.usefixtures("no_compiler")
def test_the_gate_replays_golden_windows_in_every_runtime(tmp_path: Path) -> None:
    report = replay(placed(tmp_path), "", "")
    assert report["golden_windows"] == len(PUMP.golden_input)
    assert report["largest_difference"] <= 1
    assert report["bytes"] == len(PUMP.model)
    assert f"off by at most {report['largest_difference']} int8 steps" in report["told"]
    assert "operations run on an Edge TPU" in report["told"]


TAUGHT = {"teacher_error": 0.30, "student_error": 0.31}
ADAPTED = {"start_error": 0.33, "float_error": 0.30, "student_error": 0.31}


@pytest.mark.parametrize("metrics", [TAUGHT, ADAPTED], ids=["taught", "adapted"])
@pytest.mark.usefixtures("no_compiler")
def test_what_the_gate_found_is_what_a_release_asks_for(tmp_path: Path, metrics: dict[str, float]) -> None:
    bundle = replace(PUMP, manifest=replace(PUMP.manifest, metrics=metrics))
    report = {"kind": "edge", **replay(placed(tmp_path, bundle), "", "")}
    assert (report["float_error"], report["int8_error"]) == (0.30, 0.31)
    lineage = dict.fromkeys(LINEAGE, "known")
    papers = Papers("", True, {"results": [{}], "refused_because": [], "replay": report}, lineage)
    assert require_gates(papers, PUMP) == lineage


@pytest.mark.usefixtures("no_compiler")
def test_a_file_that_answers_otherwise_is_refused(tmp_path: Path) -> None:
    off = PUMP.golden_output.copy()
    off.flat[np.flatnonzero(off < 0)[0]] += 3
    with pytest.raises(NotReleasableError, match="off the golden outputs by 3 steps"):
        replay(placed(tmp_path, replace(PUMP, golden_output=off)), "", "")


def test_the_card_gets_its_facts_from_the_bundle(tmp_path: Path) -> None:
    facts = KIND.describe(placed(tmp_path))
    assert (facts.subject, facts.version) == ("pump", PUMP.manifest.version)
    assert "of profile pump, on its device" in facts.purpose
    assert facts.inputs["sensors"][:2] == ["vib_h", "vib_v"]


def test_a_side_is_counted() -> None:
    fans = [make_fan(number) for number in range(2)]
    side = KIND.accept(encode(fans), draft_window_schema(PROFILE), CUT, "span 1, train")
    assert side.machines == {"fan-00", "fan-01"}
    assert side.counts == {"machines": 2, "windows": sum(len(fan.times_s) for fan in fans)}


def test_only_models_of_the_same_state_of_a_profile_are_comparable() -> None:
    schemas = [draft_window_schema(each) for each in (PROFILE, replace(PROFILE, version=3))]
    names = [KIND.comparable(schema) for schema in schemas]
    assert names[0] != names[1]
    assert all(name.startswith("small-fan-") and name.replace("-", "").isalnum() for name in names)
    assert {KIND.subject(schema) for schema in schemas} == {"small-fan"}


def test_what_the_transform_is_told_is_the_profile() -> None:
    told = KIND.describe_columns(draft_window_schema(load_profile("pump")))
    assert 'name = "pump"' in told["profile"]


def test_each_kind_is_found_by_its_name() -> None:
    assert kind_of("edge") is KIND
    assert kind_of("rul").model is ModelKind.RUL
    assert kind_of("rul").has_warm_start
    assert not KIND.has_warm_start
    assert [kind_of(kind).bundle_file for kind in ModelKind] == ["model.igr", "model.igb"]
