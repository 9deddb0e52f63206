"""What becomes of the slots: `(state, event) -> (state, actions)`.

Rule: pure, and total: every event has an answer in every state. The old bundle keeps its slot until the new
one is confirmed, and a release goes in charge only over verified, staged, tested and shadowed, in this order.
Whoever carries out the actions writes the state down first: after a power cut, `Booted` goes on from there.

>>> release = Release("pump", "2", "ab", 10)
>>> state = SlotState({Slot.FACTORY: Release("pump", "1", "cd", 10)})
>>> state, actions = step(state, Offered(Offer(release, "/tmp/x")), now_s=0.0)
>>> state.stage.name, [action.name for action in actions]
('VERIFYING', ['VERIFY'])
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto

from edge_agent.slot_state import (
    MOST_REFUSALS,
    TRANSIENT,
    Offer,
    Outcome,
    Reason,
    Refusal,
    Release,
    Result,
    Slot,
    SlotState,
    Stage,
)

MOST_STARTS = 3
"""Starts without a clean end in one stage; a power cut counts, because nobody can tell it from a hang."""


class Action(Enum):
    """What the executor does after the state was written down."""

    VERIFY = auto()
    """Is the file that was handed over what was signed?"""
    STAGE = auto()
    """Copy it into the candidate's slot, durably."""
    TEST = auto()
    """Run it in a process of its own."""
    SHADOW = auto()
    """Let it score beside the model in charge."""
    RUN = auto()
    """From the next window on, the model in charge is another one."""
    CLEAN_UP = auto()
    """Delete what no slot holds."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A verified file was handed over."""

    offer: Offer


@dataclass(frozen=True, slots=True)
class Passed:
    """The present stage's work is done, and well."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The present stage's work cannot be done, or showed that the release must not be kept."""

    reason: Reason
    sentence: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Whoever assigned the release called it off."""


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A person at the device wants the previous model back."""


@dataclass(frozen=True, slots=True)
class Declined:
    """What is offered cannot even be begun."""

    offer: Offer
    reason: Reason
    sentence: str


@dataclass(frozen=True, slots=True)
class Booted:
    """The agent has started."""

    factory: Release
    intact: frozenset[Slot]
    """Slots whose bytes are those that were signed."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The model in charge cannot be run here any more."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The agent ends because it was told to."""


@dataclass(frozen=True, slots=True)
class Reported:
    """The cloud's message about this state is on disk."""


Event = Offered | Passed | Failed | Cancelled | TakenBack | Declined | Booted | Broken | Closed | Reported
Step = tuple[SlotState, tuple[Action, ...]]

_WORK = {
    Stage.VERIFYING: Action.VERIFY,
    Stage.STAGING: Action.STAGE,
    Stage.TESTING: Action.TEST,
    Stage.SHADOW: Action.SHADOW,
}
_CLEAN_ENDS_COUNT = frozenset({Stage.SHADOW, Stage.PROBATION})
"""A self-test's starts count however they end: one that eats the memory can have the agent stopped."""


def step(state: SlotState, event: Event, now_s: float) -> Step:
    """One event.

    Args:
        state: Before it.
        event: What happened.
        now_s: When, s since the Unix epoch.

    Returns:
        The state after it, to be written down, and what is to be done then.
    """
    after, actions = _step(state, event)
    if _told(after) != _told(state):
        after = replace(after, since_s=now_s, is_reported=False)
    return after, actions


def work_of(stage: Stage) -> Action | None:
    """What is to be done in a stage."""
    return _WORK.get(stage)


def _told(state: SlotState) -> tuple[object, ...]:
    """What the cloud must hear of when it changes."""
    return state.stage, state.offer, state.outcome, state.held[state.in_charge]


def _step(state: SlotState, event: Event) -> Step:  # noqa: C901, PLR0911 - a table of events
    match event:
        case Offered(offer):
            return _offered(state, offer)
        case Passed():
            return _passed(state)
        case Failed(reason, sentence):
            return _give_up(state, reason, sentence)
        case Cancelled():
            return _give_up(state, Reason.CANCELLED, "whoever assigned it called it off")
        case TakenBack():
            return _taken_back_by_hand(state)
        case Declined(offer, reason, sentence):
            return _decline(state, offer, reason, sentence)
        case Booted(factory, intact):
            return _booted(state, factory, intact)
        case Broken(sentence):
            return _take_back(state, Reason.RUNTIME, sentence)
        case Closed():
            gives_back = state.stage in _CLEAN_ENDS_COUNT and state.starts > 0
            return (replace(state, starts=state.starts - 1) if gives_back else state), ()
        case Reported():
            return replace(state, is_reported=True), ()


def _offered(state: SlotState, offer: Offer) -> Step:
    release = offer.release
    if state.offer is not None:
        return _offered_meanwhile(state, state.offer, offer)
    if release.sha256 == state.held[state.in_charge].sha256:
        held = {**state.held, state.in_charge: release}  # the same bytes, by the name they are assigned under
        outcome = Outcome(Result.CONFIRMED, release.version, attempt=offer.attempt, rollout=offer.rollout)
        return replace(state, held=held, outcome=outcome, attempt=offer.attempt, rollout=offer.rollout), ()
    family = state.held[Slot.FACTORY].family
    if release.family != family:
        sentence = f"it is for {release.family}, this machine is a {family}"
        return _decline(state, offer, Reason.FAMILY, sentence)
    known = next((one for one in state.refusals if one.sha256 == release.sha256), None)
    if known is not None and offer.attempt <= known.attempt:
        return _decline(state, offer, known.reason, known.sentence)
    return _enter(replace(state, offer=offer), Stage.VERIFYING)


def _offered_meanwhile(state: SlotState, tried: Offer, offer: Offer) -> Step:
    """While another release, or the same one, is being tried."""
    if offer.release.sha256 == tried.release.sha256:
        asked_anew = replace(tried, attempt=offer.attempt, rollout=offer.rollout)
        return (replace(state, offer=asked_anew) if offer.attempt > tried.attempt else state), ()
    if state.stage is not Stage.PROBATION:
        given_up, actions = _give_up(state, Reason.REPLACED, "another release was assigned")
        begun, more = _offered(given_up, offer)
        return begun, (*actions, *more)
    if offer.release.sha256 == state.held[state.way_back].sha256:
        return _give_up(state, Reason.REPLACED, "the version before it was assigned again")
    return state, ()  # it is offered again when this one's probation is over


def _decline(state: SlotState, offer: Offer, reason: Reason, sentence: str) -> Step:
    if state.offer is not None:
        return state, ()
    outcome = _outcome(Result.REFUSED, offer, reason, sentence)
    said = state.outcome
    is_known = said.result is Result.ROLLED_BACK and said.version == outcome.version
    return (state if is_known and said.attempt >= offer.attempt else replace(state, outcome=outcome)), ()


def _outcome(result: Result, offer: Offer, reason: Reason = Reason.NONE, sentence: str = "") -> Outcome:
    return Outcome(result, offer.release.version, reason, sentence, offer.attempt, offer.rollout)


def _enter(state: SlotState, stage: Stage) -> Step:
    return replace(state, stage=stage, starts=1), (_WORK[stage],)


def _passed(state: SlotState) -> Step:
    offer = state.offer
    if offer is None:
        return state, ()
    if state.stage is Stage.VERIFYING:
        # From here on the slot's former content counts as gone, and nothing may want to go back to it.
        fallback = None if state.fallback is state.candidate else state.fallback
        return _enter(replace(state, held=_without(state, state.candidate), fallback=fallback), Stage.STAGING)
    if state.stage is Stage.STAGING:
        held = {**state.held, state.candidate: offer.release}
        return _enter(replace(state, held=held), Stage.TESTING)
    if state.stage is Stage.TESTING:
        return _enter(state, Stage.SHADOW)
    if state.stage is Stage.SHADOW:
        switched = replace(
            state, in_charge=state.candidate, fallback=state.in_charge, stage=Stage.PROBATION, starts=1
        )
        return switched, (Action.RUN,)
    confirmed = _idle(state, _outcome(Result.CONFIRMED, offer))
    return replace(confirmed, attempt=offer.attempt, rollout=offer.rollout), (Action.CLEAN_UP,)


def _give_up(state: SlotState, reason: Reason, sentence: str) -> Step:
    """End the trial: the old model stays in charge, or goes back there."""
    offer = state.offer
    if offer is None:
        return state, ()
    is_back = state.stage is Stage.PROBATION
    result = Result.ROLLED_BACK if is_back else Result.REFUSED
    if reason in (Reason.CANCELLED, Reason.REPLACED):
        result = Result.CANCELLED
    outcome = _outcome(result, offer, reason, sentence)
    before = _remember(state, offer.release.sha256, offer.attempt, outcome)
    # Until it is staged, its slot holds what was there before.
    held = before.held if state.stage is Stage.VERIFYING else _without(before, state.candidate)
    if not is_back:
        return _idle(replace(before, held=held), outcome), (Action.CLEAN_UP,)
    back = replace(before, held=held, in_charge=state.way_back, fallback=None)
    return _idle(back, outcome), (Action.RUN, Action.CLEAN_UP)


def _taken_back_by_hand(state: SlotState) -> Step:
    """What is tried goes; where nothing is tried, what is in charge."""
    end = _take_back if state.offer is None else _give_up
    return end(state, Reason.BY_HAND, "a person at the device took it back")


def _take_back(state: SlotState, reason: Reason, sentence: str) -> Step:
    """The model in charge goes, whether it is tried or was confirmed, and with it whatever is tried."""
    if state.stage is Stage.PROBATION:
        return _give_up(state, reason, sentence)
    if state.in_charge is Slot.FACTORY:
        return state, ()
    gone = state.held[state.in_charge]
    outcome = Outcome(Result.ROLLED_BACK, gone.version, reason, sentence, state.attempt, state.rollout)
    before = _remember(state, gone.sha256, state.attempt, outcome)
    kept = [Slot.FACTORY, state.way_back]
    held = {slot: release for slot, release in state.held.items() if slot in kept}
    back = replace(before, held=held, in_charge=state.way_back, fallback=None, attempt=1, rollout="")
    return _idle(back, outcome), (Action.RUN, Action.CLEAN_UP)


def _booted(state: SlotState, factory: Release, intact: frozenset[Slot]) -> Step:
    if any(release.family != factory.family for release in state.held.values()):
        return SlotState({Slot.FACTORY: factory}), (Action.CLEAN_UP,)
    state = _take_in_factory(state, factory)
    state, actions = _drop_damaged(state, intact | {Slot.FACTORY})
    if state.offer is None:
        return state, actions
    is_counted = state.stage is Stage.TESTING or state.stage in _CLEAN_ENDS_COUNT
    if is_counted and state.starts >= MOST_STARTS:
        sentence = f"the agent ended {state.starts} times during its {state.stage}"
        return _give_up(state, Reason.CRASH_LOOP, sentence)
    work = work_of(state.stage)
    return replace(state, starts=state.starts + 1), () if work is None else (work,)


def _take_in_factory(state: SlotState, factory: Release) -> SlotState:
    """The same bytes keep the name that they were assigned under; others were confirmed by nobody."""
    if state.held[Slot.FACTORY].sha256 == factory.sha256:
        return state
    is_said = state.in_charge is Slot.FACTORY and state.outcome.result is Result.CONFIRMED
    outcome = Outcome() if is_said else state.outcome
    return replace(state, held={**state.held, Slot.FACTORY: factory}, outcome=outcome)


def _drop_damaged(state: SlotState, intact: frozenset[Slot]) -> Step:
    """No slot is believed to hold what is not there byte for byte."""
    sentence = "its file on this device is damaged"
    actions: tuple[Action, ...] = ()
    if state.fallback is not None and state.fallback not in intact:
        state = replace(state, fallback=None)
    if state.in_charge not in intact:
        state, actions = _take_back(state, Reason.DAMAGED, sentence)
    elif state.candidate in state.held and state.candidate not in intact:
        state, actions = _give_up(state, Reason.DAMAGED, sentence)
    held = {slot: release for slot, release in state.held.items() if slot in intact}
    return replace(state, held=held), actions


def _idle(state: SlotState, outcome: Outcome) -> SlotState:
    return replace(state, stage=Stage.IDLE, offer=None, starts=0, outcome=outcome)


def _without(state: SlotState, slot: Slot) -> Mapping[Slot, Release]:
    return {held: release for held, release in state.held.items() if held is not slot}


def _remember(state: SlotState, sha256: str, attempt: int, outcome: Outcome) -> SlotState:
    if outcome.reason in TRANSIENT:
        return state
    known = [one for one in state.refusals if one.sha256 != sha256]
    attempt = max([attempt, *(one.attempt for one in state.refusals if one.sha256 == sha256)])
    refusal = Refusal(sha256, attempt, outcome.reason, outcome.sentence)
    return replace(state, refusals=(*known, refusal)[-MOST_REFUSALS:])
