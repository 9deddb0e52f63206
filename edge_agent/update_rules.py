"""What follows from an assignment, from what the slots say, and from the time.

Rule: pure. What is in charge is asked of the slots, never concluded from what was fetched. What the slots
have refused for good is left until it is assigned under another number; a date is only held against an
assignment by a believed clock, and only before it is begun.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from contract.bundle import FORMAT
from contract.errors import IndustrialGuardError
from contract.updates import UpdateReport, UpdateState
from edge_agent.reports import one_line, to_datetime
from edge_agent.slot_state import TRANSIENT, Reason, Result, SlotReport, Stage

if TYPE_CHECKING:
    from ota.assignment import Assignment

_STATES = {
    Stage.VERIFYING: UpdateState.VERIFIED,
    Stage.STAGING: UpdateState.VERIFIED,
    Stage.TESTING: UpdateState.SELF_TEST,
    Stage.SHADOW: UpdateState.SHADOW,
    Stage.PROBATION: UpdateState.PROBATION,
    Result.CONFIRMED: UpdateState.CONFIRMED,
    Result.REFUSED: UpdateState.REFUSED,
    Result.ROLLED_BACK: UpdateState.ROLLED_BACK,
    Result.CANCELLED: UpdateState.CANCELLED,
}
_BEFORE_THE_SLOTS = (UpdateState.WAITING, UpdateState.DOWNLOADING, UpdateState.VERIFIED)
_WITHOUT_THE_SLOTS = (UpdateState.REFUSED, UpdateState.CANCELLED)
"""Outcomes of a release that the slots may never have seen."""


class Todo(Enum):
    """What a look leads to."""

    REST = auto()
    """Nothing: it is done, under way, or refused for good."""
    SAY = auto()
    """Nothing yet, or never; the cloud is told why."""
    BRING = auto()
    """Fetch it and hand it over."""
    CONFIRM = auto()
    """It is in charge already: the slots shall say so under this number."""
    CALL_OFF = auto()
    """Give up what is tried."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and what to say of it."""

    todo: Todo
    state: UpdateState = UpdateState.WAITING
    code: str = ""
    reason: str = ""


def decide(assignment: Assignment, slots: SlotReport, now: datetime | None) -> Decision:
    """What to do about an assignment.

    Args:
        assignment: The newest of this device, verified.
        slots: What they say.
        now: By a believed clock; None: there is none.
    """
    is_in_charge = slots.sha256 == assignment.sha256 and not slots.is_trial
    is_ours = slots.attempt == assignment.number
    if assignment.action == "hold":
        return Decision(Todo.SAY, code="hold", reason="it was told to begin nothing")
    if is_in_charge:
        is_said = is_ours and slots.state == Result.CONFIRMED
        return Decision(Todo.REST if is_said else Todo.CONFIRM)
    if assignment.action == "cancel":
        if slots.is_trial:
            return Decision(Todo.CALL_OFF)
        return Decision(
            Todo.SAY, UpdateState.CANCELLED, Reason.CANCELLED, "whoever assigned it called it off"
        )
    if is_ours and (slots.is_trial or slots.reason not in TRANSIENT):
        return Decision(Todo.REST)
    return _decide_to_begin(assignment, slots, now)


def _decide_to_begin(assignment: Assignment, slots: SlotReport, now: datetime | None) -> Decision:
    if assignment.family != slots.family:
        sentence = f"it is for {assignment.family}, this machine is a {slots.family}"
        return Decision(Todo.SAY, UpdateState.REFUSED, Reason.FAMILY, sentence)
    if now is not None and assignment.expires <= now:
        sentence = f"its assignment ended {assignment.expires:%Y-%m-%d %H:%M} UTC, before it was begun"
        return Decision(Todo.SAY, code="too_late", reason=sentence)
    begin = assignment.not_before
    if begin is not None and now is None:
        return Decision(
            Todo.SAY, code="no_clock", reason="it has a time to begin, and this clock is not believed"
        )
    if begin is not None and now is not None and now < begin:
        return Decision(Todo.SAY, code="too_early", reason=f"not before {begin:%Y-%m-%d %H:%M} UTC")
    return Decision(Todo.BRING)


def find_fault(facts: Mapping[str, Any]) -> Decision | None:
    """Why a release is not even fetched; None: it is.

    Args:
        facts: What was signed of it.
    """
    said = facts.get("bundle_format", FORMAT)
    if said == FORMAT:
        return None
    sentence = f"its bundle is of format {said}, this agent reads {FORMAT}: update the agent"
    return Decision(Todo.SAY, UpdateState.REFUSED, Reason.BUNDLE, one_line(sentence))


def translate(slots: SlotReport) -> UpdateReport:
    """What the slots say, as the cloud's message; nothing was handed over: what is in charge is confirmed."""
    state = next((said for name, said in _STATES.items() if name == slots.state), UpdateState.CONFIRMED)
    return UpdateReport(
        assignment=slots.attempt,
        rollout=slots.rollout,
        state=state,
        in_charge=slots.version,
        under_way=slots.version if state is UpdateState.CONFIRMED else slots.wanted,
        previous=slots.previous,
        since=to_datetime(slots.since_s),
        reason_code=slots.reason,
        reason=one_line(slots.sentence),
    )


def renew(told: UpdateReport, slots: SlotReport) -> UpdateReport:
    """A report as it is true when it is sent: what is in charge may have changed since it was made."""
    is_refused_unseen = told.state in _WITHOUT_THE_SLOTS and told.assignment != slots.attempt
    if told.state in _BEFORE_THE_SLOTS or is_refused_unseen:
        return replace(told, in_charge=slots.version, previous=slots.previous)
    return translate(slots)


def code_of(error: IndustrialGuardError) -> str:
    """An error's kind, for programs.

    >>> from ota.errors import TooSlowError
    >>> code_of(TooSlowError("2 bytes/s"))
    'too_slow'
    """
    name = type(error).__name__.removesuffix("Error")
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
