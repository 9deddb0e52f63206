"""From a model's version back to what it was made of.

Rule: the answer comes from the pipeline's own metadata (MLMD in SQLite), never from what a model says of
itself.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.errors import LineageError
from models.pipeline_config import Outcome
from models.stages.names import CARD_DATA, CARD_PAGE, SPAN_PROPERTY, VERSION_PROPERTY

_BORROWED = {"base_model", "baseline_model", "previous"}
"""Inputs that earlier runs made: their own lineage is another model's."""


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a published model was made of."""

    version: str
    span: int
    """Number of the data span."""
    snapshot: str
    """Name of the snapshot behind it; `unknown` where the span did not keep its manifest."""
    schema: str
    """URI of the curated schema that the span was held against."""
    examples: str
    """URI of the examples it was trained on."""
    code_version: str
    parent: str | None
    """URI of the model that training started from; None: from scratch."""
    stages: tuple[str, ...]
    """Every stage that had a part in it, first first."""


def trace(metadata: Path, version: str) -> Lineage:
    """Walk back from a published model.

    Args:
        metadata: The pipeline's SQLite file.
        version: As the registry names it, and as forecasts carry it.

    Raises:
        LineageError: there is no such file or version, or the walk back breaks off.
    """
    if not metadata.is_file():
        raise LineageError(f"{metadata}: there is no pipeline metadata")
    walk = Walk(metadata)
    pushed = walk.find_pushed(version)
    if pushed is None:
        raise LineageError(f"{metadata}: no model {version} was pushed; the registry may be another one's")
    walk.back_from(pushed.id)
    custom_config = walk.execution_of("Trainer").custom_properties["custom_config"].string_value
    told = json.loads(custom_config)["lineage"]
    examples, schema = walk.artifact_of("Examples"), walk.artifact_of("Schema")
    return Lineage(
        version=version,
        snapshot=told["snapshot"],
        span=int(examples.custom_properties[SPAN_PROPERTY].int_value),
        schema=schema.uri,
        examples=examples.uri,
        code_version=told["code_version"],
        parent=walk.parent(),
        stages=walk.stages(),
    )


def read_outcome(metadata: Path) -> Outcome:
    """How the last run ended that reached its end.

    Raises:
        LineageError: none did.
    """
    walk = Walk(metadata)
    pushed = walk.find_pushed(None)
    if pushed is None:
        raise LineageError(f"{metadata}: no run has reached its end")
    walk.back_from(pushed.id)
    card = Path(walk.artifact_of("industrialguard.ModelCard").uri)
    told = json.loads((card / CARD_DATA).read_text(encoding="utf-8"))
    return Outcome(
        version=pushed.custom_properties[VERSION_PROPERTY].string_value,
        is_blessed=bool(told["is_blessed"]),
        refused_because=tuple(told["refused_because"]),
        card=card / CARD_PAGE,
    )


class Walk:
    """What is upstream of one artifact; it ends at what was borrowed from earlier runs.

    Args:
        metadata: The pipeline's SQLite file.
        is_writable: Whether what is found may be changed through `store`.
    """

    def __init__(self, metadata: Path, *, is_writable: bool = False) -> None:
        from ml_metadata import metadata_store
        from ml_metadata.proto import metadata_store_pb2 as mlmd

        connection = mlmd.ConnectionConfig()
        connection.sqlite.filename_uri = str(metadata)
        modes = mlmd.SqliteMetadataSourceConfig
        connection.sqlite.connection_mode = modes.READWRITE if is_writable else modes.READONLY
        self.store = metadata_store.MetadataStore(connection)
        self._inputs = {mlmd.Event.INPUT, mlmd.Event.DECLARED_INPUT}
        self._artifacts: dict[int, Any] = {}
        self._executions: dict[int, Any] = {}
        self._borrowed: dict[str, int] = {}
        self._kinds = {each.id: each.name for each in self.store.get_artifact_types()}
        self._stages = {each.id: each.name for each in self.store.get_execution_types()}

    def find_pushed(self, version: str | None) -> Any | None:
        """The newest push of a version, or of any."""
        pushed = self.store.get_artifacts_by_type("PushedModel")
        versions = {each.id: each.custom_properties[VERSION_PROPERTY].string_value for each in pushed}
        found = [each for each in pushed if version in (None, versions[each.id])]
        return max(found, key=lambda artifact: int(artifact.id), default=None)

    def back_from(self, artifact_id: int) -> None:
        """Collect every stage upstream and what it read."""
        edge = [artifact_id]
        while edge:
            events = self.store.get_events_by_artifact_ids(edge)
            made_by = {each.execution_id for each in events if each.type not in self._inputs}
            made_by -= self._executions.keys()
            edge = sorted(self._inputs_of(sorted(made_by)) - self._artifacts.keys()) if made_by else []
            self._artifacts |= (
                {each.id: each for each in self.store.get_artifacts_by_id(edge)} if edge else {}
            )

    def _inputs_of(self, executions: list[int]) -> set[int]:
        self._executions |= {each.id: each for each in self.store.get_executions_by_id(executions)}
        own = set()
        for event in self.store.get_events_by_execution_ids(executions):
            if event.type in self._inputs:
                name = event.path.steps[0].key
                if name in _BORROWED:
                    self._borrowed[name] = event.artifact_id
                else:
                    own.add(int(event.artifact_id))
        return own

    def artifact_of(self, kind: str) -> Any:
        """The artifact of this kind that the model was made with.

        Raises:
            LineageError: there is none.
        """
        found = [each for each in self._artifacts.values() if self._kinds[each.type_id] == kind]
        if not found:
            raise LineageError(f"the metadata lost the {kind} of this model")
        return found[0]

    def execution_of(self, stage: str) -> Any:
        """The run of this stage that the model went through.

        Raises:
            LineageError: there is none.
        """
        found = [each for each in self._executions.values() if self._stage_of(each) == stage]
        if not found:
            raise LineageError(f"the metadata lost the run of {stage} of this model")
        return found[0]

    def parent(self) -> str | None:
        """Where the model lies that training started from."""
        if "base_model" not in self._borrowed:
            return None
        return str(self.store.get_artifacts_by_id([self._borrowed["base_model"]])[0].uri)

    def stages(self) -> tuple[str, ...]:
        """Every stage that the model went through, in order."""
        return tuple(self._stage_of(self._executions[number]) for number in sorted(self._executions))

    def _stage_of(self, execution: Any) -> str:
        return str(self._stages[execution.type_id]).rpartition(".")[2]


def format_lineage(lineage: Lineage) -> str:
    """A lineage as a table of plain text."""
    rows = {name.replace("_", " "): value for name, value in asdict(lineage).items()}
    rows["parent"] = lineage.parent or "none: trained from scratch"
    rows["stages"] = " → ".join(lineage.stages)
    width = max(map(len, rows))
    return "\n".join(f"  {name:<{width}}  {value}" for name, value in rows.items())
