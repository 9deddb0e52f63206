"""Reads from the store what the page of data quality shows.

Rule: as in `cloud.web.reading`. Every trouble comes with what to do about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from cloud import words
from cloud.store import queries
from cloud.store.assets import Sites
from cloud.store.cases import count_unseen
from cloud.store.data_quality import DeviceData, Letters, read_devices, read_letters
from cloud.store.database import Database
from cloud.store.kpi_facts import read_belongings
from cloud.store.rows import IngestHealth

SHOWN = 200
"""Devices and kinds of letters."""
GAP_SHARE, GAP_SUMMARIES = 0.98, 3
"""Below this share of its summaries, and with more than so many missing, a device has gaps."""
WAITING = 60
"""Messages on a device from which on it is behind."""
UNBELIEVABLE = 0.2
"""Share of a sensor's samples."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong with a device's data."""

    key: str
    label: str
    text: str
    remedy: str


@dataclass(frozen=True, slots=True)
class DeviceLine:
    """A device with troubles."""

    data: DeviceData
    troubles: tuple[Trouble, ...]


@dataclass(frozen=True, slots=True)
class DataPage:
    """What is wrong with data, worst first."""

    devices: int
    lines: tuple[DeviceLine, ...]
    """At most `SHOWN`."""
    troubled: int
    """Of all devices."""
    counts: tuple[tuple[str, int], ...]
    """Kinds of trouble, and how many devices have each."""
    letters: tuple[Letters, ...]
    unlearned: tuple[tuple[str, tuple[str, ...]], ...]
    """Why machines are left out of training, and which."""
    redelivered: int
    ingest: IngestHealth
    open_count: int


LABELS = {
    "clock": "Clock wrong",
    "sensor": "Sensor not believed",
    "gap": "Gaps",
    "waiting": "Behind",
    "late": "Late data",
    "profile": "No profile",
}
"""Kinds of trouble, worst first."""


class DataReader:
    """Reads the page of data quality.

    Args:
        database: An open store.
        clock: Cloud time.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def data(self, sites: Sites) -> DataPage:
        """All devices on these sites; letters that name no device belong to those who see all."""
        with self._database.session() as session:
            known = read_belongings(session, sites)
            devices = read_devices(session, known.keys(), self._clock())
            letters = [each for each in read_letters(session) if sites is None or each.device_id in known]
            ingest = queries.ingest_health(session)
            open_count = count_unseen(session)
        lines = [DeviceLine(each, tuple(_troubles(each))) for each in devices]
        bad = sorted((line for line in lines if line.troubles), key=_rank)
        return DataPage(
            devices=len(devices),
            lines=tuple(bad[:SHOWN]),
            troubled=len(bad),
            counts=tuple((label, _count(bad, key)) for key, label in LABELS.items()),
            letters=tuple(letters[:SHOWN]),
            unlearned=_unlearned(devices),
            redelivered=sum(each.redelivered for each in devices),
            ingest=ingest,
            open_count=open_count,
        )


def _troubles(data: DeviceData) -> Iterator[Trouble]:
    if data.clock_error_s is not None:
        text = words.clock_words(data.clock_error_s)
        yield Trouble("clock", LABELS["clock"], text, "set the clock and start the agent again")
    for sensor in data.sensors:
        if sensor.bad >= UNBELIEVABLE:
            text = f"{sensor.sensor}: {words.flag_words(sensor.flags) or 'not believed'}, {sensor.bad:.0%}"
            yield Trouble(
                "sensor", LABELS["sensor"], text.replace("%", " %"), "check the sensor and its wiring"
            )
    missing = data.expected - data.received
    if missing > GAP_SUMMARIES and data.received < GAP_SHARE * data.expected:
        text = f"{missing} of {data.expected} summaries of the last day"
        yield Trouble("gap", LABELS["gap"], text, "look at power and network, then at its outbox")
    if data.outbox > WAITING:
        text = f"{data.outbox:,} messages wait on it"
        yield Trouble(
            "waiting", LABELS["waiting"], text, "its network is too slow or was away; they will come"
        )
    if data.late_hours:
        text = f"{data.late_hours} h were changed by late summaries"
        yield Trouble("late", LABELS["late"], text, "nothing; they are rolled up again")
    if not data.has_profile:
        yield Trouble("profile", LABELS["profile"], "it has never told what it is", "start its agent again")


def _rank(line: DeviceLine) -> tuple[int, int, str]:
    keys = list(LABELS)
    return min(keys.index(each.key) for each in line.troubles), -len(line.troubles), line.data.device_id


def _count(lines: list[DeviceLine], key: str) -> int:
    return sum(any(trouble.key == key for trouble in line.troubles) for line in lines)


def _unlearned(devices: list[DeviceData]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    clocks = tuple(each.device_id for each in devices if each.clock_error_s is not None)
    strangers = tuple(each.device_id for each in devices if not each.has_profile)
    sensors = tuple(each.device_id for each in devices if any(s.bad >= UNBELIEVABLE for s in each.sensors))
    found = (
        ("Summaries with a time that cannot be: not used", clocks),
        ("Machines without a profile: no columns to learn from", strangers),
        ("Samples that are not believed: their features are left empty", sensors),
    )
    return tuple((why, who) for why, who in found if who)
