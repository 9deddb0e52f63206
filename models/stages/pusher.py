"""The last stage: a model and its card into the registry, and in charge if it was blessed.

Rule: this is the only stage that touches the registry, and the registry changes only at its end. So whatever
fails before leaves the last good model in charge.
"""

import json
from pathlib import Path

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Model, PushedModel
from tfx.utils.path_utils import serving_model_dir

from contract.registry import ModelKind, ModelLine, Note, Papers, Registry
from models.stages.artifacts import ModelCard
from models.stages.kind import bundle_file
from models.stages.names import CARD_DATA, CARD_FILE, PROMOTED_PROPERTY, VERSION_PROPERTY

WHO = "training pipeline"


@component  # type: ignore[untyped-decorator]  # TFX is untyped
def RegistryPusher(  # noqa: N802  # a component is called like a class
    model: InputArtifact[Model],
    card: InputArtifact[ModelCard],
    pushed: OutputArtifact[PushedModel],
    registry: Parameter[str],
    reason: Parameter[str],
) -> None:
    """Publish, and promote what was blessed.

    Raises:
        RegistryError: the registry cannot be written; it is as before then.
    """
    data = json.loads((Path(card.uri) / CARD_DATA).read_text())
    papers = Papers(
        card=(Path(card.uri) / CARD_FILE).read_text(),
        is_blessed=data["is_blessed"],
        blessing={name: data[name] for name in ("results", "refused_because", "replay")},
        lineage=data["lineage"] | {"model_artifact": model.id},
    )
    books, line = Registry(Path(registry)), ModelLine(data["subject"], ModelKind(data["replay"]["kind"]))
    bundle, note = Path(serving_model_dir(model.uri)) / bundle_file(line.kind), Note(WHO, reason)
    version = books.publish(line, bundle, papers, note)
    if data["is_blessed"]:
        books.promote(line, version, note)
    pushed.set_string_custom_property(VERSION_PROPERTY, version)
    pushed.set_int_custom_property(PROMOTED_PROPERTY, int(data["is_blessed"]))
