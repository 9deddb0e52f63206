"""A road's secured broker lets in who has a certificate of its authority, and nobody else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from industrialguard.bench.errors import ProcessLostError
from industrialguard.bench.ingest.clients import PUBLISH
from industrialguard.bench.ingest.mqtt_bare import PAHO, BareLoad, measure_mqtt, measure_waiting, run_client
from industrialguard.bench.ingest.parts import Parts
from industrialguard.bench.ingest.places import BROKER_STAGE, EMBEDDED, Places


@pytest.mark.parametrize("is_secured", [False, True], ids=["open", "tls"])
def test_bare_clients_pass_messages_and_take_what_waits(
    mosquitto: str, tmp_path: Path, is_secured: bool
) -> None:
    with Parts(Places(EMBEDDED, is_secured=is_secured), tmp_path) as parts:
        load = BareLoad(parts.broker.url, "bare", 300, parts.broker.load_identity)
        assert load.url.startswith("mqtts://" if is_secured else "mqtt://")
        found = {each.name: each for each in measure_mqtt(load, parts.stages())}
        found["waiting"] = measure_waiting(load, parts.stages())
        assert all(each.messages_per_s > 0 for each in found.values())
        assert found["waiting"].cpu_s_per_1000.keys() == {"ingest", BROKER_STAGE}
        assert found["MQTT publish and subscribe, paho"].is_counted


def test_without_a_certificate_nobody_connects(mosquitto: str, tmp_path: Path) -> None:
    with Parts(Places(EMBEDDED, is_secured=True), tmp_path) as parts:
        load = BareLoad(parts.broker.url, "bare", 10, parts.broker.load_identity)
        with pytest.raises(ProcessLostError, match="did not connect"):
            run_client(replace(load, identity=None), PAHO, PUBLISH)
