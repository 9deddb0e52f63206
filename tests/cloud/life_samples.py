"""Machines that live and fail, for the tests of lives, snapshots and forecasts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from cloud.fleet_lives import observed_of
from cloud.life_plan import LifePlan, default_plan
from cloud.litert import LiteModel
from cloud.lives import Observed
from cloud.machine_events import MachineEvent
from cloud.store.batch import Arrival
from cloud.store.writer import StoreWriter
from cloud.stream import Consumer, Record
from contract.aggregates import FeatureAggregate, FeatureTable
from contract.codec import decode, encode
from contract.forecast import InputSpec, assemble
from contract.life_log import LogKind
from contract.lives import LifeSpec
from contract.messages import MachineState, ScoreSummary
from contract.profiles import parse_profile
from contract.registry import ModelLine, Note, Papers, Registry
from contract.rul_bundle import RulBundle, RulManifest, format_rul_bundle
from contract.topics import UpTopic
from tests.cloud.samples import birth, message
from tests.contract.rul_samples import PLAIN, make_life
from tests.rul_files import rul_model

MIXER = """\
name = "dough-mixer"
version = 4
[window]
length_s = 10.0
hop_s = 10.0
[regime]
sensor = "speed"
edges = [10.0]
names = ["off", "on"]
[[sensor]]
name = "temp"
quantity = "temperature"
unit = "Cel"
rate_hz = 1.0
features = ["level", "spread"]
[[sensor]]
name = "speed"
quantity = "speed"
unit = "/min"
rate_hz = 1.0
features = ["level"]
"""
PROFILE = parse_profile(MIXER)
PLAN: LifePlan = default_plan(PROFILE)
SPEC: LifeSpec = PLAN.spec(("oiled",))
GEARED = replace(SPEC, components=("axle", "bearing", "gear"))
"""The same machines, with components that logs name."""
INPUTS = InputSpec(SPEC, n_rows=24, n_events=2)
START = datetime(2026, 3, 1, tzinfo=UTC)
DEVICE = "mix-1"
NOTE = Note("a test", "to try it")


def at(hours: float) -> datetime:
    """A moment after the start."""
    return START + timedelta(hours=hours)


def said(sequence: int, hours: float, device: str = DEVICE, late_h: float = 0.001, boot: int = 1) -> Arrival:
    """What a machine said of the time up to `hours`, heard a little later; its numbers are its own."""
    rng = np.random.default_rng([sequence, boot])
    values = {"temp_level": 60.0 + rng.normal(), "temp_spread": rng.uniform(), "speed_level": 90.0}
    features = FeatureTable.of(FeatureAggregate(n, v, v - 1, v + 2) for n, v in values.items())
    body = ScoreSummary(1200.0, MachineState.WATCHING, 120, 0, regime="on", features=features)
    sent = message(body, sequence, device, boot_id=boot, event_time=at(hours))
    return Arrival(sent, at(hours + late_h))


def born(device: str = DEVICE, profile: str = MIXER) -> Arrival:
    return Arrival(birth(device, boot_id=1, profile=profile, event_time=START), START)


def talk(n_hours: int, device: str = DEVICE, first_h: int = 0) -> list[Arrival]:
    """Three summaries an hour, from the first hour on."""
    return [
        said(3 * hour + third + 1, hour + (third + 1) / 3, device)
        for hour in range(first_h, n_hours)
        for third in range(3)
    ]


LATELY = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - at(60)


def lately(arrival: Arrival) -> Arrival:
    """As if the start had been some days ago: for streams, which stamp records with the time of today."""
    sent = replace(arrival.message, event_time=arrival.message.event_time + LATELY)
    return replace(arrival, message=sent, ingest_time=arrival.ingest_time + LATELY)


async def store_all(consumer: Consumer, writer: StoreWriter, n: int) -> None:
    """Do the sink's work for so many records."""
    while n > 0:
        records = await consumer.poll(500, 1.0)
        writer.write([Arrival(decode(r.value), r.append_time) for r in records])
        await consumer.commit(records)
        n -= len(records)


def observed(arrival: Arrival) -> Observed:
    assert isinstance(arrival.message.body, ScoreSummary)
    return observed_of(arrival, arrival.message.body)


def event(kind: str, hours: float, component: str = "machine", code: str = "") -> MachineEvent:
    return MachineEvent(DEVICE, component, at(hours), LogKind(kind), code, "log.csv")


def record(arrival: Arrival) -> Record:
    sent = arrival.message
    topic = str(UpTopic(sent.device_id, sent.kind))
    return Record(sent.device_id, encode(sent), {"topic": topic, "retained": "0"})


def make_bundle(life_h: float = 100.0, inputs: InputSpec = INPUTS, **model_changes: Any) -> RulBundle:
    """A model whose components live so long, in h; it must give golden answers like any other."""
    model = rul_model(inputs, life_h, **model_changes)
    blank = make_life(3)
    names = inputs.life
    golden = assemble(
        [
            type(blank)(
                machine="g",
                component=names.components[0],
                number=0,
                age=blank.age,
                end=blank.end,
                end_age=blank.end_age,
                settings=np.zeros((3, len(names.settings)), np.float32),
                sensors=np.zeros((3, len(names.sensors)), np.float32),
            )
        ],
        inputs,
    )
    manifest = RulManifest("mixer", f"lives {life_h:g} h", inputs, PLAIN, PLAIN)
    return RulBundle(manifest, model, golden, in_order(LiteModel(model).run(golden)))


def in_order(outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    return {name: outputs[name] for name in ("quantiles", "mean")}


def publish(folder: Path, bundle: RulBundle, machine_type: str = "dough_mixer") -> str:
    """Put a bundle in charge; returns its version."""
    registry, line = Registry(folder), ModelLine(machine_type)
    version = registry.publish(line, format_rul_bundle(bundle), Papers("card", True), NOTE)
    registry.promote(line, version, NOTE)
    return version
