"""Rollouts over both databases: restarts, several schedulers, and people between them."""

from __future__ import annotations

import multiprocessing
import threading
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import pytest

from cloud.errors import StaleError
from cloud.releases import SCHEDULER, Scheduler
from cloud.store.database import Database, open_database
from cloud.store.rollout_facts import Place, put_place
from cloud.store.rollouts import list_events
from contract.updates import UpdateState
from ota.assignment import Action, parse_assignment
from ota.errors import KeyUriError, RolloutError
from ota.member import MemberState
from ota.rollout import RolloutState
from ota.rollout_plan import Filter
from ota.rollout_step import Order
from tests.cloud.release_samples import NEW, NOON, OLD, PUMP, Hints, PlainSigner, Plant, plan
from tests.cloud.samples import alarm, arrive, birth

N_STEPPERS = 4


@pytest.fixture
def plant(database: Database) -> Plant:
    return Plant(database)


def test_from_the_first_to_the_last_device(plant: Plant) -> None:
    rollout_id = plant.begin()
    assert plant.go() == 2
    canary = plant.assigned()
    found = plant.assignment(canary[0])
    assert found is not None
    told = parse_assignment(found.envelope)
    assert (told.device, told.number, told.version, told.sha256) == (canary[0], 1, NEW.version, NEW.sha256)
    assert (told.rollout, told.action) == (rollout_id, Action.INSTALL) and told.issued == plant.now
    plant.say(canary, UpdateState.CONFIRMED)
    plant.go(rounds=2)
    assert plant.assigned() == plant.devices
    plant.say(plant.devices, UpdateState.CONFIRMED)
    plant.go()
    assert plant.rollout(rollout_id).state is RolloutState.COMPLETED
    assert plant.assignment(canary[0]) == found, "told once"


def test_a_new_scheduler_goes_on_where_the_old_one_was(plant: Plant) -> None:
    rollout_id = plant.begin()
    plant.go()
    plant.scheduler = plant.make_scheduler()
    assert plant.go() == 0
    before = plant.rollout(rollout_id)
    again = open_database(plant.database.url)
    try:
        moved = Scheduler(again, PlainSigner(), Hints(), lambda: plant.now)
        assert moved.go_round() == 0
    finally:
        again.close()
    assert plant.rollout(rollout_id) == before
    plant.say(plant.assigned(), UpdateState.CONFIRMED)
    plant.scheduler = plant.make_scheduler()
    assert plant.go(rounds=2) == 6


def step_often(url: str, rollout_id: str, gate: object, told: object) -> None:
    """What each of several processes does: step as fast as it can."""
    database = open_database(url)
    try:
        scheduler = Scheduler(database, PlainSigner(), Hints(), lambda: NOON + timedelta(minutes=1))
        gate.wait()  # type: ignore[attr-defined]
        for _ in range(5):
            for order in scheduler.take_step(rollout_id):
                told.put((order.device, order.number))  # type: ignore[attr-defined]
    finally:
        database.close()


@pytest.mark.slow
def test_several_schedulers_in_processes_of_their_own_tell_each_device_once(database: Database) -> None:
    plant = Plant(database, 40)
    rollout_id = plant.begin()
    context = multiprocessing.get_context("fork")  # a new one would look for `tests` among what is installed
    gate, told = context.Barrier(2), context.Queue()
    workers = [
        context.Process(target=step_often, args=(database.url, rollout_id, gate, told)) for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    said = [told.get(timeout=10) for _ in range(10)]
    told.close()
    told.join_thread()
    assert Counter(said) == Counter((device, 1) for device in plant.assigned())
    assert len(plant.assigned()) == 10
    check_trail(database, rollout_id)


def test_several_schedulers_in_threads_tell_each_device_once(plant: Plant) -> None:
    rollout_id = plant.begin()
    gate, told = threading.Barrier(N_STEPPERS), list[str]()

    def step() -> None:
        scheduler = Scheduler(plant.database, PlainSigner(), Hints(), lambda: NOON + timedelta(minutes=1))
        gate.wait()
        for _ in range(5):
            told.extend(order.device for order in scheduler.take_step(rollout_id))

    threads = [threading.Thread(target=step) for _ in range(N_STEPPERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == plant.assigned() and len(told) == 2
    check_trail(plant.database, rollout_id)


def check_trail(database: Database, rollout_id: str) -> None:
    with database.session() as session:
        events = list_events(session, rollout_id, 5000)
    opened = [event for event in events if event.what == "group opened"]
    told = Counter(event.device_id for event in events if event.what == "assigned")
    assert len(opened) == 1 and set(told.values()) == {1}


def test_people_come_between_steps_and_nothing_is_lost(plant: Plant) -> None:
    rollout_id = plant.begin()
    stop = threading.Event()

    def step() -> None:
        while not stop.is_set():
            plant.scheduler.take_step(rollout_id)

    stepping = threading.Thread(target=step)
    stepping.start()
    try:
        for number in range(10):
            plant.people.pause(rollout_id, "Jo Brandt", f"pause {number}")
            plant.people.resume(rollout_id, "Jo Brandt", f"resume {number}")
    finally:
        stop.set()
        stepping.join()
    with plant.database.session() as session:
        trail = [(e.who, e.why) for e in list_events(session, rollout_id, 500) if e.who == "Jo Brandt"]
    assert trail == [("Jo Brandt", f"{what} {n}") for n in range(10) for what in ("pause", "resume")]


def test_a_key_that_does_not_sign_leaves_everything_as_it_was(plant: Plant) -> None:
    rollout_id = plant.begin()
    plant.go()
    plant.say(plant.assigned(), UpdateState.CONFIRMED)
    before = plant.rollout(rollout_id)

    class Locked:
        def sign(self, assignment: object) -> bytes:
            raise KeyUriError("the token is locked")

        def sign_anew(self, envelope: bytes) -> bytes | None:
            return None

    plant.now += timedelta(minutes=1)
    scheduler = Scheduler(plant.database, Locked(), Hints(), lambda: plant.now)
    with pytest.raises(KeyUriError):
        scheduler.go_round()
    assert plant.rollout(rollout_id) == before and len(plant.assigned()) == 2
    assert plant.go() == 6


def test_who_did_what_and_why_is_kept(plant: Plant) -> None:
    rollout = plant.people.create(plan(needs_approval=True))
    with pytest.raises(RolloutError):
        plant.people.approve(rollout.id, "aylin kaya")
    plant.people.approve(rollout.id, "Jo Brandt")
    plant.people.start(rollout.id, "Aylin Kaya")
    plant.go()
    plant.people.abort(rollout.id, "Jo Brandt", "wrong family")
    with plant.database.session() as session:
        trail = [(e.who, e.what, e.why) for e in list_events(session, rollout.id, 100) if not e.device_id]
    assert trail == [
        ("Aylin Kaya", "created", f"pump {NEW.version}"),
        ("Jo Brandt", "approved", ""),
        ("Aylin Kaya", "started", ""),
        (SCHEDULER, "group opened", "canary"),
        (SCHEDULER, "waits", "waits for canary: 0 of 2 confirmed, 2 must be; 2 under way (2 assigned)"),
        ("Jo Brandt", "aborted", "wrong family"),
    ]


def test_aborted_it_sends_back_and_calls_off(plant: Plant) -> None:
    rollout_id = plant.begin()
    plant.go()
    first, second = plant.assigned()
    plant.say([first], UpdateState.CONFIRMED)
    plant.go()
    plant.people.abort(rollout_id, "Jo Brandt", "false alarms", is_returning=True)
    plant.go()
    back, off = plant.assignment(first), plant.assignment(second)
    assert back is not None and (back.number, back.version, back.action) == (2, OLD.version, "install")
    assert off is not None and (off.number, off.action) == (2, "cancel")
    plant.say([first], UpdateState.CONFIRMED, in_charge=OLD.version)
    plant.go(rounds=13)
    assert plant.rollout(rollout_id).members[first].state is MemberState.RETURNED


def test_a_later_rollout_takes_the_devices_of_an_earlier_one(plant: Plant) -> None:
    first = plant.begin()
    plant.go()
    canary = plant.assigned()
    second = plant.begin(release=OLD, back_to=None)
    plant.go(rounds=3)
    later = plant.rollout(second)
    told = [device for device, member in later.members.items() if member.number]
    earlier = plant.rollout(first)
    assert all(earlier.members[d].state is MemberState.SUPERSEDED for d in told if d in canary)
    assert later.rank > earlier.rank


def test_labels_choose_and_alarming_machines_wait(plant: Plant) -> None:
    with plant.database.transaction() as session:
        for device in plant.devices[:4]:
            put_place(session, device, Place({"site": "north"}, ()))
    plant.writer.write(arrive(alarm(5, 77, device="pump-01"), ingest_time=plant.now))
    rollout_id = plant.begin(where=Filter({"site": ("nor*",)}), groups=(plan().groups[1],))
    plant.go(rounds=2)
    assert sorted(plant.rollout(rollout_id).members) == plant.devices[:4]
    assert plant.assigned() == ["pump-00", "pump-02", "pump-03"]
    plant.writer.write(arrive(alarm(6, 77, "cleared", device="pump-01"), ingest_time=plant.now))
    plant.go()
    assert plant.assigned() == plant.devices[:4]


def test_a_change_that_always_comes_too_late_says_so(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    rollout_id = plant.begin()

    def come_late(*_: object) -> None:
        raise StaleError("changed meanwhile")

    monkeypatch.setattr("cloud.releases.save_rollout", come_late)
    with pytest.raises(StaleError):
        plant.people.pause(rollout_id, "Jo Brandt", "")


def go_through(plant: Plant, rollout_id: str) -> None:
    for _ in range(4):
        plant.go()
        for device in plant.assigned():
            held = plant.assignment(device)
            assert held is not None
            plant.say([device], UpdateState.CONFIRMED, in_charge=held.version)
    assert plant.rollout(rollout_id).state is RolloutState.COMPLETED


def test_rollouts_that_are_over_are_left_to_a_later_one_that_went_through(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = plant.begin()
    go_through(plant, first)
    second = plant.begin(release=OLD, back_to=None)
    go_through(plant, second)
    stepped: list[str] = []
    take_step = plant.scheduler.take_step

    def step_noted(rollout_id: str) -> Sequence[Order]:
        stepped.append(rollout_id)
        return take_step(rollout_id)

    monkeypatch.setattr(plant.scheduler, "take_step", step_noted)
    late = "pump-90"
    plant.devices.append(late)
    plant.writer.write(arrive(birth(late, profile=PUMP), ingest_time=plant.now))
    plant.go(rounds=13)
    assert set(stepped) == {second} and len(stepped) <= 3
    held = plant.assignment(late)
    assert held is not None and held.version == OLD.version, "who comes late is served"
    plant.people.abort(first, "Jo Brandt", "over")
    plant.go(rounds=3)
    assert first in stepped, "what somebody changes is looked at"
