"""The whole pipeline, run for real: TFX, MLMD, TFMA and the registry, with a small network to train.

All runs happen once, one after the other in one child process; the tests look at what they left behind.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from contract.registry import Act, ModelLine, Note, Registry
from contract.rul_bundle import parse_rul_bundle
from models.errors import LineageError
from models.forecast.serving import ServingModel
from models.pipeline_config import PipelineConfig, Thresholds
from models.stages.blessings import follow_registry
from models.stages.lineage import format_lineage, trace
from tests.conftest import PROJECT_ROOT
from tests.models.stages.fleet import make_life, make_sides, with_sensor, write_fleet_schema, write_span

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

LINE = ModelLine("press")
RUNS: dict[str, dict[str, Any]] = {
    "first": {"span": 1},
    "no column": {"span": 2},
    "other unit": {"span": 3},
    "no lives": {"span": 5},
    "backwards": {"span": 4, "settings": {"is_backwards": 1, "epochs": 20}},
    "second": {"span": 4, "reason": "new labels"},
    "kubeflow": {"span": 4, "beam_args": ("--runner=FlinkRunner", "--flink_master=flink:8081")},
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


def write_spans(spans: Path) -> None:
    """Span 1 is good, 2 lacks a column, 3 has degrees in tenths, 4 is another year's, 5 has an empty side."""
    write_span(spans, 1, make_sides())
    no_column = write_span(spans, 2, make_sides()) / "eval" / "lives.parquet"
    pq.write_table(pq.read_table(no_column).drop(["sensor_shake"]), no_column)
    sides = make_sides()
    tenths = with_sensor(sides["calibrate"], 0, [life.sensors[:, 0] * 10 for life in sides["calibrate"]])
    write_span(spans, 3, sides | {"calibrate": tenths})
    write_span(spans, 4, make_sides(seed=1))
    no_lives = write_span(spans, 5, make_sides()) / "calibrate" / "lives.parquet"
    pq.write_table(pq.read_table(no_lives).slice(0, 0), no_lives)


@pytest.fixture(scope="session")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("pipeline")
    write_spans(folder / "spans")
    write_fleet_schema(folder / "press.pbtxt")
    requests = []
    for name, differs in RUNS.items():
        config = PipelineConfig(
            spans=folder / "spans",
            schema=folder / "press.pbtxt",
            root=folder / "root",
            registry=folder / "registry",
            thresholds=Thresholds(rmse_share=0.35, coverage=0.3, rmse_slack=0.2, slice_slack=1.0),
            training="stub_forecast",
            code_version="4a1b2c3",
            **{"settings": {"epochs": 20}} | differs,
        )
        (folder / "runs" / name).mkdir(parents=True)
        request = {"act": "run", "config": config.to_json()}
        if name == "kubeflow":
            request |= {"act": "compile", "path": str(folder / "kubeflow.json"), "image": "plant/models:1"}
        (folder / "runs" / name / "request.json").write_text(json.dumps(request))
        requests.append(str(folder / "runs" / name))
    return Done(folder, run_child("run_requests.py", *requests))


def run_child(script: str, *arguments: str) -> str:
    """Run a script beside this file with the stub on its path; returns all that it said."""
    here = Path(__file__).parent
    path = os.pathsep.join((str(PROJECT_ROOT), str(here), os.environ.get("PYTHONPATH", "")))
    ran = subprocess.run(
        [sys.executable, str(here / script), *arguments],
        env=os.environ | {"PYTHONPATH": path},
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.stdout + ran.stderr


def test_the_first_model_is_blessed_and_in_charge(done: Done) -> None:
    answer = done.answer("first")
    assert answer["is_blessed"] is True, answer
    assert answer["refused_because"] == []
    first = done.registry.history(LINE)[:2]
    assert [(entry.act, entry.version) for entry in first] == [
        (Act.PUBLISHED, answer["version"]),
        (Act.PROMOTED, answer["version"]),
    ]


@pytest.mark.parametrize(
    ("run", "sentence"),
    [
        ("no column", "span 2, eval: column sensor_shake is missing; the schema names it"),
        ("no lives", "span 5, calibrate: is empty, it holds no examples"),
        ("other unit", "span 3, calibrate: column sensor_heat holds "),
    ],
)
def test_bad_data_stop_the_run_with_a_sentence(done: Done, run: str, sentence: str) -> None:
    answer = done.answer(run)
    assert answer["kind"] == "DataError"
    assert answer["error"].startswith(sentence)
    assert "\n" not in answer["error"]


def test_a_refused_run_never_trained(done: Done) -> None:
    stages = (done.folder / "runs" / "no column" / "stdout.txt").read_text().split()
    assert "DataGate" in stages
    assert "Trainer" not in stages


def test_a_worse_model_is_published_with_its_reasons_but_not_in_charge(done: Done) -> None:
    answer = done.answer("backwards")
    assert answer["is_blessed"] is False
    assert any(reason.startswith("rmse, all: ") for reason in answer["refused_because"])
    assert any(reason.startswith("change of rmse, all: ") for reason in answer["refused_because"])
    published = done.registry.version(LINE, answer["version"])
    assert published.papers.is_blessed is False
    promoted = [entry.version for entry in done.registry.history(LINE) if entry.act is Act.PROMOTED]
    assert answer["version"] not in promoted


def test_the_second_span_starts_from_the_blessed_model_and_is_compared_with_it(done: Done) -> None:
    first, second = (trace(done.metadata, done.answer(run)["version"]) for run in ("first", "second"))
    assert first.parent is None
    assert second.parent is not None
    assert second.parent == str(
        Path(first.examples).parents[2] / "Trainer" / "model" / Path(second.parent).name
    )
    card = json.loads((Path(done.answer("second")["card"]).parent / "card.json").read_text())
    assert {row["model"] for row in card["results"]} == {"candidate", "baseline"}
    assert card["data"]["compared_with_span"] == 4  # the refused spans 2 and 3 are not compared with
    champion = done.registry.champion(LINE)
    assert champion is not None
    assert champion.version == (done.answer("second" if card["is_blessed"] else "first")["version"])


def test_lineage_walks_back_to_span_code_and_schema(done: Done) -> None:
    lineage = trace(done.metadata, done.answer("second")["version"])
    assert lineage.span == 4
    assert lineage.code_version == "4a1b2c3"
    assert next(Path(lineage.schema).iterdir()).read_bytes() == (done.folder / "press.pbtxt").read_bytes()
    wanted = ("FileBasedExampleGen", "DataGate", "Transform", "Trainer", "ServingGate", "Evaluator")
    assert [stage for stage in lineage.stages if stage in wanted] == list(wanted)
    assert "stages        FileBasedExampleGen → " in format_lineage(lineage)


def test_an_unknown_version_has_no_lineage(done: Done) -> None:
    with pytest.raises(LineageError, match="no model 9-nobody was pushed"):
        trace(done.metadata, "9-nobody")


def test_a_model_that_was_rolled_back_from_is_no_baseline_any_more(done: Done, tmp_path: Path) -> None:
    metadata = Path(shutil.copy(done.metadata, tmp_path))
    registry = Registry(Path(shutil.copytree(done.folder / "registry", tmp_path / "registry")))
    worse, note = done.answer("second")["version"], Note("a person", "too many early orders")
    if done.answer("second")["is_blessed"]:
        registry.roll_back(LINE, note)
        assert follow_registry(metadata, registry, LINE) == (worse,)
    assert follow_registry(metadata, registry, LINE) == ()
    champion = registry.champion(LINE)
    assert champion is not None
    assert champion.version == done.answer("first")["version"]


def test_results_are_sliced_and_censored_cuts_do_not_count(done: Done) -> None:
    card = json.loads((Path(done.answer("first")["card"]).parent / "card.json").read_text())
    slices = {row["slice"]: row for row in card["results"]}
    assert set(slices) == {"all", "component bearing", "group new", "group old", "machine_type press"}
    assert slices["all"]["example_count"] == 20
    assert slices["group new"]["example_count"] + slices["group old"]["example_count"] == 20
    assert 0 < slices["all"]["rmse"] < 0.35 * 60


def test_the_published_file_forecasts(done: Done) -> None:
    champion = done.registry.champion(LINE)
    assert champion is not None
    bundle = parse_rul_bundle(champion.read_bundle())
    assert bundle.manifest.lineage["code_version"] == "4a1b2c3"
    new, worn = make_life(40).cut(10), make_life(40)
    answers = ServingModel(bundle).answer_lives([new, worn])["mean"][:, 0]
    assert answers[0] > answers[1]


def test_the_same_graph_compiles_for_kubeflow_with_options_of_beam(done: Done) -> None:
    if importlib.util.find_spec("kfp") is None:
        assert done.answer("kubeflow")["error"].endswith("pip install kfp-pipeline-spec")
        return
    assert done.answer("kubeflow") == {}
    spec = json.loads((done.folder / "kubeflow.json").read_text())["pipelineSpec"]
    ran = set((done.folder / "runs" / "first" / "stdout.txt").read_text().split()) - {"stage:"}
    compiled = {name.split("-model")[0] for name in spec["root"]["dag"]["tasks"]}
    assert compiled == ran
    container = spec["deploymentSpec"]["executors"]["StatisticsGen_executor"]["container"]
    assert container["image"] == "plant/models:1"
    assert "--runner=FlinkRunner" in container["args"]


def test_the_card_says_what_people_ask(done: Done) -> None:
    answer = done.answer("second")
    text = Path(answer["card"]).with_suffix(".md").read_text()
    for words in ("| candidate | all |", "| baseline | group old |", "Drift is seen against span", "4a1b2c3"):
        assert words in text
    assert Path(answer["card"]).read_text().startswith("<!doctype html>")
    assert done.registry.version(LINE, answer["version"]).papers.card == text
