"""One device brings one release, and the power goes at every call that it makes on the way."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from contract.updates import UpdateReport, UpdateState
from edge_agent.slot_state import Release
from ota.assignment import Assignment, sign_assignment
from ota.keys import open_ring
from ota.rollout_plan import ReleaseRef
from simulators.ota.audit import Expected, untried, unverified
from simulators.ota.cast import DAY_S, HOUR_S, Clock, Part
from simulators.ota.device import Device
from simulators.ota.link import FolderServer, Reply, Server
from simulators.ota.models import FAMILY, GOOD, Behaviour, make_release
from simulators.ota.publisher import Publisher
from tests.simulators.ota.around import Around

FACTORY = Release(FAMILY, "1-aa", "f" * 64, 10)


class Plant(Around):
    """A repository with one release, assigned to everybody who asks."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.publisher = Publisher(folder, lambda: self.start + timedelta(seconds=self.now_s))
        self.agenda.every(DAY_S, self.publisher.refresh)
        self.root = self.publisher.first_root
        self.release = self.publisher.publish(make_release(2, training=2))
        self._server = FolderServer(self.publisher.path, self)
        self._bytes = {f"pump-{n}": self._assign(f"pump-{n}", self.release) for n in range(400)}
        self.ledger.published = {FACTORY.sha256: 0.0, self.release.sha256: 0.0}

    @property
    def server(self) -> Server:
        return self._server

    @property
    def behaviours(self) -> Mapping[str, Behaviour]:
        return {self.release.sha256: GOOD, FACTORY.sha256: GOOD}

    def reply(self, path: str, tag: str) -> Reply:
        device = path.split("/")[-2]
        return Reply(200, self._bytes[device], '"1"') if tag != '"1"' else Reply(304, b"", '"1"')

    def _assign(self, device: str, release: ReleaseRef) -> bytes:
        ends = self.start.replace(year=2027)
        facts = release.family, release.version, release.sha256, release.length
        told = Assignment(device, 1, *facts, "r-1", None, self.start, ends)
        return sign_assignment(told, open_ring([self.publisher.director]).signers)

    def device(self, number: int, folder: Path, **fate: object) -> Device:
        part = Part(f"pump-{number}", number, **fate)  # type: ignore[arg-type]
        return Device(part, folder / part.device, FACTORY, self)

    def is_right(self, device: Device) -> bool:
        expected = Expected(FACTORY.sha256, self.release.sha256, frozenset())
        assert [*unverified(self.ledger), *untried(self.ledger, expected)] == []
        return self.ledger.running[device.id] == self.release.sha256

    def said(self, device: Device) -> list[UpdateState]:
        mine = [message for message in self.heard() if message.device_id == device.id]
        return [message.body.state for message in mine if isinstance(message.body, UpdateReport)]


@pytest.mark.parametrize("clock", [Clock.BELIEVED, Clock.NONE])
def test_a_release_comes_in_charge_and_is_confirmed(tmp_path: Path, clock: Clock) -> None:
    plant = Plant(tmp_path)
    device = plant.device(1, tmp_path, clock=clock)
    device.start()
    plant.agenda.run(HOUR_S)
    assert plant.is_right(device)
    assert plant.said(device)[-1] is UpdateState.CONFIRMED
    assert plant.ledger.accepted[device.id][0] == 1


@pytest.mark.slow
def test_the_power_may_go_at_any_call(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    number, was_cut = 0, True
    while was_cut:
        ends_s = plant.now_s + 2 * HOUR_S
        device = plant.device(number, tmp_path, gone_at_s=ends_s)
        device.start()
        device.cut_after(number)
        plant.agenda.run(ends_s - 1.0)
        assert plant.is_right(device), f"cut at call {number}"
        assert plant.said(device)[-1] is UpdateState.CONFIRMED
        plant.came.clear()
        was_cut, number = device.tally.cuts > 0, number + 1
    assert number > 60


def test_one_that_is_away_comes_later(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    device = plant.device(1, tmp_path, away=((0.0, DAY_S),))
    device.start()
    plant.agenda.run(DAY_S)
    assert not plant.is_right(device) and not plant.came
    plant.agenda.run(2 * DAY_S)
    assert plant.is_right(device)


def test_one_that_is_gone_does_nothing_any_more(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    device = plant.device(1, tmp_path, gone_at_s=1.0, cuts=(0.5,))
    device.start()
    plant.agenda.run(DAY_S)
    assert not plant.is_right(device)


def test_a_liar_runs_the_factorys_and_says_otherwise(tmp_path: Path) -> None:
    plant = Plant(tmp_path)
    device = plant.device(1, tmp_path, lies=True)
    device.start()
    plant.agenda.run(HOUR_S)
    assert not plant.is_right(device)
    assert plant.said(device)[-1] is UpdateState.CONFIRMED
