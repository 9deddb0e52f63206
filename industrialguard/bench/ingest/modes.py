"""The modes of `industrialguard bench ingest` on one road.

Rule: each mode is one load, or a few that differ in one thing, and gives one report.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from industrialguard.bench.ingest.ceilings import (
    Ceiling,
    measure_copy,
    measure_kafka,
    measure_mqtt,
    measure_sqlite,
)
from industrialguard.bench.ingest.growth import fill_store
from industrialguard.bench.ingest.loads import Load, LoadResult, run_load
from industrialguard.bench.ingest.plan import FLEET, GROWTH, HALF, SATURATION, SUSTAINED, Plan
from industrialguard.bench.ingest.probe import POLL_S
from industrialguard.bench.ingest.road import Road
from industrialguard.bench.ingest.rows import (
    ceiling_rows,
    lag_slope_per_min,
    main_row,
    stage_rows,
    vs_slowest_pct,
)
from industrialguard.bench.ingest.storage import per_machine_day, read_storage
from industrialguard.bench.report import Report, Row, Run

OUTSTANDING = 4000
DEVICES_PER_GATEWAY = 20
CEILING_MESSAGES = 20_000
MESSAGE_BYTES = 2100
"""A summary of 60 features as it travels."""
FLEET_ROUNDS = 6
"""Messages of each machine of the fleet, at least."""
LATE_S = 30.0

PROTOCOL = (
    "Devices of the load fleet (2.1 kB summaries of 60 features, statuses, alarms, an outbox each, QoS 1) → "
    "broker → `cloud ingest` → stream → sink → store → acknowledgement to the device.",
    f"p50_s and p99_s: from when a message was due to when a reader of its own sees its row; it asks every "
    f"{POLL_S * 1000:.0f} ms for 20 machines, for up to 200 less often (resolution_s on average): some 20 "
    "messages/s are looked for.",
    "ack_p50_s and ack_p99_s: until the device has the cloud's acknowledgement, of all messages.",
    "cpu_s_per_1000 of the road: processor time of broker, ingest, sink and servers, per 1,000 messages, "
    "from the last Birth in the store to the last acknowledgement; the reader's queries are in it. Of a "
    "stage: its processes alone.",
    "sent is counted by the devices, stored and duplicated in the store's tables.",
)


class RoadBench:
    """Measures one road.

    Args:
        road: It runs.
        plan: What.
        folder: For files.
    """

    def __init__(self, road: Road, plan: Plan, folder: Path) -> None:
        self._road = road
        self._plan = plan
        self._folder = folder
        self._rate = plan.rate

    def reports(self) -> Iterator[Report]:
        """One mode after the other."""
        self._run(self._load("warm-up", seconds=3, outstanding=200))
        modes = {
            SATURATION: self._saturate,
            HALF: self._half,
            SUSTAINED: self._sustain,
            FLEET: self._fleet,
            GROWTH: self._grow,
        }
        for mode, measure in modes.items():
            if mode in self._plan.modes:
                self._say(mode)
                started = datetime.now(UTC)
                sentence, rows = measure()
                yield self._report(mode, sentence, rows, started)

    def _saturate(self) -> tuple[str, list[Row]]:
        result = self._run(self._saturating())
        self._rate = self._rate or result.messages_per_s / 2
        ceilings = self._ceilings()
        extra = {"vs_slowest_ceiling_pct": vs_slowest_pct(result, ceilings)}
        sentence = (
            f"As fast as the road takes, {OUTSTANDING} messages on their way, {DEVICES_PER_GATEWAY} devices "
            "behind a connection. Ceilings: bare libraries in a loop on as many bytes, the road at rest; "
            "COPY and insert of the rows that were stored, 500 in a transaction."
        )
        return sentence, [main_row(result, extra), *stage_rows(result), *ceiling_rows(ceilings)]

    def _half(self) -> tuple[str, list[Row]]:
        result = self._run(self._load(HALF, rate=self._find_rate()))
        sentence = (
            "Half of what the road bears, by schedule: a road that stands still does not slow its load."
        )
        return sentence, [main_row(result, {"rate": self._rate}), *stage_rows(result)]

    def _sustain(self) -> tuple[str, list[Row]]:
        load = self._load(SUSTAINED, rate=self._find_rate(), seconds=60 * self._plan.minutes)
        result = self._run(load)
        lags = [float(sample.lag) for sample in result.samples]
        extra = {
            "rate": self._rate,
            "most_lag": max(lags),
            "lag_slope_per_min": lag_slope_per_min(result.samples[:-1]),
        }
        sentence = (
            f"{self._plan.minutes} minutes by schedule; memory and lag every 10 s, slopes by least squares."
        )
        return sentence, [main_row(result, extra), *stage_rows(result)]

    def _fleet(self) -> tuple[str, list[Row]]:
        plan = self._plan
        before = read_storage(self._road)
        seconds = max(plan.seconds, round(FLEET_ROUNDS * plan.interval_s))
        load = Load(self._name(FLEET), plan.fleet, seconds, plan.fleet / plan.interval_s, late_s=LATE_S)
        result = self._run(load)
        after = read_storage(self._road)
        counters = result.counters
        extra = {
            "late_pct": 100 * counters.late / max(1, counters.offered),
            "most_late_s": counters.ages.most_s,
            "overdue": float(counters.overdue),
            "store_bytes_per_machine_day": per_machine_day(
                before.store_bytes, after.store_bytes, result.stored.stored, plan.interval_s
            ),
            "log_bytes_per_machine_day": per_machine_day(
                before.log_bytes, after.log_bytes, result.stored.stored, plan.interval_s
            ),
        }
        sentence = (
            f"{plan.fleet} machines with a connection each, a message every {plan.interval_s:g} s. "
            f"Late: acknowledged over {LATE_S:g} s after it was due; most_late_s: the oldest when it was "
            "acknowledged; overdue: offered over 1 s after its turn, which is the generator's fault. Bytes a "
            "machine and day: growth of tables and indexes, and of the stream's files, by what was stored."
        )
        return sentence, [main_row(result, extra), *stage_rows(result)]

    def _grow(self) -> tuple[str, list[Row]]:
        rate, rows = self._find_rate(), []
        for machines in self._plan.growth_machines:
            result = self._run(self._load(GROWTH, rate=rate, machines=machines))
            rows.append(main_row(result, name=f"{machines} machines"))
        sentence = f"{rate:.0f} messages/s by schedule, from more and more machines."
        filled = fill_store(self._road.store_url, self._plan.filler_rows)
        if filled:
            sentence += f" The main row: the store holds {filled} summaries of other machines."
        most = max(self._plan.growth_machines)
        return sentence, [*rows, main_row(self._run(self._load(GROWTH, rate=rate, machines=most)))]

    def _find_rate(self) -> float:
        """Half of what the road bears."""
        if self._rate is None:
            self._say("looking for the rate")
            self._rate = self._run(self._saturating()).messages_per_s / 2
        return self._rate

    def _saturating(self) -> Load:
        return self._load(SATURATION, outstanding=OUTSTANDING, per_connection=DEVICES_PER_GATEWAY)

    def _load(
        self,
        mode: str,
        rate: float | None = None,
        outstanding: int = 0,
        per_connection: int = 1,
        **changes: int,
    ) -> Load:
        plan = self._plan
        machines, seconds = changes.get("machines", plan.machines), changes.get("seconds", plan.seconds)
        return Load(self._name(mode), machines, seconds, rate, outstanding, per_connection)

    def _run(self, load: Load) -> LoadResult:
        return run_load(self._road, load, self._folder)

    def _ceilings(self) -> list[Ceiling]:
        self._say("ceilings")
        places = self._road.places
        found = measure_mqtt(self._road.mqtt, CEILING_MESSAGES, MESSAGE_BYTES)
        if places.stream:
            found += measure_kafka(places.stream, CEILING_MESSAGES, MESSAGE_BYTES)
        if places.store:
            return found + measure_copy(places.store)
        return found + measure_sqlite(self._road.store_url, self._folder)

    def _report(self, mode: str, sentence: str, rows: Sequence[Row], started: datetime) -> Report:
        busy = f"Load average when it ended: {os.getloadavg()[0]:.1f}, this run's own included."
        protocol = (self._road.places.sentence(), sentence, *PROTOCOL, busy)
        return Report(
            "ingest", f"{self._road.places.name}/{mode}", protocol, (1,), tuple(rows), Run.since(started)
        )

    def _say(self, what: str) -> None:
        print(f"{self._road.places.name}: {what}", file=sys.stderr, flush=True)

    @staticmethod
    def _name(mode: str) -> str:
        """Of a load: no other run's devices have it."""
        return f"{mode}-{secrets.token_hex(4)}"
