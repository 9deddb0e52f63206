"""The gate between training and judgement: the exported file must do what it promises.

Rule: the file is loaded from disk and run as it will be run in service. Whatever is judged, shown and
published afterwards is this very file.
"""

import json
from pathlib import Path

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Examples, Model
from tfx.utils.path_utils import serving_model_dir

from models.stages.artifacts import ReplayedModel
from models.stages.kind import kind_of
from models.stages.names import REPLAY_FILE


@component  # type: ignore[untyped-decorator]  # TFX is untyped
def ServingGate(  # noqa: N802  # a component is called like a class
    examples: InputArtifact[Examples],
    model: InputArtifact[Model],
    replayed: OutputArtifact[ReplayedModel],
    module: Parameter[str],
    kind: Parameter[str],
) -> None:
    """Stop the run when the exported file does not answer as it should.

    Args:
        examples: The span; its evaluation side is replayed.
        model: What the Trainer exported.
        replayed: Written when the file is good.
        module: Import path of the training.
        kind: Of the model, as `models.stages.kind.kind_of` takes it.

    Raises:
        NotReleasableError: it does not; names what differs, and by how much.
        ModelFileError: the runtime refuses it.
    """
    told = kind_of(kind).replay(Path(serving_model_dir(model.uri)), examples.uri, module)
    report = {"kind": kind, **told}
    Path(replayed.uri).mkdir(parents=True, exist_ok=True)
    (Path(replayed.uri) / REPLAY_FILE).write_text(json.dumps(report, indent=1))
