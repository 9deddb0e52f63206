"""What a watched fleet says in figures."""

import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from contract.errors import DataError
from contract.profiles import load_profile
from industrialguard.bench.errors import NothingToJudgeError
from industrialguard.bench.report import Report, Row
from industrialguard.bench.sim import (
    MONTH_S,
    SimRun,
    bench_recorded,
    false_episodes,
    is_misled,
    is_named,
    is_wrongly_named,
    lead_s,
    poisson_interval,
    report_sim,
    watch_fleets,
)
from industrialguard.bench.sim_baselines import ALARM_OF, Episode
from industrialguard.bench.sim_machines import AGENT, FIRST_SEED, FleetSize, Watched
from models.recordings.own import write_recording
from simulators.degradation import FailureMode
from simulators.faults import FaultKind, SensorFault
from simulators.machine import MachineConfig, SimulatedMachine

ONSET_S, FAILURE_S = 1000.0, 2000.0


def watched(
    *raised_s: float,
    mode: FailureMode | None = None,
    fault: SensorFault | None = None,
    named: tuple[tuple[float, str], ...] = (),
    healthy_s: float = MONTH_S / 2,
) -> Watched:
    """A machine on which the agent alarmed at those times, and nobody else did."""
    episodes = dict.fromkeys(ALARM_OF, ()) | {AGENT: tuple(Episode(t, t + 50.0) for t in raised_s)}
    onset_s, failure_s = (ONSET_S, FAILURE_S) if mode else (math.inf, math.inf)
    return Watched(mode, fault, onset_s, failure_s, healthy_s, episodes, named)


def run(*fleets: tuple[Watched, ...]) -> list[Report]:
    return report_sim(SimRun(tuple(range(len(fleets))), fleets, datetime.now(UTC)))


def agent(report: Report) -> Row:
    (row,) = [row for row in report.rows if row.is_main]
    return row


def test_only_an_alarm_during_wear_finds_a_failure() -> None:
    mode = FailureMode.IMBALANCE
    assert lead_s(watched(1500.0, 1700.0, mode=mode), AGENT) == 500.0
    assert lead_s(watched(ONSET_S, mode=mode), AGENT) == 1000.0
    assert lead_s(watched(999.0, mode=mode), AGENT) is None
    assert lead_s(watched(FAILURE_S, mode=mode), AGENT) is None
    assert lead_s(watched(1500.0), AGENT) is None


def test_an_alarm_before_wear_or_fault_is_false() -> None:
    assert len(false_episodes(watched(100.0, 1500.0, mode=FailureMode.WINDING), AGENT)) == 1
    assert len(false_episodes(watched(100.0, 5000.0), AGENT)) == 2
    fault = SensorFault(FaultKind.STUCK, "pressure", 800.0, 300.0)
    assert len(false_episodes(watched(100.0, 900.0, fault=fault), AGENT)) == 1


def test_the_fleet_in_figures() -> None:
    mode = FailureMode.IMBALANCE
    first = (watched(1500.0, mode=mode), watched(mode=mode), watched(100.0, 200.0))
    second = (watched(1800.0, mode=mode), watched(1900.0, mode=FailureMode.WINDING), watched())
    fleet, imbalance, winding = run(first, second)
    assert [r.dataset for r in (fleet, imbalance, winding)] == ["sim", "sim/imbalance", "sim/winding"]
    metrics = agent(fleet).metrics
    assert metrics["found_pct"].values == (50.0, 100.0)
    assert metrics["worst_mode_found_pct"].mean == pytest.approx(200 / 3)
    assert metrics["median_lead_s"].values == (500.0, 150.0)
    assert metrics["median_lead_pct_of_wear"].values == (50.0, 15.0)
    assert metrics["false_episodes_per_month"].values == pytest.approx((2 / 1.5, 0.0))
    assert metrics["false_episodes_high"].mean == pytest.approx(poisson_interval(2)[1] / 3.0)
    assert agent(winding).metrics["found_pct"].values == (None, 100.0)
    assert "2 false episodes of the agent in 3.00 machine-months" in fleet.protocol[0]


def test_sensor_faults_in_figures() -> None:
    stuck = SensorFault(FaultKind.STUCK, "pressure", 800.0, 300.0)
    jump = SensorFault(FaultKind.CLOCK_JUMP, "", 800.0, 300.0)
    fleet = (
        watched(fault=stuck, named=((850.0, "pressure"),)),
        watched(900.0, fault=stuck),
        watched(fault=jump, named=((850.0, "speed"),)),
    )
    *_, faults = run(fleet)
    assert faults.dataset == "sim/sensor-faults"
    metrics = agent(faults).metrics
    assert metrics["named_pct"].mean == 50.0
    assert metrics["stuck_named_pct"].mean == 50.0
    assert metrics["clip_named_pct"].mean is None
    assert metrics["misled_pct"].mean == pytest.approx(100 / 3)
    assert metrics["wrongly_named_pct"].mean == pytest.approx(100 / 3)
    assert "named_pct" not in faults.rows[-1].metrics


@pytest.mark.parametrize(
    ("named", "is_right", "is_wrong"),
    [
        ((), False, False),
        (((850.0, "pressure"),), True, False),
        (((700.0, "pressure"),), False, True),
        (((850.0, "current"),), False, True),
        (((850.0, "pressure"), (860.0, "current")), True, True),
    ],
)
def test_who_is_named(named: tuple[tuple[float, str], ...], is_right: bool, is_wrong: bool) -> None:
    machine = watched(fault=SensorFault(FaultKind.STUCK, "pressure", 800.0), named=named)
    assert is_named(machine) is is_right
    assert is_wrongly_named(machine) is is_wrong


def test_a_machine_without_a_fault_is_not_misled() -> None:
    assert not is_misled(watched(900.0), AGENT)
    assert not is_named(watched(900.0))


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [(0, 0.0, 3.689), (1, 0.0253, 5.572), (10, 4.795, 18.39), (300, 267.0, 335.9)],
)
def test_poisson_intervals_are_those_of_the_tables(count: int, low: float, high: float) -> None:
    assert poisson_interval(count) == pytest.approx((low, high), rel=1e-3)


def test_a_poisson_interval_holds_what_it_says() -> None:
    random = np.random.default_rng(1)
    intervals = [poisson_interval(int(count)) for count in random.poisson(7.0, 400)]
    assert np.mean([low <= 7.0 <= high for low, high in intervals]) >= 0.95 - 0.03


def test_from_seeds_to_reports() -> None:
    found = watch_fleets([0], FleetSize(per_mode=0, per_fault=0, healthy=1, healthy_s=400.0), workers=1)
    (report,) = report_sim(found)
    assert agent(report).metrics["found_pct"].mean is None
    assert [row.name for row in report.rows] == [AGENT, *ALARM_OF]
    assert found.machines[0].healthy_s > 0


def test_recordings_are_judged_too(tmp_path: Path) -> None:
    machine = SimulatedMachine(MachineConfig(load_profile("pump"), FIRST_SEED))
    write_recording(tmp_path / "one.npz", "one", "pump", machine.readings(320.0))
    (report,) = bench_recorded(tmp_path, [0, 1])
    assert report.dataset == "sim/recorded"
    assert report.seeds == (0,)
    assert "1 recordings, 0 of them until the machine failed" in report.protocol[0]


def test_recordings_that_cannot_be_judged_are_said(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        bench_recorded(tmp_path / "missing", [0])
    machine = SimulatedMachine(MachineConfig(load_profile("pump"), FIRST_SEED))
    write_recording(tmp_path / "rig.npz", "rig", "bearing-rig", machine.readings(10.0))
    with pytest.raises(NothingToJudgeError, match="rig is no pump"):
        bench_recorded(tmp_path, [0])
