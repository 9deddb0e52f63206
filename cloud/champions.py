"""The champions of the registry, loaded.

Rule: a model runs only after it gave its golden answers here, and only on machines that measure what it asks
for. One that cannot be loaded is said once and leaves the one before it in charge.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from cloud.errors import ModelError
from cloud.life_plan import LifePlan, parse_column
from cloud.litert import LiteModel, load_model
from contract.errors import BundleError, ConfigError, RegistryError
from contract.features import feature_specs
from contract.profiles import MachineProfile
from contract.registry import ModelKind, ModelLine, Published, Registry
from contract.rul_bundle import RulManifest, parse_rul_bundle
from contract.snapshot import SECONDS

SAME_STEP = 0.01
"""Share by which two lengths of rows may differ and still be the same."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class ServedModel:
    """A champion, loaded."""

    version: str
    """In the registry."""
    manifest: RulManifest
    model: LiteModel = field(repr=False)


class Champions:
    """The champion of each machine type, as the registry has it.

    Args:
        registry: Is asked at every `refresh`.
        threads: That one run of a model may use.
    """

    def __init__(self, registry: Registry, threads: int = 1) -> None:
        self._registry = registry
        self._threads = threads
        self._served: dict[str, ServedModel] = {}
        self._refused: dict[str, str] = {}

    def refresh(self) -> None:
        """Load champions that are new; a damaged one is said once, and the one before stays."""
        for line in self._registry.lines():
            if line.kind is ModelKind.RUL:
                self._refresh(line.machine_type)

    def of(self, machine_type: str) -> ServedModel | None:
        """The model to use; None where there is none."""
        return self._served.get(machine_type)

    def _refresh(self, machine_type: str) -> None:
        version = ""
        try:
            champion = self._registry.champion(ModelLine(machine_type))
            if champion is None or self._is_settled(machine_type, champion.version):
                return
            version = champion.version
            self._served[machine_type] = self._load(champion)
            self._refused.pop(machine_type, None)
            _LOG.info("model loaded", extra={"machine_type": machine_type, "version": version})
        except (BundleError, ModelError, RegistryError) as error:
            if self._refused.get(machine_type) != version:
                _LOG.error("model refused", extra={"machine_type": machine_type, "reason": str(error)})
            self._refused[machine_type] = version

    def _is_settled(self, machine_type: str, version: str) -> bool:
        served = self._served.get(machine_type)
        return version in (served.version if served else None, self._refused.get(machine_type))

    def _load(self, champion: Published) -> ServedModel:
        bundle = parse_rul_bundle(champion.read_bundle())
        is_for = bundle.manifest.inputs.life.machine_type
        if is_for != champion.line.machine_type:
            raise ModelError(f"version {champion.version} is a model of {is_for}")
        return ServedModel(champion.version, bundle.manifest, load_model(bundle, self._threads))


def find_misfit(manifest: RulManifest, plan: LifePlan, profile: MachineProfile) -> str:
    """Why a model cannot read a machine's lives; empty where it can."""
    life = manifest.inputs.life
    if life.time_unit != plan.time_unit:
        return f"the model counts in {life.time_unit}, its machine type's plan in {plan.time_unit}"
    step = plan.step_s / SECONDS[plan.time_unit]
    if manifest.step and abs(step / manifest.step - 1) > SAME_STEP:
        return (
            f"the model learned from rows every {manifest.step:g} {life.time_unit}, its machine type's plan "
            f"makes one every {step:g}; train it anew, or set step_s of the plan back"
        )
    known = {spec.name for spec in feature_specs(profile)}
    try:
        asked = {parse_column(name)[0] for name in (*life.settings, *life.sensors)}
    except ConfigError as error:
        return str(error)
    unknown = sorted(asked - known)
    return f"the machine has no {', '.join(unknown[:3])}, which the model reads" if unknown else ""
