"""The training pipeline: from a span to a model in charge, and never past a gate that said no.

Rule: there is one graph with one path, for forecasts and edge models alike; in what they differ stands in
`models.stages.kind`. The same graph runs here, in this process, and compiles for Kubeflow; Beam's options
decide where its data-parallel stages run. Nothing but the last stage touches the registry.

    spans → statistics → curated schema → validation → DataGate → DriftCheck → Transform → Trainer
          → ServingGate → Evaluator → CardWriter → RegistryPusher
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tfx.components import (
    Evaluator,
    ExampleValidator,
    FileBasedExampleGen,
    StatisticsGen,
    Trainer,
    Transform,
)
from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.components.trainer.executor import GenericExecutor
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec, ExecutorClassSpec
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_artifact_strategy import LatestArtifactStrategy
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import LatestBlessedModelStrategy
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import example_gen_pb2, range_config_pb2, trainer_pb2, transform_pb2
from tfx.types import Channel
from tfx.types.standard_artifacts import Model, ModelBlessing

from contract.errors import ConfigError
from contract.registry import ModelLine, Registry
from models.pipeline_config import Outcome, Run
from models.stages.artifacts import AcceptedSpan
from models.stages.blessings import follow_registry
from models.stages.data_gate import DataGate
from models.stages.drift import DriftCheck
from models.stages.example_gen import RowExampleExecutor
from models.stages.kind import PipelineKind, kind_of
from models.stages.lineage import read_outcome
from models.stages.model_card import CardWriter
from models.stages.pusher import RegistryPusher
from models.stages.schema import read_schema
from models.stages.serving_gate import ServingGate
from models.stages.spans import SPAN_PATTERN, SPLITS


def run_pipeline(run: Run) -> Outcome:
    """Run every stage in this process; whatever fails leaves the registry as it was.

    Raises:
        IndustrialGuardError: a gate said no, in one sentence.
    """
    run.config.root.mkdir(parents=True, exist_ok=True)
    plan = Plan.of(run)
    line = ModelLine(plan.subject, plan.kind.model)
    follow_registry(run.metadata, Registry(run.config.registry), line)
    LocalDagRunner().run(build_pipeline(run))
    return read_outcome(run.metadata)


def compile_for_kubeflow(run: Run, path: Path, image: str) -> None:
    """Write the same graph as a pipeline of Kubeflow (KFP v2), JSON.

    Args:
        run: Paths in it are as the cluster sees them.
        path: The file to write.
        image: The container image that has this package installed.

    Raises:
        ConfigError: the package with Kubeflow's format is not installed.
    """
    if importlib.util.find_spec("kfp") is None:
        raise ConfigError("compiling for Kubeflow needs one more package: pip install kfp-pipeline-spec")
    from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner as kubeflow

    config = kubeflow.KubeflowV2DagRunnerConfig(default_image=image)
    runner = kubeflow.KubeflowV2DagRunner(config, output_dir=str(path.parent), output_filename=path.name)
    runner.run(build_pipeline(run), write_out=True)


@dataclass(frozen=True, slots=True)
class Plan:
    """A run and what is known of it before its graph is built."""

    run: Run
    kind: PipelineKind
    schema: Any
    """The curated one."""
    subject: str
    """Machine type or profile."""

    @classmethod
    def of(cls, run: Run) -> Plan:
        """Read the curated schema.

        Raises:
            ConfigError: it is none, or of another kind of model.
        """
        kind, schema = kind_of(run.config.kind), read_schema(run.config.schema)
        return cls(run, kind, schema, kind.subject(schema))

    @property
    def training(self) -> str:
        """Import path of the module that trains."""
        return self.run.config.training or self.kind.training


def build_pipeline(run: Run) -> Pipeline:
    """The graph."""
    plan = Plan.of(run)
    kind = plan.kind
    data = read_span(run)
    guards = guard_data(plan, data)
    drift_check = guards[-1]
    transform = measure(plan, data, drift_check)
    trainer, champion = train(plan, data, transform)
    judges = judge(plan, data, trainer, champion, drift_check)
    learning = [transform, champion, trainer, *judges]
    return Pipeline(
        pipeline_name=f"{kind.model}-{kind.comparable(plan.schema)}",
        pipeline_root=str(run.config.root / "artifacts" / kind.model / plan.subject),
        metadata_connection_config=sqlite_metadata_connection_config(str(run.metadata)),
        components=[*data.stages, *guards, *learning],
        enable_cache=False,
        beam_pipeline_args=list(run.config.beam_args),
    )


@dataclass(frozen=True, slots=True)
class SpanStages:
    """The stages that only read, and what they give to the others."""

    stages: tuple[Any, ...]
    examples: Any
    statistics: Any
    schema: Any
    anomalies: Any


def read_span(run: Run) -> SpanStages:
    """Examples, statistics, the curated schema, and what does not fit it."""
    number = run.span.number
    patterns = {side: f"{SPAN_PATTERN}/{side}/*.parquet" for side in SPLITS}
    splits = [example_gen_pb2.Input.Split(name=side, pattern=each) for side, each in patterns.items()]
    only = range_config_pb2.StaticRange(start_span_number=number, end_span_number=number)
    example_gen = FileBasedExampleGen(
        input_base=str(run.config.spans),
        input_config=example_gen_pb2.Input(splits=splits),
        range_config=range_config_pb2.RangeConfig(static_range=only),
        custom_executor_spec=BeamExecutorSpec(RowExampleExecutor),
    )
    schema_gen = ImportSchemaGen(schema_file=str(run.config.schema))
    examples, schema = example_gen.outputs["examples"], schema_gen.outputs["schema"]
    statistics_gen = StatisticsGen(examples=examples)
    statistics = statistics_gen.outputs["statistics"]
    validator = ExampleValidator(statistics=statistics, schema=schema)
    stages = (example_gen, statistics_gen, schema_gen, validator)
    return SpanStages(stages, examples, statistics, schema, validator.outputs["anomalies"])


def guard_data(plan: Plan, data: SpanStages) -> tuple[Any, ...]:
    """The gate, the last span that it let through, and the drift from there; the rest waits for the last."""
    gate = DataGate(
        examples=data.examples,
        schema=data.schema,
        anomalies=data.anomalies,
        cut=plan.run.cut.isoformat(),
        kind=str(plan.kind.model),
    )
    previous = Resolver(strategy_class=LatestArtifactStrategy, span=Channel(type=AcceptedSpan))
    drift_check = DriftCheck(
        verdict=gate.outputs["verdict"],
        statistics=data.statistics,
        schema=data.schema,
        previous=previous.outputs["span"],
    )
    return gate, previous.with_id("previous_span"), drift_check


def measure(plan: Plan, data: SpanStages, drift_check: Any) -> Any:
    """What training must know beforehand, measured on the training side alone."""
    transform = Transform(
        examples=data.examples,
        schema=data.schema,
        preprocessing_fn=plan.kind.preprocessing_fn,
        splits_config=transform_pb2.SplitsConfig(analyze=["train"]),
        materialize=False,
        disable_statistics=True,
        disable_analyzer_cache=True,
        custom_config={**plan.kind.describe_columns(plan.schema), "training": plan.training},
    )
    transform.add_upstream_node(drift_check)
    return transform


def train(plan: Plan, data: SpanStages, transform: Any) -> tuple[Any, Any]:
    """Training, and the last blessed model: it is held against it, and starts there where its kind can."""
    champion = Resolver(
        strategy_class=LatestBlessedModelStrategy,
        model=Channel(type=Model),
        model_blessing=Channel(type=ModelBlessing),
    ).with_id("blessed_model")
    run = plan.run
    trainer = Trainer(
        run_fn="models.stages.trainer.run_fn",
        custom_executor_spec=ExecutorClassSpec(GenericExecutor),
        examples=data.examples,
        transform_graph=transform.outputs["transform_graph"],
        schema=data.schema,
        base_model=champion.outputs["model"] if plan.kind.has_warm_start else None,
        train_args=trainer_pb2.TrainArgs(splits=["train"]),
        eval_args=trainer_pb2.EvalArgs(splits=["calibrate"]),
        custom_config={
            "kind": str(plan.kind.model),
            "training": plan.training,
            "settings": dict(run.config.settings),
            "version": f"{plan.subject}-{run.started:%Y%m%dT%H%M%SZ}",
            "lineage": describe_lineage(run),
        },
    )
    return trainer, champion


def judge(plan: Plan, data: SpanStages, trainer: Any, champion: Any, drift_check: Any) -> tuple[Any, ...]:
    """The exported file's gate, its evaluation, its card, and its way into the registry."""
    kind, model = str(plan.kind.model), trainer.outputs["model"]
    serving_gate = ServingGate(examples=data.examples, model=model, module=plan.training, kind=kind)
    evaluator = Evaluator(
        examples=data.examples,
        model=model,
        baseline_model=champion.outputs["model"],
        eval_config=plan.kind.build_eval_config(plan.run.config.thresholds, plan.schema),
        module_path=plan.kind.judgement,
        example_splits=["eval"],
    )
    evaluator.add_upstream_node(serving_gate)
    card = CardWriter(
        model=model,
        accepted=drift_check.outputs["accepted"],
        replayed=serving_gate.outputs["replayed"],
        evaluation=evaluator.outputs["evaluation"],
        blessing=evaluator.outputs["blessing"],
    )
    pusher = RegistryPusher(
        model=model,
        card=card.outputs["card"],
        registry=str(plan.run.config.registry),
        reason=plan.run.config.reason,
    )
    return serving_gate, evaluator, card, pusher


def describe_lineage(run: Run) -> dict[str, str]:
    """What a model is made of, for its card and its bundle; the metadata holds the proof."""
    return {
        "span": str(run.span.number),
        "snapshot": run.manifest.name if run.manifest else "unknown",
        "schema_sha256": sha256(run.config.schema.read_bytes()).hexdigest(),
        "code_version": run.config.code_version,
        "run": run.started.isoformat(timespec="seconds"),
        "reason": run.config.reason,
    }
