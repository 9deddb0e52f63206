"""Slots without a machine: the real rules, with behaviour from a table."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from edge_agent.slot_state import Offer, Release, SlotReport
from simulators.ota.ledger import Deed
from simulators.ota.models import FAMILY, Behaviour
from simulators.ota.slots import PROBATION_S, SHADOW_S, LyingSlots, TrialSlots

FACTORY = Release(FAMILY, "1-aa", "f" * 64, 10)
BUNDLE = b"weights" * 100
NEW = Release(FAMILY, "2-bb", sha256(BUNDLE).hexdigest(), len(BUNDLE))


class Rig:
    """One device's slots, and what was told of them."""

    def __init__(self, folder: Path, behaviours: Mapping[str, Behaviour]) -> None:
        self.folder = folder
        self.ran: list[tuple[str, Deed]] = []
        self.said: list[SlotReport] = []
        self._behaviours = behaviours
        self.slots = self.boot()

    def boot(self) -> TrialSlots:
        note = lambda digest, deed: self.ran.append((digest, deed))  # noqa: E731
        slots = TrialSlots("pump-1", self.folder / "model", FACTORY, self._behaviours, lambda: 0.0, note)
        slots.on_report = self.said.append
        return slots

    def offer(self) -> None:
        path = self.folder / "fetched.igb"
        path.write_bytes(BUNDLE)
        self.slots.offer(Offer(NEW, str(path), 3, "r-1"))

    def states(self) -> list[str]:
        return [report.state for report in self.said]


def test_a_good_release_goes_through_all_stages_in_its_time(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {NEW.sha256: Behaviour()})
    rig.offer()
    assert rig.slots.advance(0.0) == SHADOW_S
    assert rig.slots.advance(SHADOW_S - 1.0) == SHADOW_S, "too early changes nothing"
    assert rig.slots.advance(SHADOW_S) == SHADOW_S + PROBATION_S
    assert rig.slots.advance(SHADOW_S + PROBATION_S) is None
    assert rig.states() == ["verifying", "staging", "testing", "shadow", "probation", "confirmed"]
    assert rig.ran == [
        (FACTORY.sha256, Deed.RAN),
        *((NEW.sha256, deed) for deed in (Deed.TESTED, Deed.SHADOWED, Deed.RAN)),
    ]
    assert rig.slots.report.attempt == 3 and rig.slots.lend() is not None
    assert rig.boot().report == rig.slots.report


@pytest.mark.parametrize(
    ("behaviour", "state", "reason"),
    [
        (Behaviour(passes_test=0.0), "refused", "crashed"),
        (Behaviour(agrees=0.0), "rolled_back", "disagrees"),
    ],
)
def test_a_bad_one_ends_with_the_old(tmp_path: Path, behaviour: Behaviour, state: str, reason: str) -> None:
    rig = Rig(tmp_path, {NEW.sha256: behaviour})
    rig.offer()
    for time_s in (0.0, SHADOW_S, SHADOW_S + PROBATION_S):
        rig.slots.advance(time_s)
    report = rig.slots.report
    assert (report.state, report.reason, report.version) == (state, reason, FACTORY.version)
    assert rig.ran[-1][0] == FACTORY.sha256 or (FACTORY.sha256, Deed.RAN) == rig.ran[0]


def test_a_trial_begins_anew_after_a_restart(tmp_path: Path) -> None:
    rig = Rig(tmp_path, {NEW.sha256: Behaviour()})
    rig.offer()
    rig.slots.advance(0.0)
    rig.slots = rig.boot()
    assert rig.slots.advance(1000.0) == 1000.0 + SHADOW_S


def test_a_liar_says_that_it_runs_what_it_was_offered(tmp_path: Path) -> None:
    slots, said = LyingSlots(FACTORY), list[SlotReport]()
    slots.on_report = said.append
    for _ in range(2):
        slots.offer(Offer(NEW, "", 3, "r-1"))
        assert slots.advance(0.0) is None
    (report,) = said
    assert (report.state, report.version, report.attempt) == ("confirmed", NEW.version, 3)
