"""An agent with updates: what is told is on disk, in order and true; nothing beside it stops the watch."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from contract.broker_address import BrokerAddress
from contract.bundle import Bundle, format_bundle
from contract.errors import ConfigError
from contract.messages import Kind
from contract.topics import UpdateTopic
from contract.updates import UpdateReport, UpdateState
from edge_agent import model_slot
from edge_agent.agent import Agent
from edge_agent.settings import AgentSettings, MqttSettings, UpdatePace, UpdateSettings
from edge_agent.updates import Updater
from tests.edge_agent.releases import offered, renamed
from tests.edge_agent.rig import ListSource, rig_readings, stored
from tests.edge_agent.test_mqtt import connect
from tests.edge_agent.wire import wait_until
from tests.ota.devices import Site, open_site
from tools.servers.mosquitto import Mosquitto

QUICK = UpdatePace(first_s=0.0, least_s=0.05, hint_spread_s=0.0, first_retry_s=0.1, last_retry_s=0.2)


@pytest.fixture(autouse=True)
def short_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_slot, "SHADOW_WINDOWS", 10)
    monkeypatch.setattr(model_slot, "PROBATION_WINDOWS", 20)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with open_site(tmp_path) as site:
        site.appoint()
        yield site


def settings_of(site: Site, folder: Path, pace: UpdatePace = QUICK) -> AgentSettings:
    updates = UpdateSettings(site.server.url, site.repository.first_root, pace=pace)
    return AgentSettings("press-1", folder, updates=updates)


def reports(folder: Path) -> list[UpdateReport]:
    return [message.body for message in stored(folder) if isinstance(message.body, UpdateReport)]


def test_what_becomes_of_a_release_is_told_step_by_step_without_any_updater(
    bundle: Bundle, tmp_path: Path
) -> None:
    agent = Agent(AgentSettings("press-7", tmp_path / "state"), ListSource(rig_readings(140)), bundle)
    agent.start()
    offer = replace(offered(tmp_path, renamed(bundle, "test-rig-8")), attempt=5, rollout="r-5")
    agent.slots.offer(offer)
    while not agent.step().is_exhausted:
        agent.slots.wait()
    agent.close()
    said = reports(tmp_path / "state")
    assert [each.state.name for each in said] == [
        *("VERIFIED", "VERIFIED", "SELF_TEST", "SHADOW", "PROBATION", "CONFIRMED")
    ]
    assert {(each.assignment, each.rollout, each.under_way) for each in said} == {(5, "r-5", "test-rig-8")}
    assert [each.in_charge for each in said] == [*["test-rig-7"] * 4, *["test-rig-8"] * 2]
    versions = [
        message.model_version for message in stored(tmp_path / "state") if message.kind is Kind.SUMMARY
    ]
    assert set(versions) == {"test-rig-7", "test-rig-8"}
    assert agent.counters.messages["update"] == 6


class Killed(BaseException):
    """The power goes."""


@pytest.mark.parametrize("is_stored", [False, True], ids=["before-the-outbox", "after-it"])
def test_a_power_cut_while_it_is_told_loses_no_report(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_stored: bool
) -> None:
    settings = AgentSettings("press-7", tmp_path / "state")
    agent = Agent(settings, ListSource(rig_readings(20)), bundle)
    agent.start()
    store = agent._outgoing.store

    def cut() -> None:
        if is_stored:
            store()
        raise Killed

    monkeypatch.setattr(agent._outgoing, "store", cut)
    agent.slots.offer(replace(offered(tmp_path, renamed(bundle, "test-rig-8")), attempt=5))
    with pytest.raises(Killed):
        agent.slots.poll()
    agent._outgoing.outbox.close()
    assert len(reports(tmp_path / "state")) == is_stored
    again = Agent(settings, ListSource(rig_readings(20)), bundle)
    again.start()
    again.slots.poll()
    again._outgoing.outbox.close()
    said = reports(tmp_path / "state")
    assert {(each.assignment, each.state) for each in said} == {(5, UpdateState.VERIFIED)}
    assert len(said) == is_stored + 1
    agent.slots.wait()
    again.slots.close()


def test_a_release_goes_by_the_name_it_was_released_under(bundle: Bundle, tmp_path: Path) -> None:
    agent = Agent(AgentSettings("press-7", tmp_path / "state"), ListSource(rig_readings(140)), bundle)
    agent.start()
    offer = offered(tmp_path, replace(bundle, manifest=replace(bundle.manifest, lineage={"n": 2})))
    agent.slots.offer(replace(offer, release=replace(offer.release, version="2-0a1b2c3d4e5f"), attempt=2))
    while not agent.step().is_exhausted:
        agent.slots.wait()
    assert agent.slots.report.version == agent.slots.model.version == "2-0a1b2c3d4e5f"
    agent.close()
    assert stored(tmp_path / "state")[-1].model_version == "2-0a1b2c3d4e5f"


def test_what_it_was_shipped_with_takes_the_name_that_is_assigned_and_keeps_it(
    bundle: Bundle, tmp_path: Path
) -> None:
    settings = AgentSettings("press-7", tmp_path / "state")
    offer = offered(tmp_path, bundle)
    offer = replace(offer, release=replace(offer.release, version="1-0a1b2c3d4e5f"), attempt=3)
    for _ in range(2):
        agent = Agent(settings, ListSource(rig_readings(8)), bundle)
        agent.start()
        agent.slots.offer(offer)
        while not agent.step().is_exhausted:
            pass
        assert agent.slots.report.version == agent.slots.model.version == "1-0a1b2c3d4e5f"
        agent.close()
    (said,) = reports(tmp_path / "state")
    assert (said.state, said.assignment, said.in_charge) == (UpdateState.CONFIRMED, 3, "1-0a1b2c3d4e5f")


def test_the_bundle_in_charge_is_lent_byte_for_byte(bundle: Bundle, tmp_path: Path) -> None:
    agent = Agent(AgentSettings("press-7", tmp_path / "state"), ListSource(rig_readings(140)), bundle)
    agent.start()
    for _ in range(2):
        lent = agent.slots.lend()
        assert lent is not None and lent.read_bytes() == format_bundle(bundle)
    new = renamed(bundle, "test-rig-8")
    agent.slots.offer(offered(tmp_path, new))
    while not agent.step().is_exhausted:
        agent.slots.wait()
    lent = agent.slots.lend()
    assert lent is not None and lent.read_bytes() == format_bundle(new)
    agent.close()


def test_a_full_disk_lends_nothing(bundle: Bundle, tmp_path: Path) -> None:
    agent = Agent(AgentSettings("press-7", tmp_path / "state"), ListSource(rig_readings(4)), bundle)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "model").write_text("a file where a folder shall be")
    assert agent.slots.lend() is None


def test_what_the_look_says_comes_into_the_outbox_with_the_agents_next_step(
    bundle: Bundle, site: Site, tmp_path: Path
) -> None:
    site.assign(9, b"never released")
    agent = Agent(settings_of(site, tmp_path / "state"), ListSource(rig_readings(30)), bundle)
    agent.start()
    wait_until(lambda: not agent._updates._said.empty(), "a report")
    while not agent.step().is_exhausted:
        pass
    agent.close()
    said = reports(tmp_path / "state")[0]
    assert (said.assignment, said.rollout, said.in_charge) == (9, "r1", "test-rig-7")
    assert said.state is UpdateState.REFUSED and said.reason_code == "family"


def test_a_defect_in_the_look_does_not_stop_the_watch(
    bundle: Bundle,
    site: Site,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls: list[int] = []

    def fails(_: Updater, __: threading.Event) -> float:
        calls.append(1)
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(Updater, "look", fails)
    settings = replace(settings_of(site, tmp_path / "state"), min_backoff_s=0.05, max_backoff_s=0.05)
    agent = Agent(settings, ListSource(rig_readings(60)), bundle)
    agent.start()
    agent.run(threading.Event())
    wait_until(lambda: len(calls) > 2, "started again")
    agent.close()
    assert agent.counters.windows == 60
    assert "updates failed unexpectedly; starting it again" in caplog.text


def test_a_hint_over_a_real_broker_brings_a_look(
    bundle: Bundle, site: Site, tmp_path: Path, broker: Mosquitto
) -> None:
    mqtt = MqttSettings(BrokerAddress("127.0.0.1", broker.port))
    pace = replace(QUICK, first_s=0.0, poll_s=900.0)
    settings = replace(settings_of(site, tmp_path / "state", pace), mqtt=mqtt, drain_s=0.0)
    agent = Agent(settings, ListSource(rig_readings(4)), bundle)
    agent.start()
    wait_until(lambda: "/metadata/timestamp.json" in site.server.paths(), "the first look")
    before = site.server.paths().count("/metadata/timestamp.json")
    publisher = connect(broker.port, "cloud")

    def hint() -> bool:
        publisher.publish(str(UpdateTopic("press-1")), b"1")
        publisher.poll(0.05)
        return site.server.paths().count("/metadata/timestamp.json") > before

    wait_until(hint, "another look")
    publisher.close()
    agent.close()


def test_an_address_that_cannot_be_right_is_said_at_the_start(bundle: Bundle, tmp_path: Path) -> None:
    updates = UpdateSettings("ftp://releases", b"{}")
    settings = AgentSettings("press-1", tmp_path, updates=updates)
    agent = Agent(settings, ListSource(rig_readings(4)), bundle)
    with pytest.raises(ConfigError, match="https://HOST"):
        agent.start()
    agent.close()
