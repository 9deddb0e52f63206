from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from contract.registry import Papers
from ota.errors import GateError
from ota.gates import require_gates
from tests.ota.plant import PUMP, good_papers

GOOD = good_papers()


def test_a_bundle_that_passed_every_gate_is_let_through_with_its_lineage() -> None:
    assert require_gates(GOOD, PUMP) == {
        "snapshot": "pump-20261101",
        "span": "3",
        "code_version": "4a1b2c3",
        "model_artifact": "17",
    }


@pytest.mark.parametrize(
    ("papers", "message"),
    [
        (replace(GOOD, is_blessed=False), "did not bless it"),
        (replace(GOOD, blessing={**GOOD.blessing, "refused_because": ["auc"]}), "no evaluation behind it"),
        (replace(GOOD, blessing={**GOOD.blessing, "results": []}), "no evaluation behind it"),
        (good_papers(kind="rul"), "no record of this very model file"),
        (good_papers(model_sha256="00" * 32), "no record of this very model file"),
        (good_papers(largest_difference=2), "off the golden outputs by 2 steps"),
        (good_papers(largest_difference=None), "no runtime is recorded"),
        (good_papers(runtimes=[]), "no runtime is recorded"),
        (good_papers(golden_windows=0), "no runtime is recorded"),
        (good_papers(int8_error=0.4), "int8 errs by 0.4, its float teacher by 0.2851"),
        (good_papers(float_error=None), "errors of its float teacher and of int8 are not recorded"),
        (good_papers(int8_error=float("nan")), "are not recorded"),
        (good_papers(mapped_operations=14), "only 14 of 15 operations"),
        (good_papers(operations=0, mapped_operations=0), "the Edge TPU check left no record"),
        (good_papers(operations=True), "the Edge TPU check left no record"),
        (replace(GOOD, lineage={}), "lacks snapshot, span, code_version, model_artifact"),
        (replace(GOOD, lineage={**GOOD.lineage, "snapshot": "unknown"}), "lineage lacks snapshot"),
        (replace(GOOD, lineage={**GOOD.lineage, "span": None}), "lineage lacks span"),
    ],
    ids=range(18),
)
def test_a_gate_that_was_not_passed_keeps_it_back(papers: Papers, message: str) -> None:
    with pytest.raises(GateError, match=message):
        require_gates(papers, PUMP)


@pytest.mark.parametrize("replay", [None, [], "passed", {}])
def test_papers_from_before_there_was_a_record_are_refused(replay: Any) -> None:
    with pytest.raises(GateError) as caught:
        require_gates(replace(GOOD, blessing={**GOOD.blessing, "replay": replay}), PUMP)
    for words in ("serving gate", "no runtime", "errors of its float", "Edge TPU", "train edge"):
        assert words in str(caught.value)


def test_everything_is_told_at_once() -> None:
    with pytest.raises(GateError, match=r"did not bless it \(auc too low\); .*; its lineage lacks"):
        require_gates(Papers("", False, {"refused_because": ["auc too low"]}), PUMP)
