"""A small fleet in every state, written through the store's writer: what a page has to show on a bad day."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cloud.case_desk import CaseDesk
from cloud.cases import acknowledge
from cloud.store.batch import Arrival
from cloud.store.database import Database
from cloud.store.queries import list_alerts
from cloud.store.writer import StoreWriter
from contract.aggregates import ChannelQuality, FeatureAggregate, FeatureTable
from contract.features import FeatureSpec, feature_specs
from contract.messages import (
    Alarm,
    AlarmTransition,
    Birth,
    Body,
    Contribution,
    Death,
    DeviceStatus,
    MachineState,
    Message,
    ScoreSummary,
    Spectrum,
)
from contract.profiles import MachineProfile, format_profile, load_profile
from contract.signals import QualityFlag

SPAN = timedelta(hours=1)
MODEL, AGENT = "pump-1.2.0", "0.1.0"
LEVELS = {
    "rms": 2.4,
    "velocity_rms": 1.6,
    "peak": 9.5,
    "crest": 3.9,
    "kurtosis": 3.1,
    "env_bpfo": 1.1,
    "env_bpfi": 1.0,
    "env_bsf": 1.0,
    "temperature_level": 54.0,
    "pressure_level": 6.2,
    "pressure_spread": 0.05,
    "current_level": 21.5,
    "current_spread": 0.4,
    "speed_level": 1480.0,
}
OUTER_RACE = {
    "env_bpfo": 6.0,
    "kurtosis": 1.9,
    "crest": 0.8,
    "peak": 1.6,
    "rms": 0.7,
    "velocity_rms": 0.25,
    "band7": 1.8,
}
RUNS_HOT = {"temperature_level": 0.42, "current_level": 0.12}


@dataclass(frozen=True)
class Unit:
    """One machine's part in the fleet."""

    device_id: str
    profile: str = "pump"
    state: MachineState = MachineState.WATCHING
    score: float = 0.06
    fault: str = ""
    started: float = 1.0
    """Share of the hour after which the fault grows."""
    is_gone: bool = False
    is_mute: bool = False
    """Connected, but never said how its machine is."""
    stuck_sensor: str = ""


FLEET = (
    *(Unit(f"pump-0{i}") for i in range(1, 7)),
    Unit("pump-07", state=MachineState.ALARMING, score=0.94, fault="outer_race", started=0.45),
    Unit("pump-08", state=MachineState.ALARMING, score=0.71, fault="hot", started=0.6),
    Unit("pump-09", score=0.62, started=0.94),
    Unit("pump-10", state=MachineState.WARMING_UP),
    Unit("pump-11", state=MachineState.STANDSTILL),
    Unit("pump-12", state=MachineState.BLIND, stuck_sensor="vib_h"),
    Unit("pump-13", is_gone=True),
    Unit("pump-14", is_mute=True),
    Unit("pump-15", state=MachineState.UNSTEADY),
    Unit("engine-01", profile="turbofan"),
    Unit("engine-02", profile="turbofan", stuck_sensor="p30"),
)


class SeededFleet:
    """Writes the fleet's hour and whatever a test wants to happen next.

    Args:
        database: An open store.
        lead: How far its clocks run ahead, so that no machine goes offline while a slow computer runs a test.
    """

    def __init__(self, database: Database, lead: timedelta = timedelta(minutes=10)) -> None:
        self.database = database
        self.lead = lead
        self.now = self._clock()
        self._writer = StoreWriter(database)
        self._sequences: dict[str, int] = {}

    def fill(self) -> None:
        """An hour of every machine: two cases, one of them acknowledged."""
        for unit in FLEET:
            self._writer.write(list(self._hour(unit)))
        with self.database.session() as session:
            (hot,) = list_alerts(session, device="pump-08")
        desk = CaseDesk(self.database, lambda: self.now - timedelta(minutes=9))
        desk.act(hot.case_id or 0, lambda case, now: acknowledge(case, "Aylin Kaya", now))

    def raise_alarm(self, device_id: str, score: float = 0.88, alarm_id: int = 40) -> None:
        """An alarm of this machine, as if it arrived now."""
        time = self._clock()
        self._write(device_id, time, _alarm("outer_race", score, time - timedelta(minutes=2), alarm_id))

    def clear_alarm(self, device_id: str, alarm_id: int = 40) -> None:
        """The end of that alarm."""
        time = self._clock()
        since = time - timedelta(minutes=2)
        self._write(device_id, time, Alarm(alarm_id, AlarmTransition.CLEARED, 0.2, 0.5, since))

    def summarise(self, device_id: str, score: float) -> None:
        """One more summary of a pump."""
        unit = Unit(device_id, score=score, started=0.0)
        self._write(device_id, self._clock(), _summary(unit, load_profile("pump"), 1.0, random.Random(1)))

    def _write(self, device_id: str, time: datetime, body: Body) -> None:
        self._writer.write([self._arrival(device_id, time, body)])

    def _arrival(self, device_id: str, time: datetime, body: Body) -> Arrival:
        is_presence = isinstance(body, Birth | Death)
        if not is_presence:
            self._sequences[device_id] = self._sequences.get(device_id, 0) + 1
        sequence = 0 if is_presence else self._sequences[device_id]
        message = Message(device_id, 1, sequence, time, body, model_version=MODEL)
        return Arrival(message, time)

    def _clock(self) -> datetime:
        return datetime.now(UTC) + self.lead

    def _hour(self, unit: Unit) -> Iterator[Arrival]:
        profile = load_profile(unit.profile)
        rng = random.Random(unit.device_id)
        end = self.now - (timedelta(minutes=22) if unit.is_gone else timedelta(seconds=4))
        start = self.now - SPAN
        yield self._arrival(unit.device_id, start, Birth(AGENT, format_profile(profile)))
        if unit.is_mute:
            yield self._arrival(unit.device_id, end, DeviceStatus(AGENT, 3600.0, 10, 0, 0, 0))
            return
        count = int(SPAN.total_seconds() / profile.summary_interval_s)
        for index in range(count):
            time = start + (end - start) * (index + 1) / count
            yield self._arrival(unit.device_id, time, _summary(unit, profile, (index + 1) / count, rng))
        if unit.fault:
            since = start + SPAN * (unit.started + 0.12)
            yield self._arrival(
                unit.device_id, since + timedelta(seconds=20), _alarm(unit.fault, unit.score, since, 1)
            )
        yield self._arrival(
            unit.device_id, end, DeviceStatus(AGENT, 3600.0, 9_000_000, 720, 2, 1800, window_cost_us=2300.0)
        )
        if unit.is_gone:
            yield self._arrival(unit.device_id, end, Death("connection lost"))


def _summary(unit: Unit, profile: MachineProfile, progress: float, rng: random.Random) -> ScoreSummary:
    wear = max(0.0, (progress - unit.started) / (1 - unit.started)) if unit.started < 1 else 0.0
    is_warm = progress > 0.18
    state = unit.state if unit.state is not MachineState.ALARMING or wear > 0.2 else MachineState.WATCHING
    if not is_warm and state is MachineState.WATCHING:
        state = MachineState.WARMING_UP
    is_scored = state in (MachineState.WATCHING, MachineState.ALARMING)
    rise = 1 - math.exp(-3.5 * wear)
    mean = min(1.0, abs(rng.gauss(0.055, 0.02)) + (unit.score - 0.06) * rise) if is_scored else 0.0
    high = min(1.0, mean + abs(rng.gauss(0.05, 0.03))) if is_scored else 0.0
    effects = {"outer_race": OUTER_RACE, "hot": RUNS_HOT}.get(unit.fault, {})
    specs = feature_specs(profile)
    shown = [s for s in specs if s.sensor != unit.stuck_sensor and state is not MachineState.BLIND]
    return ScoreSummary(
        interval_s=profile.summary_interval_s,
        state=state,
        window_count=4,
        scored_count=4 if is_scored else 0,
        score_mean=mean,
        score_max=high,
        score_p50=mean,
        score_p90=high,
        confidence=len(shown) / len(specs) if state is not MachineState.BLIND else 0.13,
        regime=_regime(state, profile),
        features=FeatureTable.of(_aggregate(s, profile, effects, wear, rng) for s in shown),
        quality=tuple(_quality(s.name, unit) for s in profile.sensors),
    )


def _regime(state: MachineState, profile: MachineProfile) -> str:
    said = {MachineState.STANDSTILL: "standstill", MachineState.UNSTEADY: "transition"}
    return said.get(state, "full_load" if profile.name == "pump" else "alt_35k")


def _aggregate(
    spec: FeatureSpec, profile: MachineProfile, effects: dict[str, float], wear: float, rng: random.Random
) -> FeatureAggregate:
    kind = spec.name.removeprefix(f"{spec.sensor}_")
    sensor = profile.sensor(spec.sensor)
    fallback = 0.4 if kind.startswith("band") else (sensor.range_min + sensor.range_max) / 3
    level = LEVELS.get(spec.name, LEVELS.get(kind, fallback))
    effect = effects.get(spec.name, effects.get(kind, 0.0)) * (1.0 if spec.sensor != "vib_v" else 0.45)
    mean = level * (1 + effect * wear**1.5 + rng.gauss(0, 0.012))
    spread = abs(rng.gauss(0.02, 0.008)) * abs(level)
    return FeatureAggregate(spec.name, mean, mean - spread, mean + spread)


def _quality(sensor: str, unit: Unit) -> ChannelQuality:
    if sensor == unit.stuck_sensor or (unit.state is MachineState.BLIND and sensor.startswith("vib")):
        return ChannelQuality(sensor, 0, 0, 20, QualityFlag.STUCK | QualityFlag.OUT_OF_RANGE)
    if sensor == "pressure" and unit.device_id == "pump-03":
        return ChannelQuality(sensor, 18, 2, 0, QualityFlag.GAP)
    return ChannelQuality(sensor, 20, 0, 0)


def _alarm(fault: str, score: float, since: datetime, alarm_id: int) -> Alarm:
    if fault == "hot":
        contributions = (
            Contribution("temperature_level", "temperature", 0.61, 7.2),
            Contribution("current_level", "current", 0.22, 3.9),
            Contribution("pressure_level", "pressure", 0.06, -1.4),
        )
        return Alarm(alarm_id, AlarmTransition.RAISED, score, 0.5, since, "full_load", contributions)
    rng = random.Random(5)
    amplitude = tuple(
        abs(rng.gauss(0.12, 0.05)) + 3.1 * math.exp(-(((i - 36) / 5) ** 2)) * (0.5 + rng.random())
        for i in range(64)
    )
    return Alarm(
        alarm_id,
        AlarmTransition.RAISED,
        score,
        0.5,
        since,
        "full_load",
        (
            Contribution("vib_h_env_bpfo", "vib_h", 0.46, 8.0),
            Contribution("vib_h_kurtosis", "vib_h", 0.21, 7.1),
            Contribution("vib_h_band7", "vib_h", 0.14, 5.6),
            Contribution("vib_v_env_bpfo", "vib_v", 0.09, 4.0),
            Contribution("temperature_level", "temperature", 0.03, 1.2),
        ),
        tuple(0.4 + 0.3 * i for i in range(8)),
        Spectrum("vib_h", 0.0, 100.0, "m/s2", amplitude),
    )
