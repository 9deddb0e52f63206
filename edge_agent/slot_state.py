"""Where an update stands, as plain values: what is in which slot, which one is in charge, and why.

Rule: values only. One `SlotState` says everything that must survive a power cut; what becomes of it is
`edge_agent.slot_rules`' business, and where it lies `edge_agent.slot_store`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

MOST_REFUSALS = 16
"""Releases that are remembered as refused; a newer one takes the place of the oldest."""


class Slot(StrEnum):
    """A place for a bundle."""

    FACTORY = "factory"
    """What the agent was started with; always there, never written."""
    A = "a"
    B = "b"


class Stage(StrEnum):
    """What is done about the release that was handed over last."""

    IDLE = "idle"
    VERIFYING = "verifying"
    STAGING = "staging"
    TESTING = "testing"
    SHADOW = "shadow"
    """It scores beside the model in charge, and nobody hears it."""
    PROBATION = "probation"
    """It is in charge; the old one scores beside it and waits."""


class Result(StrEnum):
    """How it ended for a release."""

    NONE = "none"
    """No release was handed over yet."""
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    """It was never in charge."""
    ROLLED_BACK = "rolled_back"
    """It was in charge and is not any more."""
    CANCELLED = "cancelled"


class Reason(StrEnum):
    """Why a release was not taken, or not kept."""

    NONE = ""
    FAMILY = "family"
    """For another kind of machine."""
    PROFILE = "profile"
    """Its sensors, windows or features are not this machine's."""
    DAMAGED = "damaged"
    """Its bytes are not those that were signed."""
    BUNDLE = "bundle"
    """Cannot be read, or is not what it was said to be."""
    SELF_TEST = "self_test"
    """Does not load here, or does not compute what it must."""
    CRASHED = "crashed"
    """The self-test's process ended by a signal, or did not end."""
    SLOW = "slow"
    MEMORY = "memory"
    NOT_A_NUMBER = "not_a_number"
    CONSTANT = "constant"
    """The same answer whatever it is shown."""
    RUNTIME = "runtime"
    """Failed on a window of this machine."""
    DISAGREES = "disagrees"
    """Its scores are not the old model's: one of the two alarms, or they lie far apart."""
    ALL_ANOMALOUS = "all_anomalous"
    DEAF = "deaf"
    """Would not alarm where the old model would."""
    CRASH_LOOP = "crash_loop"
    """The agent ended again and again while it was tried."""
    DISK = "disk"
    """The disk is full, cannot be written, or failed."""
    CANCELLED = "cancelled"
    BY_HAND = "by_hand"
    """A person took it back at the device."""
    REPLACED = "replaced"
    """Another release was handed over."""


TRANSIENT = frozenset({Reason.DAMAGED, Reason.DISK, Reason.CANCELLED, Reason.REPLACED})
"""Not the release's fault; it may be handed over again."""


@dataclass(frozen=True, slots=True)
class Release:
    """A bundle, as it was signed."""

    family: str
    """The machine profile's name."""
    version: str
    sha256: str
    """Of the whole file, hexadecimal."""
    length: int
    """In bytes."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A verified file that was handed over."""

    release: Release
    path: str
    """Where the file lies; it is copied, never run from there."""
    attempt: int = 1
    """The assignment's number. A release that was refused is tried again only under a higher one: then it was
    asked for."""
    rollout: str = ""
    """Id of the rollout that asks for it; empty: none does."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A release that is not tried again."""

    sha256: str
    attempt: int
    reason: Reason
    sentence: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended for the release that was handed over last."""

    result: Result = Result.NONE
    version: str = ""
    reason: Reason = Reason.NONE
    sentence: str = ""
    """For people; empty when there is nothing to explain."""
    attempt: int = 0
    """The assignment's number; 0: none asked for it."""
    rollout: str = ""
    """Id of the rollout that asked for it; empty: none did."""


@dataclass(frozen=True, slots=True)
class SlotState:
    """Everything about the slots that outlives a power cut."""

    held: Mapping[Slot, Release]
    """What is whole in which slot; the factory's is always known."""
    in_charge: Slot = Slot.FACTORY
    fallback: Slot | None = None
    """What goes in charge when this one is taken back; None: the factory's."""
    attempt: int = 1
    """Under which the release in charge was handed over last."""
    rollout: str = ""
    """For which rollout that was."""
    stage: Stage = Stage.IDLE
    offer: Offer | None = None
    """What is being tried; None when idle."""
    starts: int = 0
    """Starts of the agent in this stage that have not ended cleanly, this one included."""
    outcome: Outcome = field(default_factory=Outcome)
    refusals: tuple[Refusal, ...] = ()
    since_s: float = 0.0
    """When this stage or outcome began, s since the Unix epoch."""
    is_reported: bool = True
    """Whether the cloud was told of this stage or outcome."""

    @property
    def candidate(self) -> Slot:
        """Where a release that is not in charge yet goes."""
        if self.stage is Stage.PROBATION:
            return self.in_charge
        return Slot.B if self.in_charge is Slot.A else Slot.A

    @property
    def way_back(self) -> Slot:
        """What goes in charge when this one is taken back."""
        return self.fallback or Slot.FACTORY

    def report(self) -> SlotReport:
        """What the cloud is told."""
        way_back = self.held.get(self.way_back)
        has_previous = way_back is not None and self.way_back is not self.in_charge
        previous = way_back.version if has_previous and way_back is not None else ""
        running, family = self.held[self.in_charge], self.held[Slot.FACTORY].family
        said = self.outcome
        if self.offer is not None:
            tried = self.offer
            said = Outcome(version=tried.release.version, attempt=tried.attempt, rollout=tried.rollout)
        return SlotReport(
            state=said.result.value if self.offer is None else self.stage.value,
            version=running.version,
            previous=previous,
            wanted=said.version,
            reason=said.reason,
            sentence=said.sentence,
            since_s=self.since_s,
            attempt=said.attempt,
            rollout=said.rollout,
            family=family,
            sha256=running.sha256,
        )


@dataclass(frozen=True, slots=True)
class SlotReport:
    """What a device says of its model; `confirmed` only ever about the version that is in charge."""

    state: str
    """A `Stage` while a release is tried, else its `Result`."""
    version: str
    """Of the model whose scores and alarms are sent."""
    previous: str
    """Of the one that goes in charge when this one is taken back; empty: none."""
    wanted: str
    """Of the release that `state` and `reason` speak of; empty: none was handed over yet."""
    reason: Reason
    sentence: str
    since_s: float
    """When this state began, s since the Unix epoch."""
    attempt: int = 0
    """Number of the assignment that `state` and `reason` speak of; 0: none asked for this."""
    rollout: str = ""
    """Id of the rollout that asked for it; empty: none did."""
    family: str = ""
    """What kind of machine this is."""
    sha256: str = ""
    """Of the bundle in charge."""

    @property
    def is_trial(self) -> bool:
        """Whether a release is being tried."""
        return self.state in list(Stage)
