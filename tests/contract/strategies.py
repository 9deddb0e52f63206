"""Any message, any profile, any cutting of samples into readings: what the property tests draw from."""

from __future__ import annotations

import string
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from hypothesis import strategies as st

from contract.aggregates import ChannelQuality, FeatureAggregate, FeatureTable
from contract.checks import MAX_INT63, MAX_UINT32
from contract.explanation import BandShare, Hint, HintFact, HintStrength, SensorShare
from contract.messages import (
    Ack,
    Alarm,
    AlarmKind,
    AlarmTransition,
    Birth,
    Body,
    BootAck,
    Contribution,
    Death,
    DeviceStatus,
    Kind,
    MachineState,
    Message,
    ScoreSummary,
    Spectrum,
)
from contract.profiles import MachineProfile, WindowSpec, format_profile
from contract.signals import UCUM_UNITS, QualityFlag, Quantity, SensorSpec
from contract.updates import UpdateReport, UpdateState

PLAIN = string.ascii_letters + string.digits + " ._+:/@-"
ID_ENDS = string.ascii_letters + string.digits


def to_float32(value: float) -> float:
    """What is left of a number after the wire."""
    return float(np.float32(value))


texts = st.text(PLAIN, max_size=80)
lines = st.text(st.characters(codec="utf-8"), max_size=200).filter(str.isprintable)
names = st.from_regex(r"[a-z][a-z0-9_]{0,39}", fullmatch=True)
device_ids = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,30}[A-Za-z0-9])?", fullmatch=True)
shares = st.floats(0, 1, width=32)
floats = st.floats(allow_nan=False, allow_infinity=False, width=32).filter(lambda x: abs(x) <= 3.4e38)
uint32s = st.integers(0, MAX_UINT32)
counts = st.integers(0, MAX_INT63)
ids = st.integers(1, MAX_INT63)
flags = st.integers(0, 255).map(QualityFlag)
times = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC))


@st.composite
def feature_aggregates(draw: st.DrawFn) -> FeatureAggregate:
    low, mean, high = sorted(draw(st.tuples(floats, floats, floats)))
    return FeatureAggregate(draw(texts), mean, low, high)


@st.composite
def summaries(draw: st.DrawFn) -> ScoreSummary:
    windows = draw(uint32s)
    mean, high = sorted(draw(st.tuples(shares, shares)))
    return ScoreSummary(
        interval_s=draw(st.floats(1e-3, 86_400)),
        state=draw(st.sampled_from(MachineState)),
        window_count=windows,
        scored_count=draw(st.integers(0, windows)),
        score_mean=mean,
        score_max=high,
        score_p50=draw(shares),
        score_p90=draw(shares),
        confidence=draw(shares),
        regime=draw(texts),
        features=FeatureTable.of(draw(st.lists(feature_aggregates(), max_size=4))),
        quality=tuple(
            draw(st.lists(st.builds(ChannelQuality, texts, uint32s, uint32s, uint32s, flags), max_size=3))
        ),
    )


spectra = st.builds(
    Spectrum,
    sensor=texts,
    start_hz=st.floats(0, 1e6, width=32),
    step_hz=st.floats(2**-10, 2**20, width=32),
    unit=st.sampled_from(["m/s2", "[g]", "1"]),
    amplitude=st.lists(st.floats(0, 2**60, width=32), min_size=1, max_size=64).map(tuple),
)
band_edges = st.tuples(st.floats(0, 1e6, width=32), st.floats(0, 1e6, width=32)).map(sorted)
band_shares = st.builds(lambda s, e, p: BandShare(s, e[0], e[1], p), texts, band_edges, shares)
facts = st.builds(HintFact, texts, texts, st.sampled_from(["", "mm/s"]), floats, floats, floats, shares)
hints = st.builds(
    Hint, texts, st.sampled_from(HintStrength), st.lists(facts, min_size=1, max_size=4).map(tuple)
)
subjects = st.sampled_from(
    [(AlarmKind.ANOMALY, ""), (AlarmKind.DRIFT, ""), (AlarmKind.SENSOR_FAULT, "vib_h")]
)
plain_alarms = st.builds(
    Alarm,
    alarm_id=ids,
    transition=st.sampled_from(AlarmTransition),
    score=shares,
    threshold=shares,
    since=times,
    regime=texts,
    contributions=st.lists(st.builds(Contribution, texts, texts, shares, floats), max_size=8).map(tuple),
    error_profile=st.lists(floats, max_size=16).map(tuple),
    spectrum=st.none() | spectra,
    flags=flags,
    sensor_shares=st.lists(st.builds(SensorShare, texts, shares), max_size=4).map(tuple),
    band_shares=st.lists(band_shares, max_size=4).map(tuple),
    hints=st.lists(hints, max_size=3).map(tuple),
)
alarms = st.builds(lambda a, s: replace(a, kind=s[0], sensor=s[1]), plain_alarms, subjects)
statuses = st.builds(
    DeviceStatus,
    agent_version=texts,
    uptime_s=st.floats(0, 1e12),
    samples=counts,
    windows=counts,
    outbox_messages=counts,
    outbox_bytes=counts,
    dropped=st.dictionaries(st.sampled_from([str(kind) for kind in Kind]), counts),
    rejected=counts,
    window_cost_us=st.floats(0, 1e12),
    rss_bytes=counts,
    quality_flags=flags,
    accelerator=texts,
    accelerator_reason=lines,
)
profile_texts = st.builds(
    MachineProfile,
    name=names,
    version=st.integers(1, 2**31 - 1),
    sensors=st.builds(
        SensorSpec,
        names,
        st.just(Quantity.TEMPERATURE),
        st.sampled_from(UCUM_UNITS[Quantity.TEMPERATURE]),
        rate_hz=st.just(1.0),
        axis=st.text(max_size=20),
    ).map(lambda spec: (spec,)),
    window=st.just(WindowSpec(10.0, 5.0)),
    description=st.text(max_size=80),
).map(format_profile)
births = st.builds(Birth, texts, profile_texts)
deaths = st.builds(Death, texts)


@st.composite
def updates(draw: st.DrawFn) -> UpdateReport:
    state, under_way = draw(st.sampled_from(UpdateState)), draw(texts)
    return UpdateReport(
        assignment=draw(counts),
        rollout=draw(texts),
        state=state,
        in_charge=under_way if state is UpdateState.CONFIRMED else draw(texts),
        under_way=under_way,
        previous=draw(texts),
        since=draw(times),
        reason_code=draw(texts),
        reason=draw(lines),
    )


bodies: st.SearchStrategy[Body] = st.one_of(summaries(), alarms, statuses, births, deaths, updates())


@st.composite
def messages(draw: st.DrawFn) -> Message:
    body = draw(bodies)
    is_presence = isinstance(body, Birth | Death)
    return Message(
        device_id=draw(device_ids),
        boot_id=draw(ids),
        sequence=0 if is_presence else draw(ids),
        event_time=draw(times),
        body=body,
        model_version=draw(texts),
    )


@st.composite
def boot_acks(draw: st.DrawFn) -> BootAck:
    sequences = draw(st.frozensets(st.integers(1, 60) | ids, max_size=40))
    rejected = frozenset(s for s in sequences if s % 7 == 0)
    return BootAck(draw(ids), sequences - rejected, rejected)


acks = st.lists(boot_acks(), max_size=4).map(lambda boots: Ack(tuple(boots)))
