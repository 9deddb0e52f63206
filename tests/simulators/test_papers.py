"""Papers of bundles that had none, held against the gates that publishing asks for."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from contract.bundle import format_bundle, load_bundle, read_bundle
from contract.errors import BundleError
from contract.registry import Papers
from ota.errors import GateError
from ota.gates import require_gates
from simulators.papers import write_papers
from simulators.publisher import improved_path
from simulators.spoil import Spoil, spoil

PUMP = load_bundle("pump")


def papers_of(record: dict[str, object]) -> Papers:
    blessing, lineage = record["blessing"], record["lineage"]
    assert isinstance(blessing, dict) and isinstance(lineage, dict)
    return Papers("", record["is_blessed"] is True, blessing, lineage)


@pytest.mark.parametrize("bundle", [PUMP, read_bundle(improved_path("pump"))], ids=["shipped", "improved"])
def test_what_comes_with_the_demo_passes_every_gate(bundle: object) -> None:
    record = write_papers(bundle)  # type: ignore[arg-type]

    lineage = require_gates(papers_of(record), bundle)  # type: ignore[arg-type]
    assert record["sha256"] == hashlib.sha256(format_bundle(bundle)).hexdigest()  # type: ignore[arg-type]
    assert len(lineage["snapshot"]) == 64


def test_what_fails_here_gets_no_papers() -> None:
    with pytest.raises(BundleError, match="off the golden outputs"):
        write_papers(spoil(PUMP, Spoil.ANSWERS))


def test_papers_are_of_one_model_file() -> None:
    other = replace(PUMP, model=PUMP.model + b"\0")

    with pytest.raises(GateError, match="this very model file"):
        require_gates(papers_of(write_papers(PUMP)), other)
