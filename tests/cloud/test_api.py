"""The API over a real store, filled through the store's own writer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cloud.api.app import create_app
from cloud.api.settings import ApiSettings
from cloud.health import Health
from cloud.settings import sqlite_url
from cloud.store.database import Database, open_database
from contract.errors import ConfigError
from tests.browser.seeded_fleet import FLEET, SeededFleet
from tests.cloud.signed_in import SignedIn as TestClient

OWN = "http://127.0.0.1"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    opened = open_database(sqlite_url(tmp_path_factory.mktemp("api") / "store.db"))
    SeededFleet(opened).fill()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def client(database: Database) -> Iterator[TestClient]:
    with TestClient(create_app(ApiSettings(), database), base_url=OWN) as opened:
        yield opened


def get(client: TestClient, path: str) -> dict[str, Any]:
    answer = client.get(f"/api/v1{path}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def refusal(client: TestClient, path: str, status: int) -> str:
    answer = client.get(f"/api/v1{path}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert set(body) == {"type", "title", "status", "detail"} and body["status"] == status
    detail = str(body["detail"])
    assert detail.endswith(".") and len(detail) > 15
    return detail


class TestMachines:
    def test_all_are_listed_with_their_state(self, client: TestClient) -> None:
        machines = {m["device_id"]: m for m in get(client, "/machines")["machines"]}
        assert sorted(machines) == sorted(unit.device_id for unit in FLEET)
        health = {name: machine["health"] for name, machine in machines.items()}
        assert health["pump-07"] == "alarm" and machines["pump-07"]["open_alert_id"]
        assert health["pump-13"] == "offline" and not machines["pump-13"]["is_online"]
        assert health["pump-14"] == "unknown" and machines["pump-14"]["score"] is None
        assert {"blind", "standstill", "warming_up", "unsteady", "watch", "ok"} <= set(health.values())

    def test_one_is_the_same_as_in_the_list(self, client: TestClient) -> None:
        listed = next(m for m in get(client, "/machines")["machines"] if m["device_id"] == "pump-02")
        assert get(client, "/machines/pump-02") == listed
        assert (
            listed["state"] == "watching" and listed["profile"] == "pump" and listed["regime"] == "full_load"
        )

    def test_an_unknown_one_is_not_found(self, client: TestClient) -> None:
        assert "pump-99" in refusal(client, "/machines/pump-99", 404)
        refusal(client, "/machines/pump-99/history", 404)

    def test_an_impossible_id_is_refused(self, client: TestClient) -> None:
        assert "device_id" in refusal(client, "/machines/-x", 422)


class TestHistory:
    def test_columns_have_equal_length_and_rise_in_time(self, client: TestClient) -> None:
        history = get(client, "/machines/pump-07/history")
        score = history["score"]
        times = [datetime.fromisoformat(t) for t in score["event_time"]]
        assert times == sorted(times) and times[0].utcoffset() == timedelta(0)
        assert len(times) == len(score["mean"]) == len(score["max"]) == len(score["confidence"]) == 180
        assert score["mean"][0] is None, "nothing is scored while it warms up"
        assert max(v for v in score["max"] if v is not None) > 0.9
        for feature in history["features"]:
            assert len({len(feature[key]) for key in ("event_time", "mean", "min", "max")}) == 1

    def test_features_carry_sensor_and_unit(self, client: TestClient) -> None:
        history = get(
            client, "/machines/pump-01/history?features=vib_h_velocity_rms&features=temperature_level"
        )
        named = {f["name"]: (f["sensor"], f["unit"]) for f in history["features"]}
        assert named == {"vib_h_velocity_rms": ("vib_h", "mm/s"), "temperature_level": ("temperature", "Cel")}

    def test_since_until_and_max_points_cut_and_thin(self, client: TestClient) -> None:
        whole = get(client, "/machines/pump-01/history?features=speed_level")["score"]["event_time"]
        since, until = whole[100], whole[150]
        part = client.get(
            "/api/v1/machines/pump-01/history",
            params={"since": since, "until": until, "features": "speed_level"},
        ).json()
        assert part["score"]["event_time"] == whole[100:150]
        thin = get(client, "/machines/pump-01/history?max_points=20&features=speed_level")
        assert 10 <= len(thin["score"]["event_time"]) <= 40
        assert len(thin["features"][0]["mean"]) <= 40

    def test_bad_parameters_say_which_and_why(self, client: TestClient) -> None:
        assert "max_points" in refusal(client, "/machines/pump-01/history?max_points=99999", 422)
        naive = refusal(client, "/machines/pump-01/history?since=2026-03-01T08:00:00", 422)
        assert "since" in naive and "timezone" in naive
        order = "/machines/pump-01/history?since=2026-03-02T00:00:00Z&until=2026-03-01T00:00:00Z"
        assert "until" in refusal(client, order, 422)


class TestAlerts:
    def test_filters_and_pages(self, client: TestClient) -> None:
        everything = get(client, "/alerts")
        assert [a["device_id"] for a in everything["alerts"]] == ["pump-08", "pump-07"]
        assert everything["next_before"] is None
        first = get(client, "/alerts?limit=1")
        second = get(client, f"/alerts?limit=1&before={first['next_before']}")
        assert [first["alerts"][0], second["alerts"][0]] == everything["alerts"]
        cases = {case["id"]: case["device_id"] for case in get(client, "/cases")["cases"]}
        assert [cases[a["case_id"]] for a in everything["alerts"]] == ["pump-08", "pump-07"]
        assert [a["device_id"] for a in get(client, "/alerts?device=pump-07")["alerts"]] == ["pump-07"]

    def test_one_comes_with_its_evidence(self, client: TestClient) -> None:
        alert_id = get(client, "/alerts?device=pump-07")["alerts"][0]["id"]
        alert = get(client, f"/alerts/{alert_id}")
        assert alert["status"] == "open" and alert["score"] == pytest.approx(0.94)
        top = alert["contributions"][0]
        assert (top["feature"], top["sensor"]) == ("vib_h_env_bpfo", "vib_h")
        assert len(alert["spectrum"]["amplitude"]) == 64 and alert["spectrum"]["step_hz"] == 100

    def test_bad_questions_are_refused(self, client: TestClient) -> None:
        assert "99" in refusal(client, "/alerts/99", 404)
        assert "status" in refusal(client, "/alerts?status=maybe", 422)
        assert "limit" in refusal(client, "/alerts?limit=0", 422)
        assert "before" in refusal(client, "/alerts?before=x", 422)
        refusal(client, f"/alerts/{2**70}", 422)


class TestSystem:
    def test_ingest_figures(self, client: TestClient) -> None:
        figures = get(client, "/ingest/health")
        assert figures["messages_stored"] > 2000
        assert figures["dead_letters"] == figures["redelivered"] == 0

    def test_probes(self, client: TestClient) -> None:
        assert client.get("/healthz").json() == {"status": "ok"}
        assert client.get("/readyz").json() == {"status": "ok"}

    def test_not_ready_without_a_store(self, tmp_path: Path) -> None:
        path = tmp_path / "store.db"
        database = open_database(sqlite_url(path))
        client = TestClient(create_app(ApiSettings(), database), base_url=OWN)  # no lifespan: no poller
        database.close()
        path.write_bytes(b"this is no database" * 100)
        for side in ("store.db-wal", "store.db-shm"):
            (tmp_path / side).unlink(missing_ok=True)
        answer = client.get("/readyz")
        assert answer.status_code == 503 and answer.headers["retry-after"]
        assert answer.headers["content-type"] == "application/problem+json"
        assert client.get("/healthz").status_code == 200
        database.close()

    def test_unknown_paths_and_methods_are_problems_too(self, client: TestClient) -> None:
        assert "/api/v1/nothing" in refusal(client, "/nothing", 404)
        answer = client.delete("/api/v1/machines")
        assert answer.status_code == 405 and "GET" in answer.headers["allow"]


class TestOpenApi:
    def test_every_field_of_a_measurement_says_its_unit(self, client: TestClient) -> None:
        schemas = client.get("/api/v1/openapi.json").json()["components"]["schemas"]
        assert "in Hz" in schemas["SpectrumOut"]["properties"]["start_hz"]["description"]
        assert "µs" in schemas["MachineOut"]["properties"]["window_cost_us"]["description"]
        assert schemas["Health"]["enum"] == [str(h) for h in Health]

    def test_routes_and_their_refusals_are_described(self, client: TestClient) -> None:
        paths = client.get("/api/v1/openapi.json").json()["paths"]
        assert {"403", "404", "409"} <= set(paths["/api/v1/cases/{case_id}/acknowledge"]["post"]["responses"])
        for path in paths.values():
            for operation in path.values():
                assert operation.get("description"), operation

    def test_no_viewer_loads_scripts_from_elsewhere(self, client: TestClient) -> None:
        assert client.get("/docs").status_code == client.get("/redoc").status_code == 404


class TestSettings:
    @pytest.mark.parametrize(
        "values", [{"port": 70_000}, {"poll_s": 0}, {"heartbeat_s": 100.0}, {"backlog": 0}]
    )
    def test_impossible_ones_cannot_be_built(self, values: dict[str, Any]) -> None:
        with pytest.raises(ConfigError, match="api: "):
            ApiSettings(**values)

    def test_it_listens_to_this_computer_only_unless_told_otherwise(self) -> None:
        assert ApiSettings().host == "127.0.0.1"
        assert "plant7" in ApiSettings(host="Plant7").hosts

    def test_two_applications_with_two_stores_fit_in_one_process(
        self, tmp_path: Path, client: TestClient
    ) -> None:
        other = open_database(sqlite_url(tmp_path / "other.db"))
        with TestClient(create_app(ApiSettings(), other), base_url=OWN) as second:
            assert second.get("/api/v1/machines").json() == {"machines": []}
            assert len(get(client, "/machines")["machines"]) == len(FLEET)
        other.close()
