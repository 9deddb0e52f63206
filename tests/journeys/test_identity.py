"""From no certificate at all to messages that are stored and acknowledged; and out again."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import obtain
from tests.journeys.plant import Plant
from tests.secured_broker import SecuredMosquitto, make_fleet_authority
from tools.servers.process import HOST, free_port

pytestmark = pytest.mark.slow


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return Plant(tmp_path)


@pytest.fixture
def broker(plant: Plant, mosquitto: str) -> Iterator[SecuredMosquitto]:
    """Set up by the commands, whose files it reads."""
    plant.type("cloud", "make-ca", "--root", "root")
    server = obtain(lambda: PlantBroker(plant))
    with server:
        yield server


class PlantBroker(SecuredMosquitto):
    """A broker that reads what `industrialguard cloud broker-files` has written."""

    def __init__(self, plant: Plant) -> None:
        super().__init__(plant.folder / "broker", make_fleet_authority(plant.folder / "unused"))
        self._plant = plant

    def prepare(self) -> list[str]:
        """Write its files as a person does."""
        self.write_files()
        return self.command(self.folder / "files")

    def write_files(self) -> None:
        """By the command."""
        self._plant.type(
            *("cloud", "broker-files", "--out", str(self.folder / "files"), "--host", "localhost"),
            *("--port", str(self.port), "--services", f"{HOST}:{self.services_port}"),
        )


@dataclass(frozen=True)
class Run:
    """What an agent did."""

    sent: int
    """Messages it had to say."""
    acknowledged: int
    log: str


def run_agent(plant: Plant, broker: SecuredMosquitto) -> Run:
    """Watch a pump for a while."""
    done = subprocess.run(
        plant.command(
            *("agent", "--profile", "pump", "--source", "sim:seed=3", "--speed", "0", "--seconds", "600"),
            *("--mqtt", broker.url, "--identity", "identity", "--replay-rate", "1000"),
        ),
        cwd=plant.folder,
        env=plant.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    counters = json.loads(done.stdout)
    return Run(sum(counters["messages"].values()), counters["acknowledged"], done.stderr)


def provision(plant: Plant, desk: str) -> str:
    (plant.folder / "token").write_text(plant.type("cloud", "claim-token", "press-07"))
    return plant.type("provision", "--identity", "identity", "--url", desk, "--token-file", "token")


def test_a_device_is_let_in_heard_sent_away_and_let_in_again(plant: Plant, broker: PlantBroker) -> None:
    for name in ("ingest", "sink"):
        plant.type("cloud", "service-identity", f"cloud.{name}", "--out", name)
    desk, http = free_port(), free_port()
    mqtt = ("--mqtt", broker.services_url)
    with (
        plant.running("cloud", "enrol", "--host", "localhost", "--http", f"{HOST}:{desk}"),
        plant.running("cloud", "ingest", *mqtt, "--identity", "ingest"),
        plant.running("cloud", "serve", *mqtt, "--identity", "sink", "--http", f"{HOST}:{http}"),
    ):
        assert provision(plant, f"https://localhost:{desk}").startswith("press-07, until")
        first = run_agent(plant, broker)
        assert first.acknowledged == first.sent > 0 and stored(plant, http) == first.sent

        plant.type("cloud", "revoke", "press-07", "--why", "lost", "--out", str(broker.folder / "files"))
        broker.stop()
        broker.start()
        second = run_agent(plant, broker)
        assert second.acknowledged == 0 and "uplink lost" in second.log and stored(plant, http) == first.sent

        assert provision(plant, f"https://localhost:{desk}").startswith("press-07, until")
        broker.write_files()
        broker.hang_up()
        third = run_agent(plant, broker)
        assert third.acknowledged == second.sent + third.sent
        assert stored(plant, http) == first.sent + second.sent + third.sent


def stored(plant: Plant, port: int) -> int:
    """Messages of the one machine that the cloud knows."""
    url, signed = f"http://{HOST}:{port}/api/v1/machines", {"X-API-Key": plant.key()}
    with urllib.request.urlopen(urllib.request.Request(url, headers=signed)) as answer:
        (machine,) = json.load(answer)["machines"]
    assert machine["device_id"] == "press-07"
    return int(machine["messages_stored"])
