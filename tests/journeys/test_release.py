"""A release from the keys to a device that runs it, and a spoiled one that no device keeps."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from contract.bundle import Bundle, format_bundle
from contract.registry import ModelKind, ModelLine, Note, Registry
from ota.__main__ import main
from tests.journeys.plant import Plant
from tests.ota.plant import PUMP, good_papers, served
from tools.servers.mosquitto import Mosquitto
from tools.servers.process import HOST, free_port

pytestmark = pytest.mark.slow
DEVICE, SPEED = "press-07", "250"
UNTIL_S = 120.0
SUMMARY_S = PUMP.profile.summary_interval_s


@dataclass
class Site:
    """Everything that runs but the agent."""

    plant: Plant
    http: int
    repository: str
    key: str

    def ask(self, path: str, body: object = None) -> Any:
        """One call of the API."""
        signed = {"X-API-Key": self.key}
        request = urllib.request.Request(f"http://{HOST}:{self.http}/api/v1/{path}", headers=signed)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def publish(self, number: int, bundle: Bundle) -> str:
        """Have the registry's next model signed; its version."""
        line, note = ModelLine("pump", ModelKind.EDGE), Note("journey", "a release")
        version = Registry(self.plant.folder / "registry").publish(
            line, format_bundle(bundle), good_papers(bundle), note
        )
        ota(f"publish pump --registry registry --version {version}", "pump", "snapshot", "timestamp")
        assert version.startswith(f"{number}-")
        return version

    def roll_out(self, version: str) -> dict[str, Any]:
        """Carry a rollout to its end; what became of it."""
        groups = [{"name": "canary", "success_share": 1, "error_share": 0}]
        plan = {"family": "pump", "version": version, "groups": groups}
        made = self.ask("rollouts", plan)
        rollout = f"rollouts/{made['id']}"
        self.ask(f"{rollout}/start", {})
        deadline_s = time.monotonic() + UNTIL_S
        while (state := self.ask(rollout)["state"]) == "running":
            said = self.ask(f"{rollout}/devices"), self.ask(f"devices/{DEVICE}/updates")
            assert time.monotonic() < deadline_s, said
            time.sleep(0.1)
        (member,) = self.ask(f"{rollout}/devices")["devices"]
        return {"state": state, "device": member["state"], "reason": member["reason_code"]}

    def model_version(self) -> str:
        """What the device's newest message carries."""
        return str(self.ask(f"machines/{DEVICE}")["model_version"])


def ota(line: str, *keys: str) -> None:
    """`industrialguard ota LINE`, without the start of a process."""
    signing = [word for name in keys for word in ("--key", f"file:keys/{name}.pem")]
    assert main([*line.split(), "--repository", "repo", *signing]) == 0


@pytest.fixture
def site(tmp_path: Path, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    plant, http = Plant(tmp_path), free_port()
    monkeypatch.chdir(tmp_path)
    ota("init --make-keys keys")
    assert main(["make-key", "keys/pump.pem"]) == 0
    ota("delegate pump --add keys/pump.pem.pub", "targets", "pump", "snapshot", "timestamp")
    mqtt = ("--mqtt", broker.url)
    signed = ("--repository", "repo", "--repository-root", "repo/metadata/1.root.json")
    with (
        served(plant.folder / "repo") as repository,
        plant.running("cloud", "ingest", *mqtt),
        plant.running("cloud", "serve", *mqtt, *signed, "--http", f"{HOST}:{http}"),
        plant.running("cloud", "releases", *mqtt, "--director-key", "file:keys/director.pem"),
    ):
        yield Site(plant, http, repository, plant.key())


def tuned() -> Bundle:
    """The same network after more lessons, as far as anybody can tell."""
    return replace(PUMP, manifest=replace(PUMP.manifest, lineage={**PUMP.manifest.lineage, "number": 2}))


def spoiled() -> Bundle:
    """One that takes what every healthy machine does for an alarm."""
    manifest = replace(PUMP.manifest, fleet_error_location=PUMP.manifest.fleet_error_location - 9.0)
    return replace(PUMP, manifest=manifest)


def run_alone(plant: Plant) -> dict[str, Any]:
    """What the same machine's agent does without a cloud."""
    words = ("--offline", "--speed", "0", "--seconds", "600", "--state", "alone")
    told = plant.type("agent", "--profile", "pump", "--source", "sim:seed=3", "--device", "alone", *words)
    return dict(json.loads(told))


def test_a_release_comes_to_a_device_and_a_spoiled_one_does_not_stay(site: Site, broker: Mosquitto) -> None:
    plant = site.plant
    agent = (
        *("agent", "--profile", "pump", "--source", "sim:seed=3", "--speed", SPEED, "--device", DEVICE),
        *("--mqtt", broker.url, "--state", "state", "--updates", site.repository),
        *("--updates-root", "repo/metadata/1.root.json", "--updates-api", f"http://{HOST}:{site.http}/"),
    )
    good, bad = site.publish(1, tuned()), site.publish(2, spoiled())
    with plant.running(*agent, says=b"uplink up"):
        wait_for_birth(site)
        assert site.roll_out(good) == {"state": "completed", "device": "confirmed", "reason": ""}
        assert site.model_version() == good
        ended = site.roll_out(bad)
        assert ended["state"] == "halted" and ended["device"] in ("refused", "rolled_back"), ended
        assert ended["reason"] in ("all_anomalous", "disagrees")
        newest = site.ask(f"devices/{DEVICE}/updates")["reports"][0]
        assert (newest["in_charge"], newest["under_way"]) == (good, bad)
        assert site.model_version() == good
    counters, alone = json.loads(plant.log_of("agent").read_bytes().splitlines()[-1]), run_alone(plant)
    unscored = counters["windows"] - counters["scored"]
    assert unscored == alone["windows"] - alone["scored"], "both models scored every window"
    assert counters["dropped"] == {} and counters["acknowledged"] == sum(counters["messages"].values())
    history = site.ask(f"machines/{DEVICE}/history?max_points=5000")
    times = [datetime.fromisoformat(time) for time in history["score"]["event_time"]]
    steps = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    assert set(steps[:-1]) == {SUMMARY_S}, "no summary is missing"


def wait_for_birth(site: Site) -> None:
    deadline_s = time.monotonic() + UNTIL_S
    while not any(machine["profile"] == "pump" for machine in site.ask("machines")["machines"]):
        assert time.monotonic() < deadline_s
        time.sleep(0.1)
