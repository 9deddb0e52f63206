"""The pipeline of edge models, run for real: the graph of the forecasts with a device's model in it.

The first run trains as `train edge` does; the one that is to be worse takes a network that nobody trained.

All runs happen once, one after the other in one child process; the tests look at what they left behind.
"""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contract.bundle import Bundle, read_bundle
from contract.registry import Act, ModelKind, ModelLine, Registry
from models.edge_command import keep_schema
from models.judge import Judge
from models.pipeline_config import EdgeThresholds, PipelineConfig
from models.stages.blessings import follow_registry
from models.stages.lineage import trace
from ota.errors import GateError
from ota.gates import require_gates
from tests.models.stages.fans import PROFILE, SIDES, Odd, make_fan, make_sides, write_fan_span
from tests.models.stages.test_pipeline import run_child

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

LINE = ModelLine(PROFILE.name, ModelKind.EDGE)
RUNS: dict[str, dict[str, Any]] = {
    "first": {"span": 1},
    "no column": {"span": 2},
    "worse": {"span": 3, "reason": "new recordings", "training": "stub_edge"},
    "kubeflow": {"span": 3},
}


@dataclass(frozen=True)
class Done:
    """What all runs left behind."""

    folder: Path
    log: str

    @property
    def metadata(self) -> Path:
        return self.folder / "root" / "metadata.sqlite"

    @property
    def registry(self) -> Registry:
        return Registry(self.folder / "registry")

    def answer(self, run: str) -> dict[str, Any]:
        path = self.folder / "runs" / run / "answer.json"
        assert path.exists(), self.log[-4000:]
        answer: dict[str, Any] = json.loads(path.read_text())
        return answer

    def stages(self, run: str) -> list[str]:
        words = (self.folder / "runs" / run / "stdout.txt").read_text().split()
        return [word for word in words if word != "stage:"]

    def card(self, run: str) -> dict[str, Any]:
        card: dict[str, Any] = json.loads((Path(self.answer(run)["card"]).parent / "card.json").read_text())
        return card

    def champion(self) -> Bundle:
        champion = self.registry.champion(LINE)
        assert champion is not None
        return read_bundle(champion.bundle_path)


def write_spans(spans: Path) -> None:
    """Span 1 is good, 2 lacks a channel, the machines that span 3 teaches from are far from quiet."""
    sides = make_sides()
    write_fan_span(spans, 1, sides)
    write_fan_span(spans, 2, sides, without="high_amps")
    write_fan_span(spans, 3, sides | {"train": [make_fan(n, Odd(noise=25.0)) for n in SIDES["train"]]})


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("edge-pipeline")
    write_spans(folder / "spans")
    requests = []
    for name, differs in RUNS.items():
        config = PipelineConfig(
            spans=folder / "spans",
            schema=keep_schema(folder / "root", PROFILE),
            root=folder / "root",
            registry=folder / "registry",
            thresholds=EdgeThresholds(auc=0.6, false_episodes_per_h=5.0),
            settings={"epochs": 1},
            code_version="4a1b2c3",
            kind=ModelKind.EDGE,
            **differs,
        )
        request = {"act": "run", "config": config.to_json()}
        if name == "kubeflow":
            request |= {"act": "compile", "path": str(folder / "kubeflow.json"), "image": "plant/models:1"}
        (folder / "runs" / name).mkdir(parents=True)
        (folder / "runs" / name / "request.json").write_text(json.dumps(request))
        requests.append(str(folder / "runs" / name))
    return Done(folder, run_child("run_requests.py", *requests))


def test_the_first_model_is_blessed_and_in_charge(done: Done) -> None:
    answer = done.answer("first")
    assert answer["is_blessed"] is True, answer
    first = done.registry.history(LINE)[:2]
    assert [(entry.act, entry.version) for entry in first] == [
        (Act.PUBLISHED, answer["version"]),
        (Act.PROMOTED, answer["version"]),
    ]
    assert done.registry.lines() == (LINE,)


def test_it_goes_through_the_stages_of_the_forecasts_pipeline(done: Done) -> None:
    wanted = [
        "FileBasedExampleGen",
        "StatisticsGen",
        "ExampleValidator",
        "DataGate",
        "DriftCheck",
        "Transform",
        "Trainer",
        "ServingGate",
        "Evaluator",
        "CardWriter",
        "RegistryPusher",
    ]
    assert [stage for stage in done.stages("first") if stage in wanted] == wanted


def test_a_missing_channel_stops_the_run_with_a_sentence(done: Done) -> None:
    answer = done.answer("no column")
    assert answer["kind"] == "DataError"
    assert answer["error"] == "span 2, train: column high_amps is missing; the schema names it"
    assert "Trainer" not in done.stages("no column")


def test_a_worse_model_is_published_with_its_reasons_and_the_champion_stays(done: Done) -> None:
    answer = done.answer("worse")
    assert answer["is_blessed"] is False
    assert any(reason.startswith("change of auc_roc, all: ") for reason in answer["refused_because"]), answer
    assert done.registry.version(LINE, answer["version"]).papers.is_blessed is False
    champion = done.registry.champion(LINE)
    assert champion is not None
    assert champion.version == done.answer("first")["version"]


def test_both_models_are_judged_on_the_same_machines(done: Done) -> None:
    results = {(row["model"], row["slice"]): row for row in done.card("worse")["results"]}
    fans = [f"machine fan-{number:02d}" for number in SIDES["eval"]]
    assert set(results) == {(model, each) for model in ("candidate", "baseline") for each in ("all", *fans)}
    candidate, baseline = results["candidate", "all"], results["baseline", "all"]
    assert candidate["auc_roc"] < baseline["auc_roc"]
    assert candidate["example_count"] == len(fans)
    first = {row["slice"]: row for row in done.card("first")["results"]}
    assert baseline["auc_roc"] == pytest.approx(first["all"]["auc_roc"])


def test_lineage_walks_back_to_span_code_and_schema(done: Done) -> None:
    lineage = trace(done.metadata, done.answer("worse")["version"])
    assert (lineage.span, lineage.code_version, lineage.parent) == (3, "4a1b2c3", None)
    assert lineage.snapshot.startswith("small-fan-20260301T000000Z-")
    kept = keep_schema(done.folder / "root", PROFILE)
    assert next(Path(lineage.schema).iterdir()).read_bytes() == kept.read_bytes()
    assert "Trainer" in lineage.stages
    papers = done.registry.version(LINE, lineage.version).papers
    assert papers.lineage["span"] == "3"


def test_the_published_bundle_runs_as_on_a_device(done: Done) -> None:
    bundle = done.champion()
    assert bundle.manifest.lineage["code_version"] == "4a1b2c3"
    learned = {f"fan-{number:02d}" for side in ("train", "calibrate") for number in SIDES[side]}
    assert set(bundle.manifest.lineage["machines"]) == learned
    judgement = Judge(bundle).judge(make_fan(99).vectors)
    assert len(judgement.scores) > 50
    assert np.median(judgement.scores) < PROFILE.alarm_rule.threshold


def test_the_champions_papers_pass_the_gates_of_a_release(done: Done) -> None:
    champion = done.registry.champion(LINE)
    assert champion is not None
    lineage = require_gates(champion.papers, done.champion())
    assert (lineage["span"], lineage["code_version"]) == ("1", "4a1b2c3")


def test_an_unblessed_models_papers_do_not(done: Done) -> None:
    worse = done.registry.version(LINE, done.answer("worse")["version"])
    with pytest.raises(GateError, match=r"did not bless it \(.*change of auc_roc"):
        require_gates(worse.papers, read_bundle(worse.bundle_path))


def test_the_card_says_what_people_ask(done: Done) -> None:
    text = Path(done.answer("worse")["card"]).with_suffix(".md").read_text()
    for words in (
        "| candidate | all |",
        "| train | 6 | 900 |",
        "Drift is seen against span 1",
        "golden windows in",
        "4a1b2c3",
    ):
        assert words in text
    assert done.registry.version(LINE, done.answer("worse")["version"]).papers.card == text


def test_what_nobody_rolled_back_from_keeps_its_blessing(done: Done) -> None:
    assert follow_registry(done.metadata, done.registry, LINE) == ()


def test_the_same_graph_compiles_for_kubeflow(done: Done) -> None:
    if importlib.util.find_spec("kfp") is None:
        assert done.answer("kubeflow")["error"].endswith("pip install kfp-pipeline-spec")
        return
    assert done.answer("kubeflow") == {}
    spec = json.loads((done.folder / "kubeflow.json").read_text())["pipelineSpec"]
    compiled = {name.split("-model")[0] for name in spec["root"]["dag"]["tasks"]}
    assert compiled == set(done.stages("first"))
