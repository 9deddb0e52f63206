"""`industrialguard simulate fleet` loads a real cloud, in one process or several, and says how it went."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contract.broker_address import parse_broker_url
from contract.errors import ConfigError
from simulators.__main__ import main
from simulators.load.command import UNACKNOWLEDGED
from tests.simulators.load.tiny_cloud import TinyCloud
from tools.servers.mosquitto import Mosquitto


def test_several_processes_share_the_machines_and_add_up(
    broker: Mosquitto, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with TinyCloud(parse_broker_url(broker.url)) as cloud:
        line = ["fleet", "--mqtt", broker.url, "--machines", "7", "--processes", "2", "--rate", "70"]
        assert main([*line, "--messages", "140", "--json", str(tmp_path / "load.json")]) == 0
    table = json.loads((tmp_path / "load.json").read_text())
    assert table["machines"] == 7
    assert table["offered"] == table["acknowledged"] == len(cloud.keys) == 140
    assert {device for device, _, _ in cloud.keys} == {f"load-{n:05d}" for n in range(7)}
    assert table["ack_p50_s"] <= table["ack_p99_s"] <= table["ack_max_s"]
    assert "140 acknowledged" in capfd.readouterr().out


def test_what_is_not_acknowledged_makes_the_command_fail(
    broker: Mosquitto, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["fleet", "--mqtt", broker.url, "--machines", "2", "--rate", "50", "--messages", "10"]
    assert main([*line, "--drain", "0.1"]) == UNACKNOWLEDGED
    assert "does the cloud run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"),
    [("--machines", "0"), ("--rate", "0"), ("--processes", "0"), ("--outbox", "0"), ("--disturb", "300")],
)
def test_an_impossible_load_is_one_clear_line(option: str, value: str) -> None:
    with pytest.raises(ConfigError):
        main(["fleet", option, value])


def test_a_password_is_never_shown(broker: Mosquitto, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        main(["fleet", "--mqtt", "mqtt://user:s3cret@host:x"])
    assert "s3cret" not in str(refused.value)
