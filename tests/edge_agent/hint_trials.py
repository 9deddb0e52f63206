"""How often hints are right: simulated machines of every failure mode, and recorded bearings.

`python -m tests.edge_agent.hint_trials [CWRU_FOLDER]` prints the tables; the tests hold them to thresholds.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from contract.bundle import Bundle, load_bundle
from contract.diagnosis import LineLevels, Symptoms, feature_facts, find_hints, line_facts, shaft_frequency
from contract.explanation import Hint
from contract.extract import FeatureExtractor
from contract.features import FeatureVector
from contract.lines import LineBaseline, shaft_lines
from contract.messages import AlarmKind, AlarmTransition
from contract.profiles import load_profile
from contract.scoring import Baseline
from contract.signals import Reading, Samples
from edge_agent.scorer import Scorer
from edge_agent.symptoms import SymptomLog
from edge_agent.tflite import ModelRunner
from edge_agent.watch import AlarmWatch
from models.recordings.cwru import open_cwru
from simulators.degradation import FailureMode, WearPlan
from simulators.machine import MachineConfig, SimulatedMachine
from simulators.regimes import Duty

ONSET_S, LIFE_S = 400.0, 600.0
NOTHING = "no alarm"
UNSAID = "no hint"


def simulated_hints(bundle: Bundle, mode: FailureMode, seed: int, duty: Duty) -> tuple[Hint, ...] | None:
    """The hints of a machine's first alarm; None when it failed without one."""
    machine = SimulatedMachine(MachineConfig(bundle.profile, seed, WearPlan(mode, ONSET_S, LIFE_S), duty))
    extractor, scorer = FeatureExtractor(bundle.profile), Scorer(bundle, ModelRunner(bundle.model))
    watch, log = AlarmWatch(bundle.profile), SymptomLog(bundle.profile)
    while machine.state.wear < 1.0:
        for reading in machine.next_hop():
            for window in extractor.add(reading):
                vector, _ = watch.inspect(window)
                verdict = scorer.score(vector, watch.is_alarming)
                log.note(vector, verdict, extractor.last_burst)
                said = [a for a in watch.judge(verdict) if a.kind is AlarmKind.ANOMALY]
                if said and said[0].edge.transition is AlarmTransition.RAISED:
                    return log.find_hints(scorer.explain(), vector)
    return None


def recorded_hints(folder: Path) -> Iterator[tuple[str, str, Hint | None]]:
    """(file, its true state, first hint) of each recorded bearing against the healthy one as its baseline.

    The hint is judged on eight bursts in the middle of each file, as an alarm would.
    """
    recordings = {r.machine_id: r for r in open_cwru(folder, None)}
    healthy = next(r for name, r in recordings.items() if "normal" in name.lower())
    profile = load_profile("cwru-bearing")
    spread = load_bundle("cwru-bearing").manifest.fleet_spread
    baseline, lines = Baseline(profile, spread, 0), LineBaseline(profile)
    sensor = profile.sensors[0]
    for vector, burst in _windows(healthy.readings()):
        baseline.observe(vector)
        shaft_hz = shaft_frequency(profile, vector.values.tolist())
        lines.observe("", {sensor.name: shaft_lines(burst, sensor, shaft_hz)})
    for name, recording in sorted(recordings.items()):
        found = list(_windows(recording.readings()))
        middle = found[len(found) // 2 - 4 : len(found) // 2 + 4]
        deviations = np.mean([baseline.standardise(v) for v, _ in middle], axis=0)
        values = np.mean([v.values for v, _ in middle], axis=0).tolist()
        shaft_hz = shaft_frequency(profile, values)
        now = np.exp(np.mean([np.log(shaft_lines(b, sensor, shaft_hz)) for _, b in middle], axis=0))
        facts = feature_facts(profile, values, baseline.levels("").tolist(), deviations.tolist())
        facts |= line_facts({sensor.name: LineLevels(now, lines.levels("", sensor.name))}, shaft_hz)
        hints = find_hints(Symptoms(profile, facts, {sensor.name: 1.0}))
        yield name, name.removeprefix("cwru-").split("-")[0], hints[0] if hints else None


def _windows(readings: Iterator[Reading]) -> Iterator[tuple[FeatureVector, Samples]]:
    extractor = FeatureExtractor(load_profile("cwru-bearing"))
    for reading in readings:
        for vector in extractor.add(reading):
            yield vector, reading.values


def table(bundle: Bundle, seeds: range, duty: Duty) -> dict[FailureMode, Counter[str]]:
    """Counts of the first hint for each failure mode."""
    counts: dict[FailureMode, Counter[str]] = {}
    for mode in FailureMode:
        counts[mode] = Counter()
        for seed in seeds:
            hints = simulated_hints(bundle, mode, seed, duty)
            counts[mode][NOTHING if hints is None else label(hints[0]) if hints else UNSAID] += 1
    return counts


def label(hint: Hint) -> str:
    """Code and strength of a hint."""
    return f"{hint.code} ({hint.strength.name.lower()})"


def main() -> None:
    """Print every table."""
    for duty in (Duty.STEADY, Duty.CYCLING):
        for mode, counts in table(load_bundle("pump"), range(300, 310), duty).items():
            print(duty, mode, dict(counts.most_common()))
    for folder in sys.argv[1:]:
        for name, state, hint in recorded_hints(Path(folder)):
            print(name, state, label(hint) if hint else UNSAID)


if __name__ == "__main__":
    main()
