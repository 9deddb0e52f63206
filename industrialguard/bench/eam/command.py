"""`industrialguard bench eam`: orders, kills and an outage, and what the maintenance system has in the end.

Rule: worker, store and adapter are those that ship, and the maintenance system is the one that the settings
file names. What it has is read from it, not remembered.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cloud.eam.adapters import open_eam
from cloud.eam.settings import EamSettings, read_settings
from cloud.order_desk import OrderDesk
from cloud.settings import sqlite_url
from cloud.store.case_tables import CaseRow
from cloud.store.database import Database, open_database
from cloud.store.machine_rows import make_machines
from cloud.store.orders import OrderChoice, list_orders
from cloud.work_orders import OrderState, order_key
from contract.errors import ConfigError
from industrialguard.bench.eam.cable import Cable
from industrialguard.bench.eam.clock import FastClock
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
  industrialguard bench eam --eam eam.toml --json eam.json     1,000 orders, 50 kills, an hour's outage
  industrialguard bench eam --eam eam.toml --orders 50 --kills 5 --outage-min 10
"""
FAILED = 1
_POLL_S = 0.05
_PATIENCE_S = 1800.0
_OPEN = (OrderState.APPROVED, OrderState.REFUSED)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done."""

    orders: int
    kills: int
    outage: timedelta
    speed: float
    seed: int


def main(argv: Sequence[str]) -> int:
    """Run the command; 0 when each order is one record and every status came back.

    Raises:
        IndustrialGuardError: one line that says what is wrong and what to do.
    """
    options = parse(build_parser(), argv)
    if isinstance(options, int):
        return options
    require_writable(options.json)
    settings = read_settings(options.eam, os.environ)
    plan = Plan(
        options.orders, options.kills, timedelta(minutes=options.outage_min), options.speed, options.seed
    )
    with tempfile.TemporaryDirectory(prefix="igbench-") as folder:
        report = Trial(plan, settings, options.eam, Path(folder)).run()
    print(format_report(report))
    if options.json is not None:
        write_reports(options.json, [report])
    main_row = next(row for row in report.rows if row.is_main)
    return 0 if main_row.metrics["violations"].mean == 0 else FAILED


class Trial:
    """One run.

    Args:
        plan: What is done.
        settings: Where the maintenance system is.
        file: That the settings came from, for the workers.
        folder: For the store.
    """

    def __init__(self, plan: Plan, settings: EamSettings, file: Path, folder: Path) -> None:
        self._plan = plan
        self._settings = settings
        self._file = file
        self._url = sqlite_url(folder / "store.db")
        self._random = random.Random(plan.seed)
        self._clock = FastClock(time.time(), plan.speed)
        self._first = time.time_ns() // 1000  # ids that the system has never heard of
        self._killed = Counter[str]()

    def run(self) -> Report:
        """Order, kill, and count."""
        started = datetime.now(UTC)
        address = self._settings.address
        with (
            closing(open_database(self._url)) as database,
            closing(Cable(address.host, address.port)) as cable,
        ):
            self._order(database)
            self._kill_while_placing(database, cable)
            self._finish_there()
            self._run_until(database, cable, OrderState.DONE, self._plan.orders)
            row = self._count(database)
        return Report(
            bench="eam",
            dataset=self._settings.kind,
            protocol=self._protocol(),
            seeds=(self._plan.seed,),
            rows=(row,),
            run=Run.since(started),
        )

    def _order(self, database: Database) -> None:
        device, opened = "press-1", self._clock()
        with database.transaction() as session:
            make_machines(session, [device])
            session.add_all(self._case(number, device, opened) for number in range(self._plan.orders))
        desk = OrderDesk(database, self._clock)
        for number in range(self._plan.orders):
            desk.approve(desk.suggest(self._first + number, "bench").order.id, "bench")

    def _case(self, number: int, device: str, opened: datetime) -> CaseRow:
        case = self._first + number
        return CaseRow(
            id=case,
            version=1,
            device_id=device,
            symptom=f"case {case}",
            state="new",
            assignee="",
            opened_at=opened,
            merged_into=0,
        )

    def _kill_while_placing(self, database: Database, cable: Cable) -> None:
        """Half of the kills fall between the two commits, half anywhere; the outage in the middle."""
        plan, target = self._plan, self._plan.orders / (self._plan.kills + 2)
        for number in range(plan.kills):
            if number == plan.kills // 2:
                self._suffer_outage(database, cable)
            is_between = number % 2 == 0
            left = max(1, round(target * self._random.uniform(0.5, 1.2))) if is_between else 0
            worker = self._start(cable, left)
            if is_between:
                _wait(worker)
            else:
                self._wait_for_progress(database, worker)
                time.sleep(self._random.uniform(0.0, 0.3))
                _kill(worker)
            self._killed["between" if is_between else "anywhere"] += 1
        self._run_until(database, cable, OrderState.PLACED, plan.orders)

    def _suffer_outage(self, database: Database, cable: Cable) -> None:
        worker = self._start(cable, 0)
        self._wait_for_progress(database, worker)
        cable.pull()
        time.sleep(self._plan.outage.total_seconds() / self._plan.speed)
        cable.plug_in()
        _kill(worker)

    def _wait_for_progress(self, database: Database, worker: subprocess.Popen[bytes]) -> None:
        waiting = _count_in(database, _OPEN)
        ends_s = time.monotonic() + _PATIENCE_S
        while waiting and _count_in(database, _OPEN) == waiting and worker.poll() is None:
            _require_patience(ends_s)
            time.sleep(_POLL_S)

    def _run_until(self, database: Database, cable: Cable, state: OrderState, count: int) -> None:
        worker = self._start(cable, 0)
        ends_s = time.monotonic() + _PATIENCE_S
        while _count_in(database, (state,)) < count:
            _require_patience(ends_s)
            time.sleep(_POLL_S * 10)
        _kill(worker)

    def _start(self, cable: Cable, left: int) -> subprocess.Popen[bytes]:
        address = f"http://127.0.0.1:{cable.port}{self._settings.address.path}"
        clock = (str(self._clock.began_s), str(self._clock.speed))
        command = [sys.executable, "-m", "industrialguard.bench.eam.worker"]
        return subprocess.Popen([*command, self._url, str(self._file), address, *clock, str(left)])

    def _finish_there(self) -> None:
        """Somebody there does all the work."""
        eam = open_eam(self._settings)
        for said in eam.changes_since(None):
            if said.key in self._keys():
                eam.close(said.eam_id, "")

    def _keys(self) -> frozenset[str]:
        return frozenset(order_key(self._first + number, 1) for number in range(self._plan.orders))

    def _count(self, database: Database) -> Row:
        ours = self._keys()
        there = Counter(said.key for said in open_eam(self._settings).changes_since(None) if said.key in ours)
        done = _count_in(database, (OrderState.DONE,))
        doubled = sum(count - 1 for count in there.values())
        missing = len(ours) - len(there)
        figures = {
            "orders": len(ours),
            "kills": self._killed.total(),
            "kills_between_commits": self._killed["between"],
            "records": there.total(),
            "doubled": doubled,
            "missing": missing,
            "statuses_back": done,
            "violations": doubled + missing + len(ours) - done,
        }
        metrics = {name: Metric((float(value),)) for name, value in figures.items()}
        return Row(f"orders to {self._settings.kind}", Role.OURS, metrics, is_main=True)

    def _protocol(self) -> tuple[str, ...]:
        plan = self._plan
        minutes = plan.outage.total_seconds() / 60
        return (
            f"{plan.orders} orders approved, sent by worker processes to {self._settings.kind} over TCP",
            "every second kill is a SIGKILL between what the maintenance system commits and what we do,"
            " the others fall anywhere while orders are sent",
            f"halfway nothing reaches it for {minutes:g} minutes and open connections break",
            f"the workers' clock runs {plan.speed:g} times as fast as the wall's, so leases, back-off and the"
            f" outage take {plan.speed:g} times less",
            "then every order is closed there; records and statuses are read from both sides at the end",
        )


def build_parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = argparse.ArgumentParser(
        prog="industrialguard bench eam",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--eam", type=Path, required=True, metavar="FILE", help="as of `cloud eam`; of one for tests only"
    )
    parser.add_argument(
        "--orders", type=whole_number(1, 100_000), default=1000, metavar="N", help="default: 1000"
    )
    parser.add_argument("--kills", type=whole_number(0, 10_000), default=50, metavar="N", help="default: 50")
    parser.add_argument("--outage-min", type=float, default=60.0, metavar="MIN", help="default: 60")
    parser.add_argument(
        "--speed", type=float, default=60.0, metavar="X", help="of the workers' clock (default: 60)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    add_json(parser)
    return parser


def _count_in(database: Database, states: tuple[OrderState, ...]) -> int:
    with database.session() as session:
        return len(list_orders(session, OrderChoice(states), 10**6))


def _wait(worker: subprocess.Popen[bytes]) -> None:
    try:
        worker.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired as error:
        _kill(worker)
        raise ConfigError("the worker sends nothing; does the maintenance system answer?") from error


def _kill(worker: subprocess.Popen[bytes]) -> None:
    worker.kill()
    worker.wait()


def _require_patience(ends_s: float) -> None:
    if time.monotonic() > ends_s:
        raise ConfigError(f"nothing moved for {_PATIENCE_S:g} s; does the maintenance system answer?")
