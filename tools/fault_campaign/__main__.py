"""Kills the parts of the road under load, again and again, and counts what is stored.

    python -m tools.fault_campaign --faults 100 --seed 1 --json faults.json --report faults.md

It starts Mosquitto, Kafka and PostgreSQL of its own. Exit code 0: nothing lost, nothing twice. A hundred
faults, ten of them outages, take about a quarter of an hour on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from contract.archive import write_atomically
from industrialguard.bench.options import whole_number
from industrialguard.bench.report import format_report, require_writable, write_reports
from tools.fault_campaign.campaign import Traffic, run_campaign
from tools.fault_campaign.faults import FaultPlan, draw_faults
from tools.fault_campaign.report import build_report, format_page, with_faults
from tools.servers.programs import LackingError, ServerError

FAILED = 1


def main(argv: Sequence[str]) -> int:
    """Run a campaign; 0 when it is sound."""
    options = build_parser().parse_args(argv)
    require_writable(options.json)
    require_writable(options.report)
    plan = FaultPlan(
        options.faults, min(options.outages, options.faults), options.outage_s, seed=options.seed
    )
    traffic = Traffic(options.machines, options.rate, seed=options.seed)
    started = datetime.now(UTC)
    try:
        with tempfile.TemporaryDirectory(prefix="igfaults-") as name:
            outcome = run_campaign(draw_faults(plan), traffic, Path(options.logs or name), _say)
    except (LackingError, ServerError) as error:
        print(f"fault campaign: {error}", file=sys.stderr)
        return FAILED
    report = build_report(plan, traffic, outcome, started)
    print(format_report(report))
    if options.json is not None:
        write_reports(options.json, [with_faults(report, outcome)])
    if options.report is not None:
        write_atomically(options.report, format_page(report, outcome).encode())
    return 0 if outcome.is_sound else FAILED


def build_parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.fault_campaign",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--faults", type=whole_number(1, 10_000), default=100, metavar="N", help="how many (default 100)")
    add("--outages", type=whole_number(0, 10_000), default=10, metavar="N", help="of them (default 10)")
    add("--outage-s", type=float, default=30.0, metavar="S", help="how long an outage lasts (default 30)")
    add(
        "--seed",
        type=whole_number(0, 2**31),
        default=1,
        metavar="K",
        help="same seed, same faults (default 1)",
    )
    add("--machines", type=whole_number(1, 10_000), default=50, metavar="N", help="that send (default 50)")
    add("--rate", type=float, default=100.0, metavar="R", help="messages/s of all together (default 100)")
    add("--json", type=Path, metavar="FILE", help="write the figures here")
    add("--report", type=Path, metavar="FILE", help="write a page with every fault here (Markdown)")
    add("--logs", type=Path, metavar="DIR", help="keep the processes' logs in this folder, which exists")
    return parser


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
