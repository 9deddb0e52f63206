"""A model that runs, with what it has learned of this machine and where that is kept.

Rule: a model is proven on its golden inputs before it scores anything. What it has learned is saved with the
alarms and symptoms that go with it, in one file of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from contract.bundle import Bundle
from contract.errors import IndustrialGuardError
from edge_agent.scorer import Scorer
from edge_agent.settings import AcceleratorChoice
from edge_agent.state import StateFile, StateStamp
from edge_agent.symptoms import SymptomLog
from edge_agent.tflite import ModelRunner
from edge_agent.watch import AlarmWatch


@dataclass(frozen=True, slots=True, eq=False)
class RunningModel:
    """One bundle at work."""

    bundle: Bundle
    runner: ModelRunner
    scorer: Scorer
    learned: StateFile
    name: str = ""
    """The version that it was released as; empty: what the bundle calls itself."""

    @property
    def version(self) -> str:
        """Travels in every message."""
        return self.name or self.bundle.manifest.version

    def restore(self) -> tuple[AlarmWatch, SymptomLog]:
        """Go on from what was learned and saved.

        Returns:
            The alarms and symptoms that were saved with it, or new ones.
        """
        profile = self.bundle.profile
        content = self.learned.load()
        if content is not None:
            watch, symptoms = AlarmWatch(profile), SymptomLog(profile)
            try:
                watch.restore(content["alarms"])
                symptoms.restore(content["symptoms"])
                self.scorer.restore(content["scorer"])
            except KeyError as error:
                self.learned.set_aside(f"it has no {error}: an agent of another version wrote it")
            except (ValueError, TypeError, IndustrialGuardError) as error:
                self.learned.set_aside(f"content does not fit: {error}")
            else:
                return watch, symptoms
        return AlarmWatch(profile), SymptomLog(profile)

    def save(self, watch: AlarmWatch, symptoms: SymptomLog) -> bool:
        """Keep what was learned; whether the disk took it."""
        state = {"scorer": self.scorer.to_state(), "alarms": watch.to_state()}
        return self.learned.save(state | {"symptoms": symptoms.to_state()})


def open_model(bundle: Bundle, accelerator: AcceleratorChoice, learned: Path) -> RunningModel:
    """Load a bundle's model and prove it.

    Args:
        bundle: What to run.
        accelerator: As in the agent's settings.
        learned: The file for what it learns.

    Raises:
        ModelError: the model does not load here, fails its self-test or does not fit the profile.
    """
    manifest, profile = bundle.manifest, bundle.profile
    runner = ModelRunner(bundle.model, bundle.edge_tpu_model, accelerator)
    runner.self_test(bundle.golden_input, bundle.golden_output)
    stamp = StateStamp(manifest.name, manifest.version, profile.name, profile.version)
    return RunningModel(bundle, runner, Scorer(bundle, runner), StateFile(learned, stamp))
