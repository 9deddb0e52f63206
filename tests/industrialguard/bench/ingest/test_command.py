"""The command line chooses roads and modes; a whole run on either road stores every message once."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from contract.errors import ConfigError
from industrialguard.bench.ingest.command import (
    build_parser,
    build_plan,
    choose_roads,
    is_whole,
    main,
    measure,
)
from industrialguard.bench.ingest.growth import FILLER
from industrialguard.bench.ingest.places import EMBEDDED, MQTT, SERVERS, STORE, STREAM, Places, read_places
from industrialguard.bench.ingest.plan import (
    ALONE_MODES,
    DEFAULT_MODES,
    FLEET,
    GROWTH,
    HALF,
    SATURATION,
    Plan,
    Workers,
)
from industrialguard.bench.ingest.reader import StoreReader
from industrialguard.bench.report import Metric
from tools.servers.mosquitto import Mosquitto

GIVEN = {MQTT: "mqtt://h", STREAM: "kafka://h:1", STORE: "postgresql://u@h/n"}


def roads(line: list[str], environment: dict[str, str]) -> list[str]:
    return [places.name for places in choose_roads(build_parser().parse_args(line), environment)]


@pytest.mark.parametrize(
    ("line", "environment", "expected"),
    [
        ([], {}, [EMBEDDED]),
        ([], GIVEN, [EMBEDDED, SERVERS]),
        (["--road", "servers"], GIVEN, [SERVERS]),
        (["--road", "embedded"], GIVEN, [EMBEDDED]),
    ],
    ids=["nothing named", "servers named", "servers only", "embedded only"],
)
def test_the_roads_are_those_that_can_be_measured(
    line: list[str], environment: dict[str, str], expected: list[str]
) -> None:
    assert roads(line, environment) == expected


@pytest.mark.parametrize(
    ("line", "environment", "expected"),
    [
        (["--modes", "bridge", "sink"], GIVEN, [SERVERS]),
        (["--modes", "half", "sink"], GIVEN, [EMBEDDED, SERVERS]),
        (["--road", "servers", "--ingests", "2"], GIVEN, [SERVERS]),
        (["--road", "servers", "--tls"], {STREAM: GIVEN[STREAM], STORE: GIVEN[STORE]}, [SERVERS]),
    ],
    ids=["alone", "alone and half", "several", "a broker of its own"],
)
def test_what_needs_servers_is_measured_there(
    line: list[str], environment: dict[str, str], expected: list[str]
) -> None:
    assert roads(line, environment) == expected


@pytest.mark.parametrize(
    "line",
    [["--modes", "bridge"], ["--modes", "sink", "--road", "embedded"], ["--sinks", "2"], ["--ingests", "2"]],
    ids=" ".join,
)
def test_what_the_embedded_road_cannot_do_is_refused(line: list[str]) -> None:
    with pytest.raises(ConfigError, match="Kafka"):
        roads(line, {})


@pytest.mark.parametrize("environment", [{}, {MQTT: "mqtt://h"}], ids=["none", "one"])
def test_half_a_road_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="all three"):
        roads(["--road", "servers"], environment)


def test_the_default_plan_is_short() -> None:
    plan = build_plan(build_parser().parse_args([]))
    assert plan.modes == DEFAULT_MODES
    assert plan.seconds * len(plan.modes) < 60


def run(line: list[str], tmp_path: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Run it; mean metrics by data set and row."""
    assert main([*line, "--json", str(tmp_path / "ingest.json")]) == 0
    found = json.loads((tmp_path / "ingest.json").read_text())
    return {
        report["dataset"]: {
            row["name"]: {name: metric["mean"] for name, metric in row["metrics"].items()}
            for row in report["rows"]
        }
        for report in (found if isinstance(found, list) else [found])
    }


@pytest.mark.slow
def test_the_embedded_road_is_measured_beside_its_ceilings(mosquitto: str, tmp_path: Path) -> None:
    line = ["--road", "embedded", "--seconds", "2", "--machines", "20", "--modes", "saturation", "half"]
    found = run(line, tmp_path)
    saturation, half = found["embedded/saturation"], found["embedded/half"]
    assert {
        "MQTT publish, paho",
        "MQTT publish and subscribe, paho",
        "SQLite insert, sqlite3",
    } <= saturation.keys()
    for rows in (saturation, half):
        ours = rows["device to row"]
        assert ours["sent"] == ours["stored"] > 0
        assert ours["p50_s"] <= ours["p99_s"]
        assert rows["of it: sink"]["cpu_s_per_1000"] > 0
        assert rows["of it: broker"]["rss_mib"] > 0


@pytest.mark.slow
@pytest.mark.long
def test_the_road_through_servers_is_measured_in_every_mode(
    broker: Mosquitto, kafka: str, postgresql_database: str
) -> None:
    places = read_places(broker.url, f"kafka://{kafka}", postgresql_database)
    modes = (SATURATION, HALF, FLEET, GROWTH)
    plan = Plan(modes, 2, 20, fleet=50, interval_s=1.0, filler_rows=5000, growth_machines=(5, 10))
    reports = {report.dataset: report for report in measure([places], plan)}
    assert all(map(is_whole, reports.values()))
    found = {
        dataset: {row.name: {name: m.mean for name, m in row.metrics.items()} for row in report.rows}
        for dataset, report in reports.items()
    }
    assert {"Kafka produce, aiokafka", "Kafka consume, aiokafka"} <= found["servers/saturation"].keys()
    assert {"of it: Kafka", "of it: PostgreSQL"} <= found["servers/half"].keys()
    fleet = found["servers/fleet"]["device to row"]
    assert fleet["late_pct"] == 0
    assert min(fleet[f"{what}_bytes_per_machine_day"] or 0 for what in ("store", "log")) > 1_000_000
    assert found["servers/growth"].keys() == {"device to row", "5 machines", "10 machines"}
    with StoreReader(postgresql_database) as reader:
        assert reader.ask("SELECT count(*) FROM summary WHERE device_id LIKE ?", (f"{FILLER}-%",)) == [
            (5000,)
        ]


@pytest.mark.slow
def test_one_process_alone_moves_and_stores_everything_that_waits(
    broker: Mosquitto, kafka: str, postgresql_database: str
) -> None:
    places = read_places(broker.url, f"kafka://{kafka}", postgresql_database)
    reports = {report.dataset: report for report in measure([places], Plan(ALONE_MODES, messages=10_000))}
    assert list(reports) == ["servers/bridge", "servers/sink"]
    for report in reports.values():
        assert is_whole(report)
        rows = {row.name: row.metrics for row in report.rows}
        (ours,) = [row.metrics for row in report.rows if row.is_main]
        assert ours["stored"].mean == 10_000
        assert ours["cpu_us_per_message"].mean
        assert rows["bare stages together"]["cpu_s_per_1000"].mean
    assert any("The bar of 4000 messages/s" in line for line in reports["servers/bridge"].protocol)


@pytest.mark.slow
def test_several_processes_share_a_secured_road(mosquitto: str, kafka: str, postgresql_database: str) -> None:
    places = read_places(None, f"kafka://{kafka}", postgresql_database, is_secured=True)
    plan = Plan((HALF,), 2, 20, rate=100.0, workers=Workers(2, 2, 2))
    (report,) = measure([places], plan)
    assert is_whole(report)
    assert any("certificates" in line for line in report.protocol)
    rows = {row.name: row.metrics for row in report.rows}
    assert {"of it: broker", "of it: ingest", "of it: sink", "of it: generator"} <= rows.keys()


@pytest.mark.slow
def test_a_run_that_stores_less_than_was_sent_is_not_whole(mosquitto: str, tmp_path: Path) -> None:
    (report,) = measure([Places(EMBEDDED)], Plan((HALF,), seconds=2, machines=10, rate=20.0))
    assert is_whole(report)
    (main_row,) = [row for row in report.rows if row.is_main]
    short = replace(main_row, metrics={**main_row.metrics, "stored": Metric((1.0,))})
    assert not is_whole(replace(report, rows=(short,)))
