"""Raw bursts of bearings run to failure: the shipped agent, which never saw a real one, beside the baselines.

Rule: the device's own features; the agent decides by its own rule, and nothing of it is set by a recording.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from contract.bundle import Bundle
from contract.features import feature_specs, to_model_space
from industrialguard.bench.creep_rows import NOBODY_FOLLOWS
from industrialguard.bench.femto_baselines import Distance, FeatureAlone, Forest
from industrialguard.bench.femto_course import Bearing, OwnWarmup, Warmup
from industrialguard.bench.femto_rows import always_row, contender_row, figures, make_row
from industrialguard.bench.femto_rule import Contender, Finding, Rule
from industrialguard.bench.report import Report, Role, Run
from models.dataset import MachineVectors, read_vectors
from models.judge import Judge
from models.progress import Progress
from models.recordings import open_recordings

AGENT = "the agent's own decisions, shipped bundle"
FALSE_ALARM_SHARE = 1 / 6
"""Two others show too little of a spread to ask for a rarer one."""

RAW_RULES = (
    "The device's own features of the raw bursts. The agent has the shipped bundle, which learned from "
    "simulated rigs alone and never saw a real bearing; its alarm is its own rule, nothing is set by others.",
    NOBODY_FOLLOWS,
    "Baselines: level and location from each bearing's first windows (as many as the profile's warm-up), the "
    f"limit that one more bearing exceeds in its first quarter with probability {FALSE_ALARM_SHARE:.3f}, if "
    "the others' most growth there is normally distributed; the profile's own length of an alarm.",
    "If quiet young: no decision, but the lowest limit for all bearings at which none alarms in its first "
    "quarter; the agent has no such figure, its scores stop at 1.",
    "First alarm: share of the bearing's bursts; a bearing without one counts as 100 % in the median. Before "
    "the end: not in the last burst.",
)


def report_raw(folder: Path, bundle: Bundle, seeds: Sequence[int]) -> Report:
    """The shipped agent and the baselines on raw bursts.

    Raises:
        DataError: a recording is malformed.
    """
    started = datetime.now(UTC)
    machines = _read_raw(folder, bundle)
    bearings = [raw_bearing(machine, bundle) for machine in machines]
    spec = bundle.profile.warmup
    warmup = OwnWarmup(spec.baseline_windows, spec.calibration_windows)
    rule = Rule(warmup, (bundle.profile.alarm,), FALSE_ALARM_SHARE)
    agent = [judge_raw(machine, bearing, bundle) for machine, bearing in zip(machines, bearings, strict=True)]
    rows = [make_row(AGENT, Role.OURS, [figures(agent)], is_main=True)]
    rows += [contender_row(one, bearings, rule, seeds) for one in raw_baselines(bundle, warmup)]
    rows.append(always_row(bearings, warmup))
    lives = ", ".join(f"{bearing.name} {len(bearing.rows)}" for bearing in bearings)
    protocol = (f"{len(bearings)} bearings run to failure: {lives} windows.", *RAW_RULES)
    return Report("anomaly", "femto/raw", protocol, tuple(seeds), tuple(rows), Run.since(started))


def raw_baselines(bundle: Bundle, warmup: Warmup) -> tuple[Contender, ...]:
    """What the agent is held against on the device's features."""
    names = [spec.name for spec in feature_specs(bundle.profile)]
    waveforms = [spec.name for spec in bundle.profile.waveforms]
    return (
        FeatureAlone("RMS alone", tuple(names.index(f"{sensor}_rms") for sensor in waveforms), warmup),
        FeatureAlone(
            "kurtosis alone", tuple(names.index(f"{sensor}_kurtosis") for sensor in waveforms), warmup
        ),
        Distance("Mahalanobis", warmup),
        Forest("isolation forest", warmup),
    )


def judge_raw(machine: MachineVectors, bearing: Bearing, bundle: Bundle) -> Finding:
    """The agent's first alarm on one bearing."""
    judgement = Judge(bundle).judge(machine)
    stamps_s = bearing.times_s + machine.vectors[0].event_time_s
    raised = [int(np.searchsorted(stamps_s, raised_s)) for raised_s, _ in judgement.alarms]
    scored = np.searchsorted(stamps_s, judgement.event_times_s)
    warmup = int(scored[0]) if len(scored) else len(stamps_s)
    return Finding(bearing, raised[0] if raised else None, warmup)


def raw_bearing(machine: MachineVectors, bundle: Bundle) -> Bearing:
    """The device's features of a bearing, as a model sees them; without windows that lack a burst."""
    known = [vector for vector in machine.vectors if vector.valid.all()]
    values = np.array([vector.values for vector in known], np.float32)
    rows = to_model_space(values, feature_specs(bundle.profile)).astype(np.float64)
    stamps_s = np.array([vector.event_time_s for vector in known])
    return Bearing.whole(machine.machine_id, stamps_s - machine.vectors[0].event_time_s, rows)


def _read_raw(folder: Path, bundle: Bundle) -> list[MachineVectors]:
    recordings = open_recordings(f"femto:{folder}")
    progress = Progress("reading: bearing", len(recordings))
    machines = []
    for number, recording in enumerate(recordings, start=1):
        machines.append(read_vectors(recording, bundle.profile))
        progress.advance(number, recording.machine_id)
    return machines
