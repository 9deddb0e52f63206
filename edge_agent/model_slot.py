"""Which model scores, and how the next one comes to: verified, staged, tested, beside it, in its place.

Rule: every window is scored by exactly one model in charge, and a switch happens between two windows. What is
slow runs in another thread; what was learned by the new model is on disk before the record that puts it in
charge. A new model that fails on a window costs that window nothing: the old one has scored it, too.
"""

from __future__ import annotations

import hashlib
import logging
import math
import queue
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from contract.archive import write_atomically
from contract.bundle import Bundle, format_bundle, parse_bundle
from contract.durable import make_folder
from contract.errors import IndustrialGuardError
from contract.features import FeatureVector
from edge_agent.comparison import PROBATION_WINDOWS, SHADOW_WINDOWS, Comparison
from edge_agent.hearing import find_deafness
from edge_agent.running_model import RunningModel, open_model
from edge_agent.scorer import Verdict
from edge_agent.self_test import ChildTest
from edge_agent.settings import AcceleratorChoice
from edge_agent.slot_keeper import SlotKeeper
from edge_agent.slot_parts import SlotParts, SlowWork
from edge_agent.slot_rules import (
    Action,
    Broken,
    Cancelled,
    Closed,
    Event,
    Failed,
    Offered,
    Passed,
    Reported,
    TakenBack,
    work_of,
)
from edge_agent.slot_state import Offer, Reason, Release, Slot, SlotReport, SlotState, Stage
from edge_agent.slot_store import SlotStore

_LOG = logging.getLogger(__name__)
_FAILURES = (IndustrialGuardError, ValueError, ArithmeticError, RuntimeError)
"""What a model that does not fit this machine may raise while it scores."""


class ModelSlots:
    """The models of one agent.

    Args:
        folder: Of the slots.
        factory: What the agent was started with.
        parts: Of a real device, or a test's.

    Raises:
        ModelError: the factory's model is in charge, and does not load here or fails its self-test.
    """

    def __init__(self, folder: Path, factory: Bundle, parts: SlotParts) -> None:
        self._factory = factory
        self._parts = parts
        self._store = SlotStore(folder, parts.disk)
        self._keeper = SlotKeeper(self._store, release_of(factory), parts.self_test, parts.clock)
        self._wishes: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._work: SlowWork | None = None
        self._model = self._open_in_charge()
        self._other: RunningModel | None = None
        """The candidate in its shadow run; the old model in a probation."""
        self._comparison: Comparison | None = None
        self._old_errors: list[float] = []
        self.on_report: Callable[[SlotReport], None] | None = None
        """Told of every stage and outcome, at least once; returns when that is on disk."""
        if self._keeper.state.stage is Stage.PROBATION:
            self._begin_probation(self._open_way_back())

    @property
    def model(self) -> RunningModel:
        """The one in charge."""
        return self._model

    @property
    def report(self) -> SlotReport:
        """What the cloud is to know."""
        return self._keeper.state.report()

    @property
    def saved_models(self) -> tuple[RunningModel, ...]:
        """Those whose learned state must outlive a power cut, the one in charge first."""
        is_back_up = self._keeper.state.stage is Stage.PROBATION and self._other is not None
        return (self._model, self._other) if is_back_up and self._other is not None else (self._model,)

    # -- what others ask for, from any thread --------------------

    def offer(self, offer: Offer) -> None:
        """Hand over a verified file; again and again does no harm."""
        self._wishes.put(Offered(offer))

    def cancel(self) -> None:
        """Whoever assigned a release calls it off; one that is confirmed stays."""
        self._wishes.put(Cancelled())

    def lend(self) -> Path | None:
        """The file of the bundle in charge, to make the next one of; None: the disk does not take it."""
        slot = self._keeper.state.in_charge
        path = self._store.bundle_path(slot)
        if slot is Slot.FACTORY:
            try:
                make_folder(path.parent)
                data = format_bundle(self._factory)
                if not path.exists() or path.read_bytes() != data:
                    write_atomically(path, data)
            except OSError as error:
                _LOG.warning("the bundle in charge cannot be lent", extra={"reason": str(error)})
                return None
        return path

    # -- window by window --------------------

    def restore_other(self) -> None:
        """The old model goes on from what it had learned, after a restart during a probation."""
        if self._other is not None:
            self._other.restore()

    def score(self, vector: FeatureVector, is_alarming: bool) -> Verdict:
        """Judge one window; by the model in charge, unless that fails and there is an old one.

        Args:
            vector: Its features.
            is_alarming: Whether the machine's alarm is active.

        Raises:
            ModelError: the model in charge failed, and there is no other.
        """
        if self._comparison is None:
            return self._model.scorer.score(vector, is_alarming)
        if self._keeper.state.stage is Stage.PROBATION:
            return self._score_on_probation(vector, is_alarming, self._comparison)
        return self._score_in_shadow(vector, is_alarming, self._comparison)

    def after_window(
        self, is_alarming: bool, is_boundary: bool, save: Callable[[RunningModel], bool]
    ) -> None:
        """Do what is due between two windows; `model` may be another one afterwards.

        Args:
            is_alarming: Whether the machine's alarm is active: then no model is put in charge.
            is_boundary: Whether a summary has just ended, so that none is of two models.
            save: Makes what a model has learned durable; whether it did.
        """
        comparison, other = self._comparison, self._other
        if comparison is not None and comparison.failure is not None:
            self._take(comparison.failure)
        elif comparison is not None and comparison.is_passed:
            if self._keeper.state.stage is Stage.PROBATION:
                self._take(Passed())
            elif other is not None and is_boundary and not is_alarming and comparison.is_current:
                self._take(self._last_look(other, save))
        self.poll()

    def poll(self) -> None:
        """Take results of slow work and what others asked for; never waits."""
        self._keeper.settle()
        self._finish_work()
        while not self._wishes.empty():
            self._take(self._wishes.get())
        self._heed_request()
        self._start_work()
        if self.on_report is not None and not self._keeper.state.is_reported:
            self.on_report(self.report)
            self._take(Reported())

    def wait(self) -> None:
        """Wait until no slow work is under way; for tests, and before the end."""
        if self._work is not None:
            self._work.wait()

    def close(self) -> None:
        """The agent ends because it was told to."""
        self._parts.stop_test()
        self.wait()
        self._take(Closed())

    # -- two models at once --------------------

    def _score_in_shadow(self, vector: FeatureVector, is_alarming: bool, comparison: Comparison) -> Verdict:
        verdict = self._model.scorer.score(vector, is_alarming)
        if self._other is None:
            return verdict
        threshold = self._model.bundle.profile.alarm_rule.threshold
        is_doubtful = is_alarming or (verdict.score is not None and verdict.score >= threshold)
        said = self._try(self._other, vector, is_doubtful)
        if isinstance(said, Failed):
            self._take(said)
            return verdict
        new, took_s = said
        if new.score is None:
            if new.error is not None and verdict.error is not None and not is_doubtful:
                self._old_errors.append(verdict.error)
        elif self._old_errors:
            self._other.scorer.allow_for(self._model.scorer.worsening(self._old_errors))
            self._old_errors.clear()
        comparison.add(new, verdict, took_s, is_alarming)
        return verdict

    def _score_on_probation(
        self, vector: FeatureVector, is_alarming: bool, comparison: Comparison
    ) -> Verdict:
        old = self._score_by_old(vector, is_alarming)
        said = self._try(self._model, vector, is_alarming)
        if not isinstance(said, Failed):
            new, took_s = said
            comparison.add(new, old, took_s, is_alarming)
            if comparison.failure is None:
                return new
            said = comparison.failure
        self._take(said)
        return old or self._model.scorer.score(vector, is_alarming)

    def _last_look(self, new: RunningModel, save: Callable[[RunningModel], bool]) -> Event:
        """Before a switch."""
        try:
            deafness = find_deafness(new, self._model)
        except _FAILURES as error:
            return Failed(Reason.RUNTIME, f"it failed on what was imagined of this machine: {error}")
        if deafness is not None:
            return deafness
        return Passed() if save(new) else Failed(Reason.DISK, "what it learned was not saved")

    def _score_by_old(self, vector: FeatureVector, is_alarming: bool) -> Verdict | None:
        if self._other is None:
            return None
        said = self._try(self._other, vector, is_alarming)
        if isinstance(said, Failed):
            _LOG.error("the model before this one failed", extra={"reason": said.sentence})
            self._other = None
            return None
        return said[0]

    @staticmethod
    def _try(model: RunningModel, vector: FeatureVector, is_alarming: bool) -> tuple[Verdict, float] | Failed:
        started = time.perf_counter()
        try:
            verdict = model.scorer.score(vector, is_alarming)
        except _FAILURES as error:
            return Failed(Reason.RUNTIME, f"it failed on a window of this machine: {error}")
        if verdict.error is not None and not math.isfinite(verdict.error):
            return Failed(Reason.NOT_A_NUMBER, "its error on a window of this machine is no number")
        return verdict, time.perf_counter() - started

    # -- events and what follows from them --------------------

    def _take(self, event: Event) -> None:
        actions = self._keeper.take(event)
        if Action.RUN in actions:
            self._run_in_charge()
        elif self._keeper.state.stage is not Stage.PROBATION and self._keeper.state.stage is not Stage.SHADOW:
            self._stand_alone()
        state = self._keeper.state
        if (
            self._model.version != state.held[state.in_charge].version
        ):  # the same bytes, assigned by this name
            self._model = replace(self._model, name=state.held[state.in_charge].version)

    def _run_in_charge(self) -> None:
        """From now on another model is in charge: the one beside it, where there is one."""
        before, beside = self._model, self._other
        is_probation = self._keeper.state.stage is Stage.PROBATION
        if beside is not None:
            self._model = beside
        else:
            self._model = self._open_in_charge()
            self._model.restore()
        self._stand_alone()
        if is_probation:
            self._begin_probation(before)
        _LOG.info("model in charge", extra={"version": self._model.version, "before": before.version})

    def _begin_probation(self, old: RunningModel | None) -> None:
        self._other = old
        against = self._factory if old is None else old.bundle
        self._comparison = Comparison(self._model.bundle, against, PROBATION_WINDOWS)

    def _begin_shadow(self, candidate: RunningModel) -> None:
        try:
            candidate.scorer.inherit(self._model.scorer)
        except IndustrialGuardError as error:
            _LOG.info("the new model learns this machine anew", extra={"reason": str(error)})
        self._other = candidate
        self._comparison = Comparison(candidate.bundle, self._model.bundle, SHADOW_WINDOWS)

    def _stand_alone(self) -> None:
        self._other = self._comparison = None
        self._old_errors.clear()

    def _heed_request(self) -> None:
        wanted = self._store.requested()
        if wanted is None:
            return
        state = self._keeper.state
        tried = state.held[state.in_charge] if state.offer is None else state.offer.release
        if tried.sha256 == wanted:
            self._take(TakenBack())
        self._store.drop_request()

    # -- slow work --------------------

    def _start_work(self) -> None:
        action = work_of(self._keeper.state.stage)
        if action is None or self._work is not None or self._comparison is not None:
            return
        state = self._keeper.state
        work = SlowWork(action, state.offer)

        def run() -> None:
            if action is Action.SHADOW:
                self._open_candidate(work, state)
            else:
                work.passed = self._keeper.work(action, state)

        self._work = work
        work.thread = self._parts.start(run)

    def _finish_work(self) -> None:
        work = self._work
        if work is None or not work.is_over:
            return
        self._work = None
        state = self._keeper.state
        if work.action is not work_of(state.stage) or work.offer != state.offer:
            return  # another release was handed over meanwhile
        if work.model is not None:
            self._begin_shadow(work.model)
        else:
            self._take(work.passed or Failed(Reason.RUNTIME, "its test ended without an answer; see the log"))

    def _open_candidate(self, work: SlowWork, state: SlotState) -> None:
        try:
            work.model = self._open(state.candidate, state)
        except IndustrialGuardError as error:
            work.passed = Failed(Reason.SELF_TEST, str(error))

    def _open(self, slot: Slot, state: SlotState) -> RunningModel:
        bundle = self._factory
        if slot is not Slot.FACTORY:
            bundle = parse_bundle(self._store.read(slot, state.held[slot]))
        model = self._parts.open_model(bundle, self._store.learned_path(slot))
        return replace(model, name=state.held[slot].version)

    def _open_in_charge(self) -> RunningModel:
        """Open the first that can be: the one in charge, the one before it, the factory's."""
        while True:
            slot = self._keeper.state.in_charge
            try:
                return self._open(slot, self._keeper.state)
            except IndustrialGuardError as error:
                if slot is Slot.FACTORY:
                    raise
                self._keeper.take(Broken(f"it cannot be run here: {error}"))

    def _open_way_back(self) -> RunningModel | None:
        try:
            return self._open(self._keeper.state.way_back, self._keeper.state)
        except IndustrialGuardError as error:
            _LOG.error("the model before this one cannot be run here", extra={"reason": str(error)})
            return None


def open_slots(folder: Path, factory: Bundle, accelerator: AcceleratorChoice) -> ModelSlots:
    """The slots of a real device.

    Raises:
        ModelError: the factory's model is in charge, and does not load here or fails its self-test.
    """
    test = ChildTest(factory.profile, accelerator)
    parts = SlotParts(lambda bundle, learned: open_model(bundle, accelerator, learned), test.run, test.stop)
    return ModelSlots(folder, factory, parts)


def release_of(bundle: Bundle) -> Release:
    """A bundle as it would have been signed."""
    data = format_bundle(bundle)
    digest = hashlib.sha256(data).hexdigest()
    return Release(bundle.profile.name, bundle.manifest.version, digest, len(data))
