"""Simulated fleet: is every failure mode found before it fails, how often is a healthy machine accused?

Rule: an alarm counts for a failure only if it was raised after wear began and before it ended in failure; one
that was raised on a healthy machine is a false episode, whatever comes later.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from contract.profiles import load_profile
from contract.scoring import JUDGED_WINDOWS
from industrialguard.bench.errors import NothingToJudgeError
from industrialguard.bench.report import Metric, Report, Role, Row, Run
from industrialguard.bench.sim_baselines import ALARM_OF, Episode
from industrialguard.bench.sim_machines import (
    AFTER_FAULT_S,
    AGENT,
    LIFE_S,
    ONSET_S,
    RECORDED_WEAR,
    FleetSize,
    Watched,
    plan_fleet,
    watch_all,
    watch_recording,
)
from models.baselines import THRESHOLD_MARGIN, THRESHOLD_QUANTILE
from models.progress import Progress
from models.recordings import open_recordings
from simulators.degradation import FailureMode
from simulators.faults import FaultKind

PROFILE = "pump"
MONTH_S = 30 * 86_400.0
NAMEABLE = (FaultKind.STUCK, FaultKind.DROPOUT, FaultKind.NAN, FaultKind.SPIKE, FaultKind.CLIP)
"""Faults that a sensor's samples show. A drift of the zero looks like a change of the machine; clock jumps
and duplicates are not a sensor's, and no sensor may be named for them."""
ALPHA = 0.05
"""Of the intervals: 95 %."""

Figures = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class SimRun:
    """Everything watched, by seed."""

    seeds: tuple[int, ...]
    fleets: tuple[tuple[Watched, ...], ...] = field(repr=False)
    started: datetime

    @property
    def machines(self) -> list[Watched]:
        """Of all seeds."""
        return [machine for fleet in self.fleets for machine in fleet]


def bench_sim(seeds: Sequence[int]) -> list[Report]:
    """The shipped pump bundle on simulated pumps.

    Args:
        seeds: Each is a fleet of its own.

    Returns:
        The fleet as a whole, each failure mode, the sensor faults.
    """
    return report_sim(watch_fleets(seeds, FleetSize()))


def bench_recorded(folder: Path, seeds: Sequence[int]) -> list[Report]:
    """Recordings of pumps in this project's own format; the seeds make no difference.

    Raises:
        DataError: there are none, or one is malformed or not of a pump.
    """
    started = datetime.now(UTC)
    recordings = open_recordings(f"npz:{folder}")
    others = [r.machine_id for r in recordings if r.profile != PROFILE]
    if others:
        raise NothingToJudgeError(f"{folder}: {others[0]} is no {PROFILE}; leave its recording out")
    progress = Progress("recording", len(recordings))
    machines = []
    for number, recording in enumerate(recordings, start=1):
        machines.append(watch_recording(recording))
        progress.advance(number, recording.machine_id)
    run = SimRun(tuple(seeds[:1]), (tuple(machines),), started)
    protocol = (
        f"{len(machines)} recordings, {sum(m.is_worn for m in machines)} of them until the machine failed: "
        f"it is taken to wear over the last {RECORDED_WEAR:.0%} of its time, as `industrialguard simulate "
        "record` writes it. The others are taken to be healthy throughout.",
        *RULES,
    )
    return [_report(run, "sim/recorded", protocol, lambda name: _fleet_metrics(run, name))]


def watch_fleets(seeds: Sequence[int], size: FleetSize, workers: int | None = None) -> SimRun:
    """Watch the machines of every seed; see `watch_all` for `workers`."""
    started = datetime.now(UTC)
    profile = load_profile(PROFILE)
    plans = [plan_fleet(profile, seed, size) for seed in seeds]
    watched = iter(watch_all([life for plan in plans for life in plan], workers))
    fleets = tuple(tuple(next(watched) for _ in plan) for plan in plans)
    return SimRun(tuple(seeds), fleets, started)


def report_sim(run: SimRun) -> list[Report]:
    """What came of it."""
    modes = list(dict.fromkeys(m.mode for m in run.machines if m.mode is not None))
    reports = [_report(run, "sim", _protocol(run), lambda name: _fleet_metrics(run, name))]
    for mode in modes:
        sentences = (f"Only the machines that fail of {mode}; see the protocol of the whole fleet.",)
        reports.append(_report(run, f"sim/{mode}", sentences, _metrics_of_mode(run, mode)))
    if any(machine.fault for machine in run.machines):
        reports.append(_report(run, "sim/sensor-faults", FAULT_RULES, lambda name: _fault_metrics(run, name)))
    return reports


RULES = (
    "Found: an alarm about the machine is raised after wear began and before it reached 1; drift and sensor "
    "alarms do not count, nor does an alarm that already stood (always alarm finds nothing). Lead: from "
    "then to failure.",
    "False: an alarm is raised while nothing wears and no sensor is faulty. Per 30 days of windows that the "
    "device judged (no warm-up, no standstill). Low and high: exact Poisson 95 % interval over all seeds; "
    "more seeds make it narrower, 3.7 machine-months without an episode show 1 a month.",
    "Baselines see the windows that the device believed, learn each regime's first ones (as many as the "
    f"device's warm-up), average over {JUDGED_WINDOWS} windows as the device does, and share one threshold "
    f"rule ({THRESHOLD_QUANTILE} quantile of the warm-up × {THRESHOLD_MARGIN:.3f}) and the profile's k of n.",
)
FAULT_RULES = (
    "One sensor after the other has one fault after the other for 5 minutes, on machines that do not wear; "
    f"what is said until {AFTER_FAULT_S:.0f} s after its end counts.",
    f"Named: the device announces a fault of that very sensor; asked of {', '.join(NAMEABLE)}. A zero that "
    "drifts looks like a change of the machine; clock jumps and duplicates are not a sensor's, and to name "
    "one for them is wrong.",
    "Misled: an alarm about the machine is raised. No baseline names sensors; all are given the windows "
    "without the sensors that the device does not believe.",
)


def _report(
    run: SimRun, dataset: str, protocol: tuple[str, ...], measure: Callable[[str], Mapping[str, Metric]]
) -> Report:
    rows = [Row(AGENT, Role.OURS, measure(AGENT), is_main=True)]
    rows += [Row(name, Role.BASELINE, measure(name)) for name in ALARM_OF]
    return Report("anomaly", dataset, protocol, run.seeds, tuple(rows), Run.since(run.started))


def _fleet_metrics(run: SimRun, name: str) -> Mapping[str, Metric]:
    wearing = [[m for m in fleet if m.is_worn] for fleet in run.fleets]
    found = _over([_lead_figures(fleet, name) for fleet in wearing])
    by_mode: dict[FailureMode | None, list[Watched]] = {}
    for machine in (m for fleet in wearing for m in fleet):
        by_mode.setdefault(machine.mode, []).append(machine)
    shares = [_found_pct(machines, name) for machines in by_mode.values()]
    worst = min((share for share in shares if share is not None), default=None)
    return {
        **found,
        "worst_mode_found_pct": Metric((worst,)),
        **_false_metrics(run.fleets, name),
    }


def _metrics_of_mode(run: SimRun, mode: FailureMode) -> Callable[[str], Mapping[str, Metric]]:
    fleets = [[m for m in fleet if m.mode is mode] for fleet in run.fleets]
    return lambda name: _over([_lead_figures(fleet, name) for fleet in fleets])


def _lead_figures(machines: Sequence[Watched], name: str) -> Figures:
    """How many failures were announced, and how long before."""
    leads = [(m, lead) for m in machines if (lead := lead_s(m, name)) is not None]
    shares = [100.0 * lead / (m.failure_s - m.onset_s) for m, lead in leads]
    return {
        "found_pct": _found_pct(machines, name),
        "median_lead_s": statistics.median(lead for _, lead in leads) if leads else None,
        "median_lead_pct_of_wear": statistics.median(shares) if shares else None,
    }


def _found_pct(machines: Sequence[Watched], name: str) -> float | None:
    return _percent([lead_s(m, name) is not None for m in machines if m.is_worn])


def lead_s(machine: Watched, name: str) -> float | None:
    """Time from the first alarm that was raised during wear to the failure, in s; None: there was none."""
    raised = [e.raised_s for e in machine.episodes[name] if machine.onset_s <= e.raised_s < machine.failure_s]
    return machine.failure_s - raised[0] if raised and machine.is_worn else None


def _false_metrics(fleets: Sequence[Sequence[Watched]], name: str) -> Mapping[str, Metric]:
    """False episodes on machines that are healthy, or still are; the interval is that of all seeds."""
    counts = [sum(len(false_episodes(m, name)) for m in fleet) for fleet in fleets]
    months = [sum(m.healthy_s for m in fleet) / MONTH_S for fleet in fleets]
    low, high = poisson_interval(sum(counts))
    rates = tuple(count / m if m else None for count, m in zip(counts, months, strict=True))
    total = sum(months)
    metrics = {
        "false_episodes_per_month": Metric(rates),
        "false_episodes_low": Metric((low / total if total else None,)),
        "false_episodes_high": Metric((high / total if total else None,)),
    }
    if name == AGENT:
        drifts = [sum(t < _healthy_until(m) for m in fleet for t in m.drifts) for fleet in fleets]
        metrics["false_drifts_per_month"] = Metric(
            tuple(count / m if m else None for count, m in zip(drifts, months, strict=True))
        )
    return metrics


def false_episodes(machine: Watched, name: str) -> list[Episode]:
    """Alarms that were raised before anything was wrong."""
    return [e for e in machine.episodes[name] if e.raised_s < _healthy_until(machine)]


def _healthy_until(machine: Watched) -> float:
    fault = machine.fault
    return min(machine.onset_s, fault.start_s if fault else math.inf)


def _fault_metrics(run: SimRun, name: str) -> Mapping[str, Metric]:
    fleets = [[m for m in fleet if m.fault is not None] for fleet in run.fleets]
    return _over([_fault_figures(fleet, name) for fleet in fleets])


def _fault_figures(machines: Sequence[Watched], name: str) -> Figures:
    figures: Figures = {"misled_pct": _percent([is_misled(m, name) for m in machines])}
    if name != AGENT:
        return figures
    figures["named_pct"] = _percent([is_named(m) for m in machines if _kind(m) in NAMEABLE])
    figures["wrongly_named_pct"] = _percent([is_wrongly_named(m) for m in machines])
    for kind in NAMEABLE:
        figures[f"{kind}_named_pct"] = _percent([is_named(m) for m in machines if _kind(m) is kind])
    for kind in FaultKind:
        figures[f"{kind}_misled_pct"] = _percent([is_misled(m, name) for m in machines if _kind(m) is kind])
    return figures


def is_named(machine: Watched) -> bool:
    """Whether the device announced the fault of the sensor that has it."""
    fault = machine.fault
    return fault is not None and any(
        sensor == fault.sensor and time_s >= fault.start_s for time_s, sensor in machine.named
    )


def is_wrongly_named(machine: Watched) -> bool:
    """Whether the device announced a fault of a sensor that has none, or before it had one."""
    fault = machine.fault
    guilty = fault.sensor if fault is not None and fault.kind in (*NAMEABLE, FaultKind.DRIFT) else ""
    start_s = fault.start_s if fault is not None else math.inf
    return any(sensor != guilty or time_s < start_s for time_s, sensor in machine.named)


def is_misled(machine: Watched, name: str) -> bool:
    """Whether a sensor's fault raised an alarm about the machine."""
    fault = machine.fault
    return fault is not None and any(e.raised_s >= fault.start_s for e in machine.episodes[name])


def _kind(machine: Watched) -> FaultKind | None:
    return machine.fault.kind if machine.fault is not None else None


def _percent(hits: Sequence[bool]) -> float | None:
    return 100.0 * statistics.fmean(hits) if hits else None


def _over(runs: Sequence[Figures]) -> dict[str, Metric]:
    return {name: Metric(tuple(figures[name] for figures in runs)) for name in runs[0]}


def poisson_interval(count: int) -> tuple[float, float]:
    """The exact 95 % interval of a Poisson mean of which `count` events were seen.

    Garwood, Biometrika 28 (1936).

    >>> low, high = poisson_interval(0)
    >>> low, round(high, 2)
    (0.0, 3.69)
    """
    high = _solve(lambda mean: _poisson_at_most(count, mean), ALPHA / 2, count)
    if count == 0:
        return 0.0, high
    return _solve(lambda mean: _poisson_at_most(count - 1, mean), 1 - ALPHA / 2, count), high


def _poisson_at_most(count: int, mean: float) -> float:
    """P(N <= count)."""
    if mean == 0.0:
        return 1.0
    return math.fsum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count + 1))


def _solve(falling: Callable[[float], float], wanted: float, count: int) -> float:
    """Where a falling function of a Poisson mean takes a value, by bisection."""
    low, high = 0.0, count + 10.0 * math.sqrt(count + 1.0)
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > wanted else (low, middle)
    return (low + high) / 2


def _protocol(run: SimRun) -> tuple[str, ...]:
    machines = run.machines
    worn = sum(machine.is_worn for machine in machines)
    months = sum(m.healthy_s for m in machines) / MONTH_S
    count = sum(len(false_episodes(machine, AGENT)) for machine in machines)
    return (
        f"{worn} simulated pumps wear until they fail; {count} false episodes of the agent in {months:.2f} "
        "machine-months judged on healthy ones. The shipped bundle learned from simulated pumps of other "
        "seeds: a check of the whole road on the simulator's own physics.",
        f"Wear begins after {ONSET_S[0] / 60:.0f} to {ONSET_S[1] / 60:.0f} minutes and takes "
        f"{LIFE_S[0] / 60:.0f} to {LIFE_S[1] / 60:.0f} until failure, where a real machine takes weeks: that "
        "leaves fewer windows to notice it. Duties (steady, cycling, stopping, shifts) are drawn.",
        *RULES,
    )
