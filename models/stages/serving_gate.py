"""The gate between training and judgement: the exported file must answer like the network it came from.

Rule: the file is loaded from disk and run as the cloud runs it, on all evaluation lives and on its own golden
inputs. Whatever is judged, shown and published afterwards is this very file.
"""

import json
from pathlib import Path

from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.dsl.component.experimental.decorators import component
from tfx.types.standard_artifacts import Examples, Model
from tfx.utils.path_utils import serving_model_dir

from contract.forecast import assemble
from contract.rul_bundle import read_rul_bundle
from models.forecast.serving import ServingModel, require_golden, require_same
from models.stages.artifacts import ReplayedModel
from models.stages.life_examples import read_lives
from models.stages.names import REPLAY_FILE
from models.stages.serving_file import BUNDLE_FILE
from models.stages.trainer import NETWORK_FOLDER, training


@component  # type: ignore[untyped-decorator]  # TFX is untyped
def ServingGate(  # noqa: N802  # a component is called like a class
    examples: InputArtifact[Examples],
    model: InputArtifact[Model],
    replayed: OutputArtifact[ReplayedModel],
    module: Parameter[str],
) -> None:
    """Stop the run when the exported file answers otherwise than the network.

    Raises:
        NotReleasableError: it does; names output, machine and numbers.
        ModelFileError: the runtime refuses it.
    """
    folder = Path(serving_model_dir(model.uri))
    bundle = read_rul_bundle(folder / BUNDLE_FILE)
    serving = ServingModel(bundle)
    lives = read_lives(examples.uri, "eval", bundle.manifest.inputs.life)
    inputs = assemble(lives, bundle.manifest.inputs)
    network = training(module).load(folder / NETWORK_FOLDER)
    horizon = bundle.manifest.inputs.life.horizon
    named = [f"machine {life.machine}" for life in lives]
    report = {
        "lives": len(lives),
        "largest_difference": max(
            require_same(serving.answer(inputs), network.answer(inputs), named, horizon),
            require_golden(bundle),
        ),
        "unit": bundle.manifest.inputs.life.time_unit,
        "bytes": len(bundle.model),
    }
    Path(replayed.uri).mkdir(parents=True, exist_ok=True)
    (Path(replayed.uri) / REPLAY_FILE).write_text(json.dumps(report, indent=1))
