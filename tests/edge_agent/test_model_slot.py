"""A whole agent takes releases while its machine runs: nothing is lost, nothing bad stays."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from contract.bundle import Bundle
from contract.errors import StateError
from contract.messages import Alarm, AlarmKind, Kind, ScoreSummary
from contract.signals import Reading
from edge_agent import model_slot, slots_command
from edge_agent.agent import Agent
from edge_agent.settings import AgentSettings
from edge_agent.slot_state import Reason, SlotReport, Stage
from tests.edge_agent.releases import offered, renamed, shape_of, with_model
from tests.edge_agent.rig import START_S, ListSource, alarms, rig_readings, stored
from tests.tflite_files import fragile_identity_model

SHADOW_WINDOWS, PROBATION_WINDOWS = 30, 60
WARM = 27
"""Windows after which the rig is scored."""


@pytest.fixture(autouse=True)
def short_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_slot, "SHADOW_WINDOWS", SHADOW_WINDOWS)
    monkeypatch.setattr(model_slot, "PROBATION_WINDOWS", PROBATION_WINDOWS)


def without_temperature(readings: Iterator[Reading], seconds: range) -> Iterator[Reading]:
    """One sensor's cable is broken meanwhile."""
    for reading in readings:
        is_lost = reading.sensor == "temperature" and round(reading.event_time_s - START_S) in seconds
        yield dataclasses.replace(reading, values=reading.values * np.nan) if is_lost else reading


@dataclasses.dataclass
class Device:
    """One device over several starts of its agent, all on one stream."""

    folder: Path
    bundle: Bundle
    source: ListSource
    reports: list[SlotReport] = dataclasses.field(default_factory=list)
    pauses_s: list[float] = dataclasses.field(default_factory=list)
    offer_at: int = -1
    release: Bundle | None = None

    def start(self) -> Agent:
        settings = AgentSettings("press-7", self.folder / "state", state_every_windows=5)
        agent = Agent(settings, self.source, self.bundle)
        agent.slots.on_report = self.reports.append
        agent.start()
        return agent

    def run(self, agent: Agent, until: Callable[[Agent], object] = lambda _: False) -> Agent:
        """Go on to the end of the stream, or until then; slow work is always over before the next reading."""
        while not agent.step().is_exhausted and not until(agent):
            if self.release is not None and agent.counters.windows == self.offer_at:
                agent.slots.offer(offered(self.folder / "downloads", self.release))
                self.release = None
            agent.slots.wait()
        return agent

    @property
    def states(self) -> list[str]:
        return [report.state for report in self.reports]


def device(folder: Path, bundle: Bundle, readings: Iterator[Reading]) -> Device:
    return Device(folder, bundle, ListSource(readings))


def edges(folder: Path) -> list[tuple[object, ...]]:
    return [(a.kind, a.transition.name, a.sensor, a.alarm_id) for a in alarms(folder / "state")]


def stream() -> Iterator[Reading]:
    """A sensor is broken from before the update until long after it; the machine breaks in the probation."""
    return without_temperature(rig_readings(260, broken=range(150, 165)), range(50, 240))


def test_a_recorded_stream_runs_through_an_update_without_a_gap(bundle: Bundle, tmp_path: Path) -> None:
    plain = device(tmp_path / "plain", bundle, stream())
    before = plain.run(plain.start())
    before.close()
    updating = device(tmp_path / "updating", bundle, stream())
    updating.offer_at, updating.release = 60, renamed(bundle, "test-rig-8")
    agent = updating.run(updating.start())
    agent.close()

    assert updating.states == ["verifying", "staging", "testing", "shadow", "probation", "confirmed"]
    assert agent.slots.report.version == "test-rig-8" and agent.slots.report.previous == "test-rig-7"
    now, then = agent.counters, before.counters
    assert (now.samples, now.windows) == (then.samples, then.windows), "no sample is lost"
    assert now.scored == then.scored == 260 - WARM, "no window goes unscored"
    messages = stored(tmp_path / "updating" / "state")
    summaries = [m for m in messages if isinstance(m.body, ScoreSummary)]
    assert {b.event_time.timestamp() - a.event_time.timestamp() for a, b in pairwise(summaries)} == {4.0}
    versions = [m.model_version for m in summaries]
    assert versions == sorted(versions) and set(versions) == {"test-rig-7", "test-rig-8"}
    assert edges(tmp_path / "updating") == edges(tmp_path / "plain"), "what was open stays open"
    kinds = [edge[:2] for edge in edges(tmp_path / "updating")]
    assert kinds == [
        (AlarmKind.SENSOR_FAULT, "RAISED"),
        (AlarmKind.ANOMALY, "RAISED"),
        (AlarmKind.ANOMALY, "CLEARED"),
        (AlarmKind.SENSOR_FAULT, "CLEARED"),
    ]


def test_a_machine_that_alarms_is_left_alone_until_it_is_calm(bundle: Bundle, tmp_path: Path) -> None:
    """Which of two models is right about a machine that alarms, nobody can say."""
    found = device(tmp_path, bundle, rig_readings(300, broken=range(80, 140)))
    found.offer_at, found.release = 85, renamed(bundle, "test-rig-8")
    versions: list[tuple[bool, str]] = []

    def note(agent: Agent) -> bool:
        is_open = len(alarms_sent(agent)) % 2 == 1
        versions.append((is_open, agent.slots.model.version))
        return False

    agent = found.run(found.start(), note)
    agent.close()
    assert {version for is_open, version in versions if is_open} == {"test-rig-7"}
    assert agent.slots.report.version == "test-rig-8"
    assert [a.transition.name for a in alarms(tmp_path / "state")] == ["RAISED", "CLEARED"]


def alarms_sent(agent: Agent) -> range:
    return range(agent.counters.messages.get("alarm", 0))


@pytest.mark.parametrize("stage", [Stage.TESTING, Stage.SHADOW, Stage.PROBATION], ids=str)
@pytest.mark.parametrize("is_clean", [True, False], ids=["stopped", "killed"])
def test_a_restart_in_the_middle_finds_its_way(
    bundle: Bundle, tmp_path: Path, stage: Stage, is_clean: bool
) -> None:
    found = device(tmp_path, bundle, rig_readings(320))
    found.offer_at, found.release = 40, renamed(bundle, "test-rig-8")
    agent = found.run(found.start(), lambda agent: agent.slots.report.state == stage)
    at = agent.counters.windows
    found.source.is_closed = True
    agent.slots.wait()
    if is_clean:
        agent.close()
    else:
        agent._outgoing.outbox.close()
    again = found.start()
    assert again.slots.report.version == ("test-rig-8" if stage is Stage.PROBATION else "test-rig-7")
    found.run(again)
    again.close()

    assert again.slots.report.state == "confirmed"
    assert again.counters.scored > 320 - at - 20, "what was learned is known after the restart"


def test_a_model_that_fails_on_this_machine_is_refused_in_its_shadow(bundle: Bundle, tmp_path: Path) -> None:
    """It passes its self-test, because its golden inputs are those that it can take."""
    model = fragile_identity_model(shape_of(bundle), size=8)
    calm = dataclasses.replace(bundle, golden_input=np.abs(bundle.golden_input) % 8)
    found = device(tmp_path, bundle, rig_readings(200))
    found.offer_at, found.release = 40, with_model(calm, "fragile", model)
    agent = found.run(found.start())
    agent.close()

    said = agent.slots.report
    assert (said.state, said.version, said.wanted) == ("refused", "test-rig-7", "fragile")
    assert said.reason in (Reason.SELF_TEST, Reason.RUNTIME) and said.sentence
    assert agent.counters.scored == 200 - WARM


def test_a_model_that_would_not_hear_a_fault_is_never_in_charge(bundle: Bundle, tmp_path: Path) -> None:
    found = device(tmp_path, bundle, rig_readings(200))
    is_vibration = np.array([name.startswith("vib") for name in bundle.manifest.features])
    residual = np.where(is_vibration, np.float32(1e4), np.float32(1)) * bundle.manifest.fleet_residual
    found.offer_at, found.release = 40, renamed(bundle, "deaf", fleet_residual=residual)
    agent = found.run(found.start())
    agent.close()

    said = agent.slots.report
    assert (said.state, said.version, said.reason) == ("refused", "test-rig-7", Reason.DEAF)
    assert "would stay silent" in said.sentence
    assert "probation" not in found.states


def test_a_model_that_breaks_in_its_probation_costs_no_window(bundle: Bundle, tmp_path: Path) -> None:
    found = device(tmp_path, bundle, rig_readings(260))
    found.offer_at, found.release = 40, renamed(bundle, "test-rig-8")
    agent = found.run(found.start(), lambda agent: agent.slots.report.state == Stage.PROBATION)

    def fail(*_: object) -> None:
        raise ValueError("the weights are gone")

    agent.slots.model.scorer.score = fail  # type: ignore[method-assign, assignment]
    found.run(agent)
    agent.close()
    said = agent.slots.report
    assert (said.state, said.version, said.reason) == ("rolled_back", "test-rig-7", Reason.RUNTIME)
    assert "the weights are gone" in said.sentence
    assert agent.counters.scored == 260 - WARM
    assert alarms(tmp_path / "state") == []


def test_another_alarm_rule_comes_with_its_model(bundle: Bundle, tmp_path: Path) -> None:
    rule = dataclasses.replace(bundle.profile.alarm, k=4, n=6)
    profile = dataclasses.replace(bundle.profile, version=4, alarm=rule)
    manifest = dataclasses.replace(bundle.manifest, version="rules", profile_version=4)
    release = dataclasses.replace(bundle, manifest=manifest, profile=profile)
    found = device(tmp_path, bundle, without_temperature(rig_readings(260), range(50, 240)))
    found.offer_at, found.release = 60, release
    agent = found.run(found.start())
    agent.close()
    assert agent.slots.report.state == "confirmed"
    assert [a.transition.name for a in alarms(tmp_path / "state")] == ["RAISED", "CLEARED"]


def test_what_has_grown_worse_is_not_forgiven_by_a_new_model(bundle: Bundle, tmp_path: Path) -> None:
    """The new model learns its own error while the machine is already worse than when it was new."""

    def worn(readings: Iterator[Reading]) -> Iterator[Reading]:
        for reading in readings:
            share = 1.6 if reading.sensor == "vib" and reading.event_time_s > START_S + 60 else 1.0
            yield dataclasses.replace(reading, values=reading.values * np.float32(share))

    def mean_score(folder: Path, release: Bundle | None) -> float:
        found = device(folder, bundle, worn(rig_readings(240)))
        found.offer_at, found.release = 70, release
        found.run(found.start()).close()
        bodies = [m.body for m in stored(folder / "state") if m.kind is Kind.SUMMARY][-10:]
        return float(np.mean([body.score_mean for body in bodies if isinstance(body, ScoreSummary)]))

    known = mean_score(tmp_path / "known", None)
    assert 0.2 < known < 0.4, "the machine is worse than when it was learned"
    assert mean_score(tmp_path / "new", renamed(bundle, "test-rig-8")) == pytest.approx(known, rel=0.2)


def test_a_person_takes_a_model_back(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = ["--state", str(tmp_path / "state")]
    assert slots_command.main(state) == 0
    assert "no release was handed over yet" in capsys.readouterr().out
    with pytest.raises(StateError, match="nothing to take back"):
        slots_command.main([*state, "--take-back"])
    found = device(tmp_path, bundle, rig_readings(300))
    found.offer_at, found.release = 40, renamed(bundle, "test-rig-8")
    agent = found.run(found.start(), lambda agent: agent.slots.report.state == "confirmed")
    slots_command.main(state)
    shown = capsys.readouterr().out
    assert "a        test-rig test-rig-8" in shown and "confirmed test-rig-8 since" in shown

    slots_command.main([*state, "--take-back"])
    assert "test-rig-8 is taken back" in capsys.readouterr().out
    scored = agent.counters.scored
    windows = agent.counters.windows
    found.run(agent)
    agent.close()
    said = agent.slots.report
    assert (said.state, said.version, said.reason) == ("rolled_back", "test-rig-7", Reason.BY_HAND)
    assert agent.counters.scored - scored >= agent.counters.windows - windows - 4, "its context fills again"
    with pytest.raises(StateError, match="nothing to take back"):
        slots_command.main([*state, "--take-back"])


def test_an_alarm_is_told_with_the_version_that_raised_it(bundle: Bundle, tmp_path: Path) -> None:
    found = device(tmp_path, bundle, rig_readings(220, broken=range(200, 215)))
    found.offer_at, found.release = 40, renamed(bundle, "test-rig-8")
    found.run(found.start()).close()
    (raised,) = [m for m in stored(tmp_path / "state") if isinstance(m.body, Alarm)]
    assert raised.model_version == "test-rig-8"
