"""The fuzz campaign, a small one."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloud.places import STORE, STREAM
from contract.codec import MAX_MESSAGE_BYTES
from contract.errors import ConfigError
from industrialguard.bench.__main__ import main
from industrialguard.bench.fuzz import build_report, describe_places
from industrialguard.bench.fuzz_campaign import Findings, is_subscribed, is_topic
from industrialguard.bench.fuzz_ledger import Audit
from industrialguard.bench.fuzz_mqtt import RawSender, SenderClosedError
from industrialguard.bench.report import Machine, Run
from tools.servers.mosquitto import Mosquitto

RUN = Run("abc", Machine("cpu", 2, "3.11"), datetime(2026, 3, 9, tzinfo=UTC), 1.0)


@pytest.mark.slow
@pytest.mark.long
def test_a_campaign_accounts_for_every_input(
    mosquitto: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "fuzz.json"
    words = ["--payloads", "1500", "--seed", "3", "--json", str(file), "--keep", str(tmp_path / "run")]
    assert main(["fuzz", *words]) == 0

    report = json.loads(file.read_text())
    assert report["protocol"][0] == "The stream is the embedded one, the store the embedded one."
    rows = {
        row["name"]: {name: metric["mean"] for name, metric in row["metrics"].items()}
        for row in report["rows"]
    }
    assert rows["honest devices"] == {"sent": 150, "stored": 150, "acknowledged": 150}
    whole = rows["all inputs"]
    fates = ("stored", "repeated", "presence", "dead_letters", "refused_by_broker", "ignored_by_broker")
    assert whole["sent"] == sum(whole[fate] for fate in fates) >= 1650
    assert (whole["missing"], whole["surplus"], whole["restarts"]) == (0, 0, 0)
    assert sum(rows["dead letters"].values()) == whole["dead_letters"]
    assert rows["mallory"]["stored"] == rows["mallory"]["dead_letters"] == 0
    with pytest.raises(ConfigError, match="not empty"):
        main(["fuzz", *words])


def test_where_it_ran_is_said_without_addresses() -> None:
    places = {STREAM: "kafka://h:1", STORE: "postgresql://u:s3cret@h/n"}
    assert describe_places(places) == "The stream is Kafka, the store PostgreSQL."


@pytest.mark.parametrize(
    "change",
    [
        {"audit": Audit(1, 0, ("missing 1 x it",))},
        {"audit": Audit(0, 1, ("surplus 1 x it",))},
        {"honest_stored": 9},
        {"honest_acknowledged": 9},
        {"restarts": 1},
    ],
)
def test_whatever_is_wrong_is_not_clean(change: dict[str, object]) -> None:
    good = {"honest_sent": 10, "honest_stored": 10, "honest_acknowledged": 10}
    assert Findings(**good).is_clean  # type: ignore[arg-type]
    assert not Findings(**(good | change)).is_clean  # type: ignore[arg-type]


def test_the_report_has_a_row_for_each_family() -> None:
    findings = Findings(honest_sent=1, peak_bytes=Counter({"ingest": 2**20, "demo": 5}))
    findings.ledger.fates = {"bytes": Counter(DecodeError=2, stored=1), "honest": Counter(stored=1)}
    report = build_report(findings, 1, 3, RUN)
    rows = {row.name: {name: metric.mean for name, metric in row.metrics.items()} for row in report.rows}
    assert rows.keys() == {"honest devices", "all inputs", "dead letters", "bytes"}
    assert rows["dead letters"] == {"DecodeError": 2}
    assert (rows["bytes"]["sent"], rows["bytes"]["dead_letters"], rows["bytes"]["stored"]) == (3, 2, 1)
    assert rows["all inputs"]["ingest_peak_mb"] == 1.0


def test_which_topics_go_where() -> None:
    assert is_topic(b"ig/v1/d/up/summary") and is_topic("größe".encode())
    assert not any(map(is_topic, (b"", b"a/+", b"#", b"\xff", b"a\x00b", b"a\x01b")))
    assert is_subscribed(b"ig/v1/d/up/summary") and is_subscribed(b"ig/v1//up/")
    assert not any(map(is_subscribed, (b"ig/v1/d/down/ack", b"ig/v1/d/up/a/b", b"ig", b"/ig/v1/d/up/x")))


def test_the_sender_learns_what_the_broker_takes(broker: Mosquitto) -> None:
    heard: list[bytes] = []
    with RawSender(broker.port, "listener", heard.append) as listener:
        listener.subscribe("a/b")
        with RawSender(broker.port, "sender") as sender:
            for _ in range(500):
                sender.publish(b"a/b", b"x" * 300)
            sender.publish(b"a/b", b"y" * 1_000_000)
            sender.settle()
            with pytest.raises(SenderClosedError):
                sender.publish(b"a/#", b"")
                sender.settle()
        while len(heard) < 501:
            listener.take_arrived(1.0)
    assert len(heard[-1]) == 1_000_000


def test_a_broker_with_the_limit_that_we_recommend_hangs_up_on_a_giant(
    mosquitto: str, tmp_path: Path
) -> None:
    with Mosquitto(tmp_path, ["max_packet_size 131072"]) as broker:
        with RawSender(broker.port, "honest") as sender:
            sender.publish(b"ig/v1/a/up/summary", b"x" * MAX_MESSAGE_BYTES)
            sender.settle()
        with RawSender(broker.port, "giant") as sender, pytest.raises(SenderClosedError):
            sender.publish(b"ig/v1/a/up/summary", b"x" * 10_000_000)
            sender.settle()
