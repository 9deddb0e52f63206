"""What is read back of a machine is enough for its model, and the same as if all of it were read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.lives import LifeBuilder, MachineHistory, lives_of
from cloud.machine_events import MachineEvent
from cloud.store.batch import Arrival
from cloud.store.database import Database, open_database
from cloud.store.life_history import fill_rows, restore_rows
from cloud.store.observations import read_observed
from cloud.store.writer import StoreWriter
from contract.forecast import InputSpec, assemble
from contract.lives import End
from tests.cloud.life_samples import DEVICE, GEARED, PLAN, at, event, observed, said, talk

LIFE = replace(GEARED, components=(*GEARED.components, "machine"))
INPUTS = InputSpec(LIFE, n_rows=24, n_events=2)
NOW = at(5000)


def filled(database: Database, *events: MachineEvent) -> LifeBuilder:
    builder = LifeBuilder(PLAN)
    with database.session() as session:
        fill_rows(session, builder, DEVICE, [e.time for e in events], INPUTS)
    return builder


def whole(database: Database) -> LifeBuilder:
    builder = LifeBuilder(PLAN)
    with database.session() as session:
        for each in read_observed(session, DEVICE):
            builder.add(each)
    return builder


def model_inputs(builder: LifeBuilder, *events: MachineEvent) -> dict[str, dict[str, np.ndarray]]:  # type: ignore[type-arg]
    history = MachineHistory(DEVICE, builder.rows(NOW), events)
    return {
        life.component: assemble([life], INPUTS)
        for life, _ in lives_of(history, PLAN, LIFE)
        if life.end is End.RUNNING
    }


def assert_same(database: Database, *events: MachineEvent) -> LifeBuilder:
    some = filled(database, *events)
    found, wanted = model_inputs(some, *events), model_inputs(whole(database), *events)
    assert found.keys() == wanted.keys()
    for component, tensors in wanted.items():
        for name, tensor in tensors.items():
            np.testing.assert_array_equal(tensor, found[component][name], err_msg=f"{component} {name}")
    return some


def test_a_machine_that_was_never_heard_has_no_rows(database: Database) -> None:
    assert len(filled(database).rows(NOW).steps) == 0


def test_only_what_a_model_reads_is_read(writer: StoreWriter, database: Database) -> None:
    writer.write(talk(300))
    some = assert_same(database)
    assert some.counters.used <= 3 * (20 + INPUTS.n_rows + 2)


def test_every_running_life_has_its_first_rows(writer: StoreWriter, database: Database) -> None:
    writer.write(talk(300))
    log = (event("replacement", -3.5, "bearing"), event("replacement", 100.5, "bearing"))
    assert_same(database, *log, event("replacement", 150, "gear"), event("failure", 290.2, "axle"))


GAPS = st.lists(st.sampled_from([0, 0, 0, 1, 5, 40]), min_size=1, max_size=60)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(gaps=GAPS, changes=st.lists(st.integers(-10, 700), max_size=3))
def test_gaps_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, gaps: list[int], changes: list[int]
) -> None:
    arrivals: list[Arrival] = []
    hour = 0
    for number, gap in enumerate(gaps):
        hour += 1 + gap
        arrivals.append(said(number + 1, hour))
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('gaps')}/store.db")
    StoreWriter(database).write(arrivals)
    assert_same(database, *(event("replacement", change / 2) for change in changes))
    database.close()


def test_wrong_clocks_take_nobodys_place(writer: StoreWriter, database: Database) -> None:
    wrong = [said(9000 + n, 400 + n, late_h=-50) for n in range(40)]
    writer.write([*talk(60), *wrong])
    some = assert_same(database)
    assert len(some.rows(NOW).steps) >= INPUTS.n_rows


def test_a_stale_step_waits_until_the_store_holds_what_was_late(
    writer: StoreWriter, database: Database
) -> None:
    arrivals = talk(6)
    late = arrivals.pop(1)
    writer.write(arrivals)
    builder = filled(database)
    builder.add(observed(late))
    with database.session() as session:
        restore_rows(session, builder, DEVICE)
    assert builder.stale
    writer.write([late])
    with database.session() as session:
        restore_rows(session, builder, DEVICE)
    assert not builder.stale
    assert builder.rows(NOW).values.tobytes() == whole(database).rows(NOW).values.tobytes()
