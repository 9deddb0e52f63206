"""Sensor faults and drift as people and programs see them: plainly named, never coloured like an alarm."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import cloud.web
from cloud.alerts import AlertKind
from cloud.api.app import create_app
from cloud.api.settings import ApiSettings
from cloud.settings import sqlite_url
from cloud.store.database import open_database
from cloud.store.writer import StoreWriter
from cloud.web import views
from contract.messages import AlarmKind
from contract.signals import QualityFlag
from tests.cloud.samples import HINTS, alarm, arrive, birth, sensor_fault, summary
from tests.cloud.signed_in import SignedIn as TestClient
from tests.cloud.test_web_pages import Outline
from tests.cloud.test_web_views import ALERT, MACHINE

OWN = "http://127.0.0.1"
CSS = Path(cloud.web.__file__).parent / "static" / "css"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Three machines: one alarms with hints, one has a broken sensor, one drifts."""
    database = open_database(sqlite_url(tmp_path_factory.mktemp("kinds") / "store.db"))
    devices = "press-1", "press-2", "press-3"
    messages = [message for d in devices for message in (birth(d), summary(1, d))]
    messages += [
        alarm(2, 7, explained=True),
        sensor_fault(2, 7, "vib_h", QualityFlag.STUCK, device="press-2"),
        alarm(2, 7, device="press-3", kind=AlarmKind.DRIFT),
    ]
    StoreWriter(database).write(arrive(*messages))
    with TestClient(create_app(ApiSettings(), database), base_url=OWN) as opened:
        yield opened
    database.close()


def get(client: TestClient, path: str) -> Any:
    answer = client.get(f"/api/v1{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_api_names_the_kind_and_filters_by_it(client: TestClient) -> None:
    kinds = {a["device_id"]: a["kind"] for a in get(client, "/alerts")["alerts"]}
    assert kinds == {"press-1": "anomaly", "press-2": "sensor_fault", "press-3": "drift"}
    for device, kind in kinds.items():
        found = get(client, f"/alerts?kind={kind}")["alerts"]
        assert [a["device_id"] for a in found] == [device]
    answer = client.get("/api/v1/alerts?kind=nonsense")
    assert answer.status_code == 422 and "kind" in answer.json()["detail"]


def test_the_api_gives_sensor_and_reason(client: TestClient) -> None:
    (fault,) = get(client, "/alerts?device=press-2")["alerts"]
    assert (fault["sensor"], fault["flags"], fault["hints"]) == ("vib_h", ["stuck"], [])
    assert fault["title"] == "Sensor fault: Vibration, horizontal: stuck at one value"
    machine = get(client, "/machines/press-2")
    assert (machine["faulty_sensors"], machine["open_alert_id"]) == (["vib_h"], None)
    assert get(client, "/machines/press-3")["is_drifting"] is True


def test_the_api_explains_in_words_and_numbers(client: TestClient) -> None:
    (alert,) = get(client, "/alerts?device=press-1")["alerts"]
    assert [(s["sensor"], s["share"]) for s in alert["sensor_shares"]] == [("vib_h", 0.75), ("temp", 0.25)]
    assert alert["band_shares"][0] == {"sensor": "vib_h", "low_hz": 1600.0, "high_hz": 3200.0, "share": 0.5}
    first = alert["hints"][0]
    assert (first["code"], first["strength"]) == ("bearing_outer_race", "moderate")
    assert first["looks_like"] == "bearing damage at the outer race"
    assert "107.5 Hz" in first["because"][0] and "9 dB above normal" in first["because"][0]
    assert "listen" in first["check"]


def test_only_the_machines_own_alarm_counts_as_its_health(client: TestClient) -> None:
    health = dict(re.findall(r'id="row-([\w-]+)" data-health="(\w+)"', client.get("/").text))
    assert health["press-1"] == "alarm"
    assert "alarm" not in (health["press-2"], health["press-3"])
    assert 'id="card-alarm" data-health="alarm" data-count="1"' in client.get("/").text


def test_each_alert_says_what_it_is_about(client: TestClient) -> None:
    text = client.get("/alerts").text
    listed = re.findall(r'class="alert panel"[^>]* data-kind="(\w+)"', text)
    assert sorted(listed) == ["anomaly", "drift", "sensor_fault"]
    assert "Machine alarm" in text and "Slow drift: vibrates more than usual" in text
    text = client.get("/").text
    assert re.search(
        r'class="note" data-kind="sensor_fault"[^>]*>.*?Sensor fault: Vibration, horizontal', text
    )
    assert re.search(r'class="note" data-kind="drift"', text)


@pytest.mark.parametrize("device", ["press-1", "press-2", "press-3"])
def test_pages_nest_and_have_unique_ids(client: TestClient, device: str) -> None:
    parsed = Outline()
    parsed.feed(client.get(f"/machines/{device}").text)
    assert parsed.open == [] and len(parsed.ids) == len(set(parsed.ids))


def test_the_machines_page_shows_hints_and_shares(client: TestClient) -> None:
    text = client.get("/machines/press-1").text
    assert "Looks like bearing damage at the outer race</b>" in text and "(moderate evidence)" in text
    assert "What to do: listen to the bearing" in text
    assert re.search(r'<progress max="100" value="75" aria-label="Vibration, horizontal">', text)
    assert 'aria-label="Vibration, horizontal: 1600–3200 Hz"' in text


def test_a_broken_sensors_page_shows_no_evidence_against_the_machine(client: TestClient) -> None:
    text = client.get("/machines/press-2").text
    assert 'class="evidence panel"' in text and 'data-kind="sensor_fault"' in text
    assert "the machine is judged without it" in text
    assert "What deviates" not in text and "Looks like" not in text
    assert "100 % of its samples not believed" in client.get("/alerts?device=press-2").text


def test_alerts_can_be_filtered_by_what_they_are_about(client: TestClient) -> None:
    def shown(path: str) -> list[str]:
        return re.findall(r'class="alert panel"[^>]* data-kind="(\w+)"', client.get(path).text)

    assert shown("/alerts?kind=drift&status=&device=") == ["drift"]
    assert shown("/fragments/alerts?kind=sensor_fault") == ["sensor_fault"]
    assert '<option value="drift" selected>Slow drift</option>' in client.get("/alerts?kind=drift").text
    quiet = client.get("/alerts?kind=drift&device=press-1").text
    assert "No alert about a slow drift of press-1." in quiet
    assert client.get("/alerts?kind=x").status_code == 422


def test_each_kind_has_a_shape_of_its_own(client: TestClient) -> None:
    text = client.get("/alerts").text
    shapes = {}
    for kind, shape in re.findall(
        r'class="alert panel"[^>]* data-kind="(\w+)".*?(<path.*?/>)', text, re.DOTALL
    ):
        shapes[kind] = shape
    assert len(set(shapes.values())) == len(AlertKind)


def test_no_rule_colours_a_sensor_or_drift_like_an_alarm() -> None:
    rules = re.findall(r"([^{}]+)\{([^}]*)\}", "".join(p.read_text("utf-8") for p in CSS.glob("*.css")))
    own = [body for selector, body in rules if "sensor_fault" in selector or "drift" in selector]
    assert len(own) >= 6
    assert not [body for body in own if "--alarm" in body]


def test_a_view_has_notes_hints_and_bars() -> None:
    noted = replace(MACHINE, faulty_sensors=("vib_h", "pressure"), is_drifting=True)
    fault, drift = views.machine_view(noted, "", 0.5).notes
    assert (fault.kind.label, fault.text) == ("Sensor fault", "Vibration, horizontal · Pressure, discharge")
    assert (drift.kind.label, drift.text) == ("Slow drift", "")
    assert views.machine_view(MACHINE, "", 0.5).notes == ()
    view = views.alert_view(replace(ALERT, hints=HINTS), None)
    assert [hint.strength for hint in view.hints] == ["moderate", "weak"]
