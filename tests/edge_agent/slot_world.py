"""A device with model slots and the cloud that assigns it a release, for the crash table.

Everything is real but the networks: a model's name says how it behaves. What ran and what was tested is
remembered over power cuts, to be held against what may have.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from contract.bundle import Bundle, format_bundle
from contract.messages import MachineState
from edge_agent.errors import ModelError
from edge_agent.model_slot import ModelSlots
from edge_agent.running_model import RunningModel
from edge_agent.scorer import Verdict
from edge_agent.slot_disk import Disk
from edge_agent.slot_parts import SlotParts
from edge_agent.slot_rules import Failed, Passed
from edge_agent.slot_state import Offer, Reason, Release, SlotReport, Stage
from edge_agent.state import StateFile, StateStamp
from tests.edge_agent.power_cut import RecordingDisk
from tests.edge_agent.releases import offered, renamed, rig_bundle

FACTORY = rig_bundle()
SHADOW_WINDOWS, PROBATION_WINDOWS = 3, 8
LONGEST = 200
"""Windows after which an update that is not over counts as stuck."""


def version(name: str) -> Bundle:
    """A release that behaves as it is called; `fails-…` at its self-test, in its shadow run or probation."""
    return renamed(FACTORY, name)


def sha256_of(bundle: Bundle) -> str:
    return hashlib.sha256(format_bundle(bundle)).hexdigest()


class NamedScorer:
    """Scores as its model's name says."""

    def __init__(self, bundle: Bundle, world: World) -> None:
        self._name = bundle.manifest.version
        self._world = world
        self._seen = 0

    def score(self, _: object, __: bool) -> Verdict:
        self._seen += 1
        is_late = self._seen > SHADOW_WINDOWS + 1  # after its shadow run, or a while after a restart
        is_off = self._name == "fails-shadow" or (self._name == "fails-probation" and is_late)
        if self._name == "fails-window" and is_late:
            raise ModelError("the model failed")
        score = 1.0 if is_off else 0.04
        error = 1.0 + self._seen % 3 / 10
        return Verdict(float(self._world.windows), MachineState.WATCHING, score, 1.0, "running", error, 0.0)

    def imagine(self, _: object) -> float:
        return 0.0

    def inherit(self, _: object) -> None: ...
    def worsening(self, _: object) -> float:
        return 0.0

    def allow_for(self, _: object) -> None: ...
    def restore(self, _: object) -> None: ...
    def to_state(self) -> dict[str, Any]:
        return {}


@dataclass
class World:
    """What outlives the device's memory: its folder, the cloud's wish, and what was seen so far."""

    folder: Path
    disk: Disk = field(default_factory=RecordingDisk)
    """Syncs nothing: who cuts the power here knows what was to be synced."""
    windows: int = 0
    tested: set[str] = field(default_factory=set)
    """SHA-256 of bundles that passed their self-test."""
    ran: list[str] = field(default_factory=list)
    """Of bundles that were in charge, window by window."""
    reports: list[SlotReport] = field(default_factory=list)
    on_window: Callable[[ModelSlots], None] = lambda _: None

    def boot(self) -> ModelSlots:
        parts = SlotParts(
            self._open, self._test, disk=self.disk, clock=lambda: float(self.windows), start=_at_once
        )
        slots = ModelSlots(self.folder / "model", FACTORY, parts)
        slots.on_report = self.reports.append
        return slots

    def offer(self, bundle: Bundle, attempt: int = 1) -> Offer:
        return offered(self.folder / "downloads", bundle, attempt)

    def run(self, slots: ModelSlots, windows: int) -> None:
        """Let the machine run on."""
        for _ in range(windows):
            self.windows += 1
            slots.score(cast(Any, None), False)
            self.ran.append(sha256_of(slots.model.bundle))
            slots.after_window(False, True, lambda _: True)
            self.on_window(slots)
            check_truth(slots)

    def finish(self, slots: ModelSlots) -> SlotReport:
        """Run until nothing is being tried any more."""
        for _ in range(LONGEST):
            self.run(slots, 1)
            if slots.report.state not in list(Stage) and slots.report.state != "none":
                return slots.report
        raise AssertionError(f"stuck: {slots.report}")

    def _open(self, bundle: Bundle, learned: Path) -> RunningModel:
        stamp = StateStamp("rig", bundle.manifest.version, "rig", 1)
        scorer = NamedScorer(bundle, self)
        return RunningModel(bundle, cast(Any, None), cast(Any, scorer), StateFile(learned, stamp))

    def _test(self, path: Path, release: Release) -> Passed | Failed:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == release.sha256, "unverified bytes were run"
        if release.version == "fails-test":
            return Failed(Reason.SELF_TEST, "self-test 0 is off by 9 steps")
        self.tested.add(release.sha256)
        return Passed()


def check_truth(slots: ModelSlots) -> None:
    """A report never says more than is."""
    report = slots.report
    assert report.version == slots.model.version
    assert (report.state == "confirmed") <= (report.wanted == report.version)
    assert (report.state in ("refused", "rolled_back")) <= bool(report.reason and report.sentence)
    assert report.state != "rolled_back" or report.wanted != report.version


def _at_once(work: Callable[[], None]) -> None:
    work()
