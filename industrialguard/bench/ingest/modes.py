"""The modes of `industrialguard bench ingest` on one road.

Rule: each mode is one load, or a few that differ in one thing, and gives one report.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from cloud.kafka_settings import KafkaAddress
from industrialguard.bench.ingest.ceilings import Ceilings, per_1000
from industrialguard.bench.ingest.growth import fill_store
from industrialguard.bench.ingest.kafka_bare import measure_kafka
from industrialguard.bench.ingest.loads import SAMPLE_S, Load, LoadResult, run_load
from industrialguard.bench.ingest.messages import make_messages
from industrialguard.bench.ingest.mqtt_bare import BareLoad, measure_mqtt
from industrialguard.bench.ingest.places import BROKER_STAGE, GENERATOR_STAGE, INGEST_STAGE, SINK_STAGE
from industrialguard.bench.ingest.plan import FLEET, GROWTH, HALF, SATURATION, SUSTAINED, Plan
from industrialguard.bench.ingest.probe import POLL_S
from industrialguard.bench.ingest.road import Road
from industrialguard.bench.ingest.rows import (
    ceiling_rows,
    explain_ceilings,
    main_row,
    stage_rows,
    verdict,
    vs_pct,
)
from industrialguard.bench.ingest.steadiness import judge
from industrialguard.bench.ingest.storage import per_machine_day, read_storage
from industrialguard.bench.ingest.store_bare import measure_copy, measure_sqlite
from industrialguard.bench.report import Machine, Report, Row, Run

OUTSTANDING = 4000
DEVICES_PER_GATEWAY = 20
CEILING_MESSAGES = 20_000
BAR_PCT = 60.0
"""Of the slowest bare stage: what the road is to bear."""
SAMPLES = 60
"""Of memory and lag in a sustained load, at least, however short it is."""
FLEET_ROUNDS = 6
"""Messages of each machine of the fleet, at least."""
LATE_S = 30.0

PROTOCOL = (
    "Devices of the load fleet (1.8 kB summaries of 60 features, statuses, alarms, an outbox each, QoS 1) → "
    "broker → `cloud ingest` → stream → sink → store → acknowledgement to the device.",
    f"p50_s and p99_s: from when a message was due to when a reader of its own sees its row; it asks every "
    f"{POLL_S * 1000:.0f} ms for 20 machines, for up to 200 or at saturation less often (resolution_s on "
    "average): some 20 messages/s are looked for.",
    "ack_p50_s and ack_p99_s: until the device has the cloud's acknowledgement, of all messages.",
    "cpu_s_per_1000 of the road: processor time of broker, ingest, sink and servers, per 1,000 messages, "
    "from the last Birth in the store to the last acknowledgement; the reader's queries are in it. Of a "
    "stage: its processes alone.",
    "sent is counted by the devices, stored and duplicated in the store's tables.",
)
Found = tuple[Sequence[str], list[Row]]
"""Sentences and rows of a mode."""


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
                sentences, rows = measure()
                yield self._report(mode, sentences, rows, started)

    def _saturate(self) -> Found:
        result = self._run(self._saturating())
        self._rate = self._rate or result.messages_per_s / 2
        ceilings, workers = self._ceilings(), self._road.workers
        rate, costs = result.messages_per_s, per_1000(result.cpu_s, result.sent)
        threads = {
            GENERATOR_STAGE: workers.generators,
            INGEST_STAGE: workers.ingests,
            SINK_STAGE: workers.sinks,
        }
        together = ceilings.together(threads, {GENERATOR_STAGE: costs[GENERATOR_STAGE]})
        share = vs_pct(rate, ceilings.slowest)
        extra = {"vs_slowest_ceiling_pct": share, "vs_bare_together_pct": vs_pct(rate, together)}
        sentence = (
            f"As fast as the road takes, {OUTSTANDING} messages on their way, {DEVICES_PER_GATEWAY} devices "
            f"behind a connection. Processes: {workers.generators} of the load, {workers.ingests} of ingest, "
            f"{workers.sinks} of the sink. Ceilings: bare libraries in a loop, the fleet's messages, the "
            "road's batches, settings and durability, the road at rest; COPY and insert of what was stored. "
            "bare_cpu_s_per_1000: what the ceilings' processes needed for the same stage."
        )
        bar = f"{explain_ceilings(rate, ceilings, together)} The bar of {BAR_PCT:.0f} % is " + (
            verdict(share is not None and share >= BAR_PCT) + "."
        )
        rows = [main_row(result, extra), *stage_rows(result, ceilings), *ceiling_rows(ceilings, together)]
        return (sentence, bar), rows

    def _half(self) -> Found:
        result = self._run(self._load(HALF, rate=self._find_rate()))
        sentence = (
            "Half of what the road bears, by schedule: a road that stands still does not slow its load."
        )
        return (sentence,), [main_row(result, {"rate": self._rate}), *stage_rows(result)]

    def _sustain(self) -> Found:
        rate, seconds = self._find_rate(), 60 * self._plan.minutes
        load = self._load(SUSTAINED, rate=rate, seconds=seconds)
        load = replace(load, sample_s=min(SAMPLE_S, seconds / SAMPLES))
        result = self._run(load)
        steadiness = judge([each for each in result.samples if each.time_s <= seconds], rate)
        extra = {"rate": rate, "most_lag": float(max(sample.lag for sample in result.samples))}
        sentence = (
            f"{self._plan.minutes} minutes by schedule; memory of each process and lag every "
            f"{load.sample_s:g} s; the first minutes of any process are warming up."
        )
        return (sentence, steadiness.sentence()), [
            main_row(result, extra | steadiness.lag_figures()),
            *stage_rows(result, more=steadiness.memory_figures()),
        ]

    def _fleet(self) -> Found:
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
        return (sentence,), [main_row(result, extra), *stage_rows(result)]

    def _grow(self) -> Found:
        rate, rows = self._find_rate(), []
        for machines in self._plan.growth_machines:
            result = self._run(self._load(GROWTH, rate=rate, machines=machines))
            rows.append(main_row(result, name=f"{machines} machines"))
        sentence = f"{rate:.0f} messages/s by schedule, from more and more machines."
        filled = fill_store(self._road.store_url, self._plan.filler_rows)
        if filled:
            sentence += f" The main row: the store holds {filled} summaries of other machines."
        most = max(self._plan.growth_machines)
        return (sentence,), [*rows, main_row(self._run(self._load(GROWTH, rate=rate, machines=most)))]

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

    def _ceilings(self) -> Ceilings:
        self._say("ceilings")
        places, broker, stages = self._road.places, self._road.broker, self._road.stages()
        load = BareLoad(broker.url, self._name("bare"), CEILING_MESSAGES, broker.load_identity)
        found = measure_mqtt(load, stages)
        messages = make_messages(load.prefix, CEILING_MESSAGES)
        if places.stream:
            found += measure_kafka(KafkaAddress.parse(places.stream), messages, stages)
        if places.store:
            found += measure_copy(places.store, stages)
        else:
            found += measure_sqlite(self._road.store_url, self._folder, messages)
        servers = frozenset({BROKER_STAGE, *places.ports()})
        return Ceilings(tuple(found), Machine.this().cores, servers)

    def _report(self, mode: str, sentences: Sequence[str], rows: Sequence[Row], started: datetime) -> Report:
        busy = f"Load average when it ended: {os.getloadavg()[0]:.1f}, this run's own included."
        protocol = (self._road.places.sentence(), *sentences, *PROTOCOL, busy)
        return Report(
            "ingest", f"{self._road.places.name}/{mode}", protocol, (1,), tuple(rows), Run.since(started)
        )

    def _say(self, what: str) -> None:
        print(f"{self._road.places.name}: {what}", file=sys.stderr, flush=True)

    @staticmethod
    def _name(mode: str) -> str:
        """Of a load: no other run's devices have it."""
        return f"{mode}-{secrets.token_hex(4)}"
