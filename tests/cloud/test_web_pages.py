"""The pages as the server renders them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

import cloud.web
from cloud.api.app import create_app
from cloud.api.settings import ApiSettings
from cloud.health import Health
from cloud.settings import sqlite_url
from cloud.store.database import Database, open_database
from cloud.store.writer import StoreWriter
from cloud.web import reading
from cloud.web.reading import PageReader
from contract.messages import Contribution
from contract.profiles import load_profile
from tests.browser.seeded_fleet import FLEET, SeededFleet
from tests.cloud.samples import INGEST, OWN_PROFILE, alarm, arrive, birth, status, summary
from tests.cloud.signed_in import SignedIn as TestClient

OWN = "http://127.0.0.1"
HTML = {"accept": "text/html"}
STATIC = Path(cloud.web.__file__).parent / "static"
VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta"}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    opened = open_database(sqlite_url(tmp_path_factory.mktemp("web") / "store.db"))
    SeededFleet(opened).fill()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def client(database: Database) -> Iterator[TestClient]:
    with TestClient(create_app(ApiSettings(operator="Plant 2"), database), base_url=OWN) as opened:
        yield opened


class Outline(HTMLParser):
    """Checks that tags nest, and collects ids and links."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if values.get("id"):
            self.ids.append(str(values["id"]))
        for key in ("href", "src", "hx-get", "action"):
            if values.get(key) and values.get("method") != "post":
                self.links.add(str(values[key]))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass  # SVG shapes

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes <{self.open[-1:]}>"
        self.open.pop()


def outline(client: TestClient, path: str) -> Outline:
    answer = client.get(path, headers=HTML)
    assert answer.status_code == 200, answer.text
    parsed = Outline()
    parsed.feed(answer.text)
    assert parsed.open == []
    return parsed


PAGES = [
    "/",
    "/?health=alarm",
    "/?q=engine",
    "/machines/pump-07",
    "/machines/pump-14",
    "/machines/engine-02",
    "/alerts",
]


@pytest.mark.parametrize("path", PAGES)
def test_tags_nest_ids_are_unique_and_every_link_leads_somewhere(client: TestClient, path: str) -> None:
    parsed = outline(client, path)
    assert len(parsed.ids) == len(set(parsed.ids))
    for link in parsed.links:
        if not link.startswith("#"):
            assert client.get(link).status_code == 200, link


def test_the_worst_stands_first(client: TestClient) -> None:
    rows = re.findall(r'id="row-([\w-]+)" data-health="(\w+)"', client.get("/").text)
    assert len(rows) == len(FLEET)
    assert [name for name, _ in rows[:2]] == ["pump-07", "pump-08"]
    assert [health for _, health in rows[2:7]] == ["blind", "offline", "unknown", "unsteady", "watch"]
    assert rows[-1][1] == "ok"


def test_a_machine_that_is_never_steady_says_so_with_a_shape_of_its_own(client: TestClient) -> None:
    shapes = set(re.findall(r'id="card-\w+".*?<path [^>]*\bd="([^"]+)"', client.get("/").text, re.DOTALL))
    assert len(shapes) == len(Health)
    text = client.get("/machines/pump-15").text
    assert 'class="state" data-health="unsteady"' in text and "Never steady" in text
    assert "check steady_within in its profile" in text
    assert "– <span" in text, "no score of another time"


def test_every_state_that_says_little_of_the_machine_is_coloured_alike() -> None:
    css = (STATIC / "css" / "parts.css").read_text("utf-8")
    for rule in re.findall(r'^.*data-health="blind".*$', css, re.MULTILINE):
        assert 'data-health="unsteady"' in rule, rule


def test_filters_narrow_the_table_and_not_the_counts(client: TestClient) -> None:
    text = client.get("/?health=offline").text
    assert re.findall(r'id="row-([\w-]+)"', text) == ["pump-13"]
    assert 'id="card-ok" data-health="ok" data-count="8"' in text
    assert len(re.findall(r'id="row-engine', client.get("/?q=ENGINE").text)) == 2
    assert "No machine matches" in client.get("/?q=nothing-like-it").text


def test_a_fragment_is_the_page_s_own_part(client: TestClient) -> None:
    page = client.get("/?health=ok").text
    part = client.get("/fragments/fleet?health=ok").text
    assert "<html" not in part and part.lstrip().startswith("<title>(1) Fleet")
    table = re.compile(r"<tbody>.*</tbody>", re.DOTALL)
    in_page, in_part = table.search(page), table.search(part)
    assert in_page is not None and in_part is not None and in_page.group() == in_part.group()


def test_a_machine_s_page_has_evidence_units_and_quality(client: TestClient) -> None:
    text = client.get("/machines/pump-07").text
    assert "Looks like bearing damage at the outer race" in text
    assert 'data-feature="temperature_level" data-unit="°C"' in text
    assert f'data-threshold="{load_profile("pump").alarm_rule.threshold:.2f}"' in text
    assert "Bearing defect frequencies at the speed then" in text
    assert re.search(r"Highest [\d.]+ m/s² at \d+–\d+ Hz\.", text)
    assert "out of range, stuck at one value" in client.get("/machines/pump-12").text
    assert "not heard of" in client.get("/machines/pump-13").text
    assert "None so far" in client.get("/machines/pump-01").text


def test_alerts_can_be_filtered(client: TestClient) -> None:
    def shown(path: str) -> list[tuple[str, str]]:
        return re.findall(r'data-status="(\w+)" data-says="(pump-\d+)', client.get(path).text)

    assert shown("/alerts") == [("open", "pump-08"), ("open", "pump-07")]
    assert shown("/alerts?status=open&device=") == [("open", "pump-08"), ("open", "pump-07")]
    assert shown("/alerts?status=&device=pump-08") == [("open", "pump-08")]
    assert shown("/fragments/alerts?device=pump-07") == [("open", "pump-07")]
    assert "No alert is cleared of pump-01." in client.get("/alerts?status=cleared&device=pump-01").text


@pytest.mark.parametrize(
    ("path", "status"),
    [("/machines/pump-99", 404), ("/nothing", 404), ("/?health=excellent", 422), ("/alerts?status=x", 422)],
)
def test_a_refusal_is_a_page_for_people_and_a_problem_for_programs(
    client: TestClient, path: str, status: int
) -> None:
    page = client.get(path, headers=HTML)
    assert page.status_code == status and "Back to the fleet" in page.text
    program = client.get(path, headers={"accept": "*/*"})
    assert program.status_code == status and program.json()["detail"] in page.text.replace("&#39;", "'")


def test_an_empty_store_says_what_to_do_next(tmp_path: Path) -> None:
    database = open_database(sqlite_url(tmp_path / "store.db"))
    with TestClient(create_app(ApiSettings(), database), base_url=OWN) as client:
        text = client.get("/").text
        assert "No machine has reported yet" in text and "make demo" in text
        assert "No alert." in client.get("/alerts").text
    database.close()


def test_every_vendored_library_comes_with_its_licence() -> None:
    folders = list((STATIC / "vendor").iterdir())
    names = {folder.name.rpartition("-")[0] for folder in folders}
    assert names == {"htmx", "htmx-ext-sse", "idiomorph", "uplot"}
    for folder in folders:
        assert (folder / "LICENSE").read_text("utf-8").strip(), folder.name
        assert re.fullmatch(r"[a-z-]+-\d+\.\d+\.\d+", folder.name)


def test_no_script_of_ours_calls_out_or_evaluates_text() -> None:
    for script in (STATIC / "js").glob("*.js"):
        text = script.read_text("utf-8")
        assert not re.search(r"https?://|\beval\(|new Function|innerHTML|insertAdjacentHTML", text), (
            script.name
        )


def test_motion_and_print_and_dark_are_cared_for() -> None:
    styles = "".join(p.read_text("utf-8") for p in (STATIC / "css").glob("*.css"))
    for query in ("prefers-color-scheme: dark", "prefers-reduced-motion", "@media print"):
        assert query in styles
    assert not re.search(r"https?://|@import|@font-face", styles)


def test_a_sparkline_is_kept_while_nothing_came_and_read_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = open_database(sqlite_url(tmp_path / "store.db"))
    seeded = SeededFleet(database)
    seeded.fill()
    reader = PageReader(database, {})

    def spark() -> str:
        return reader.machine("pump-01").machine.spark

    first = spark()
    seeded.summarise("pump-01", 0.9)
    assert spark() == first, "within the pause"
    monkeypatch.setattr(reading, "SPARK_PAUSE_S", 0.0)
    assert spark() != first
    database.close()


def test_an_alert_that_cleared_is_not_forgotten(tmp_path: Path) -> None:
    database = open_database(sqlite_url(tmp_path / "store.db"))
    seeded = SeededFleet(database)
    seeded.raise_alarm("pump-01")
    seeded.clear_alarm("pump-01")
    with TestClient(create_app(ApiSettings(), database), base_url=OWN) as client:
        text = client.get("/").text
        alerts = client.get("/alerts").text
    assert "1 case that nobody has seen" in text and 'data-alert-id="case-1"' in text
    assert 'data-status="cleared"' in alerts
    database.close()


def test_a_machine_whose_profile_no_package_ships_is_shown_in_words_and_units(tmp_path: Path) -> None:
    database = open_database(sqlite_url(tmp_path / "store.db"))
    warm = (Contribution("temp_level", "temp", 0.9, 6.0),)
    StoreWriter(database).write(
        arrive(birth(profile=OWN_PROFILE), summary(1), alarm(2, 7, contributions=warm), status(3))
    )
    with TestClient(create_app(ApiSettings(), database), base_url=OWN) as client:
        machine = client.get("/api/v1/machines/press-1").json()
        history = client.get("/api/v1/machines/press-1/history").json()
        (alert,) = client.get("/api/v1/alerts").json()["alerts"]
        page = client.get("/machines/press-1").text
        fleet = client.get("/?q=dough").text
    database.close()
    units = {feature["name"]: feature["unit"] for feature in history["features"]}
    assert machine["profile"] == "dough-mixer" and units["temp_level"] == "[degF]"
    assert alert["title"] == "Temperature higher than usual"
    for text in ("Temperature higher than usual", "Temperature, gearbox", "°F", "Spiral mixer of line 2"):
        assert text in page, text
    assert "Runs on: CPU (the settings say so)." in page
    assert (machine["accelerator"], machine["accelerator_reason"]) == ("cpu", "the settings say so")
    assert "press-1" in fleet and "dough-mixer" in fleet and "Unlike itself" in fleet


def test_a_profile_is_text_and_never_markup(tmp_path: Path) -> None:
    database = open_database(sqlite_url(tmp_path / "store.db"))
    hostile = OWN_PROFILE.replace("gearbox", "<script>").replace("Spiral", "<img src=x>")
    StoreWriter(database).write(arrive(birth(profile=hostile), summary(1)))
    with TestClient(create_app(ApiSettings(), database), base_url=OWN) as client:
        page = client.get("/machines/press-1").text
    database.close()
    assert "Temperature, &lt;script&gt;" in page and "&lt;img" in page and "<img src=x>" not in page


def test_a_clock_that_cannot_be_right_is_marked(tmp_path: Path) -> None:
    database = open_database(sqlite_url(tmp_path / "store.db"))
    wrong = INGEST + timedelta(days=40, hours=2)
    StoreWriter(database).write(arrive(summary(1, "press-1"), summary(2, "press-2", event_time=wrong)))
    with TestClient(create_app(ApiSettings(), database), base_url=OWN) as client:
        fleet = client.get("/", headers=HTML).text
        pages = [client.get(f"/machines/press-{n}", headers=HTML).text for n in (1, 2)]
        found = {
            m["device_id"]: m["clock_error_s"] for m in client.get("/api/v1/machines").json()["machines"]
        }
    database.close()
    assert fleet.count("Clock 40 d 2 h ahead") == 1
    assert ["40 d 2 h ahead" in page for page in pages] == [False, True]
    assert found == {"press-1": None, "press-2": timedelta(days=40, hours=2).total_seconds()}
