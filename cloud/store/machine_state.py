"""How a message changes what is known of its machine.

Rule: the newest summary by event time is the machine's state, whatever order summaries arrive in; a time that
cannot be is not believed (`cloud.clocks`). Presence is the opposite: the newest Birth or Death by arrival
counts, because only the broker's order tells who is connected now.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cloud.clocks import believe
from contract.messages import Birth, Death, DeviceStatus, MachineState, Message, ScoreSummary

_BY_URGENCY = (
    MachineState.ALARMING,
    MachineState.BLIND,
    MachineState.UNSTEADY,
    MachineState.WATCHING,
    MachineState.WARMING_UP,
    MachineState.STANDSTILL,
)
_STATES: dict[int | None, MachineState] = {int(state): state for state in MachineState}


@dataclass(slots=True)
class MachineFacts:
    """What changes of a machine's row; the fields of `cloud.store.tables.Machine`, but for the profile.

    Most batches read and write one for each message, and profiles are long.
    """

    device_id: str
    agent_version: str = ""
    model_version: str = ""
    state: int | None = None
    regime: str = ""
    score_mean: float | None = None
    score_max: float | None = None
    confidence: float | None = None
    summary_interval_s: float | None = None
    last_event_time: datetime | None = None
    last_ingest_time: datetime | None = None
    is_connected: bool | None = None
    presence_boot_id: int | None = None
    status_event_time: datetime | None = None
    outbox_messages: int | None = None
    window_cost_us: float | None = None
    accelerator: str = ""
    accelerator_reason: str = ""
    messages_stored: int = 0
    redelivered: int = 0
    clock_error_s: float | None = None


def read_state(number: int | None) -> MachineState | None:
    """The state that was stored as this number.

    None where there is none, and where this version does not know it: a newer one may have written to the
    same database, and what it wrote of one machine must not hide all others.
    """
    return _STATES.get(number)


def most_urgent(numbers: Iterable[int]) -> int:
    """The stored number of the most urgent state; the last one where this version knows none of them."""
    known = list(numbers)
    states = [state for number in known if (state := read_state(number)) is not None]
    return int(min(states, key=_BY_URGENCY.index)) if states else known[-1]


def apply_message(machine: MachineFacts, message: Message, ingest_time: datetime) -> None:
    """Take a new sequenced message into account; a repeated one must not come here."""
    machine.messages_stored += 1
    if machine.is_connected is False:
        machine.is_connected = True  # it speaks, so it is back, whether or not its Birth was seen
    is_status = isinstance(message.body, DeviceStatus)
    newest = machine.status_event_time if is_status else machine.last_event_time
    when = believe(message.event_time, ingest_time, newest)
    error_s = (message.event_time - ingest_time).total_seconds()
    machine.clock_error_s = None if when == message.event_time else error_s
    if isinstance(message.body, ScoreSummary):
        _apply_summary(machine, when, message.body, message.model_version)
    elif isinstance(message.body, DeviceStatus):
        _apply_status(machine, when, message.body)


def apply_presence(machine: MachineFacts, message: Message, is_retained: bool) -> None:
    """Take a Birth or Death into account.

    A retained one is the broker's memory, given to us on subscribing: of both a device may have left one, in
    any order and of any age. So it counts only where nothing is known yet, and a Birth also where it names a
    boot that is new to us.
    """
    if isinstance(message.body, Birth):
        _apply_birth(machine, message, message.body, is_retained)
    elif isinstance(message.body, Death):
        _apply_death(machine, message.boot_id, is_retained)


def mark_heard(machine: MachineFacts, ingest_time: datetime) -> None:
    """Note that the device was heard; repeated messages count too."""
    if machine.last_ingest_time is None or ingest_time > machine.last_ingest_time:
        machine.last_ingest_time = ingest_time


def _apply_summary(machine: MachineFacts, when: datetime, summary: ScoreSummary, model_version: str) -> None:
    if machine.last_event_time is not None and when < machine.last_event_time:
        return
    has_score = summary.scored_count > 0
    machine.last_event_time = when
    machine.model_version = model_version
    machine.state = int(summary.state)
    machine.regime = summary.regime
    machine.score_mean = summary.score_mean if has_score else None
    machine.score_max = summary.score_max if has_score else None
    machine.confidence = summary.confidence
    machine.summary_interval_s = summary.interval_s


def _apply_status(machine: MachineFacts, event_time: datetime, status: DeviceStatus) -> None:
    if machine.status_event_time is not None and event_time < machine.status_event_time:
        return
    machine.status_event_time = event_time
    machine.agent_version = status.agent_version
    machine.outbox_messages = status.outbox_messages
    machine.window_cost_us = status.window_cost_us
    machine.accelerator = status.accelerator
    machine.accelerator_reason = status.accelerator_reason


def _apply_birth(machine: MachineFacts, message: Message, birth: Birth, is_retained: bool) -> None:
    machine.agent_version = birth.agent_version
    machine.model_version = message.model_version or machine.model_version
    if is_retained and machine.presence_boot_id == message.boot_id:
        return
    machine.presence_boot_id = message.boot_id
    machine.is_connected = True


def _apply_death(machine: MachineFacts, boot_id: int, is_retained: bool) -> None:
    if machine.presence_boot_id is not None and (is_retained or machine.presence_boot_id != boot_id):
        return
    machine.presence_boot_id = boot_id
    machine.is_connected = False
