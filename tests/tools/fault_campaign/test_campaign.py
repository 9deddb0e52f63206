"""A short campaign against real servers: nothing is lost, nothing is stored twice, every fault is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import obtain
from tools.fault_campaign.__main__ import main
from tools.servers.kafka import Kafka
from tools.servers.mosquitto import Mosquitto
from tools.servers.postgresql import PostgreSql


@pytest.mark.slow
@pytest.mark.long
def test_a_short_campaign_loses_and_doubles_nothing(tmp_path: Path) -> None:
    for server in (Mosquitto, Kafka, PostgreSql):
        obtain(server)
    line = [
        "--faults",
        "6",
        "--outages",
        "1",
        "--outage-s",
        "3",
        "--machines",
        "10",
        "--rate",
        "20",
        "--seed",
        "4",
    ]
    assert main([*line, "--json", str(tmp_path / "f.json"), "--report", str(tmp_path / "f.md")]) == 0
    rows = {row["name"]: row["metrics"] for row in json.loads((tmp_path / "f.json").read_text())["rows"]}
    ours = {name: metric["mean"] for name, metric in rows.pop("device to row").items()}
    assert ours["sent"] == ours["stored"] > 0
    assert (ours["faults"], ours["lost"], ours["duplicated"], ours["never_flowed"]) == (6, 0, 0, 0)
    assert sum(metrics["faults"]["mean"] for metrics in rows.values() if "faults" in metrics) == 6
    assert sum(name.startswith("fault ") for name in rows) == 6
    assert ours["accepted"] == ours["sent"] <= ours["published"]
    page = (tmp_path / "f.md").read_text()
    assert page.startswith("# Fault campaign: sound")
    assert sum(f"| {target} |" in page for target in ("broker", "ingest", "kafka", "sink", "postgresql")) == 5
