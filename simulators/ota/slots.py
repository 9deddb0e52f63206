"""A device's slots without a machine: real record, rules and files; how a model behaves is a table's word.

Rule: what is written down of a run is the digest of the bytes that lie there, never what somebody says of
them. Trials take virtual time; everything else is done at once, as it becomes due.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from edge_agent.slot_disk import Disk
from edge_agent.slot_keeper import SlotKeeper
from edge_agent.slot_rules import Cancelled, Closed, Event, Failed, Offered, Passed, Reported, work_of
from edge_agent.slot_state import Offer, Reason, Release, Result, Slot, SlotReport, Stage
from edge_agent.slot_store import SlotStore
from simulators.ota.ledger import Deed
from simulators.ota.models import Behaviour, falls_under

SHADOW_S, PROBATION_S = 300.0, 1200.0
"""60 and 240 windows of 5 s (`edge_agent.comparison`)."""
_TRIALS: Mapping[Stage, float] = {Stage.SHADOW: SHADOW_S, Stage.PROBATION: PROBATION_S}
_DISAGREES = Failed(Reason.DISAGREES, "its scores are not the old model's")
_CRASHES = Failed(Reason.CRASHED, "the self-test ended by signal 11")


class TrialSlots:
    """The slots of one device from a start of its agent to the next; takes releases as `ModelSlots` does.

    Args:
        device: Its id.
        folder: Of the slots.
        factory: What the agent was started with.
        behaviours: By digest.
        clock: The device's own, s since the Unix epoch.
        ran: Told of each run, with the digest of what lies there.
    """

    def __init__(
        self,
        device: str,
        folder: Path,
        factory: Release,
        behaviours: Mapping[str, Behaviour],
        clock: Callable[[], float],
        ran: Callable[[str, Deed], None],
    ) -> None:
        self._device = device
        self._behaviours = behaviours
        self._ran = ran
        self._store = SlotStore(folder, Disk())
        self._keeper = SlotKeeper(self._store, factory, self._test, clock)
        self._wishes: list[Event] = []
        self._due_s: float | None = None
        self._trial = ""
        self.on_report: Callable[[SlotReport], None] = lambda report: None
        self.on_offer: Callable[[int], None] = lambda number: None
        self._run()

    @property
    def report(self) -> SlotReport:
        """What the cloud is to know."""
        return self._keeper.state.report()

    def lend(self) -> Path | None:
        """The file of what is in charge; None: the factory's, which lies elsewhere."""
        slot = self._keeper.state.in_charge
        return None if slot is Slot.FACTORY else self._store.bundle_path(slot)

    @property
    def behaviour(self) -> Behaviour:
        """Of what is in charge."""
        return self._of(self._digest(self._keeper.state.in_charge))

    def offer(self, offer: Offer) -> None:
        """Hand over a verified file."""
        self.on_offer(offer.attempt)
        self._wishes.append(Offered(offer))

    def cancel(self) -> None:
        """Call off what is under way."""
        self._wishes.append(Cancelled())

    def close(self) -> None:
        """The agent ends because it was told to."""
        self._take(Closed())

    def advance(self, now_s: float) -> float | None:
        """Do all that is due; returns when there is more to do, None: nothing is tried."""
        self._keeper.settle()
        while True:
            while self._wishes:
                self._take(self._wishes.pop(0))
            if not self._keeper.state.is_reported:
                self.on_report(self.report)
                self._take(Reported())
            stage = self._keeper.state.stage
            if stage is Stage.IDLE:
                self._due_s = None
                return None
            if stage in _TRIALS:
                if not self._is_tried(stage, now_s):
                    return self._due_s
                self._due_s = None
                self._take(self._judge(stage))
            else:
                action = work_of(stage)
                assert action is not None  # noqa: S101 - trials aside, each stage has work
                self._take(self._keeper.work(action, self._keeper.state))

    def _is_tried(self, stage: Stage, now_s: float) -> bool:
        """Whether a trial has lasted as long as it shall; one that begins is put on the clock."""
        offer = self._keeper.state.offer
        trial = f"{stage} {offer}"
        if self._due_s is None or trial != self._trial:
            self._due_s, self._trial = now_s + _TRIALS[stage], trial
            if stage is Stage.SHADOW:
                self._ran(self._digest(self._keeper.state.candidate), Deed.SHADOWED)
        return now_s >= self._due_s

    def _judge(self, stage: Stage) -> Event:
        digest = self._digest(self._keeper.state.candidate)
        agrees = falls_under(self._of(digest).agrees, self._device, f"agrees {digest}")
        return Passed() if stage is Stage.SHADOW or agrees else _DISAGREES

    def _test(self, path: Path, release: Release) -> Passed | Failed:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        self._ran(digest, Deed.TESTED)
        passes = falls_under(self._of(digest).passes_test, self._device, f"test {digest}")
        return Passed() if passes else _CRASHES

    def _take(self, event: Event) -> None:
        before = self._keeper.state.in_charge
        self._keeper.take(event)
        if self._keeper.state.in_charge is not before:
            self._run()

    def _run(self) -> None:
        self._ran(self._digest(self._keeper.state.in_charge), Deed.RAN)

    def _digest(self, slot: Slot) -> str:
        if slot is Slot.FACTORY:
            return self._keeper.state.held[slot].sha256
        return hashlib.sha256(self._store.bundle_path(slot).read_bytes()).hexdigest()

    def _of(self, digest: str) -> Behaviour:
        """Bytes that nobody made behave; that they ran is for the audit to say."""
        return self._behaviours.get(digest, Behaviour())


class LyingSlots:
    """A device that says it runs what it is offered, and goes on with its factory's model."""

    def __init__(self, factory: Release) -> None:
        self.report = SlotReport(
            str(Result.NONE), factory.version, "", "", Reason.NONE, "", 0.0, family=factory.family
        )
        self.on_report: Callable[[SlotReport], None] = lambda report: None
        self.on_offer: Callable[[int], None] = lambda number: None
        self.behaviour = Behaviour()
        self._is_reported = True

    def offer(self, offer: Offer) -> None:
        """Claim it."""
        self.on_offer(offer.attempt)
        claimed = replace(
            self.report,
            state=str(Result.CONFIRMED),
            version=offer.release.version,
            wanted=offer.release.version,
            attempt=offer.attempt,
            rollout=offer.rollout,
            sha256=offer.release.sha256,
            family=offer.release.family,
        )
        self._is_reported = self._is_reported and claimed == self.report
        self.report = claimed

    def cancel(self) -> None:
        """Claim nothing."""

    def lend(self) -> Path | None:
        """It has no file."""
        return None

    def advance(self, now_s: float) -> float | None:
        """Tell what is claimed."""
        if not self._is_reported:
            self._is_reported = True
            self.on_report(self.report)
        return None
