"""The newest rows of every machine that speaks: the feature store, online.

Rule: what a snapshot with the same cut would hold. A machine is read from the store when it first speaks,
when its model or its log changes, and follows the stream from there; reading waits until the store holds a
message as the stream has brought it, because then it holds everything before that too, Births as well.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from cloud.life_plan import LifePlan
from cloud.lives import LifeBuilder, MachineHistory, Observed, lives_of
from cloud.machine_events import BOUNDARIES, MachineEvent
from cloud.store.batch import Arrival
from cloud.store.life_history import fill_rows, restore_rows
from cloud.store.machine_events import devices_with_news, read_logs
from cloud.store.observations import is_caught_up, read_profiles
from cloud.store.queries import Session
from contract.forecast import InputSpec
from contract.lives import End, Life
from contract.messages import Birth, ScoreSummary
from contract.profiles import MachineProfile, parse_profile

MAX_WAITING = 50
"""Summaries kept for a machine until the store can be read; once it holds one of them, it holds all older."""


@dataclass(frozen=True, slots=True)
class Form:
    """How the rows of a machine are made, and how many of them are read."""

    plan: LifePlan
    inputs: InputSpec

    @property
    def columns(self) -> tuple[str, ...]:
        """Settings, then sensors."""
        return (*self.inputs.life.settings, *self.inputs.life.sensors)


@dataclass(frozen=True, slots=True, eq=False)
class OnlineLife:
    """A component that runs, as it is known now."""

    device_id: str
    made_at: datetime
    """End of its newest row."""
    life: Life
    form: Form


@dataclass(slots=True)
class _Machine:
    profile: MachineProfile | None = None
    form: Form | None = None
    """None: there is no model for it."""
    builder: LifeBuilder | None = None
    """None: to be read from the store."""
    waiting: deque[Observed] = field(default_factory=lambda: deque(maxlen=MAX_WAITING))
    """What the stream brought and no builder has; at least the newest."""
    events: tuple[MachineEvent, ...] = ()


class FleetLives:
    """Rows of all machines.

    Args:
        form_of: How a machine's rows are made; None: not at all. Asked again at every `settle`.
    """

    def __init__(self, form_of: Callable[[str, MachineProfile], Form | None]) -> None:
        self._form_of = form_of
        self._machines: dict[str, _Machine] = {}
        self._newest_event = 0

    @property
    def wrong_clocks(self) -> int:
        """Summaries that were not used, of the machines as they are read now."""
        return sum(m.builder.counters.wrong_clock for m in self._machines.values() if m.builder)

    @property
    def unknown_components(self) -> set[tuple[str, str]]:
        """Machine type and component, where a log names one that the model does not know."""
        return {
            (machine.form.plan.machine_type, event.component)
            for machine in self._machines.values()
            if machine.form is not None
            for event in machine.events
            if event.component and event.component not in machine.form.inputs.life.components
        }

    def take(self, arrivals: Iterable[Arrival]) -> None:
        """Follow the stream."""
        for arrival in arrivals:
            body = arrival.message.body
            if isinstance(body, Birth):
                self._of(arrival).profile = parse_profile(body.profile)
            elif isinstance(body, ScoreSummary):
                self._take_summary(self._of(arrival), observed_of(arrival, body))

    def settle(self, session: Session, now: datetime) -> None:
        """Read from the store what has to be read: new machines, changed models and logs, late summaries."""
        self._note_profiles(session)
        self._note_news(session)
        for device, machine in self._machines.items():
            form = self._form_of(device, machine.profile) if machine.profile else None
            if form != machine.form:
                machine.form, machine.builder = form, None
            if form is None:
                _forget_all_but_newest(machine)
            elif machine.builder is None:
                self._read(session, device, machine, now)
            else:
                restore_rows(session, machine.builder, device)

    def lives(self, now: datetime) -> Iterator[OnlineLife]:
        """The running lives of all machines that have a model; rows that no model reads are forgotten."""
        for device, machine in self._machines.items():
            form, builder = machine.form, machine.builder
            if form is None or builder is None:
                continue
            history = MachineHistory(device, builder.rows(now), machine.events)
            found = lives_of(history, form.plan, form.inputs.life)
            running = [(life, start) for life, start in found if life.end is End.RUNNING]
            builder.trim([start for _, start in running], form.inputs)
            for life, start in running:
                yield OnlineLife(device, form.plan.newest_of(life, start), life, form)

    def _of(self, arrival: Arrival) -> _Machine:
        return self._machines.setdefault(arrival.message.device_id, _Machine())

    def _take_summary(self, machine: _Machine, observed: Observed) -> None:
        machine.waiting.append(observed)
        if machine.builder is not None:
            machine.builder.add(observed)
            _forget_all_but_newest(machine)

    def _note_profiles(self, session: Session) -> None:
        unknown = {
            device
            for device, machine in self._machines.items()
            if machine.profile is None and is_caught_up(session, device, machine.waiting)
        }
        for device, profile in (read_profiles(session, unknown) if unknown else {}).items():
            self._machines[device].profile = profile

    def _note_news(self, session: Session) -> None:
        devices, self._newest_event = devices_with_news(session, self._newest_event)
        for device in devices & self._machines.keys():
            self._machines[device].builder = None

    def _read(self, session: Session, device: str, machine: _Machine, now: datetime) -> None:
        if machine.form is None or not is_caught_up(session, device, machine.waiting):
            return
        form = machine.form
        machine.events = read_logs(session, [device], now).get(device, ())
        builder = LifeBuilder(form.plan, form.columns)
        starts = [event.time for event in machine.events if event.kind in BOUNDARIES]
        fill_rows(session, builder, device, starts, form.inputs)
        machine.builder = builder
        for observed in machine.waiting:
            builder.add(observed)
        restore_rows(session, builder, device)
        _forget_all_but_newest(machine)


def _forget_all_but_newest(machine: _Machine) -> None:
    while len(machine.waiting) > 1:
        machine.waiting.popleft()


def observed_of(arrival: Arrival, summary: ScoreSummary) -> Observed:
    """A summary from the stream, with the numbers that the store would give back."""
    message = arrival.message
    return Observed(
        key=(message.boot_id, message.sequence),
        event_time=message.event_time,
        ingest_time=arrival.ingest_time,
        names=summary.features.names,
        values=summary.features.numbers(),
    )
