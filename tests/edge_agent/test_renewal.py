"""When a certificate is renewed, and that a failure is only a matter of time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.identity import IdentityFolder
from edge_agent.credentials import Holding
from edge_agent.enrolment import NOTES_FILE, read_identity
from edge_agent.renewal import FIRST_RETRY_S, LAST_RETRY_S, LOOK_S, Renewer, renewal_time
from tests.enrolment_desk import RunningDesk
from tests.secured_broker import give_identity, make_fleet_authority

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDesk]:
    folder = tmp_path_factory.mktemp("desk")
    with RunningDesk(folder, make_fleet_authority(folder)) as running:
        yield running


def provisioned(desk: RunningDesk, folder: Path, name: str, age: timedelta) -> IdentityFolder:
    identity, issued = give_identity(desk.authority, folder, name, now=NOW - age)
    desk.add(issued)
    (folder / NOTES_FILE).write_text(f'{{"url": "{desk.url}", "token": ""}}')
    return identity


@given(st.floats(0, 1), st.integers(1, 10_000))
def test_a_certificate_is_renewed_in_the_second_third_of_its_life(draw: float, hours: int) -> None:
    life = timedelta(hours=hours)
    due = renewal_time(Holding(b"", "", "a", NOW, NOW + life), draw)
    assert life / 2 <= due - NOW <= life * 2 / 3 + timedelta(microseconds=1)


def test_a_young_certificate_is_left_alone_and_an_old_one_renewed(desk: RunningDesk, tmp_path: Path) -> None:
    young = provisioned(desk, tmp_path / "young", "young", timedelta(days=80))
    assert Renewer(young, draw=lambda: 0.0).look() == LOOK_S
    assert len(desk.certificates("young")) == 1
    old = provisioned(desk, tmp_path / "old", "old", timedelta(days=91))
    assert Renewer(old, draw=lambda: 1.0).look() == LOOK_S
    assert len(desk.certificates("old")) == 1
    assert Renewer(old, draw=lambda: 0.0).look() == LOOK_S
    assert read_identity(old).not_before > NOW - timedelta(hours=2)
    assert len(desk.certificates("old")) == 2


def test_a_clock_that_is_ahead_brings_no_flood_of_certificates(desk: RunningDesk, tmp_path: Path) -> None:
    identity = provisioned(desk, tmp_path / "fast", "fast", timedelta(days=100))
    renewer = Renewer(identity, now=lambda: NOW + timedelta(days=5000), draw=lambda: 0.5)
    for _ in range(5):
        renewer.look()
    assert len(desk.certificates("fast")) == 2


def test_a_desk_that_is_away_is_asked_again_ever_more_rarely(desk: RunningDesk, tmp_path: Path) -> None:
    identity = provisioned(desk, tmp_path / "alone", "alone", timedelta(days=130))
    (identity.path / NOTES_FILE).write_text('{"url": "https://localhost:1", "token": ""}')
    renewer = Renewer(identity, draw=lambda: 0.999)
    waits = [renewer.look() for _ in range(12)]
    assert waits == sorted(waits) and waits[0] > LOOK_S + FIRST_RETRY_S and waits[-1] <= LOOK_S + LAST_RETRY_S


def test_it_ends_when_told(desk: RunningDesk, tmp_path: Path) -> None:
    identity = provisioned(desk, tmp_path / "i", "ending", timedelta(days=1))
    stop = threading.Event()
    thread = threading.Thread(target=Renewer(identity).run, args=(stop,))
    thread.start()
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
