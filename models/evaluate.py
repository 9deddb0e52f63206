"""The shipped bundles against recordings they were not trained on.

    python -m models.evaluate --data DIR [--simulated DIR] [--json FILE] [--document FILE]

Rule: causal, device by device, at the thresholds that ship; no figure is fitted to a label. What a data set
cannot show is said, not left out.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from contract.bundle import load_bundle
from contract.errors import DataError, IndustrialGuardError
from models.dataset import MachineVectors, read_vectors
from models.judge import Judge, Judgement
from models.progress import Progress
from models.recordings import Recording, open_recordings
from models.recordings.skab import read_table
from models.tables import Rows, format_report, update_document

SKAB_TRAINING_ROWS = 400
"""Rows at the start of each file that the benchmark calls training."""


@dataclass(frozen=True, slots=True)
class Case:
    """One machine, judged."""

    recording: Recording
    vectors: MachineVectors
    judgement: Judgement

    @property
    def start_s(self) -> float:
        """End of the first window."""
        return self.vectors.vectors[0].event_time_s

    @property
    def life_s(self) -> float:
        """From the first to the last window."""
        return max(self.vectors.vectors[-1].event_time_s - self.start_s, 1e-9)

    @property
    def first_alarm(self) -> float | None:
        """Share of the recording that had passed when the first alarm was raised; None: there was none."""
        alarms = self.judgement.alarms
        return (alarms[0][0] - self.start_s) / self.life_s if alarms else None

    @property
    def first_score(self) -> float | None:
        """Share of the recording that the warm-up took; None: it took all."""
        times = self.judgement.event_times_s
        return (float(times[0]) - self.start_s) / self.life_s if len(times) else None


def main(argv: Sequence[str] | None = None) -> int:
    """Run every evaluation whose data is there; print tables, write JSON and the document's figures.

    Raises:
        DataError: nothing to evaluate, or recordings that cannot be read.
        BundleError: a shipped bundle is missing or damaged.
    """
    arguments = build_parser().parse_args(argv)
    report: dict[str, Any] = {}
    for name, evaluate in EVALUATIONS.items():
        folder = (arguments.simulated if name == "simulated" else arguments.data / name) or Path("-")
        if folder.is_dir():
            report[name] = evaluate(folder)
        else:
            print(f"{name}: no {folder}, left out", file=sys.stderr)
    if not report:
        raise DataError(f"nothing to evaluate in {arguments.data}: it needs {', '.join(EVALUATIONS)}")
    text = format_report(report)
    print(text)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    if arguments.document:
        update_document(arguments.document, text)
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = argparse.ArgumentParser(prog="python -m models.evaluate", description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="femto/, cmapss/, skab/, cwru/"
    )
    parser.add_argument("--simulated", type=Path, metavar="DIR", help="npz recordings, healthy and worn")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures here")
    parser.add_argument("--document", type=Path, metavar="FILE", help="put the tables between its marks")
    return parser


def judge_all(recordings: Sequence[Recording]) -> list[Case]:
    """Judge machines with the shipped bundles of their profiles."""
    judges = {name: Judge(load_bundle(name)) for name in sorted({r.profile for r in recordings})}
    progress = Progress("judging: machine", len(recordings))
    cases = []
    for number, recording in enumerate(recordings, start=1):
        judge = judges[recording.profile]
        vectors = read_vectors(recording, judge.bundle.profile)
        cases.append(Case(recording, vectors, judge.judge(vectors)))
        progress.advance(number, recording.machine_id)
    return cases


def evaluate_femto(folder: Path) -> Rows:
    """Bearings run to failure: is there an alarm before the end, and none in the first quarter?"""
    rows = []
    for case in judge_all(open_recordings(f"femto:{folder}")):
        first = case.first_alarm
        rows.append(
            {
                "bearing": case.recording.machine_id,
                "windows": case.judgement.windows,
                "scored from": _share(case.first_score),
                "first alarm at": _share(first),
                "minutes before end": None if first is None else round((1 - first) * case.life_s / 60, 1),
                "quiet first quarter": first is None or first > 1 / 4,
                "alarm before end": first is not None and first < 1,
            }
        )
    return rows


def evaluate_cmapss(folder: Path) -> Rows:
    """Training engines, all run to failure, without those that the bundle learned from."""
    known = set(load_bundle("turbofan").manifest.lineage["machines"])
    everyone = open_recordings(f"cmapss:{folder}")
    unseen = [r for r in everyone if r.machine_id.startswith("train-") and r.machine_id not in known]
    groups: dict[str, list[Case]] = {}
    for case in judge_all(unseen):
        groups.setdefault(case.recording.machine_id.rpartition("-")[0], []).append(case)
    return [{"subset": name, **_run_to_failure(group, early=1 / 3)} for name, group in groups.items()]


def evaluate_simulated(folder: Path) -> Rows:
    """Simulated machines of other seeds than trained on; worn ones wear from 60 % of their recording on."""
    groups: dict[tuple[str, bool], list[Case]] = {}
    for case in judge_all(open_recordings(f"npz:{folder}")):
        groups.setdefault((case.recording.profile, case.recording.end_of_life_s is not None), []).append(case)
    return [
        {"profile": profile, "state": "worn" if is_worn else "healthy", **_run_to_failure(group, early=0.6)}
        for (profile, is_worn), group in sorted(groups.items())
    ]


def evaluate_skab(folder: Path) -> Rows:
    """Files with labelled valve events: events found, and alarms outside of them."""
    rows = []
    for path in sorted(folder.rglob("*.csv")):
        stamps, columns = read_table(path)
        if "anomaly" not in columns:
            continue
        (case,) = judge_all(open_recordings(f"skab:{path}"))
        name = str(path.relative_to(folder).with_suffix(""))
        rows.append({"file": name} | _against_labels(case, stamps, columns["anomaly"] > 0))
    return rows


def evaluate_cwru(folder: Path) -> Rows:
    """Each file is one bearing in one state for seconds: only quiet can be shown, and for a few windows."""
    cases = judge_all(open_recordings(f"cwru:{folder}"))
    return [
        {
            "state": state,
            "files": len(group),
            "windows scored": sum(len(c.judgement.scores) for c in group),
            "alarms": sum(len(c.judgement.alarms) for c in group),
        }
        for state, group in (
            ("normal", [c for c in cases if "normal" in c.recording.machine_id]),
            ("faulty throughout", [c for c in cases if "normal" not in c.recording.machine_id]),
        )
    ]


EVALUATIONS: dict[str, Callable[[Path], Rows]] = {
    "femto": evaluate_femto,
    "cmapss": evaluate_cmapss,
    "simulated": evaluate_simulated,
    "skab": evaluate_skab,
    "cwru": evaluate_cwru,
}


def _run_to_failure(cases: Sequence[Case], early: float) -> dict[str, Any]:
    firsts = np.array([c.first_alarm for c in cases if c.first_alarm is not None])
    return {
        "machines": len(cases),
        "with an alarm": len(firsts),
        f"alarm before {early:.0%} of the recording": int((firsts < early).sum()),
        "median first alarm at": _share(float(np.median(firsts)) if len(firsts) else None),
        "latest first alarm at": _share(float(firsts.max()) if len(firsts) else None),
        "windows scored": sum(len(c.judgement.scores) for c in cases),
    }


def _against_labels(case: Case, stamps: Any, is_event: Any) -> dict[str, Any]:
    """Compare alarms with the labelled stretch; both clocks are the file's own."""
    begin_s, end_s = float(stamps[is_event][0]), float(stamps[is_event][-1])
    raised = [a for a, _ in case.judgement.alarms]
    hits = [a for a in raised if begin_s <= a <= end_s]
    return {
        "event found": bool(hits),
        "delay s": round(hits[0] - begin_s) if hits else None,
        "alarms raised before the event": sum(a < begin_s for a in raised),
        "of these in the first 400 rows": sum(a < float(stamps[SKAB_TRAINING_ROWS]) for a in raised),
        "highest score": round(float(case.judgement.scores.max(initial=0.0)), 2),
    }


def _share(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _run() -> int:
    try:
        return main()
    except IndustrialGuardError as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(_run())
