"""The crash table: power cuts and errors of the disk at every call of whole updates.

After each of them the device is started again on everything that the cut may have left. Then exactly one
whole bundle is in charge, the old one or the new one; nothing ran that was not verified and tested; the old
bundle is there until the new one is confirmed; and the update goes on to its end.
"""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from contract.bundle import Bundle
from edge_agent import model_slot
from edge_agent.model_slot import ModelSlots
from edge_agent.slot_disk import Disk
from edge_agent.slot_state import Reason, Slot, SlotState, Stage
from edge_agent.slot_store import SlotStore
from tests.contract.kills import killed_at_each_line
from tests.edge_agent.power_cut import Call, Image, Medium, RecordingDisk, read_image, write_image
from tests.edge_agent.slot_world import (
    FACTORY,
    PROBATION_WINDOWS,
    SHADOW_WINDOWS,
    World,
    sha256_of,
    version,
)

SECOND = version("second")


@dataclass(frozen=True)
class Scenario:
    """What is assigned, and how it must end.

    Attributes:
        name: Of the table's rows.
        bundle: What is assigned.
        ends: States that are right in the end.
        is_second: Whether the device has updated itself once before.
        then: What is asked for in the shadow run.
    """

    name: str
    bundle: Bundle
    ends: tuple[str, ...]
    is_second: bool = False
    then: Callable[[ModelSlots], None] | None = None

    @property
    def old(self) -> Bundle:
        return SECOND if self.is_second else FACTORY

    @property
    def is_kept(self) -> bool:
        return "confirmed" in self.ends


SCENARIOS = (
    Scenario("first", version("good"), ("confirmed",)),
    Scenario("next", version("good"), ("confirmed",), is_second=True),
    Scenario("fails-test", version("fails-test"), ("refused",), is_second=True),
    Scenario("fails-shadow", version("fails-shadow"), ("refused",)),
    Scenario("fails-probation", version("fails-probation"), ("rolled_back",), is_second=True),
    Scenario("fails-window", version("fails-window"), ("rolled_back",)),
    Scenario(
        "called-off", version("good"), ("cancelled", "confirmed"), is_second=True, then=ModelSlots.cancel
    ),
)


@pytest.fixture(autouse=True)
def short_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)


def shorten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_slot, "SHADOW_WINDOWS", SHADOW_WINDOWS)
    monkeypatch.setattr(model_slot, "PROBATION_WINDOWS", PROBATION_WINDOWS)


def prepare(scenario: Scenario, folder: Path) -> World:
    world = World(folder)
    slots = world.boot()
    world.run(slots, 1)
    if scenario.is_second:
        slots.offer(world.offer(SECOND))
        assert world.finish(slots).state == "confirmed"
    slots.close()
    return world


def play(scenario: Scenario, world: World) -> ModelSlots:
    """Boot and run the scenario to its end."""
    slots = world.boot()
    slots.offer(world.offer(scenario.bundle))

    def tell(_: ModelSlots) -> None:
        if isinstance(world.disk, RecordingDisk):
            world.disk.note = slots.report.state
        if scenario.then is not None and slots.report.state == Stage.SHADOW:
            scenario.then(slots)

    world.on_window = tell
    report = world.finish(slots)
    assert report.state in scenario.ends, report
    world.run(slots, 2)  # to tell of it, and to clean up
    slots.close()
    world.on_window = lambda _: None
    return slots


@dataclass(frozen=True)
class Recording:
    """A scenario's calls to the disk, and what was there before."""

    scenario: Scenario
    before: Image
    calls: tuple[Call, ...]
    tested_from: int
    """Number of calls before the self-test was passed; more than there are when it was not."""


def record(scenario: Scenario) -> Recording:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as monkeypatch:
        shorten(monkeypatch)
        world = prepare(scenario, Path(folder))
        before = read_image(world.folder / "model")
        disk = RecordingDisk(note="idle")
        recorded = replace(world, disk=disk, tested=_Watched(world.tested, disk))
        play(scenario, recorded)
        tested = recorded.tested
        assert isinstance(tested, _Watched)
        return Recording(scenario, before, tuple(disk.calls), tested.at)


class _Watched(set[str]):
    """Notes after how many calls something was added."""

    def __init__(self, known: set[str], disk: RecordingDisk) -> None:
        super().__init__(known)
        self._disk = disk
        self.at = 1_000_000

    def add(self, element: str) -> None:
        self.at = min(self.at, len(self._disk.calls))
        super().add(element)


RECORDINGS = {scenario.name: record(scenario) for scenario in SCENARIOS}


def rows() -> Iterator[object]:
    for recording in RECORDINGS.values():
        for n in range(len(recording.calls) + 1):
            last = recording.calls[n - 1] if n else Call("nothing")
            name = f"{recording.scenario.name}-{n:03d}-{last.note or 'idle'}-{last.kind}"
            yield pytest.param(recording, n, id=name)


every_call = pytest.mark.parametrize(("recording", "n"), list(rows()))


def check_after_boot(slots: ModelSlots, world: World, scenario: Scenario) -> None:
    """What must be so whenever a device has just started."""
    new, old = sha256_of(scenario.bundle), sha256_of(scenario.old)
    store = SlotStore(world.folder / "model", Disk())
    running = sha256_of(slots.model.bundle)
    assert running in (old, new), "exactly one of the two is in charge"
    assert running == old or new in world.tested, "nothing is in charge that was not tested"
    state = store.peek()
    if state is not None:
        assert state.held[state.in_charge].sha256 == running
        assert store.intact(state) == frozenset(state.held), "what the record names is whole"
        assert state.outcome.version == scenario.bundle.manifest.version or holds(state, old)


def holds(state: SlotState, sha256: str) -> bool:
    """Whether a bundle can still be put in charge."""
    return any(release.sha256 == sha256 for release in state.held.values())


def go_on(world: World, scenario: Scenario) -> None:
    """Start the device, let the cloud assign the release again, and see it through."""
    slots = world.boot()
    check_after_boot(slots, world, scenario)
    world.run(slots, 1)
    if scenario.then is None or slots.report.wanted != scenario.bundle.manifest.version:
        slots.offer(world.offer(scenario.bundle))
    report = world.finish(slots)
    if report.reason == Reason.DAMAGED:  # what was handed over has not outlived the cut: it comes again
        slots.offer(world.offer(scenario.bundle))
        world.run(slots, 1)
        report = world.finish(slots)
    world.run(slots, 2)

    assert report.state in scenario.ends and report.wanted == scenario.bundle.manifest.version, report
    is_new = report.state == "confirmed"
    assert sha256_of(slots.model.bundle) == sha256_of(scenario.bundle if is_new else scenario.old)
    assert world.reports[-1:] in ([], [slots.report]), "the last thing that the cloud hears is how it is"
    state = SlotStore(world.folder / "model", Disk()).peek()
    assert state is not None and state.is_reported
    slots.close()
    files = {path.name for path in (world.folder / "model").iterdir()}
    assert files == {"record.json"} | {f"{slot}.igb" for slot in state.held if slot is not Slot.FACTORY}
    assert set(world.ran) <= {sha256_of(FACTORY), sha256_of(SECOND), sha256_of(scenario.bundle)}


@every_call
def test_power_cut(recording: Recording, n: int, tmp_path: Path) -> None:
    scenario = recording.scenario
    medium = Medium(recording.before)
    for call in recording.calls[:n]:
        medium.apply(call)
    for number, image in enumerate(medium.images()):
        world = World(tmp_path / str(number))
        if n >= recording.tested_from:
            world.tested.add(sha256_of(scenario.bundle))
        write_image(world.folder / "model", image)
        go_on(world, scenario)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(
    ("code", "is_lasting"),
    [(errno.ENOSPC, False), (errno.EROFS, True)],
    ids=["full-once", "read-only-from-then"],
)
@pytest.mark.parametrize("recording", list(RECORDINGS.values()), ids=list(RECORDINGS))
def test_error_at_every_call(recording: Recording, code: int, is_lasting: bool, tmp_path: Path) -> None:
    scenario = recording.scenario
    for n in range(len(recording.calls)):
        world = prepare(scenario, tmp_path / str(n))
        healthy = world.disk
        world.disk = RecordingDisk(fail_at=n, error=OSError(code, os.strerror(code)), is_lasting=is_lasting)
        slots = world.boot()
        slots.offer(world.offer(scenario.bundle))
        world.run(slots, 40)
        assert not is_lasting or slots.report.state != "confirmed" or n > 40
        slots.close()
        world.disk = healthy
        go_on(world, replace(scenario, then=None))


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("scenario", [SCENARIOS[1], SCENARIOS[4]], ids=lambda scenario: scenario.name)
def test_killed_at_every_line(scenario: Scenario, tmp_path: Path) -> None:
    """The real thing: a process that ends at that line, on a real file system."""

    def world(n: int) -> World:
        return World(tmp_path / f"f{n}")

    prepare(scenario, tmp_path / "prepared")
    prepared = read_image(tmp_path / "prepared" / "model")

    def work(n: int) -> None:
        write_image(world(n).folder / "model", prepared)
        play(scenario, replace(world(n), disk=Disk()))

    for n in killed_at_each_line(work, "edge_agent.slot_disk"):
        after = world(n)
        after.tested.add(sha256_of(scenario.bundle))
        go_on(after, scenario)
    assert n > 100


def test_a_crash_loop_is_counted_over_restarts_and_ends_with_the_old_model(tmp_path: Path) -> None:
    world = prepare(SCENARIOS[1], tmp_path)
    slots = world.boot()
    slots.offer(world.offer(version("good")))
    while slots.report.state != Stage.PROBATION:
        world.run(slots, 1)
    for _ in range(2):  # the process dies: nothing is closed
        assert world.boot().model.version == "good"
    slots = world.boot()

    assert slots.model.version == "second"
    said = slots.report
    assert (said.state, said.reason, said.wanted) == ("rolled_back", "crash_loop", "good")
    assert said.sentence == "the agent ended 3 times during its probation"
    slots.offer(world.offer(version("good")))
    world.run(slots, 5)
    assert slots.model.version == "second" and slots.report == said, "it is not tried again ..."
    slots.offer(world.offer(version("good"), attempt=2))
    assert world.finish(slots).state == "confirmed", "... unless it is asked for"


def test_restarts_that_were_asked_for_are_no_crashes(tmp_path: Path) -> None:
    world = prepare(SCENARIOS[0], tmp_path)
    slots = world.boot()
    slots.offer(world.offer(version("good")))
    for _ in range(12):
        if slots.report.state == Stage.PROBATION:
            slots.close()
            slots = world.boot()
        world.run(slots, 1)
    assert slots.report.state == Stage.PROBATION
    assert world.finish(slots).state == "confirmed"


def test_the_table_is_long_enough() -> None:
    calls = [len(recording.calls) for recording in RECORDINGS.values()]
    assert sum(calls) >= 120 and min(calls) > 20
    stages = {call.note for recording in RECORDINGS.values() for call in recording.calls}
    assert stages >= {stage.value for stage in Stage}
