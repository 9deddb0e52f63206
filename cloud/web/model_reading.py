"""Reads from store and registry what the page of models shows.

Rule: as in `cloud.web.reading`. What runs in the field is what devices and forecasts say; what ought to is
what the registry says; both are shown, side by side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cloud.outcomes import LiveError
from cloud.store import queries
from cloud.store.assets import Sites
from cloud.store.cases import count_unseen
from cloud.store.database import Database
from cloud.store.kpi_facts import read_belongings
from cloud.store.model_facts import ForecastUse, drifting_machines, forecast_uses, judged_forecasts
from contract.bundle import read_bundle
from contract.errors import BundleError, RegistryError
from contract.registry import ModelKind, ModelLine, Published, Registry
from contract.rul_bundle import read_rul_bundle

MOST_METRICS = 8


@dataclass(frozen=True, slots=True)
class Champion:
    """The model that is in charge by the registry."""

    version: str
    since: datetime
    why: str
    metrics: tuple[tuple[str, str], ...]
    """From its manifest: on machines that it was not trained on."""
    problem: str
    """Why it cannot be read; empty: it can."""


@dataclass(frozen=True, slots=True)
class TypeView:
    """The models of one machine type."""

    name: str
    machines: int
    in_field: tuple[tuple[str, int], ...]
    """Versions on devices and how many run each, the most first."""
    edge: Champion | None
    rul: Champion | None
    uses: tuple[ForecastUse, ...]
    """Forecasting versions of the last days."""
    judged: LiveError | None
    drifting: tuple[str, ...]
    """Machines that change slowly."""

    @property
    def behind(self) -> int:
        """Devices that run another version than the champion."""
        if self.edge is None:
            return 0
        return sum(n for version, n in self.in_field if version != self.edge.version)


@dataclass(frozen=True, slots=True)
class ModelsPage:
    """All machine types."""

    types: tuple[TypeView, ...]
    has_registry: bool
    open_count: int


class ModelReader:
    """Reads the page of models.

    Args:
        database: An open store.
        registry: Of published models; None: there is none here.
        clock: Cloud time.
    """

    def __init__(self, database: Database, registry: Registry | None, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._registry = registry
        self._clock = clock

    def models(self, sites: Sites) -> ModelsPage:
        """By machine type; machines on other sites are not counted."""
        now = self._clock()
        with self._database.session() as session:
            known = read_belongings(session, sites)
            rows = [row for row in queries.list_machines(session, now) if row.device_id in known]
            uses = forecast_uses(session, now)
            drifting = drifting_machines(session)
            judged = judged_forecasts(session, frozenset(known), now)
            open_count = count_unseen(session)
        types = {where.machine_type for where in known.values()} | {
            line.machine_type for line in self._lines()
        }
        versions: dict[str, Counter[str]] = {name: Counter() for name in types}
        for row in rows:
            versions[known[row.device_id].machine_type][row.model_version or "none"] += 1
        return ModelsPage(
            types=tuple(
                TypeView(
                    name=name or "without a profile",
                    machines=versions[name].total(),
                    in_field=tuple(versions[name].most_common()),
                    edge=self._champion(name, ModelKind.EDGE),
                    rul=self._champion(name, ModelKind.RUL),
                    uses=tuple(each for each in uses if each.machine_type == name),
                    judged=judged.get(name),
                    drifting=tuple(
                        sorted(d for d in drifting & known.keys() if known[d].machine_type == name)
                    ),
                )
                for name in sorted(types, key=lambda name: (-versions[name].total(), name))
            ),
            has_registry=self._registry is not None,
            open_count=open_count,
        )

    def _lines(self) -> tuple[ModelLine, ...]:
        return self._registry.lines() if self._registry is not None else ()

    def _champion(self, machine_type: str, kind: ModelKind) -> Champion | None:
        if self._registry is None or not machine_type:
            return None
        try:
            line = ModelLine(machine_type, kind)
            published = self._registry.champion(line)
            if published is None:
                return None
            entry = next(e for e in reversed(self._registry.history(line)) if e.version == published.version)
        except RegistryError:
            return None  # no name of a machine type, so nothing was ever published for it
        metrics, problem = _metrics(published)
        return Champion(published.version, entry.time, entry.note.why, metrics, problem)


def _metrics(published: Published) -> tuple[tuple[tuple[str, str], ...], str]:
    try:
        if published.line.kind is ModelKind.RUL:
            found: Mapping[str, Any] = read_rul_bundle(published.bundle_path).manifest.metrics
        else:
            found = read_bundle(published.bundle_path).manifest.metrics
    except BundleError as error:
        return (), str(error)
    return tuple(_numbers(found))[:MOST_METRICS], ""


def _numbers(metrics: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in metrics.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield name.replace("_", " "), f"{value:.4g}"
