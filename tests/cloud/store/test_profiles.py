"""What the cloud knows of a machine comes from its own Birth."""

from __future__ import annotations

import pytest

from cloud.store import queries
from cloud.store.database import Database
from cloud.store.profiles import stored_profile
from cloud.store.writer import StoreWriter
from contract.messages import Contribution
from contract.profiles import MachineProfile, parse_profile
from tests.cloud.samples import INGEST, OWN_PROFILE, alarm, arrive, birth, summary


def of_machine(database: Database) -> MachineProfile | None:
    with database.session() as session:
        return queries.get_machine(session, "press-1", INGEST).profile


def test_a_machine_is_known_by_its_newest_birth(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(summary(1)))
    assert of_machine(database) is None
    writer.write(arrive(birth()))
    writer.write(arrive(birth(profile=OWN_PROFILE)))
    assert of_machine(database) == parse_profile(OWN_PROFILE)


def test_an_alert_is_told_with_the_machines_own_words(writer: StoreWriter, database: Database) -> None:
    warm = (Contribution("temp_level", "temp", 0.9, 6.0),)
    writer.write(arrive(alarm(1, 7, contributions=warm)))

    def title() -> str:
        with database.session() as session:
            return queries.list_alerts(session)[0].title

    assert title() == "Temp higher than usual", "readable before its Birth too"
    writer.write(arrive(birth(profile=OWN_PROFILE)))
    assert title() == "Temperature higher than usual"


@pytest.mark.parametrize("text", ["", "nonsense", OWN_PROFILE + "[future]\n"])
def test_a_text_that_this_code_cannot_read_is_no_profile(text: str) -> None:
    assert stored_profile(text) is None


def test_equal_texts_are_read_once() -> None:
    assert stored_profile(OWN_PROFILE) is stored_profile(str(OWN_PROFILE.encode(), "utf-8"))
