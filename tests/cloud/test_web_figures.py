"""The pages that look back: figures, data quality, models, a machine's whole life."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.api.app import create_app
from cloud.api.settings import ApiSettings
from cloud.assets import Asset, Place
from cloud.dead_letters import write_letter
from cloud.delivery import Delivery
from cloud.settings import sqlite_url
from cloud.store.assets import save_assets
from cloud.store.database import Database, open_database
from cloud.store.writer import StoreWriter
from contract.bundle import read_bundle
from contract.errors import DecodeError
from contract.registry import ModelKind, ModelLine, Note, Papers, Registry
from tests.browser.seeded_fleet import SeededFleet
from tests.browser.seeded_lives import fill_lives
from tests.cloud.samples import INGEST
from tests.cloud.signed_in import SignedIn as TestClient
from tests.cloud.test_web_pages import outline

OWN = "http://127.0.0.1"
PAGES = ("/kpis", "/kpis?days=365&machine_type=pump", "/data", "/models", "/machines/pump-07")
SHIPPED = Path("contract/bundles_shipped/pump.igb")
NOTE = Note("tests", "because it is good")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    opened = open_database(sqlite_url(tmp_path_factory.mktemp("figures") / "store.db"))
    fleet = SeededFleet(opened)
    fleet.fill()
    fill_lives(fleet)
    with opened.transaction() as session:
        save_assets(session, [Asset("P-1", Place("north"), device_id="pump-01")])
    noise = Delivery("ig/v1/pump-04/up/summary", b"<script>", False)
    StoreWriter(opened).write_dead_letters([(write_letter(noise, DecodeError("<b>noise</b>")), INGEST)])
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    made = Registry(tmp_path_factory.mktemp("registry"))
    line = ModelLine("pump", ModelKind.EDGE)
    made.promote(line, made.publish(line, SHIPPED, Papers("card", is_blessed=True), NOTE), NOTE)
    broken = ModelLine("turbofan", ModelKind.EDGE)
    version = made.publish(broken, b"no bundle", Papers("card", is_blessed=True), NOTE)
    made.promote(broken, version, NOTE)
    return made


@pytest.fixture(scope="module")
def client(database: Database, registry: Registry) -> Iterator[TestClient]:
    app = create_app(ApiSettings(), database, registry=registry)
    with TestClient(app, base_url=OWN) as opened:
        yield opened


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[TestClient]:
    empty = open_database(sqlite_url(tmp_path / "store.db"))
    with TestClient(create_app(ApiSettings(), empty), base_url=OWN) as opened:
        yield opened
    empty.close()


def figure(text: str, key: str) -> str:
    found = re.search(rf'id="kpi-{key}".*?class="value">([^<]*)<', text, re.DOTALL)
    assert found is not None
    return found.group(1)


@pytest.mark.parametrize("path", PAGES)
def test_tags_nest_ids_are_unique_and_every_link_leads_somewhere(client: TestClient, path: str) -> None:
    parsed = outline(client, path)
    assert len(parsed.ids) == len(set(parsed.ids))
    for link in parsed.links:
        assert link.startswith("#") or client.get(link).status_code == 200, link


@pytest.mark.parametrize("path", ["/kpis", "/data", "/models"])
def test_before_anything_was_heard_a_page_says_so(bare: TestClient, path: str) -> None:
    text = bare.get(path).text
    assert outline(bare, path).ids
    assert "not enough yet" in text or "No device has reported" in text or "No machine has reported" in text
    assert " %</p>" not in text


def test_a_small_share_is_counts_with_an_interval_and_never_a_bare_percentage(client: TestClient) -> None:
    text = client.get("/kpis?days=365").text
    assert figure(text, "precision") == "7 of 9"
    assert "7 of 9 checked cases; likely 45–94 %; 1 more closed unchecked" in text
    assert figure(text, "recall") == "5 of 6"
    assert figure(text, "avoided") == "8.0 h"
    assert "2 × (7.0 h − 3.0 h)" in text


def test_figures_are_those_of_what_was_chosen(client: TestClient) -> None:
    assert "1 machines" in client.get("/kpis?site=north").text
    assert figure(client.get("/kpis?machine_type=turbofan").text, "recall") == "not enough yet"
    for refused in ("/kpis?days=7", f"/kpis?site={'x' * 65}"):
        assert client.get(refused).status_code == 422


def test_a_spreadsheet_gets_the_same_numbers(client: TestClient) -> None:
    answer = client.get("/kpis.csv?days=365")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[1][:2] == ["Alarms that were right", "7 of 9"]
    assert ["north", "0 of 1"] in [row[:2] for row in rows]


def test_a_program_gets_the_counts(client: TestClient) -> None:
    answer = client.get("/api/v1/kpis", params={"days": 365}).json()
    assert (answer["precision"]["hits"], answer["precision"]["of"]) == (7, 9)
    assert answer["avoided_downtime_h"] == 8.0 and answer["failures"]["events"] == 6
    assert client.get("/api/v1/kpis", params={"days": 0}).status_code == 422


def test_the_worst_data_stand_first_with_what_to_do(client: TestClient) -> None:
    text = client.get("/data").text
    assert re.findall(r'id="data-([\w-]+)"', text)[:1] == ["pump-12"]
    assert "check the sensor and its wiring" in text
    assert "replay-dead-letters" in text and "&lt;b&gt;noise&lt;/b&gt;" in text and "<b>noise" not in text
    assert "their features are left empty" in text
    assert client.get("/fragments/data").text in text


def test_what_runs_stands_beside_what_ought_to(client: TestClient) -> None:
    text = client.get("/models").text
    assert "pump-1.2.0" in text and "not the champion" in text and "because it is good" in text
    metrics = read_bundle(SHIPPED).manifest.metrics
    assert f"{metrics['held_out_error']:.4g}" in text
    assert text.count('data-level="poor"') == 1, "the bundle that cannot be read says so"
    assert "Held against 6 failures" in text


def test_without_a_registry_it_says_what_is_not_known(bare: TestClient) -> None:
    assert "no registry in this server" in bare.get("/models").text


def test_a_life_tells_all_that_happened_and_what_was_forecast(client: TestClient) -> None:
    text = client.get("/machines/pump-07").text
    for mark in ("Failed", "Replaced", "Serviced", "Case", "Closed"):
        assert f'data-mark="{mark}"' in text
    assert "Jo Brandt: hear it knocking at full load" in text and "oil change" in text
    assert "Bearing: about" in text and "Before the one failure so far" in text
    assert "WO-" in client.get("/machines/pump-08").text
    assert "No failure to hold the forecasts against yet" in client.get("/machines/pump-08").text
    assert "Nothing is forecast for this machine" in client.get("/machines/engine-01").text
    assert client.get("/fragments/machines/nobody/life").status_code == 404


def test_a_spectrum_says_what_is_not_known_and_has_its_numbers_as_a_table(client: TestClient) -> None:
    text = client.get("/machines/pump-07").text
    assert "Spectrum as a table" in text and "3500–3600 Hz" in text
