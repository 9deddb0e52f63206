"""How a message changes what is known of its machine.

Rule: the newest summary by event time is the machine's state, whatever order summaries arrive in; a time that
cannot be is not believed (`cloud.clocks`). Presence is
the opposite: the newest Birth or Death by arrival counts, because only the broker's order tells who is
connected now.
"""

from __future__ import annotations

from datetime import datetime

from cloud.clocks import believe
from cloud.store.tables import Machine
from contract.messages import Birth, Death, DeviceStatus, MachineState, Message, ScoreSummary

_STATES: dict[int | None, MachineState] = {int(state): state for state in MachineState}


def read_state(number: int | None) -> MachineState | None:
    """The state that was stored as this number.

    None where there is none, and where this version does not know it: a newer one may have written to the
    same database, and what it wrote of one machine must not hide all others.
    """
    return _STATES.get(number)


def apply_message(machine: Machine, message: Message, ingest_time: datetime) -> None:
    """Take a new sequenced message into account; a repeated one must not come here."""
    machine.messages_stored += 1
    if machine.is_connected is False:
        machine.is_connected = True  # it speaks, so it is back, whether or not its Birth was seen
    if isinstance(message.body, ScoreSummary):
        when = believe(message.event_time, ingest_time, machine.last_event_time)
        _apply_summary(machine, when, message.body, message.model_version)
    elif isinstance(message.body, DeviceStatus):
        when = believe(message.event_time, ingest_time, machine.status_event_time)
        _apply_status(machine, when, message.body)


def apply_presence(machine: Machine, message: Message, is_retained: bool) -> None:
    """Take a Birth or Death into account.

    A retained one is the broker's memory, given to us on subscribing: of both a device may have left one, in
    any order and of any age. So it counts only where nothing is known yet, and a Birth also where it names a
    boot that is new to us.
    """
    if isinstance(message.body, Birth):
        _apply_birth(machine, message, message.body, is_retained)
    elif isinstance(message.body, Death):
        _apply_death(machine, message.boot_id, is_retained)


def mark_heard(machine: Machine, ingest_time: datetime) -> None:
    """Note that the device was heard; repeated messages count too."""
    if machine.last_ingest_time is None or ingest_time > machine.last_ingest_time:
        machine.last_ingest_time = ingest_time


def _apply_summary(machine: Machine, when: datetime, summary: ScoreSummary, model_version: str) -> None:
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


def _apply_status(machine: Machine, event_time: datetime, status: DeviceStatus) -> None:
    if machine.status_event_time is not None and event_time < machine.status_event_time:
        return
    machine.status_event_time = event_time
    machine.agent_version = status.agent_version
    machine.outbox_messages = status.outbox_messages
    machine.window_cost_us = status.window_cost_us
    machine.accelerator = status.accelerator
    machine.accelerator_reason = status.accelerator_reason


def _apply_birth(machine: Machine, message: Message, birth: Birth, is_retained: bool) -> None:
    machine.profile = birth.profile
    machine.agent_version = birth.agent_version
    machine.model_version = message.model_version or machine.model_version
    if is_retained and machine.presence_boot_id == message.boot_id:
        return
    machine.presence_boot_id = message.boot_id
    machine.is_connected = True


def _apply_death(machine: Machine, boot_id: int, is_retained: bool) -> None:
    if machine.presence_boot_id is not None and (is_retained or machine.presence_boot_id != boot_id):
        return
    machine.presence_boot_id = boot_id
    machine.is_connected = False
