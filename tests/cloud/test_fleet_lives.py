"""Online and offline are one: forecasts are made from what a snapshot of that moment holds, to the bit."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.fleet_lives import FleetLives, Form
from cloud.lives import lives_of
from cloud.snapshots import history_at
from cloud.store.batch import Arrival
from cloud.store.database import Database, open_database
from cloud.store.machine_events import read_logs, store_events
from cloud.store.writer import StoreWriter
from contract.forecast import InputSpec, assemble
from contract.lives import End
from contract.profiles import MachineProfile
from tests.cloud.life_samples import DEVICE, INPUTS, PLAN, PROFILE, SPEC, at, born, event, said, talk
from tests.cloud.samples import status

FORM = Form(PLAN, INPUTS)
LATE_H = st.sampled_from([0.001, 0.001, 0.4, 1.1, 2.5, 30.0])


class Rig:
    """A store with a sink that may lag behind, and the online rows beside it."""

    def __init__(self, database: Database, inputs: InputSpec = INPUTS) -> None:
        self.database = database
        self.inputs = inputs
        self.writer = StoreWriter(database)
        self.behind: list[Arrival] = []
        self.form: Form | None = Form(PLAN, inputs)
        self.fleet = self.restart()

    def restart(self) -> FleetLives:
        def form_of(device: str, profile: MachineProfile) -> Form | None:
            assert profile == PROFILE
            return self.form

        self.fleet = FleetLives(form_of)
        return self.fleet

    def hear(self, *arrivals: Arrival, is_stored: bool = True) -> None:
        """The stream brings something to both groups; the sink may be slower."""
        self.fleet.take(arrivals)
        self.behind += arrivals
        if is_stored:
            self.catch_up()

    def catch_up(self) -> None:
        self.writer.write(self.behind)
        self.behind = []

    def settle(self, hours: float) -> None:
        with self.database.session() as session:
            self.fleet.settle(session, at(hours))

    def assert_same(self, hours: float) -> int:
        """Hold the online lives against those of the store; returns how many there are."""
        hours += 0.01  # what ends with the hour is heard a moment later
        self.settle(hours)
        online = {(o.device_id, o.life.component): o for o in self.fleet.lives(at(hours))}
        offline = 0
        with self.database.session() as session:
            for device in sorted({device for device, _ in online} | {DEVICE}):
                log = read_logs(session, [device], at(hours)).get(device, ())
                history, _ = history_at(session, device, log, PLAN, at(hours))
                for life, _ in lives_of(history, PLAN, self.inputs.life):
                    if life.end is End.RUNNING:
                        offline += 1
                        found = online[device, life.component]
                        wanted, got = (assemble([each], self.inputs) for each in (life, found.life))
                        for name, tensor in wanted.items():
                            assert tensor.tobytes() == got[name].tobytes(), name
                        assert found.made_at == PLAN.start_of(int(history.rows.steps[-1]) + 1)
        assert offline == len(online)
        return offline


@pytest.fixture
def rig(database: Database) -> Rig:
    return Rig(database)


def test_a_machine_that_speaks_is_known(rig: Rig) -> None:
    rig.hear(born(), *talk(50))
    assert rig.assert_same(50) == 1


def test_a_machine_that_was_born_before_the_worker_is_known_by_the_store(rig: Rig) -> None:
    rig.hear(born(), *talk(30))
    rig.restart()
    rig.hear(said(1000, 30.5))
    assert rig.assert_same(31) == 1


def test_other_messages_and_machines_without_a_birth_do_no_harm(rig: Rig) -> None:
    rig.hear(born(), Arrival(status(999, DEVICE), at(0)), *talk(5), said(1, 1, "mix-2"))
    assert rig.assert_same(5) == 1


def test_an_import_of_a_log_begins_other_lives(database: Database) -> None:
    rig = Rig(database, replace(INPUTS, life=replace(SPEC, components=("machine", "gear"))))
    rig.hear(born(), *talk(80))
    assert rig.assert_same(80) == 2
    assert rig.fleet.unknown_components == set()
    with rig.database.transaction() as session:
        log = [event("failure", 40.5), event("replacement", 1, "gear"), event("failure", 2, "axle")]
        store_events(session, log, at(80))
    assert rig.assert_same(80) == 2
    assert rig.fleet.unknown_components == {("dough_mixer", "axle")}
    with rig.database.transaction() as session:
        store_events(session, [event("maintenance", 70, "", "oiled")], at(80))
    assert rig.assert_same(80) == 2
    (machine, *_) = (o.life for o in rig.fleet.lives(at(80)) if o.life.component == "machine")
    assert machine.events[0].code == "oiled"
    assert machine.age[-1] == 39.5


def test_a_late_summary_waits_for_the_store_and_then_counts(rig: Rig) -> None:
    arrivals = talk(10)
    late = arrivals.pop(4)
    rig.hear(born(), *arrivals)
    rig.assert_same(10)
    rig.hear(late, is_stored=False)
    rig.settle(10)
    before = next(iter(rig.fleet.lives(at(10)))).life.sensors.copy()
    rig.catch_up()
    rig.assert_same(10)
    after = next(iter(rig.fleet.lives(at(10)))).life.sensors
    assert not np.array_equal(before, after)


def test_nothing_is_read_before_the_store_holds_what_the_stream_brought(rig: Rig) -> None:
    rig.hear(born(), *talk(4))
    rig.restart()
    rig.hear(said(500, 4.5), is_stored=False)
    rig.settle(5)
    assert list(rig.fleet.lives(at(5))) == []
    rig.hear(said(501, 5.5), is_stored=False)
    rig.catch_up()
    assert rig.assert_same(6) == 1


def test_what_a_device_repeats_does_not_show_that_the_store_has_caught_up(rig: Rig) -> None:
    first, *others = talk(4)
    rig.hear(born(), first)
    rig.hear(*others, is_stored=False)
    rig.restart()
    rig.hear(replace(first, ingest_time=at(4.2)), is_stored=False)
    rig.settle(5)
    assert list(rig.fleet.lives(at(5))) == []
    rig.hear(said(501, 5.5), is_stored=False)
    rig.catch_up()
    assert rig.assert_same(6) == 1


def test_a_sink_far_behind_costs_no_more_than_a_few_summaries(rig: Rig) -> None:
    rig.hear(born(), is_stored=False)
    arrivals = talk(60)
    rig.hear(*arrivals, is_stored=False)
    behind, rig.behind = rig.behind, rig.behind[: 1 + len(arrivals) - 20]
    rig.catch_up()  # not the newest twenty
    rig.settle(60)
    rig.behind = behind[1 + len(arrivals) - 20 :]
    rig.catch_up()
    assert rig.assert_same(60) == 1


def test_what_is_repeated_does_not_say_how_far_the_store_is(rig: Rig) -> None:
    first, second, *others = talk(4)
    rig.hear(born(), first)
    rig.hear(second, *others, is_stored=False)
    rig.settle(4)
    again = replace(first, ingest_time=at(4))
    rig.hear(again, is_stored=False)
    rig.settle(4)
    rig.catch_up()
    assert rig.assert_same(4) == 1
    rig.behind = []
    rig.restart()
    rig.hear(said(900, 4.9), is_stored=False)
    rig.restart()  # 900 is read, and not yet stored
    rig.hear(replace(first, ingest_time=at(5)), is_stored=False)
    rig.settle(5)
    assert list(rig.fleet.lives(at(5))) == []
    rig.hear(said(901, 5.1))
    assert rig.assert_same(6) == 1


def test_another_model_reads_other_columns(rig: Rig) -> None:
    rig.hear(born(), *talk(30))
    rig.assert_same(30)
    life = replace(SPEC, sensors=("max_temp_level",))
    rig.form = Form(PLAN, replace(INPUTS, life=life, n_rows=30))
    rig.settle(30)
    (online,) = rig.fleet.lives(at(30))
    assert online.life.sensors.shape == (30, 1)
    rig.form = None
    rig.settle(30)
    assert list(rig.fleet.lives(at(30))) == []
    rig.form = FORM
    assert rig.assert_same(30) == 1


def test_wrong_clocks_are_counted_and_not_used(rig: Rig) -> None:
    rig.hear(born(), *talk(4))
    rig.assert_same(4)
    rig.hear(said(900, 60, late_h=-56))
    assert rig.assert_same(4) == 1
    assert rig.fleet.wrong_clocks == 1


@pytest.mark.slow
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chance=st.randoms(use_true_random=False), delays=st.lists(LATE_H, min_size=12, max_size=60))
def test_late_repeated_and_out_of_order_with_a_lagging_sink_and_restarts(
    tmp_path_factory: pytest.TempPathFactory, chance: random.Random, delays: list[float]
) -> None:
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('road')}/store.db")
    rig = Rig(database)
    rig.hear(born())
    arrivals = [said(n + 1, (n + 1) / 3, late_h=late) for n, late in enumerate(delays)]
    repeated = [replace(a, ingest_time=at(200)) for a in chance.choices(arrivals, k=4)]
    now = 0.0
    for arrival in sorted([*arrivals, *repeated], key=lambda a: a.ingest_time):
        now = (arrival.ingest_time - at(0)).total_seconds() / 3600
        rig.hear(arrival, is_stored=chance.random() < 0.6)
        what = chance.random()
        if what < 0.15:
            rig.settle(now)
        elif what < 0.25:
            rig.restart()
    rig.catch_up()
    rig.hear(said(5000, now, late_h=0.01))
    rig.settle(now + 0.5)
    assert rig.assert_same(now + 1.5) == 1
    database.close()
