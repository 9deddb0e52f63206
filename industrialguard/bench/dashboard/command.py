"""`industrialguard bench dashboard`: how quickly pages answer, with thousands of machines behind them.

Rule: the process that ships, over a store that its own writers filled; each bar stands beside its figure.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from cloud.access.people_desk import PeopleDesk
from cloud.people import Role as May
from cloud.settings import sqlite_url
from cloud.store.database import open_database
from contract.errors import ConfigError
from industrialguard.bench.dashboard.browser import Chromium, run_chromium
from industrialguard.bench.dashboard.plant import SeededPlant
from industrialguard.bench.dashboard.site import Site, run_site
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

EXAMPLES = """\
examples:
  industrialguard bench dashboard --json dashboard.json          5,000 machines
  industrialguard bench dashboard --machines 500 --repeats 5
"""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PAGES = {
    "fleet page": "/",
    "fleet page, live part": "/fragments/fleet",
    "one site": "/?site=site-0",
    "stale or unknown": "/?show=silent",
    "planning": "/planning",
    "plant": "/assets",
    "cases": "/cases",
}
SERVER_P50, SERVER_P99, SERVER_CPU, FIRST, LIVE, LIVE_MOST = (
    *("server_p50_ms", "server_p99_ms", "server_cpu_ms"),
    "first_content_p50_ms",
    "live_change_p50_ms",
    "live_change_max_ms",
)
BARS: Mapping[str, float] = {SERVER_P50: 150.0, FIRST: 1000.0, LIVE_MOST: 1000.0}
"""Of the fleet page, in ms."""
MISSED = 1


def main(argv: Sequence[str]) -> int:
    """Run the command; 0 when the fleet page keeps its bars.

    Raises:
        IndustrialGuardError: one line that says what is wrong and what to do.
    """
    options = parse(build_parser(), argv)
    if isinstance(options, int):
        return options
    require_writable(options.json)
    chromium = options.chromium or next(filter(None, map(shutil.which, BROWSERS)), None)
    if chromium is None:
        raise ConfigError("there is no Chromium on the PATH; install one, or name it with --chromium FILE")
    report = measure(options.machines, options.seed, options.repeats, chromium)
    print(format_report(report), end="\n\n")
    bars = judge(report)
    print("\n".join(line for line, _ in bars))
    if options.json is not None:
        write_reports(options.json, [report])
    return 0 if all(is_kept for _, is_kept in bars) else MISSED


def measure(machines: int, seed: int, repeats: int, chromium: str) -> Report:
    """Fill a plant, serve it, look at it."""
    started = datetime.now(UTC)
    with tempfile.TemporaryDirectory(prefix="igbench-") as name:
        folder = Path(name)
        database = open_database(sqlite_url(folder / "store.db"))
        try:
            plant = SeededPlant(database, machines, seed)
            print(f"filling {machines} machines", file=sys.stderr, flush=True)
            plant.fill()
            key = PeopleDesk(database, lambda: datetime.now(UTC)).make_key(
                "bench", May.VIEWER, None, None, "bench"
            )
            with run_site(folder, key) as site, run_chromium(chromium, site.headers) as browser:
                rows = tuple(_rows(site, browser, plant, repeats))
        finally:
            database.close()
    return Report(
        "dashboard", f"plant/{machines}", _protocol(machines, repeats), (seed,), rows, Run.since(started)
    )


def judge(report: Report) -> list[tuple[str, bool]]:
    """Each bar of the fleet page: a line for people, and whether it is kept."""
    (main_row,) = (row for row in report.rows if row.is_main)
    found = []
    for name, bar in BARS.items():
        value = main_row.metrics[name].mean
        is_kept = value is not None and value <= bar
        found.append((f"{'kept  ' if is_kept else 'MISSED'}  {name} {value:.0f}, at most {bar:.0f}", is_kept))
    return found


def percentile(times: Sequence[float], share: float) -> float:
    """The value that a share of them does not exceed.

    >>> percentile([3.0, 1.0, 2.0], 0.5)
    2.0
    """
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _rows(site: Site, browser: Chromium, plant: SeededPlant, repeats: int) -> list[Row]:
    rows = []
    for name, path in PAGES.items():
        address = site.address
        times, cpu_ms = site.time_page(path, repeats)
        figures = {
            SERVER_P50: percentile(times, 0.5),
            SERVER_P99: percentile(times, 0.99),
            SERVER_CPU: cpu_ms,
        }
        if not path.startswith("/fragments/"):
            seen = [browser.first_content_ms(address + path) for _ in range(max(3, repeats // 5))]
            figures[FIRST] = percentile(seen, 0.5)
        if path == "/":
            live = browser.live_change_ms(address, _changes(plant, repeats))
            figures |= {LIVE: percentile(live, 0.5), LIVE_MOST: max(live)}
        metrics = {metric: Metric((value,)) for metric, value in figures.items()}
        rows.append(Row(name, Role.OURS, metrics, is_main=path == "/"))
        print(f"{name}: {figures[SERVER_P50]:.0f} ms", file=sys.stderr, flush=True)
    return rows


def _changes(plant: SeededPlant, count: int) -> list[Callable[[], None]]:
    """Alarms of machines that had none; pauses between them, as no two are alike."""

    def change(device: str, pause_s: float) -> None:
        time.sleep(pause_s)
        plant.raise_alarm(device)

    devices = plant.calm[:count]
    return [partial(change, device, 0.6 + 0.07 * number) for number, device in enumerate(devices)]


def _protocol(machines: int, repeats: int) -> tuple[str, ...]:
    return (
        f"{machines} machines on lines of 40, 6 % in alarm with a case, 3 % gone, a forecast each; SQLite.",
        f"server: `cloud api` as a process of its own, request to last byte, {repeats} times after one.",
        "server_cpu: of that process for one such request; what it would take with a core to itself.",
        "first content: first contentful paint in headless Chromium, a new visitor each time, median.",
        "live change: commit of an alarm until the open page counts it; the store is asked every 0.5 s.",
    )


def build_parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = argparse.ArgumentParser(
        prog="industrialguard bench dashboard",
        description="Measure how quickly pages answer, with a whole plant behind them, beside their bars.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--machines", type=whole_number(50, 100_000), default=5000, metavar="N", help="default 5000")
    add("--repeats", type=whole_number(1, 1000), default=25, metavar="K", help="of each look (default 25)")
    add("--seed", type=whole_number(0, 2**31), default=0, metavar="N", help="of the plant (default 0)")
    add("--chromium", metavar="FILE", help="the browser (default: the first on the PATH)")
    add_json(parser)
    return parser
