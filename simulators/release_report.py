"""What the release of a demo amounted to.

Rule: which model ran where is counted in the summaries that machines have sent, not taken from what anybody
says of an update; when things happened is the cloud's audit trail.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cloud.store.database import Database
from cloud.store.model_spans import ModelSpan, model_spans
from cloud.store.queries import AlertKind, list_alerts
from cloud.store.rollouts import list_events, list_rollouts
from cloud.store.rows import RolloutEvent
from contract.profiles import load_profile
from simulators.fleet import FleetPlan
from simulators.publisher import Shelf
from simulators.release_plan import ReleasePlan
from simulators.release_words import CANARY, join

MAX_EVENTS = 10_000
_SAME_HOP = 1e-3
"""A window is stamped with its middle or its end, give or take rounding."""
_FAILURES = ("refused", "rolled_back", "timed_out")


@dataclass(frozen=True, slots=True)
class ReleaseReport:
    """The rollout of a run; wall times in s from its start."""

    family: str
    old: str
    """Version that machines were born with."""
    new: str
    """Version that was released."""
    spoiled: str | None
    """What was wrong with it; None: nothing."""
    state: str
    """Of the rollout; `not started` where the run ended before."""
    why: str
    canary: list[str]
    """Machines that were first."""
    machines: Mapping[str, str]
    """Version of the model that scored last, by machine."""
    ran: list[str]
    """Machines on which the new version was ever in charge."""
    failures: Mapping[str, str]
    """Why machines refused it or went back, by machine."""
    seconds_to_canary: float | None
    """Until every one of the first was healthy with it, or one of them refused it or went back."""
    seconds_to_complete: float | None
    alarms: Mapping[str, int]
    """Alarms of these machines by the version that raised them."""
    windows_lost: int
    """Windows of the machines' time that no summary counts: none may be lost when models change."""

    @property
    def is_contained(self) -> bool:
        """Whether a spoiled release went no further than to the first, and none of them keeps it."""
        if self.spoiled is None or self.state == "running":
            return True
        return set(self.ran) <= set(self.canary) and self.new not in self.machines.values()


def build_release_report(database: Database, folder: Path, plan: ReleasePlan) -> ReleaseReport:
    """Collect what happened, once everything has stopped.

    Args:
        database: The cloud's store.
        folder: Of the run.
        plan: Its release.
    """
    old, new = Shelf(folder / "release").read()
    with database.session() as session:
        rollouts = [each for each in list_rollouts(session) if each.plan.release.version == new]
        events = list_events(session, rollouts[0].id, MAX_EVENTS) if rollouts else []
        spans = model_spans(session, plan.machines)
        alerts = list_alerts(session, limit=MAX_EVENTS, kind=AlertKind.ANOMALY)
    raised_by = [alert.model_version for alert in alerts if alert.device_id in plan.machines]
    first = [each.time for each in events if _is_canary_over(each, plan)]
    complete = [each.time for each in events if each.what == "completed"]
    return ReleaseReport(
        family=plan.family,
        old=old,
        new=new,
        spoiled=plan.spoil,
        state=str(rollouts[0].state) if rollouts else "not started",
        why=rollouts[0].why if rollouts else "",
        canary=list(plan.canaries),
        machines={span.device_id: span.model_version for span in spans},
        ran=sorted({span.device_id for span in spans if span.model_version == new}),
        failures={each.device_id: each.why for each in events if each.what in _FAILURES},
        seconds_to_canary=_seconds(events, first),
        seconds_to_complete=_seconds(events, complete),
        alarms={version: raised_by.count(version) for version in (old, new)},
        windows_lost=count_lost(spans, FleetPlan.read(folder / "plan.json").start_s, plan.family),
    )


def count_lost(spans: Sequence[ModelSpan], start_s: float, family: str) -> int:
    """Windows that a machine's time has room for and its summaries do not count, of all machines.

    Args:
        spans: By machine and model.
        start_s: When the machines began, s since the Unix epoch.
        family: Their profile.
    """
    hop_s, start = load_profile(family).window.hop_s, datetime.fromtimestamp(start_s, UTC)
    lost = 0
    for device in {span.device_id for span in spans}:
        own = [span for span in spans if span.device_id == device]
        hops = (max(span.last for span in own) - start).total_seconds() / hop_s
        lost += abs(math.ceil(hops - _SAME_HOP) - sum(span.windows for span in own))
    return lost


def describe_release(report: ReleaseReport) -> dict[str, str]:
    """The rows of the summary for people."""
    on_new = sum(version == report.new for version in report.machines.values())
    what = f"{report.new} for {report.old}" + (f", spoiled ({report.spoiled})" if report.spoiled else "")
    rows = {
        "release": f"{what}: {report.state}{f', {report.why}' if report.why else ''}",
        "run the new model": f"{on_new} of {len(report.machines)}; ever ran it: {join(report.ran) or 'none'}",
        "windows lost": f"{report.windows_lost} while models changed",
        "alarms by model": ", ".join(f"{version}: {count}" for version, count in report.alarms.items()),
    }
    for device, why in report.failures.items():
        rows[f"{device} went back"] = why
    return rows


def _is_canary_over(event: RolloutEvent, plan: ReleasePlan) -> bool:
    if event.what == "group went through":
        return event.why == CANARY
    return event.what in _FAILURES and event.device_id in plan.canaries


def _seconds(events: Sequence[RolloutEvent], ends: Sequence[datetime]) -> float | None:
    began = [event.time for event in events if event.what == "started"]
    return round((ends[0] - began[0]).total_seconds(), 1) if began and ends else None
