"""Real servers start, keep what they were given over a kill, stop, and say what is lacking."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.conftest import PROJECT_ROOT, obtain, require
from tools.servers import kafka as kafka_module
from tools.servers.__main__ import SERVERS, main
from tools.servers.kafka import Kafka
from tools.servers.mosquitto import Mosquitto
from tools.servers.postgresql import PostgreSql
from tools.servers.process import HOST, Server
from tools.servers.programs import PREFIX, LackingError, ServerError


@pytest.fixture(params=sorted(SERVERS))
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with obtain(SERVERS[request.param]) as made:
        yield made


def answers(server: Server) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, server.port)) == 0


@pytest.mark.slow
def test_it_answers_comes_back_after_a_kill_and_leaves_nothing(server: Server) -> None:
    assert answers(server)
    assert int(server.version().split(".")[0]) >= 1
    url = server.url
    server.kill()
    assert not answers(server)
    with pytest.raises(ServerError, match="does not run"):
        _ = server.pid
    server.start()
    assert server.url == url
    assert answers(server)
    folder, pid = server.folder, server.pid
    server.__exit__(None, None, None)
    assert not answers(server)
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.slow
def test_kafka_keeps_what_it_confirmed_over_a_kill() -> None:
    kafka = obtain(Kafka)

    async def give() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.url)
        await admin.start()
        await admin.create_topics([NewTopic("kept", 1, 1)])
        await admin.close()
        async with AIOKafkaProducer(bootstrap_servers=kafka.url, acks="all") as producer:
            await producer.send_and_wait("kept", b"told before the kill")

    async def take() -> bytes:
        async with AIOKafkaConsumer(bootstrap_servers=kafka.url) as consumer:
            consumer.assign([TopicPartition("kept", 0)])
            await consumer.seek_to_beginning()
            record = await asyncio.wait_for(consumer.getone(), 30)
            return bytes(record.value)

    with kafka:
        asyncio.run(give())
        kafka.kill()
        kafka.start()
        assert asyncio.run(take()) == b"told before the kill"


def test_what_does_not_start_says_why(tmp_path: Path) -> None:
    broker = obtain(lambda: Mosquitto(tmp_path, ["no_such_word yes"]))
    with pytest.raises(ServerError, match=r"mosquitto ended(.|\n)*no_such_word"), broker:
        pass
    assert tmp_path.exists(), "a folder that was given stays, to be looked at"


@pytest.mark.parametrize(
    ("name", "how"), [("mosquitto", "apt-get install mosquitto"), ("kafka", "openjdk-17")]
)
def test_what_is_not_installed_is_said_with_how_to_get_it(
    name: str, how: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(LackingError, match=how):
        SERVERS[name]()
    assert main([name, "--require-all", "--", sys.executable, "-c", "raise SystemExit(7)"]) == 1
    assert main([name, "--", sys.executable, "-c", "raise SystemExit(7)"]) == 7, "the others suffice"


def test_a_kafka_home_that_is_none_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KAFKA_HOME", str(tmp_path))
    with pytest.raises(LackingError, match="has no folder libs"):
        kafka_module.find_jars()
    (tmp_path / "libs").mkdir()
    assert kafka_module.find_jars() == tmp_path / "libs"


def test_a_download_that_failed_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    maven = tmp_path / "mvn"
    maven.write_text("#!/bin/sh\necho '[ERROR] no route to the moon'\nexit 1\n")
    maven.chmod(0o755)
    monkeypatch.delenv("KAFKA_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", os.pathsep.join((str(tmp_path), os.environ["PATH"])))
    with pytest.raises(LackingError, match="no route to the moon"):
        kafka_module.find_jars()
    assert list((tmp_path / "cache" / "industrialguard").iterdir()) == []


def test_a_command_finds_them_by_its_environment() -> None:
    ask = f"import os; print({{k: v for k, v in os.environ.items() if k.startswith({PREFIX!r})}})"
    names = [name for name in SERVERS if name != "kafka"]
    done = subprocess.run(
        [sys.executable, "-m", "tools.servers", *names, "--", sys.executable, "-c", ask],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    lacking = [name for name in names if f"{name}: " in done.stderr]
    require(not lacking, f"{', '.join(lacking)} cannot be had: {done.stderr}")
    for name in names:
        assert f"'{PREFIX}{name.upper()}': " in done.stdout


def test_told_to_stop_it_stops_them(tmp_path: Path) -> None:
    obtain(lambda: Mosquitto(tmp_path))
    command = [sys.executable, "-m", "tools.servers", "mosquitto"]
    with subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        port = int(running.stdout.readline().rpartition(":")[2])
        with socket.create_connection((HOST, port), 5):
            pass
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 0
    with socket.socket() as probe:
        assert probe.connect_ex((HOST, port)) != 0


@pytest.mark.slow
def test_postgresql_asks_for_a_password() -> None:
    with obtain(PostgreSql) as server:
        refused = subprocess.run(
            [
                "psql",
                "-h",
                HOST,
                "-p",
                str(server.port),
                "-U",
                "guard",
                "-d",
                "guard",
                "-w",
                "-c",
                "SELECT 1",
            ],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PGPASSWORD": "wrong"},
        )
    assert "password authentication failed" in refused.stderr
