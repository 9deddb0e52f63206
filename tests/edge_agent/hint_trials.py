"""How often hints are right: simulated machines of every failure mode, and recorded bearings.

`python -m tests.edge_agent.hint_trials [--cwru DIR] [--document docs/hints.md]` prints the tables; the tests
hold them to thresholds.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from contract.bundle import Bundle, load_bundle
from contract.diagnosis import LineLevels, Symptoms, feature_facts, find_hints, line_facts, shaft_frequency
from contract.explanation import Hint, HintCode
from contract.extract import FeatureExtractor
from contract.features import FeatureVector
from contract.lines import LineBaseline, shaft_lines
from contract.messages import AlarmKind
from contract.profiles import load_profile
from contract.scoring import Baseline
from contract.signals import Reading, Samples
from edge_agent.late_hint import LateHint
from edge_agent.scorer import Scorer
from edge_agent.symptoms import SymptomLog
from edge_agent.tflite import ModelRunner
from edge_agent.watch import AlarmWatch
from models.recordings.cwru import open_cwru
from models.tables import Rows, format_rows, update_document
from simulators.degradation import FailureMode, WearPlan
from simulators.machine import MachineConfig, SimulatedMachine
from simulators.regimes import Duty

ONSET_S, LIFE_S = 400.0, 600.0
NOTHING = "no alarm"
UNSAID = "no hint"
SEEDS = range(300, 310)
"""Of machines that the rules were not written on."""
RIGHT = {
    FailureMode.BEARING_OUTER: HintCode.BEARING_OUTER_RACE,
    FailureMode.BEARING_INNER: HintCode.BEARING_INNER_RACE,
    FailureMode.BEARING_BALL: HintCode.BEARING_ROLLING_ELEMENT,
    FailureMode.IMBALANCE: HintCode.IMBALANCE,
    FailureMode.MISALIGNMENT: HintCode.MISALIGNMENT,
    FailureMode.LUBRICATION: HintCode.LUBRICATION,
    FailureMode.CAVITATION: HintCode.CAVITATION,
    FailureMode.WINDING: HintCode.MOTOR_ELECTRICAL,
}
SAYS_LESS = {
    FailureMode.BEARING_OUTER: {HintCode.IMPACTS, HintCode.OVERHEATING},
    FailureMode.BEARING_INNER: {HintCode.IMPACTS, HintCode.OVERHEATING},
    FailureMode.BEARING_BALL: {HintCode.IMPACTS, HintCode.OVERHEATING},
    FailureMode.MISALIGNMENT: {HintCode.OVERHEATING},
    FailureMode.LUBRICATION: {HintCode.OVERHEATING},
    FailureMode.WINDING: {HintCode.OVERHEATING},
}
"""True as well, though they say less: these knock, and they warm the housing."""
STATES = {"normal": "healthy", "or": "outer race", "ir": "inner race", "b": "rolling element"}
"""What the first part of a recording's name says."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a machine's first alarm looked like, strongest hint first."""

    at_once: tuple[Hint, ...]
    in_the_end: tuple[Hint, ...]
    """The same, or what the agent told later."""


def simulated_hints(bundle: Bundle, mode: FailureMode, seed: int, duty: Duty) -> Told | None:
    """The hints of a machine's first alarm; None when it failed without one."""
    machine = SimulatedMachine(MachineConfig(bundle.profile, seed, WearPlan(mode, ONSET_S, LIFE_S), duty))
    extractor, scorer = FeatureExtractor(bundle.profile), Scorer(bundle, ModelRunner(bundle.model))
    watch, log = AlarmWatch(bundle.profile), SymptomLog(bundle.profile)
    told: Told | None = None
    late: LateHint | None = None
    while machine.state.wear < 1.0 and not (late and late.is_over):
        for reading in machine.next_hop():
            for window in extractor.add(reading):
                vector, _ = watch.inspect(window)
                verdict = scorer.score(vector, watch.is_alarming)
                log.note(vector, verdict, extractor.last_burst, watch.is_alarming)
                said = [a for a in watch.judge(verdict) if a.kind is AlarmKind.ANOMALY]
                if told and not watch.is_alarming:
                    return told
                if (said or late) and verdict.score is not None:
                    hints = log.find_hints(scorer.explain(), vector)
                    if late is None:
                        told, late = Told(hints, hints), LateHint(said[0], hints)
                    elif told and late.take(hints):
                        told = replace(told, in_the_end=hints)
    return told


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


def first_word(hints: tuple[Hint, ...] | None) -> str:
    """The first hint, or why there is none."""
    return NOTHING if hints is None else label(hints[0]) if hints else UNSAID


def label(hint: Hint) -> str:
    """Code and strength of a hint."""
    return f"{hint.code} ({hint.strength.name.lower()})"


def simulated_rows(bundle: Bundle, seeds: range, duty: Duty) -> Rows:
    """A line for each failure mode: how often the first hint was right, or another one, or none, at once."""
    rows = []
    for mode in FailureMode:
        found = [simulated_hints(bundle, mode, seed, duty) for seed in seeds]
        counts = Counter(first_word(told.at_once if told else None) for told in found)
        later = [told.in_the_end[0].code for told in found if told and told.in_the_end]
        sorts = {"right": Counter[str](), "true, but says less": Counter[str](), "wrong": Counter[str]()}
        for name, count in counts.items():
            code, _, strength = name.partition(" ")
            if code == RIGHT[mode]:
                sorts["right"][strength.strip("()")] += count
            elif name not in (NOTHING, UNSAID):
                is_true = code in SAYS_LESS.get(mode, set())
                sorts["true, but says less" if is_true else "wrong"][name] += count
        spoken = {sort: _spoken(names) for sort, names in sorts.items()}
        silent = {"nothing said": counts[UNSAID], NOTHING: counts[NOTHING]}
        end = {"right in the end": later.count(RIGHT[mode])}
        rows.append({"load": str(duty), "what wears": str(mode), **spoken, **silent, **end})
    return rows


def recorded_rows(folder: Path) -> Rows:
    """A line for each recorded bearing."""
    return [
        {"file": name, "true state": STATES[state], "first hint": label(hint) if hint else "-"}
        for name, state, hint in recorded_hints(folder)
    ]


def _spoken(counts: Mapping[str, int]) -> str:
    """`7 (5 strong, 2 weak)`, or 0."""
    parts = [f"{count} {name}" for name, count in counts.items()]
    return f"{sum(counts.values())} ({', '.join(parts)})" if counts else "0"


def main() -> None:
    """Print every table, and put them into a document if one is named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cwru", type=Path, metavar="DIR", help="folder of Case Western recordings")
    parser.add_argument("--document", type=Path, metavar="FILE", help="put the tables between its marks")
    options = parser.parse_args()
    bundle = load_bundle("pump")
    tables = [row for duty in (Duty.STEADY, Duty.CYCLING) for row in simulated_rows(bundle, SEEDS, duty)]
    text = f"Bundle `pump` {bundle.manifest.version}.\n\n{format_rows(tables)}"
    if options.cwru is not None:
        text += f"\n\n{format_rows(recorded_rows(options.cwru))}"
    print(text)
    if options.document is not None:
        update_document(options.document, text)


if __name__ == "__main__":
    main()
