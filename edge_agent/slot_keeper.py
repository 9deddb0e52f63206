"""Carries the rules of the slots to the disk: written down first, acted upon afterwards.

Rule: towards a new model only what is on disk counts; back to the old one always. A step that the disk does
not take ends the trial, with the old model in charge, and is written down as soon as the disk takes it.
Nothing is deleted that the record on disk still names. One thread takes events; `work` may run in another.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from contract.errors import BundleError
from edge_agent.slot_rules import (
    Action,
    Booted,
    Broken,
    Cancelled,
    Closed,
    Declined,
    Event,
    Failed,
    Offered,
    Passed,
    Reported,
    TakenBack,
    step,
)
from edge_agent.slot_state import Reason, Release, SlotState, Stage
from edge_agent.slot_store import SlotStore, read_release

_LOG = logging.getLogger(__name__)
_HOLDS_UNSAVED = (Failed, Cancelled, TakenBack, Declined, Broken, Closed, Reported)
"""What has happened whether or not the disk knows."""

_DISK_FULL = "the disk is full or cannot be written"

SelfTest = Callable[[Path, Release], Passed | Failed]
"""Runs a staged bundle where it can harm nobody."""


class SlotKeeper:
    """The slots of one device.

    Args:
        store: Where they lie.
        factory: What the agent was started with.
        self_test: Of a staged bundle.
        clock: Seconds since the Unix epoch.
    """

    def __init__(
        self, store: SlotStore, factory: Release, self_test: SelfTest, clock: Callable[[], float] = time.time
    ) -> None:
        self.store = store
        self._self_test = self_test
        self._clock = clock
        self._is_saved = True
        self._owes_clean_up = False
        self.state = store.load(factory)
        self._boot(factory)

    def take(self, event: Event) -> tuple[Action, ...]:
        """One event; returns what is left to be done for it: `RUN`, or work.

        A step towards the new model that cannot be written down does not happen; the trial ends instead.
        """
        before = self.state
        after, actions = step(before, event, self._clock())
        if after == before:
            return ()
        if self._save(after) or isinstance(event, _HOLDS_UNSAVED):
            return self._accept(after, actions)
        if before.stage is Stage.PROBATION:
            return ()  # it goes on, and is confirmed when the disk takes it
        failure: Event = Failed(Reason.DISK, _DISK_FULL)
        if isinstance(event, Offered) and before.offer is None:
            failure = Declined(event.offer, Reason.DISK, _DISK_FULL)
        after, actions = step(before, failure, self._clock())
        return self._accept(after, actions)

    def settle(self) -> None:
        """Write down what the disk did not take before, and delete what it then may."""
        if not self._is_saved and self._save(self.state):
            self._is_saved = True
        if self._is_saved and self._owes_clean_up:
            self._owes_clean_up = False
            self.store.clean_up(self.state)

    def work(self, action: Action, state: SlotState) -> Passed | Failed:
        """Do the work of a stage; slow, and it touches no state, so it may run beside the scoring.

        Args:
            action: VERIFY, STAGE or TEST.
            state: As it was written down before.
        """
        offer = state.offer
        if offer is None:
            raise ValueError("there is no release to work on")
        try:
            if action is Action.VERIFY:
                read_release(Path(offer.path), offer.release)
            elif action is Action.STAGE:
                self.store.stage(offer, state.candidate)
            elif action is Action.TEST:
                self.store.read(state.candidate, offer.release)
                return self._self_test(self.store.bundle_path(state.candidate), offer.release)
        except BundleError as error:
            return Failed(Reason.DAMAGED, str(error))
        except OSError as error:
            return Failed(Reason.DISK, f"it could not be written: {error.strerror or error}")
        return Passed()

    def _boot(self, factory: Release) -> None:
        before = self.state
        after, _ = step(before, Booted(factory, self.store.intact(before)), self._clock())
        if after != before and not self._save(after) and after.offer is not None:
            # A start that cannot be counted must not run what may crash it.
            after, _ = step(after, Failed(Reason.DISK, _DISK_FULL), self._clock())
        self._accept(after, (Action.CLEAN_UP,))

    def _accept(self, after: SlotState, actions: tuple[Action, ...]) -> tuple[Action, ...]:
        if after.outcome != self.state.outcome or after.stage is not self.state.stage:
            said = after.report()
            facts = {"state": said.state, "version": said.version, "wanted": said.wanted}
            _LOG.info("model slots", extra={**facts, "reason": said.reason.value, "sentence": said.sentence})
        self.state = after
        self._owes_clean_up |= Action.CLEAN_UP in actions
        self.settle()
        return tuple(action for action in actions if action is not Action.CLEAN_UP)

    def _save(self, state: SlotState) -> bool:
        try:
            self.store.save(state)
        except OSError as error:
            if self._is_saved:
                _LOG.warning("the record of the model slots was not written", extra={"reason": str(error)})
            self._is_saved = False
            return False
        self._is_saved = True
        return True
