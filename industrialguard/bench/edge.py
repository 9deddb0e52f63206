"""`industrialguard bench edge`: what the device's part costs, from raw samples to the outbox.

Rule: everything of one bundle is measured in turn in one process, so that rows can be compared with each
other even where the machine is shared; start and memory are those of a real agent in a process of its own.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from contract.bundle import Bundle, load_bundle
from contract.profiles import profile_names
from industrialguard.bench import edge_parts as parts
from industrialguard.bench.child_agent import ChildAgent, run_child_agent
from industrialguard.bench.options import add_json, parse, whole_number
from industrialguard.bench.report import (
    Metric,
    Report,
    Role,
    Row,
    Run,
    format_report,
    require_writable,
    write_reports,
)
from industrialguard.bench.timing import Effort, Timing, time_operations
from models.progress import Progress

EXAMPLES = """\
examples:
  industrialguard bench edge --json edge.json                 every bundle that ships
  industrialguard bench edge --bundle pump                    one of them
  industrialguard bench edge --bundle ./mine.igb --repeats 5

Close other programs first: the machine is shared with them. Progress goes to stderr, the tables to stdout.
"""
BASELINES = (parts.BARE, parts.FLOAT, parts.PLAIN, parts.RAW_PLAIN)
RATES = {"vs_bare_pct": parts.BARE, "vs_plain_pct": parts.PLAIN, "vs_samples_pct": parts.RAW_PLAIN}
"""Metrics that compare a row's rate with another row's."""
TWIN_MODULE = "models.float_twin"
TWIN_TIMEOUT_S = 300.0

PROTOCOL = (
    "One process, one thread, rows in turn in blocks of about 20 ms. A repeat's p50 is the median over "
    "blocks of their medians, its p99 that of all runs (wall time); ± is the sample std over repeats.",
    "windows_per_core_s counts processor time, the kernel's for syncing the disk included. That rate in % of "
    + ", of ".join(f"{row!r}: {metric}" for metric, row in RATES.items())
    + ".",
    "Bare interpreter: set_tensor, invoke, get_tensor on the golden inputs. Windows are those of a simulated "
    "healthy machine past its warm-up; making them is not timed.",
    f"{parts.AGENT!r}: Agent.step from a reading in memory to outbox and learned state, durable on disk. It "
    f"begins with samples, as {parts.RAW_PLAIN!r} does; {parts.PLAIN!r} is given windows that are cut "
    f"already. What it takes beyond {parts.RAW!r} and {parts.VECTOR!r} are messages and the disk.",
    "startup_s and rss_bytes: `industrialguard agent` on a simulated machine in a process of its own, from "
    "its start to READY=1, and its peak; the simulator is part of it.",
)


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit code.

    Raises:
        IndustrialGuardError: one line that says what is wrong and what to do.
    """
    options = parse(build_parser(), argv)
    if isinstance(options, int):
        return options
    require_writable(options.json)
    bundles = [load_bundle(name) for name in options.bundle or profile_names()]
    effort = Effort(repeats=options.repeats)
    reports = bench_edge(bundles, effort)
    print("\n\n".join(format_report(report) for report in reports))
    if options.json is not None:
        write_reports(options.json, reports)
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = argparse.ArgumentParser(
        prog="industrialguard bench edge",
        description="Measure what the device's part costs, beside the bare interpreter and a float network.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--bundle",
        action="append",
        metavar="B",
        help="a shipped bundle's name or an .igb file, may be repeated (default: all that ship)",
    )
    parser.add_argument(
        "--repeats", type=whole_number(1, 100), default=3, metavar="K", help="measurements (default 3)"
    )
    add_json(parser)
    return parser


def bench_edge(bundles: Sequence[Bundle], effort: Effort) -> list[Report]:
    """Measure bundles, one report each, and one more of a raw second of vibration.

    Raises:
        NothingToJudgeError: a bundle scores nothing on a simulated machine.
        ChildAgentError: an agent did not run.
    """
    progress = Progress("bundle", len(bundles) + 1)
    with tempfile.TemporaryDirectory(prefix="igbench-") as name:
        folder = Path(name)
        twins, note = float_twins(bundles, folder)
        reports = []
        for number, (bundle, twin) in enumerate(zip(bundles, twins, strict=True), start=1):
            reports.append(_bench_bundle(bundle, effort, twin, folder / f"state-{number}", note))
            progress.advance(number, bundle.manifest.name)
    reports.append(_bench_second(effort))
    progress.advance(len(bundles) + 1, parts.SECOND)
    return reports


def float_twins(bundles: Sequence[Bundle], folder: Path) -> tuple[list[bytes | None], str]:
    """The float32 twins of the bundles' models, and a sentence for the protocol."""
    missing = [name for name in ("tensorflow", "tf_keras") if importlib.util.find_spec(name) is None]
    if missing:
        lacking = " and ".join(missing)
        return [None] * len(bundles), f"No float32 twin: {lacking} not installed (extra train)."
    line = [sys.executable, "-m", TWIN_MODULE]
    for number, bundle in enumerate(bundles):
        _, _, context, features = bundle.golden_input.shape
        line += [str(context), str(features), str(folder / f"{number}.tflite")]
    try:
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=TWIN_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return [None] * len(bundles), f"No float32 twin: its conversion took over {TWIN_TIMEOUT_S:.0f} s."
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        return [None] * len(bundles), f"No float32 twin: its conversion failed ({said[0][:200]})."
    files = [(folder / f"{number}.tflite").read_bytes() for number in range(len(bundles))]
    return [*files], "Float32 twin: the shipped shape with untrained weights, same interpreter and settings."


def _bench_bundle(bundle: Bundle, effort: Effort, twin: bytes | None, state: Path, note: str) -> Report:
    started = datetime.now(UTC)
    agent = parts.WholeAgent(bundle, state)
    try:
        timings = time_operations(parts.bundle_operations(bundle, agent, twin), effort)
    finally:
        agent.close()
    children = [run_child_agent(bundle) for _ in range(effort.repeats)]
    sizes = {name: len(bundle.model) for name in (parts.AGENT, parts.MODEL, parts.BARE)}
    if twin is not None:
        sizes[parts.FLOAT] = len(twin)
    rows = tuple(_row(name, timings, sizes, children) for name in timings)
    manifest, profile = bundle.manifest, bundle.profile
    subject = f"Bundle {manifest.name}, model {manifest.version}, profile {profile.name}."
    dataset = f"edge/{profile.name}"
    seeds = tuple(range(effort.repeats))
    return Report("edge", dataset, (subject, *PROTOCOL, note), seeds, rows, Run.since(started))


def _row(
    name: str, timings: Mapping[str, Timing], sizes: Mapping[str, int], children: Sequence[ChildAgent]
) -> Row:
    role = Role.BASELINE if name in BASELINES else Role.OURS
    metrics = _time_metrics(timings[name])
    for metric, other in RATES.items():
        pairs = zip(timings[name].per_core_s, timings[other].per_core_s, strict=True)
        metrics[metric] = Metric(tuple(100 * (own / theirs) for own, theirs in pairs))
    if name in sizes:
        metrics["model_bytes"] = Metric((float(sizes[name]),))
    if name == parts.AGENT:
        metrics["startup_s"] = Metric(tuple(child.startup_s for child in children))
        peaks = tuple(child.peak_rss_bytes for child in children)
        metrics["rss_bytes"] = Metric(tuple(None if peak is None else float(peak) for peak in peaks))
    return Row(name, role, metrics, is_main=name == parts.AGENT)


def _bench_second(effort: Effort) -> Report:
    started = datetime.now(UTC)
    operation = parts.RawFeatures(parts.vibration_second())
    timing = time_operations({parts.SECOND: operation}, effort)[parts.SECOND]
    protocol = (
        "One second of vibration of two axes at 25.6 kHz to its features: quality, windows and features of "
        "the profile bearing-rig with bursts of a whole second; simulating it is not timed.",
        PROTOCOL[0],
    )
    row = Row(parts.SECOND, Role.OURS, _time_metrics(timing), is_main=True)
    seeds = tuple(range(effort.repeats))
    return Report("edge", "edge/vibration-second", protocol, seeds, (row,), Run.since(started))


def _time_metrics(timing: Timing) -> dict[str, Metric]:
    return {
        "latency_p50_us": Metric(timing.p50_us),
        "latency_p99_us": Metric(timing.p99_us),
        "windows_per_core_s": Metric(timing.per_core_s),
    }
