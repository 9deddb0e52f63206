"""What is shown of a row: its words, its order, its bars."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cloud.alerts import AlertStatus
from cloud.health import Health
from cloud.store.rows import AlertRow, MachineRow, SensorQuality, TrendPoint
from cloud.web import views
from cloud.web.reading import _run_start
from contract.messages import Contribution, MachineState, Spectrum
from contract.profiles import load_profile

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PUMP = load_profile("pump")
MACHINE = MachineRow(
    device_id="pump-01",
    profile=PUMP,
    state=MachineState.WATCHING,
    health=Health.OK,
    is_online=True,
    last_event_time=NOON,
    last_ingest_time=NOON,
    score=0.123,
    score_max=0.2,
    regime="full_load",
    confidence=1.0,
    open_alert_id=None,
    model_version="1",
    agent_version="1",
)
ALERT = AlertRow(
    id=1,
    device_id="pump-01",
    status=AlertStatus.OPEN,
    opened_at=NOON,
    last_seen_at=NOON,
    case_id=41,
    cleared_at=None,
    since=NOON - timedelta(minutes=1),
    score=0.9,
    threshold=0.5,
    title="Looks like bearing damage at the inner race",
    occurrences=1,
    regime="",
    model_version="",
    contributions=(
        Contribution("temperature_level", "temperature", 0.05, 1.0),
        Contribution("vib_h_kurtosis", "vib_h", 0.3, 6.0),
        Contribution("vib_h_env_bpfi", "vib_h", 0.5, 8.0),
    ),
    error_profile=(),
    spectrum=Spectrum("vib_h", 0.0, 100.0, "m/s2", (0.1, 0.4, 0.2)),
    profile=PUMP,
)


def test_a_score_that_is_not_known_is_a_dash_and_never_zero() -> None:
    assert views.machine_view(replace(MACHINE, score=None), "", 0.5).score == "–"
    assert views.machine_view(replace(MACHINE, health=Health.STANDSTILL), "", 0.5).score == "–"
    assert views.machine_view(replace(MACHINE, health=Health.UNSTEADY), "", 0.5).score == "–"
    assert views.machine_view(MACHINE, "", 0.5).score == "0.12"


def test_what_computes_the_model_is_told_with_its_reason_where_it_is_known() -> None:
    assert views.machine_view(MACHINE, "", 0.5).runs_on == ""
    told = replace(MACHINE, accelerator="edge_tpu", accelerator_reason="it answers")
    assert views.machine_view(told, "", 0.5).runs_on == "Edge TPU (it answers)"
    unknown = replace(MACHINE, accelerator="neural_engine")
    assert views.machine_view(unknown, "", 0.5).runs_on == "neural engine"


def test_a_silent_machine_with_an_alert_is_both() -> None:
    alarmed = replace(MACHINE, health=Health.ALARM)
    assert not views.machine_view(alarmed, "", 0.5).is_silent
    assert views.machine_view(replace(alarmed, is_online=False), "", 0.5).is_silent
    assert not views.machine_view(replace(MACHINE, health=Health.OFFLINE, is_online=False), "", 0.5).is_silent


@pytest.mark.parametrize(
    ("confidence", "level"),
    [(None, ""), (1.0, "good"), (0.94, "fair"), (0.8, "fair"), (0.5, "poor"), (0.0, "poor")],
)
def test_data_quality_has_three_levels(confidence: float | None, level: str) -> None:
    assert views.quality_level(confidence)[0] == level


def test_an_alert_leads_with_its_largest_share() -> None:
    view = views.alert_view(ALERT, NOON + timedelta(minutes=9))
    assert view.sensors == "Vibration, horizontal", "5 % of a temperature is not worth a line"
    assert [bar.percent for bar in view.bars] == [50, 30, 5]
    assert view.bars[0].deviation == "8.0 σ above normal"
    assert view.duration == "10 min"
    assert view.says == "pump-01: Looks like bearing damage at the inner race"


def test_an_alert_that_is_over_lasted_until_it_was_cleared() -> None:
    over = replace(ALERT, status=AlertStatus.CLEARED, cleared_at=NOON + timedelta(minutes=4))
    view = views.alert_view(over, NOON + timedelta(hours=3))
    assert view.duration == "5 min"


def test_an_alert_without_evidence_or_profile_is_shown_too() -> None:
    view = views.alert_view(replace(ALERT, contributions=(), spectrum=None), None)
    assert view.bars == () and view.spectrum is None and view.sensors == ""
    assert views.alert_view(replace(ALERT, profile=None), None).sensors == "vib h"


def test_a_spectrum_names_defects_only_when_bearing_and_speed_are_known() -> None:
    with_speed = views.alert_view(ALERT, NOON, shaft_hz=25.0).spectrum
    without = views.alert_view(ALERT, NOON).spectrum
    assert with_speed is not None and len(with_speed.defects) == 4 and with_speed.is_coarse
    assert without is not None and without.defects == ()
    assert without.peak_text == "highest 0.4 m/s² at 100–200 Hz"


class TestSensors:
    def test_each_sensor_shows_the_curve_that_stands_for_it(self) -> None:
        shown = {s.name: [f.name for f in s.shown] for s in views.sensor_views(PUMP, [], ())}
        assert shown["vib_h"] == ["vib_h_velocity_rms"]
        assert shown["temperature"] == ["temperature_level"]
        assert list(shown) == [s.name for s in PUMP.sensors]

    def test_what_deviates_comes_first_and_in_order_of_its_share(self) -> None:
        first = views.sensor_views(PUMP, [], ALERT.contributions)[0]
        assert [f.name for f in first.shown] == ["vib_h_env_bpfi", "vib_h_kurtosis", "vib_h_velocity_rms"]
        assert [f.deviates for f in first.shown] == [True, True, False]
        assert not {f.name for f in first.others} & {f.name for f in first.shown}

    def test_a_machine_of_an_unknown_profile_is_shown_by_what_it_sent(self) -> None:
        known = [("torque_level", "torque", "N.m"), ("odd", "", "")]
        (torque, odd) = views.sensor_views(None, known, ())
        assert torque.label == "torque" and torque.shown[0].unit == "N.m"
        assert odd.shown[0].name == "odd"


class TestQuality:
    def row(self, good: int, uncertain: int, bad: int, *flags: str) -> SensorQuality:
        return SensorQuality("vib_h", good, uncertain, bad, flags, NOON)

    def test_good_is_said_plainly(self) -> None:
        view = views.quality_view(self.row(20, 0, 0), PUMP)
        assert (view.level, view.text, view.good) == ("good", "good", 100)
        assert view.label == "Vibration, horizontal"

    def test_what_is_wrong_is_said_in_words(self) -> None:
        view = views.quality_view(self.row(16, 1, 3, "stuck", "gap"), PUMP)
        assert (view.level, view.text) == ("fair", "stuck at one value, gaps")
        assert view.good + view.uncertain + view.bad == pytest.approx(100)
        assert views.quality_view(self.row(5, 0, 15, "out_of_range"), PUMP).level == "poor"

    def test_no_samples_are_no_data(self) -> None:
        view = views.quality_view(self.row(0, 0, 0), PUMP)
        assert (view.level, view.text, view.good) == ("poor", "no data", 0)


def test_since_is_where_the_last_run_of_the_same_state_began() -> None:
    states = [
        MachineState.WARMING_UP,
        MachineState.WATCHING,
        MachineState.STANDSTILL,
        MachineState.STANDSTILL,
    ]
    trend = [TrendPoint(NOON + timedelta(minutes=i), None, None, state=s) for i, s in enumerate(states)]
    assert _run_start(trend) == NOON + timedelta(minutes=2)
    assert _run_start(trend[2:]) is None, "as far back as is known"
    assert _run_start([]) is None
